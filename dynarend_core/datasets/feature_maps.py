"""Feature maps of images (RADIO, DINO, CLIP, ...), computed once a frame and looked up at pixels afterwards.

``<store>/.features/<name>/<task>/episode_<id>.npy`` holds float16 ``(frames, c + k, gh, gw, s)``: the store's frames,
its cameras and target views as in :mod:`dynarend_core.datasets.view_cache`, the model's own patch grid and channels.
An interrupted computation goes on after the episodes that are done; an episode recorded again is computed again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.datasets.cloud_cache import checked_count
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError

Array = np.ndarray
Extractor = Callable[[Array], Array]
"""``(n, h, w, 3)`` uint8 images to ``(n, gh, gw, s)`` float16."""


class FeatureMaps:
    """Feature maps of one task, memory-mapped.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        name: What the features were called when they were computed.
        episodes: Use the first so many episodes only; frames are numbered the same.

    Attributes:
        channels: Length s of a feature vector.

    Raises:
        DatasetError: an episode's features are missing, damaged, or older than the episode.
    """

    def __init__(self, store: DemonstrationStore, task: str, name: str, episodes: int | None = None) -> None:
        folder = _folder(store, task, name)
        ids = store.episodes(task)[: checked_count(store, task, episodes)]
        index = _read_index(folder)
        missing = [i for i in ids if index["episodes"].get(str(i)) != _stamp(store, task, i)]
        if missing:
            raise DatasetError(
                f"{len(missing)} of {len(ids)} episodes of task {task!r} in {store.root} have no up-to-date features "
                f"called {name!r}; compute them with `dynarend features --data {store.root} --name {name} --model FILE`"
            )
        try:
            shapes = [np.load(_file(folder, i), mmap_mode="r", allow_pickle=False).shape for i in ids]
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(
                f"the features in {folder} are damaged ({error}); delete that folder and run `dynarend features` again"
            ) from error
        self._files = [_file(folder, i) for i in ids]
        self._first = np.cumsum([0, *(shape[0] for shape in shapes)])
        self._image = tuple(index["image"])
        self.channels = int(shapes[0][-1])

    def at(self, frame: int, camera: int, v: Array, u: Array) -> Array:
        """Features seen by pixels, interpolated between the centres of patches.

        Args:
            frame: Frame of the task.
            camera: Position among the frame's views, targets included.
            v: ``(r,)`` rows of pixels.
            u: ``(r,)`` columns.

        Returns:
            ``(r, s)`` float32.
        """
        number = int(np.searchsorted(self._first, frame, side="right")) - 1
        # Opened for every look: a map held open costs a file descriptor, and stores have thousands of episodes.
        maps = np.load(self._files[number], mmap_mode="r", allow_pickle=False)
        grid = maps[frame - self._first[number], camera]
        gh, gw = grid.shape[:2]
        y0, y1, wy = _between((np.asarray(v) + 0.5) / self._image[0] * gh - 0.5, gh)
        x0, x1, wx = _between((np.asarray(u) + 0.5) / self._image[1] * gw - 0.5, gw)
        upper, lower = (
            grid[y, x0].astype(np.float32) * (1 - wx) + grid[y, x1].astype(np.float32) * wx for y in (y0, y1)
        )
        return np.asarray(upper * (1 - wy) + lower * wy, dtype=np.float32)


def _between(position: Array, count: int) -> tuple[Array, Array, Array]:
    """The two cells around a position, clamped at the border, and the ``(r, 1)`` weight of the second."""
    position = np.clip(position, 0.0, count - 1.0)
    low = np.minimum(position.astype(np.int64), max(count - 2, 0))
    return low, np.minimum(low + 1, count - 1), (position - low).astype(np.float32)[:, None]


def compute_features(
    store: DemonstrationStore,
    task: str,
    name: str,
    extractor: Extractor,
    identity: str,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Fill a task's cache.

    Args:
        store: Demonstrations.
        task: One of ``store.tasks()``.
        name: What to call the features.
        extractor: The model.
        identity: Tells models and their settings apart: features of another one are thrown away.
        progress: Called with (episodes done, episodes in all).

    Returns:
        Number of images that had to be computed.

    Raises:
        DatasetError: a damaged episode, images of several sizes, or features that are not finite in half precision.
    """
    folder, ids = _folder(store, task, name), store.episodes(task)
    if folder.is_dir() and _read_index(folder)["identity"] != identity:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = {**_read_index(folder), "identity": identity}
    images = 0
    for number, i in enumerate(ids):
        stamp = _stamp(store, task, i)
        if index["episodes"].get(str(i)) != stamp or not _file(folder, i).is_file():
            maps, size = _episode_features(store, task, i, extractor)
            if index["image"] not in (None, size):
                raise DatasetError(f"{store.path(task, i)} has images of {size}, others of {index['image']} pixels")
            _write(_file(folder, i), partial(np.save, arr=maps))
            index["image"], index["episodes"][str(i)] = size, stamp
            _write(folder / "index.json", lambda f: f.write(json.dumps(index).encode()))
            images += maps.shape[0] * maps.shape[1]
        if progress is not None:
            progress(number + 1, len(ids))
    return images


def _episode_features(
    store: DemonstrationStore, task: str, episode: int, extractor: Extractor
) -> tuple[Array, list[int]]:
    frames = []
    sizes = set()
    for frame in store.read(task, episode).frames:
        views = (*frame.views, *frame.targets)
        sizes |= {v.depth_m.shape for v in views}
        if len(sizes) > 1:
            raise DatasetError(f"{store.path(task, episode)} has images of several sizes: {sorted(sizes)}")
        frames.append(extractor(np.stack([v.rgb for v in views])))
    maps = np.stack(frames)
    if not np.isfinite(maps).all():
        raise DatasetError(
            f"the model's features of {store.path(task, episode)} are not finite in half precision; scale its output"
        )
    return maps, list(sizes.pop())


def _folder(store: DemonstrationStore, task: str, name: str) -> Path:
    if not name or name != Path(name).name or name.startswith("."):
        raise DatasetError(f"features cannot be called {name!r}: the name becomes a folder, e.g. radio")
    return store.root / ".features" / name / task


def _file(folder: Path, episode: int) -> Path:
    return folder / f"episode_{episode:06d}.npy"


def _stamp(store: DemonstrationStore, task: str, episode: int) -> list[int]:
    """Changes when the episode does."""
    stat = store.path(task, episode).stat()
    return [stat.st_size, stat.st_mtime_ns]


def _read_index(folder: Path) -> dict[str, Any]:
    """What is in the folder; empty where there is no index, or a damaged one."""
    try:
        index = json.loads((folder / "index.json").read_text())
        return {key: index[key] for key in ("identity", "image", "episodes")}
    except (OSError, ValueError, KeyError, TypeError):
        return {"identity": None, "image": None, "episodes": {}}


def _write(path: Path, fill: Callable[[Any], Any]) -> None:
    """Under a temporary name first, so that an interrupted run leaves no half file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            fill(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
