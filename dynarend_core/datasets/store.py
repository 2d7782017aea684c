"""Demonstrations on disk: one compressed ``.npz`` an episode, every frame stored once.

The file is an ordinary zip of ``.npy`` members (``np.load(path, allow_pickle=False)`` opens it), packed with
zlib level 1 because that is several times faster than numpy's level 6 for a few per cent more bytes.
``docs/data.md`` lists the members.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import DatasetError, InvalidInputError
from dynarend_core.types import CameraView, GripperState, Keyframe

__all__ = ["DemonstrationStore", "EpisodeRecord", "FrameRecord", "Transition", "read_episode_file"]

Array = np.ndarray

SCHEMA_VERSION = 1
DEPTH_UNIT_M = 1e-4
_EPISODE_PATTERN = re.compile(r"episode_(\d{6,})\.npz")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, IndexError, TypeError)


class DemonstrationStore:
    """A folder ``<root>/<task>/episode_<id>.npz``.

    Episodes are written under a temporary name and renamed, so a killed recording leaves no half file behind.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def path(self, task: str, episode_id: int) -> Path:
        """File of an episode, whether it exists or not."""
        return self.root / task / f"episode_{episode_id:06d}.npz"

    def tasks(self) -> list[str]:
        """Names of the tasks with at least one episode, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(p.name for p in self.root.iterdir() if p.is_dir() and self.episodes(p.name))

    def episodes(self, task: str) -> list[int]:
        """Ids of the finished episodes of a task, sorted; empty if there are none."""
        folder = self.root / task
        if not folder.is_dir():
            return []
        return sorted(int(m.group(1)) for m in map(_EPISODE_PATTERN.fullmatch, os.listdir(folder)) if m)

    def write(self, task: str, episode_id: int, episode: EpisodeRecord) -> Path:
        """Store an episode, replacing one of the same id.

        Raises:
            InvalidInputError: the episode has no frames, or its frames differ in cameras or image sizes.
        """
        members = _pack(episode)
        path = self.path(task, episode_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for name, array in members.items():
                    with archive.open(name + ".npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        return path

    def read(self, task: str, episode_id: int) -> EpisodeRecord:
        """Load an episode.

        Raises:
            DatasetError: the episode is missing, damaged, or of another schema version.
        """
        path = self.path(task, episode_id)
        if not path.is_file():
            known = self.episodes(task)
            have = f"it has {len(known)} episodes ({known[0]} to {known[-1]})" if known else "it has none"
            raise DatasetError(
                f"no episode {episode_id} of task {task!r} in {self.root}: {have}; record some with `dynarend collect`"
            )
        return read_episode_file(path)


def read_episode_file(path: Path | str) -> EpisodeRecord:
    """Load one episode file.

    Raises:
        DatasetError: missing, damaged, or of another schema version.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; record demonstrations with `dynarend collect`")
    try:
        with np.load(path, allow_pickle=False) as archive:
            members = {name: archive[name] for name in archive.files}
            metadata = json.loads(members["metadata"].tobytes())
            version = metadata["schema_version"]
            if version == SCHEMA_VERSION:
                return _unpack(members, metadata)
    except _DAMAGE as error:
        raise DatasetError(
            f"{path} is damaged ({type(error).__name__}: {error}); delete it and run `dynarend collect` again: "
            "it records only what is missing"
        ) from error
    raise DatasetError(
        f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}; "
        "record it again with `dynarend collect`"
    )


def encode_depth(depth_m: Array) -> Array:
    """Depth [m] to uint16 in units of 0.1 mm; NaN and everything outside 0.05 mm to 6.5535 m become 0."""
    with np.errstate(invalid="ignore"):
        units = np.rint(np.asarray(depth_m, dtype=np.float64) / DEPTH_UNIT_M)
        valid = (units >= 1) & (units <= np.iinfo(np.uint16).max)
    return np.where(valid, units, 0).astype(np.uint16)


def decode_depth(units: Array) -> Array:
    """Inverse of :func:`encode_depth`: float32 [m], NaN where invalid."""
    depth = (units * DEPTH_UNIT_M).astype(np.float32)
    depth[units == 0] = np.nan
    return depth


