"""Fused clouds of a demonstration store, made once and memory-mapped afterwards.

A training step needs a cloud in a tenth of a millisecond; decompressing and fusing four cameras takes a hundred
times longer. ``<store>/.clouds/<task>/`` holds all points of a task in one file and an index beside it. A cache
that does not fit the episodes on disk is rebuilt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.datasets.alternatives import Alternatives, decode, encode
from dynarend_core.datasets.cache_folder import rebuilt
from dynarend_core.datasets.cache_signature import cache_signature
from dynarend_core.datasets.records import ORIGINS, Alternative, EpisodeRecord
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError, ObservationError
from dynarend_core.perception.fusion import CloudFuser, FusionConfig
from dynarend_core.types import MEMORY, EpisodeMemory, GripperState, Keyframe, Observation

Array = np.ndarray

CACHE_VERSION = 2
POINT = np.dtype([("xyz", "<u2", (3,)), ("rgb", "u1", (3,)), ("unused", "u1")])
_UNITS = 65535.0
_TRANSITION_FIELDS = ("frame", "episode", "step", "target", "target_open", "target_ignore", "origin")
_FRAME_FIELDS = (
    "offsets", "tip", "gripper_open", "width_m", "displaced", "base", "previous", "first", "command", "command_open",
)  # fmt: skip
_FILES = ("index.npz", "points.bin", "instructions.json", "alternatives.json")


@dataclass(frozen=True)
class TaskClouds:
    """All frames and transitions of one task.

    Attributes:
        task: Task name.
        points: Flat memory-mapped array of all frames' points, dtype :data:`POINT`.
        offsets: ``(f + 1,)`` first point of each frame.
        tip: ``(f, 4, 4)`` T_base_gripper of each frame.
        gripper_open: ``(f,)`` bool.
        width_m: ``(f,)`` distance between the fingers [m].
        displaced: ``(f,)`` bool: a disturbed copy of a keyframe.
        base: ``(f,)`` the frame that it is a copy of; else itself.
        previous: ``(f,)`` the frame from which the arm came to its base; -1 at the start.
        first: ``(f,)`` first frame of the episode.
        command: ``(f, 4, 4)`` the keyframe that led to its base, T_base_gripper.
        command_open: ``(f,)`` bool gripper command of that keyframe.
        frame: ``(t,)`` observed frame of each transition.
        episode: ``(t,)`` number of its episode within the task.
        step: ``(t,)`` keyframes done before.
        target: ``(t, 4, 4)`` label, T_base_gripper.
        target_open: ``(t,)`` bool label.
        target_ignore: ``(t,)`` bool label: ignore collisions on the way.
        origin: ``(t,)`` who drove, a position in :data:`dynarend_core.datasets.records.ORIGINS`.
        instructions: Training phrasings of each episode.
        alternatives: Answers to other instructions, by frame.
    """

    task: str
    points: Array
    offsets: Array
    tip: Array
    gripper_open: Array
    width_m: Array
    displaced: Array
    base: Array
    previous: Array
    first: Array
    command: Array
    command_open: Array
    frame: Array
    episode: Array
    step: Array
    target: Array
    target_open: Array
    target_ignore: Array
    origin: Array
    instructions: list[list[str]]
    alternatives: Alternatives = field(default_factory=dict)

    def cloud(self, frame: int, aabb: Array) -> tuple[Array, Array]:
        """``(n, 3)`` float32 points [m] and ``(n, 3)`` uint8 colours of a frame."""
        points = self.points[self.offsets[frame] : self.offsets[frame + 1]]
        scale = ((aabb[1] - aabb[0]) / _UNITS).astype(np.float32)
        return points["xyz"] * scale + aabb[0].astype(np.float32), points["rgb"]

    def gripper(self, frame: int) -> GripperState:
        """The gripper in a frame."""
        return GripperState(self.tip[frame], bool(self.gripper_open[frame]), float(self.width_m[frame]))

    def memory(self, frame: int, first: Observation) -> EpisodeMemory:
        """What is remembered in a frame of an episode that began with the observation ``first``."""
        chain = [int(self.base[frame])]
        while len(chain) <= MEMORY and self.previous[chain[-1]] >= 0:
            chain.append(int(self.previous[chain[-1]]))
        memory = EpisodeMemory.begin(first)
        for reached in chain[-2::-1]:
            keyframe = Keyframe(self.command[reached], bool(self.command_open[reached]))
            memory = memory.after(keyframe, Observation((), self.gripper(reached), first.instruction))
        return memory


def load_task(
    store: DemonstrationStore,
    task: str,
    fusion: FusionConfig,
    progress: Callable[[str, int, int], None] | None = None,
    episodes: int | None = None,
) -> TaskClouds:
    """Open the cache of a task, building it first if needed.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        fusion: Workspace and voxel size of the clouds.
        progress: Called with (task, episodes done, episodes in all) while building.
        episodes: Use the first so many episodes only: their transitions (the frames are all there).

    Raises:
        DatasetError: The task has fewer episodes, an episode is damaged, or no frame shows anything in the workspace.
    """
    stored = store.episodes(task)
    if not stored:
        raise DatasetError(f"{store.root} holds no episodes of task {task!r}; record some with `dynarend collect`")
    count = checked_count(store, task, episodes)
    folder = store.root / ".clouds" / task
    signature = cache_signature(store, task, stored, CACHE_VERSION, fusion.aabb_base.tolist(), fusion.voxel_m)
    if _stored_signature(folder) != signature:
        with rebuilt(folder) as fresh:
            _build(store, task, stored, fusion, fresh, progress)
            (fresh / "signature.json").write_text(json.dumps(signature))
    arrays = _arrays(folder)
    if arrays["offsets"][-1] == 0:
        raise DatasetError(
            f"no frame of task {task!r} in {store.root} shows a point in the workspace; check its cameras"
        )
    rows = arrays["episode"] < count
    arrays |= {name: arrays[name][rows] for name in _TRANSITION_FIELDS}
    points = np.memmap(folder / "points.bin", dtype=POINT, mode="r")
    instructions, alternatives = (
        json.loads((folder / f"{n}.json").read_text()) for n in ("instructions", "alternatives")
    )
    return TaskClouds(task, points, instructions=instructions[:count], alternatives=decode(alternatives), **arrays)


def _arrays(folder: Path) -> dict[str, Array]:
    with np.load(folder / "index.npz", allow_pickle=False) as index:
        return {name: index[name] for name in (*_FRAME_FIELDS, *_TRANSITION_FIELDS)}


def checked_count(store: DemonstrationStore, task: str, episodes: int | None) -> int:
    """How many of a task's episodes to use, None meaning all.

    Raises:
        DatasetError: not so many are stored.
    """
    stored = len(store.episodes(task))
    if episodes is None:
        return stored
    if not 1 <= episodes <= stored:
        raise DatasetError(
            f"{episodes} episodes of task {task!r} asked for, {store.root} holds {stored}; "
            "ask for 1 to that many, or record more with `dynarend collect`"
        )
    return episodes


def _stored_signature(folder: Path) -> str:
    """What the cache was made from; empty if a part of it is missing."""
    if not all((folder / name).is_file() for name in _FILES):
        return ""
    try:
        return str(json.loads((folder / "signature.json").read_text()))
    except (OSError, ValueError):
        return ""


def _build(
    store: DemonstrationStore,
    task: str,
    episodes: list[int],
    fusion: FusionConfig,
    folder: Path,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    fuser = CloudFuser(fusion)
    index: dict[str, list] = {name: [] for name in (*_FRAME_FIELDS, *_TRANSITION_FIELDS)}
    instructions, total = [], 0
    alternatives: dict[int, tuple[Alternative, ...]] = {}
    with open(folder / "points.bin", "wb") as points_file:
        for number, episode_id in enumerate(episodes):
            record = store.read(task, episode_id)
            first = len(index["tip"])
            for frame in record.frames:
                points = _compact(fuser, frame.views, fusion.aabb_base)
                points.tofile(points_file)
                index["offsets"].append(total)
                total += len(points)
            _index_frames(record, first, index)
            _index_transitions(record, first, number, index)
            alternatives |= {first + i: others for i, others in record.alternatives.items()}
            instructions.append(list(record.instructions))
            if progress is not None:
                progress(task, number + 1, len(episodes))
    index["offsets"].append(total)
    arrays: dict[str, Any] = {name: np.array(values) for name, values in index.items()}
    np.savez(folder / "index.npz", **arrays)
    (folder / "instructions.json").write_text(json.dumps(instructions))
    (folder / "alternatives.json").write_text(json.dumps(encode(alternatives)))


def _index_frames(record: EpisodeRecord, first: int, index: dict[str, list]) -> None:
    """Add an episode's frames; ``first`` is the number of its first one."""
    labels = {t.frame_index: t.keyframe for t in record.transitions} | dict(record.executed)
    base = previous = -1
    for i, frame in enumerate(record.frames):
        displaced = frame.kind == "displaced" and base >= 0
        if not displaced:
            base, previous = i, base
        gripper = frame.gripper
        # Where no keyframe is known to have led here, the place itself stands for it.
        command = labels.get(previous, Keyframe(record.frames[base].gripper.T_base_gripper, gripper.is_open))
        index["tip"].append(gripper.T_base_gripper)
        index["gripper_open"].append(gripper.is_open)
        index["width_m"].append(gripper.width_m)
        index["displaced"].append(frame.kind == "displaced")
        index["base"].append(first + base)
        index["previous"].append(first + previous if previous >= 0 else -1)
        index["first"].append(first)
        index["command"].append(command.T_base_gripper)
        index["command_open"].append(command.gripper_open)


def _index_transitions(record: EpisodeRecord, first: int, episode: int, index: dict[str, list]) -> None:
    """Add an episode's transitions; ``first`` is the number of its first frame."""
    origin = ORIGINS.index(record.origin)
    for t in record.transitions:
        k = t.keyframe
        pose = (k.T_base_gripper, k.gripper_open, k.ignore_collisions)
        row = (first + t.frame_index, episode, t.step, *pose, origin)
        for name, value in zip(_TRANSITION_FIELDS, row, strict=True):
            index[name].append(value)


def _compact(fuser: CloudFuser, views: tuple, aabb: Array) -> Array:
    """Quantised cloud of one frame; a frame without any valid depth is empty and never drawn."""
    try:
        cloud = fuser.fuse(views)
    except ObservationError:
        return np.zeros(0, dtype=POINT)
    points = np.zeros(len(cloud), dtype=POINT)
    unit = (cloud.xyz - aabb[0]) / (aabb[1] - aabb[0]) * _UNITS
    points["xyz"] = np.clip(np.rint(unit), 0, _UNITS).astype(np.uint16)
    points["rgb"] = cloud.rgb
    return points
