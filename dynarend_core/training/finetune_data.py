"""The demonstrations that a policy is fine-tuned on, and those held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import TaskClouds, checked_count, load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.named_points import NamedPoints, load_named_points
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.training.finetune_config import FinetuneConfig
from dynarend_core.training.processes import main_first

Array = np.ndarray
OnData = Callable[[str, int, int], None] | None

_HELD_OUT = 10
"""Episodes a task to validate on, at most, of those that ``demonstrations`` leaves over."""


def load_finetune_data(config: FinetuneConfig, on_data: OnData) -> tuple[KeyframeDataset, KeyframeDataset]:
    """Training and held-out samples.

    Args:
        config: The run.
        on_data: Called while clouds are fused, and named points chosen, for the first time: task, episodes done and in
            all.

    Raises:
        DatasetError: No demonstrations, too few, or damaged ones.
    """
    p, t, wanted = config.preset, config.preset.training, config.demonstrations
    augmentation = AugmentationConfig(translation_m=t.translation_m, yaw_deg=t.yaw_deg)
    edge = p.network.zoom_edge_m if p.network.zoom is not None else 0.0
    n = p.network
    sample = SampleConfig(n.points, n.zoom_points, edge, t.zoom_noise_m, augmentation, n.first_points)
    named = _named(config.data, on_data) if config.naming or config.naming_late else None
    tasks = _tasks(config.data, on_data, wanted)
    splits = [_split(len(task.instructions), wanted) for task in tasks]
    if config.validation_data is None:
        held_out = KeyframeDataset(tasks, SCENE_AABB_BASE, sample, [s[1] for s in splits])
    else:
        held_out = KeyframeDataset(_tasks(config.validation_data, on_data), SCENE_AABB_BASE, sample)
        splits = [(np.arange(wanted or len(task.instructions)), s[1]) for task, s in zip(tasks, splits, strict=True)]
    chosen = [s[0] for s in splits]
    return KeyframeDataset(tasks, SCENE_AABB_BASE, sample, chosen, named, config.origin_weights), held_out


def _tasks(root: Path, on_data: OnData, wanted: int | None = None) -> list[TaskClouds]:
    store = DemonstrationStore(root)
    names = store.tasks()
    if not names:
        raise DatasetError(f"{root} holds no demonstrations; record some with `dynarend collect --out {root}`")

    def load(name: str) -> TaskClouds:
        checked_count(store, name, wanted)
        count = None if wanted is None else min(wanted + _HELD_OUT, len(store.episodes(name)))
        return load_task(store, name, FusionConfig(SCENE_AABB_BASE), on_data, count)

    return main_first(lambda: [load(name) for name in names])


def _named(root: Path, on_data: OnData) -> list[NamedPoints]:
    store = DemonstrationStore(root)

    def progress(task: str, done: int, total: int) -> None:
        if on_data is not None:
            on_data(f"{task} (names)", done, total)

    return main_first(lambda: [load_named_points(store, n, SCENE_AABB_BASE, progress) for n in store.tasks()])


def _split(episodes: int, wanted: int | None) -> tuple[Array, Array]:
    """Episode numbers to train on and to validate on.

    Of ``wanted`` ones all are trained on if there are more to validate on; else the last 5 % (at least one, if there
    are two) are held out.
    """
    if wanted is not None and episodes > wanted:
        return np.arange(wanted), np.arange(wanted, episodes)
    if episodes < 2:
        return np.arange(episodes), np.arange(episodes)
    first = min(episodes - 1, int(episodes * 0.95))
    return np.arange(first), np.arange(first, episodes)