def _pack(episode: EpisodeRecord) -> dict[str, Array]:
    frames = episode.frames
    if not frames:
        raise InvalidInputError(f"an episode of task {episode.task!r} without frames cannot be stored")
    layout = [(v.name, v.depth_m.shape) for v in frames[0].views]
    for i, frame in enumerate(frames):
        if [(v.name, v.depth_m.shape) for v in frame.views] != layout:
            raise InvalidInputError(f"frame {i} has other cameras or image sizes than frame 0: {layout}")
    members = {
        "metadata": np.frombuffer(json.dumps(_metadata(episode)).encode(), dtype=np.uint8),
        "T_base_gripper": np.stack([f.gripper.T_base_gripper for f in frames]),
        "gripper_open": np.array([f.gripper.is_open for f in frames], dtype=bool),
        "gripper_width_m": np.array([f.gripper.width_m for f in frames]),
        "q": np.stack([np.asarray(f.q, dtype=np.float64) for f in frames]),
        "stamp_ns": np.array([f.stamp_ns for f in frames], dtype=np.int64),
        "transition_frames": np.array(
            [(t.frame_index, t.target_index, t.step) for t in episode.transitions], dtype=np.int32
        ).reshape(-1, 3),
        "transition_T_base_gripper": np.array(
            [t.keyframe.T_base_gripper for t in episode.transitions], dtype=np.float64
        ).reshape(-1, 4, 4),
        "transition_flags": np.array(
            [(t.keyframe.gripper_open, t.keyframe.ignore_collisions) for t in episode.transitions], dtype=bool
        ).reshape(-1, 2),
    }
    for c, (name, _) in enumerate(layout):
        views = [f.views[c] for f in frames]
        members[f"{name}.rgb"] = np.stack([v.rgb for v in views]).astype(np.uint8, copy=False)
        members[f"{name}.depth"] = np.stack([encode_depth(v.depth_m) for v in views])
        members[f"{name}.K"] = np.stack([v.K for v in views])
        members[f"{name}.T_base_camera"] = np.stack([v.T_base_camera for v in views])
        members[f"{name}.stamp_ns"] = np.array([v.stamp_ns for v in views], dtype=np.int64)
    return members


def _metadata(episode: EpisodeRecord) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "task": episode.task,
        "variation": int(episode.variation),
        "seed": int(episode.seed),
        "instructions": list(episode.instructions),
        "instruction_used": episode.instruction_used,
        "object_names": list(episode.object_names),
        "cameras": [v.name for v in episode.frames[0].views],
        "frame_kinds": [f.kind for f in episode.frames],
    }


def _unpack(members: dict[str, Array], metadata: dict[str, Any]) -> EpisodeRecord:
    frames = [_unpack_frame(members, metadata, i) for i in range(len(metadata["frame_kinds"]))]
    transitions = [
        Transition(int(frame), int(target), Keyframe(T, bool(flags[0]), bool(flags[1])), int(step))
        for (frame, target, step), T, flags in zip(
            members["transition_frames"],
            members["transition_T_base_gripper"],
            members["transition_flags"],
            strict=True,
        )
    ]
    return EpisodeRecord(
        task=metadata["task"],
        variation=metadata["variation"],
        seed=metadata["seed"],
        instructions=tuple(metadata["instructions"]),
        instruction_used=metadata["instruction_used"],
        frames=tuple(frames),
        transitions=tuple(transitions),
        object_names=tuple(metadata["object_names"]),
    )


def _unpack_frame(members: dict[str, Array], metadata: dict[str, Any], i: int) -> FrameRecord:
    views = tuple(
        CameraView(
            name=name,
            rgb=members[f"{name}.rgb"][i],
            depth_m=decode_depth(members[f"{name}.depth"][i]),
            K=members[f"{name}.K"][i],
            T_base_camera=members[f"{name}.T_base_camera"][i],
            stamp_ns=int(members[f"{name}.stamp_ns"][i]),
        )
        for name in metadata["cameras"]
    )
    gripper = GripperState(
        members["T_base_gripper"][i], bool(members["gripper_open"][i]), float(members["gripper_width_m"][i])
    )
    kind = metadata["frame_kinds"][i]
    return FrameRecord(views, gripper, members["q"][i], int(members["stamp_ns"][i]), kind)
