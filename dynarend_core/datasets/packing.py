"""What the members of an episode file are, and how an episode turns into them and back (``docs/data.md``)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from dynarend_core.datasets.records import Alternative, EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import InvalidInputError
from dynarend_core.types import CameraView, GripperState, Keyframe

Array = np.ndarray

SCHEMA_VERSION = 2
"""Version 1 has neither target views nor object maps, and calls objects by their bodies' names."""

READABLE_VERSIONS = (1, 2)
ALTERNATIVES = "alternatives.json"
DEPTH_UNIT_M = 1e-4


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


def pack_episode(episode: EpisodeRecord) -> dict[str, Array]:
    """Arrays of an episode file by member name.

    Raises:
        InvalidInputError: the episode has no frames, or its frames differ in cameras, image sizes or maps.
    """
    frames = episode.frames
    if not frames:
        raise InvalidInputError(f"an episode of task {episode.task!r} without frames cannot be stored")
    _check_alike(frames)
    members = {
        "metadata": _as_bytes(_metadata(episode)),
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
    if episode.alternatives:
        members[ALTERNATIVES] = _as_bytes(_pack_alternatives(episode))
    for c, view in enumerate((*frames[0].views, *frames[0].targets)):
        name = view.name
        views = [(*f.views, *f.targets)[c] for f in frames]
        members[f"{name}.rgb"] = np.stack([v.rgb for v in views]).astype(np.uint8, copy=False)
        members[f"{name}.depth"] = np.stack([encode_depth(v.depth_m) for v in views])
        members[f"{name}.K"] = np.stack([v.K for v in views])
        members[f"{name}.T_base_camera"] = np.stack([v.T_base_camera for v in views])
        members[f"{name}.stamp_ns"] = np.array([v.stamp_ns for v in views], dtype=np.int64)
        if frames[0].object_ids:
            members[f"{name}.objects"] = np.stack([f.object_ids[c] for f in frames])
    return members


def _check_alike(frames: tuple[FrameRecord, ...]) -> None:
    """All frames show the same cameras, and all or none of them know their objects."""

    def layout(frame: FrameRecord) -> tuple:
        shapes = [[(v.name, v.depth_m.shape) for v in views] for views in (frame.views, frame.targets)]
        return *shapes, "with object maps" if frame.object_ids else "without object maps"

    first = layout(frames[0])
    names = [name for shapes in first[:2] for name, _ in shapes]
    if len(set(names)) != len(names):
        raise InvalidInputError(f"two views of a frame have the same name: {', '.join(names)}")
    for i, frame in enumerate(frames):
        if layout(frame) != first:
            raise InvalidInputError(f"frame {i} has other cameras, image sizes or maps than frame 0: {first}")


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
        "target_cameras": [v.name for v in episode.frames[0].targets],
        "frame_kinds": [f.kind for f in episode.frames],
        "origin": episode.origin,
        "executed": {
            str(i): {"T_base_gripper": np.asarray(k.T_base_gripper).tolist(), "gripper_open": bool(k.gripper_open)}
            for i, k in episode.executed.items()
        },
    }


def _as_bytes(content: dict[str, Any]) -> Array:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def _pack_alternatives(episode: EpisodeRecord) -> dict[str, Any]:
    return {
        str(i): [
            {
                "instructions": list(a.instructions),
                "T_base_gripper": np.asarray(a.keyframe.T_base_gripper).tolist(),
                "gripper_open": bool(a.keyframe.gripper_open),
                "ignore_collisions": bool(a.keyframe.ignore_collisions),
            }
            for a in alternatives
        ]
        for i, alternatives in episode.alternatives.items()
    }


def _unpack_alternatives(members: dict[str, Array]) -> dict[int, tuple[Alternative, ...]]:
    stored = json.loads(members[ALTERNATIVES].tobytes()) if ALTERNATIVES in members else {}
    return {
        int(i): tuple(Alternative(tuple(a["instructions"]), _unpack_keyframe(a)) for a in alternatives)
        for i, alternatives in stored.items()
    }


def _unpack_keyframe(stored: dict[str, Any]) -> Keyframe:
    flags = stored["gripper_open"], stored.get("ignore_collisions", False)
    return Keyframe(np.array(stored["T_base_gripper"], dtype=np.float64), *map(bool, flags))


def unpack_episode(members: dict[str, Array], metadata: dict[str, Any]) -> EpisodeRecord:
    """Inverse of :func:`pack_episode`; a missing or misshapen member raises one of Python's own errors."""
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
        origin=metadata.get("origin", "plain"),
        alternatives=_unpack_alternatives(members),
        executed={int(i): _unpack_keyframe(k) for i, k in metadata.get("executed", {}).items()},
    )


def _unpack_frame(members: dict[str, Array], metadata: dict[str, Any], i: int) -> FrameRecord:
    targets = metadata.get("target_cameras", [])
    views, extra = (tuple(_unpack_view(members, name, i) for name in names) for names in (metadata["cameras"], targets))
    known = f"{metadata['cameras'][0]}.objects" in members
    ids = tuple(members[f"{v.name}.objects"][i] for v in (*views, *extra)) if known else ()
    gripper = GripperState(
        members["T_base_gripper"][i], bool(members["gripper_open"][i]), float(members["gripper_width_m"][i])
    )
    kind = metadata["frame_kinds"][i]
    return FrameRecord(views, gripper, members["q"][i], int(members["stamp_ns"][i]), kind, extra, ids)


def _unpack_view(members: dict[str, Array], name: str, i: int) -> CameraView:
    return CameraView(
        name=name,
        rgb=members[f"{name}.rgb"][i],
        depth_m=decode_depth(members[f"{name}.depth"][i]),
        K=members[f"{name}.K"][i],
        T_base_camera=members[f"{name}.T_base_camera"][i],
        stamp_ns=int(members[f"{name}.stamp_ns"][i]),
    )
