"""Uncompressed images of a demonstration store, made once and memory-mapped afterwards: what rays are checked against.

Frames and transitions are numbered as in :mod:`dynarend_core.datasets.cloud_cache`. ``<store>/.views/<task>/`` holds
colours and depths of a task in one file each. A cache that does not fit the episodes on disk is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.store import DEPTH_UNIT_M, DemonstrationStore, encode_depth
from dynarend_core.errors import DatasetError

Array = np.ndarray

CACHE_VERSION = 1
_FILES = ("index.npz", "rgb.bin", "depth.bin", "signature")  # the last one is written last


@dataclass(frozen=True)
class TaskViews:
    """All images of one task: ``f`` frames, ``c`` cameras.

    Attributes:
        task: Task name.
        cameras: Names of the cameras.
        rgb: ``(f, c, h, w, 3)`` uint8, memory-mapped.
        depth: ``(f, c, h, w)`` uint16 in units of 0.1 mm, 0 where invalid, memory-mapped.
        K: ``(f, c, 3, 3)``.
        T_base_camera: ``(f, c, 4, 4)``.
        target_frame: ``(t,)`` frame in which each transition's keyframe is reached.
    """

    task: str
    cameras: tuple[str, ...]
    rgb: Array
    depth: Array
    K: Array
    T_base_camera: Array
    target_frame: Array

    def depth_m(self, frame: int, camera: int, v: Array, u: Array) -> Array:
        """Depth of pixels [m], float32; 0 where invalid."""
        return self.depth[frame, camera, v, u].astype(np.float32) * np.float32(DEPTH_UNIT_M)


def load_views(
    store: DemonstrationStore, task: str, progress: Callable[[str, int, int], None] | None = None
) -> TaskViews:
    """Open the images of a task, unpacking them first if needed.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        progress: Called with (task, episodes done, episodes in all) while unpacking.

    Raises:
        DatasetError: No episodes, a damaged one, or episodes that differ in cameras or image size.
    """
    episodes = store.episodes(task)
    if not episodes:
        raise DatasetError(f"{store.root} holds no episodes of task {task!r}; record some with `dynarend collect`")
    folder = store.root / ".views" / task
    stats = [store.path(task, e).stat() for e in episodes]
    text = repr([CACHE_VERSION, episodes, [(s.st_size, s.st_mtime_ns) for s in stats]])
    signature = hashlib.sha256(text.encode()).hexdigest()
    if not all((folder / name).is_file() for name in _FILES) or (folder / _FILES[-1]).read_text() != signature:
        _build(store, task, episodes, folder, progress)
        (folder / _FILES[-1]).write_text(signature)
    with np.load(folder / "index.npz", allow_pickle=False) as index:
        arrays = {name: index[name] for name in ("K", "T_base_camera", "target_frame")}
        layout, cameras = tuple(index["layout"].tolist()), tuple(index["cameras"].tolist())
    rgb = np.memmap(folder / "rgb.bin", dtype=np.uint8, mode="r", shape=(*layout, 3))
    depth = np.memmap(folder / "depth.bin", dtype=np.uint16, mode="r", shape=layout)
    return TaskViews(task, cameras, rgb, depth, **arrays)


def _build(
    store: DemonstrationStore,
    task: str,
    episodes: list[int],
    folder: Path,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILES[-1]).unlink(missing_ok=True)
    K: list[Array] = []
    T_base_camera: list[Array] = []
    targets: list[int] = []
    layout: list[tuple[str, tuple[int, ...]]] = []
    with open(folder / "rgb.bin", "wb") as rgb_file, open(folder / "depth.bin", "wb") as depth_file:
        for number, episode_id in enumerate(episodes):
            record = store.read(task, episode_id)
            here = [(v.name, v.depth_m.shape) for v in record.frames[0].views]
            if len({shape for _, shape in here}) != 1 or (layout and here != layout):
                raise DatasetError(
                    f"{store.path(task, episode_id)} has images {json.dumps(here)}, others {json.dumps(layout)}; "
                    "rendering needs the same cameras and one image size in every episode of a task"
                )
            layout = here
            targets += [len(K) + t.target_index for t in record.transitions]
            for frame in record.frames:
                np.stack([v.rgb for v in frame.views]).astype(np.uint8).tofile(rgb_file)
                np.stack([encode_depth(v.depth_m) for v in frame.views]).tofile(depth_file)
                K.append(np.stack([v.K for v in frame.views]))
                T_base_camera.append(np.stack([v.T_base_camera for v in frame.views]))
            if progress is not None:
                progress(task, number + 1, len(episodes))
    np.savez(
        folder / "index.npz",
        K=np.array(K),
        T_base_camera=np.array(T_base_camera),
        target_frame=np.array(targets, dtype=np.int64),
        layout=np.array([len(K), len(layout), *layout[0][1]]),
        cameras=np.array([name for name, _ in layout]),
    )
