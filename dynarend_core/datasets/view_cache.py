"""Uncompressed images of a demonstration store, made once and memory-mapped afterwards: what rays are checked against.

Frames and transitions are numbered as in :mod:`dynarend_core.datasets.cloud_cache`. ``<store>/.views/<task>/`` holds
colours, depths and objects of a task in one file each. A cache that does not fit the episodes on disk is rebuilt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.cache_folder import rebuilt
from dynarend_core.datasets.cache_signature import cache_signature
from dynarend_core.datasets.cloud_cache import checked_count
from dynarend_core.datasets.packing import DEPTH_UNIT_M, encode_depth
from dynarend_core.datasets.records import EpisodeRecord
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.datasets.vocabulary import Vocabulary
from dynarend_core.errors import DatasetError

Array = np.ndarray

CACHE_VERSION = 2
_FILES = ("index.npz", "rgb.bin", "depth.bin", "objects.bin", "signature")  # the last one is written last
_INDEX_FIELDS = ("K", "T_base_camera", "target_frame", "episode")


@dataclass(frozen=True)
class TaskViews:
    """All images of one task: ``f`` frames, ``c`` cameras whose images a policy sees, then ``k`` target views.

    Attributes:
        task: Task name.
        cameras: Names of the ``c`` input cameras.
        targets: Names of the ``k`` target views, which may stand elsewhere in every frame.
        rgb: ``(f, c + k, h, w, 3)`` uint8, memory-mapped.
        depth: ``(f, c + k, h, w)`` uint16 in units of 0.1 mm, 0 where invalid, memory-mapped.
        objects: ``(f, c + k, h, w)`` uint8, memory-mapped: i + 1 where ``object_names[i]`` is seen, 0 for nothing
            that has a name. None if an episode of the task has no object maps.
        object_names: Every object of the task's episodes once; empty without ``objects``.
        K: ``(f, c + k, 3, 3)``.
        T_base_camera: ``(f, c + k, 4, 4)``.
        target_frame: ``(t,)`` frame in which each transition's keyframe is reached.
    """

    task: str
    cameras: tuple[str, ...]
    targets: tuple[str, ...]
    object_names: tuple[str, ...]
    objects: Array | None
    rgb: Array
    depth: Array
    K: Array
    T_base_camera: Array
    target_frame: Array

    def require_targets(self) -> None:
        """Refuse a store without target views.

        Raises:
            DatasetError: there are none; the message says how to get some.
        """
        if not self.targets:
            raise DatasetError(
                f"task {self.task!r} has no target views: record it with `dynarend collect --target-views K`, or add "
                "warped ones with `dynarend target-views`"
            )

    def depth_m(self, frame: int, camera: int, v: Array, u: Array) -> Array:
        """Depth of pixels [m], float32; 0 where invalid."""
        return self.depth[frame, camera, v, u].astype(np.float32) * np.float32(DEPTH_UNIT_M)


def load_views(
    store: DemonstrationStore,
    task: str,
    progress: Callable[[str, int, int], None] | None = None,
    episodes: int | None = None,
) -> TaskViews:
    """Open the images of a task, unpacking them first if needed.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        progress: Called with (task, episodes done, episodes in all) while unpacking.
        episodes: Use the first so many episodes only: their transitions (the frames are all there).

    Raises:
        DatasetError: Fewer episodes, a damaged one, episodes that differ in cameras or image size, or more than 255
            objects.
    """
    stored = store.episodes(task)
    if not stored:
        raise DatasetError(f"{store.root} holds no episodes of task {task!r}; record some with `dynarend collect`")
    count = checked_count(store, task, episodes)
    folder = store.root / ".views" / task
    signature = cache_signature(store, task, stored, CACHE_VERSION)
    if not all((folder / name).is_file() for name in _FILES) or (folder / _FILES[-1]).read_text() != signature:
        with rebuilt(folder) as fresh:
            _build(store, task, stored, fresh, progress)
            (fresh / _FILES[-1]).write_text(signature)
    return _open(task, folder, count)


def _open(task: str, folder: Path, episodes: int) -> TaskViews:
    with np.load(folder / "index.npz", allow_pickle=False) as index:
        arrays = {name: index[name] for name in _INDEX_FIELDS}
        layout, inputs = tuple(index["layout"].tolist()), int(index["inputs"])
        cameras, names = tuple(index["cameras"].tolist()), tuple(index["object_names"].tolist())
    rows = arrays.pop("episode") < episodes
    arrays["target_frame"] = arrays["target_frame"][rows]
    objects = np.memmap(folder / "objects.bin", dtype=np.uint8, mode="r", shape=layout) if names else None
    rgb = np.memmap(folder / "rgb.bin", dtype=np.uint8, mode="r", shape=(*layout, 3))
    depth = np.memmap(folder / "depth.bin", dtype=np.uint16, mode="r", shape=layout)
    return TaskViews(task, cameras[:inputs], cameras[inputs:], names, objects, rgb, depth, **arrays)


def _build(
    store: DemonstrationStore,
    task: str,
    episodes: list[int],
    folder: Path,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    lists: dict[str, list] = {name: [] for name in _INDEX_FIELDS}
    vocabulary = Vocabulary(task)
    layout: tuple = ()
    with ExitStack() as stack:
        rgb, depth, objects = (stack.enter_context(open(folder / f, "wb")) for f in _FILES[1:4])
        for number, episode_id in enumerate(episodes):
            record = store.read(task, episode_id)
            layout = _same_layout(record, layout, store.path(task, episode_id))
            first = len(lists["K"])
            lists["target_frame"] += [first + t.target_index for t in record.transitions]
            lists["episode"] += [number] * len(record.transitions)
            renumber = vocabulary.add(record)
            for frame in record.frames:
                views = (*frame.views, *frame.targets)
                np.stack([v.rgb for v in views]).astype(np.uint8).tofile(rgb)
                np.stack([encode_depth(v.depth_m) for v in views]).tofile(depth)
                if vocabulary.complete:
                    renumber[np.stack(frame.object_ids)].tofile(objects)
                lists["K"].append(np.stack([v.K for v in views]))
                lists["T_base_camera"].append(np.stack([v.T_base_camera for v in views]))
            if progress is not None:
                progress(task, number + 1, len(episodes))
    inputs, targets, shape = layout
    np.savez(
        folder / "index.npz",
        K=np.array(lists["K"]),
        T_base_camera=np.array(lists["T_base_camera"]),
        target_frame=np.array(lists["target_frame"], dtype=np.int64),
        episode=np.array(lists["episode"], dtype=np.int64),
        layout=np.array([len(lists["K"]), len(inputs) + len(targets), *shape]),
        cameras=np.array([*inputs, *targets]),
        inputs=np.array(len(inputs)),
        object_names=np.array(vocabulary.names if vocabulary.complete else [], dtype=str),
    )


def _same_layout(record: EpisodeRecord, layout: tuple, path: Path) -> tuple:
    """Input cameras, target views and the image size, which all episodes of a task share."""
    frame = record.frames[0]
    shapes = {v.depth_m.shape for v in (*frame.views, *frame.targets)}
    here = (tuple(v.name for v in frame.views), tuple(v.name for v in frame.targets), *sorted(shapes))
    if len(shapes) != 1 or (layout and here != layout):
        raise DatasetError(
            f"{path} has cameras, target views and image sizes {json.dumps(here)}, others {json.dumps(layout)}; "
            "rendering needs the same cameras, as many target views and one image size in every episode of a task"
        )
    return here
