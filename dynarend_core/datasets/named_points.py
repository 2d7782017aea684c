"""Points whose name is known: what teaches a policy, while it is fine-tuned, to find what words name.

From every frame whose cameras know what they see, some points on each visible object, the small ones as often as the
large ones. Frames are numbered as in :mod:`dynarend_core.datasets.cloud_cache`; ``<store>/.names/<task>.npz`` keeps
the points. A cache that does not fit the episodes on disk is rebuilt.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.cache_signature import cache_signature
from dynarend_core.datasets.records import FrameRecord
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.datasets.vocabulary import Vocabulary
from dynarend_core.errors import DatasetError
from dynarend_core.geometry.cameras import unproject

Array = np.ndarray

POINTS = 48
"""Points a frame."""
_VERSION = 1


@dataclass(frozen=True)
class NamedPoints:
    """Named points of one task.

    Attributes:
        task: Task name.
        names: What ids stand for.
        xyz: ``(f, k, 3)`` float32 points of each frame, base frame [m].
        ids: ``(f, k)`` int64 positions in ``names``; -1 for points of a frame that shows nothing with a name.
    """

    task: str
    names: tuple[str, ...]
    xyz: Array
    ids: Array


def load_named_points(
    store: DemonstrationStore, task: str, aabb: Array, progress: Callable[[str, int, int], None] | None = None
) -> NamedPoints:
    """Open the named points of a task, choosing them first if needed.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        aabb: Workspace ``(2, 3)`` that points must lie in, base frame [m].
        progress: Called with (task, episodes done, episodes in all) while choosing.

    Raises:
        DatasetError: An episode is damaged, or its frames do not say what they show.
    """
    episodes = store.episodes(task)
    signature = cache_signature(store, task, episodes, _VERSION, POINTS, np.asarray(aabb).tolist())
    path = store.root / ".names" / f"{task}.npz"
    if (cached := _cached(path, task, signature)) is not None:
        return cached
    points = _choose(store, task, episodes, aabb, progress)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{task}.{os.getpid()}.npz")
    np.savez(temporary, signature=signature, names=np.array(points.names), xyz=points.xyz, ids=points.ids)
    os.replace(temporary, path)
    return points


def _cached(path: Path, task: str, signature: str) -> NamedPoints | None:
    """What the file holds, if it was made from the same episodes and can be read."""
    try:
        with np.load(path, allow_pickle=False) as cached:
            if str(cached["signature"]) != signature:
                return None
            return NamedPoints(task, tuple(cached["names"].tolist()), cached["xyz"], cached["ids"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _choose(
    store: DemonstrationStore,
    task: str,
    episodes: list[int],
    aabb: Array,
    progress: Callable[[str, int, int], None] | None,
) -> NamedPoints:
    vocabulary, rng = Vocabulary(task), np.random.default_rng(0)
    xyz, ids = [], []
    for number, episode in enumerate(episodes):
        record = store.read(task, episode)
        renumber = vocabulary.add(record)
        if not vocabulary.complete:
            raise DatasetError(
                f"{store.path(task, episode)} does not say what its cameras see: record it again with "
                "`dynarend collect`, or train without --naming"
            )
        for frame in record.frames:
            chosen = points_on_objects(frame, aabb, POINTS, rng)
            xyz.append(chosen[0])
            ids.append(renumber[chosen[1]].astype(np.int64) - 1)
        if progress is not None:
            progress(task, number + 1, len(episodes))
    return NamedPoints(task, tuple(vocabulary.names), np.stack(xyz), np.stack(ids))


def points_on_objects(frame: FrameRecord, aabb: Array, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random points on what the input cameras of a frame see, shared out among the objects.

    Args:
        frame: Its views and object maps.
        aabb: Workspace ``(2, 3)``, base frame [m].
        count: How many.
        rng: Generator of the choice.

    Returns:
        ``(count, 3)`` float32 points, base frame [m], and ``(count,)`` uint8 object ids, all 0 if no named object lies
        in the workspace.
    """
    xyz, ids = [], []
    for view, objects in zip(frame.views, frame.object_ids, strict=False):
        seen = unproject(np.where(view.depth_m > 0, view.depth_m, np.nan), view.K, view.T_base_camera)
        good = (objects > 0) & ((seen >= aabb[0]) & (seen <= aabb[1])).all(axis=-1)
        xyz.append(seen[good])
        ids.append(objects[good])
    points, names = np.concatenate(xyz), np.concatenate(ids)
    if not len(points):
        return np.zeros((count, 3), dtype=np.float32), np.zeros(count, dtype=np.uint8)
    objects_seen = np.unique(names)
    wanted = objects_seen[np.arange(count) % len(objects_seen)]
    rows = np.empty(count, dtype=np.int64)
    for name in objects_seen:
        rows[wanted == name] = rng.choice(np.flatnonzero(names == name), (wanted == name).sum())
    return points[rows].astype(np.float32), wanted
