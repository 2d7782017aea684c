"""From a demonstration store to what pretraining draws: clouds, pixels, meanings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.feature_maps import FeatureMaps
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.rendering_dataset import PixelConfig, RenderingDataset
from dynarend_core.datasets.semantics import FeatureSemantics, NoSemantics, ObjectNames, SemanticSource
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.datasets.view_cache import TaskViews, load_views
from dynarend_core.errors import DatasetError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.training.pretrain_config import PretrainConfig
from dynarend_core.training.processes import main_first

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PretrainData:
    """Samples to draw, and what the checkpoint says of them."""

    dataset: RenderingDataset
    info: CheckpointInfo


def load_pretrain_data(c: PretrainConfig, on_data: Callable[[str, int, int], None] | None = None) -> PretrainData:
    """Open the store's caches, unpacking what is new.

    Args:
        c: The run.
        on_data: Called while caches are built: task, episodes done, episodes in all.

    Raises:
        DatasetError: No demonstrations, damaged ones, an unknown held-out camera, or masks, features or target views
            that were asked for and are not there.
    """
    store, p = DemonstrationStore(c.data), c.preset
    tasks = store.tasks()
    if not tasks:
        raise DatasetError(f"{c.data} holds no demonstrations; record some with `dynarend collect --out {c.data}`")
    fusion = FusionConfig(SCENE_AABB_BASE)
    clouds = main_first(lambda: [load_task(store, t, fusion, on_data, c.demonstrations) for t in tasks])
    views = main_first(lambda: [load_views(store, t, on_data, c.demonstrations) for t in tasks])
    # The targets keep their colours, so the input must, too: a changed light could not be undone.
    augmentation = AugmentationConfig(
        p.training.translation_m, p.training.yaw_deg, brightness=0.0, contrast=0.0, tint=0.0, recolour=0.0
    )
    keyframes = KeyframeDataset(
        clouds,
        SCENE_AABB_BASE,
        SampleConfig(p.network.points, zoom_edge_m=0.0, first_points=p.network.first_points, augmentation=augmentation),
    )
    episodes = {t.task: len(t.instructions) for t in clouds}
    info = CheckpointInfo(
        c.preset_name, p.network, SCENE_AABB_BASE.tolist(), tasks=tasks, training={"episodes": episodes}
    )
    if c.target_views:
        for view in views:
            view.require_targets()
    pixels = PixelConfig(p.rendering.rays, c.held_out_camera, c.target_views is not False)
    return PretrainData(RenderingDataset(keyframes, views, pixels, semantic_source(c, store, views)), info)


def semantic_source(c: PretrainConfig, store: DemonstrationStore, views: Sequence[TaskViews]) -> SemanticSource:
    """The chosen source of meanings, said once in the log.

    Raises:
        DatasetError: ``"names"`` where the store has no object masks, or no features of the given name.
    """
    if c.semantics == "none" or (c.semantics == "auto" and any(v.objects is None for v in views)):
        why = "switched off" if c.semantics == "none" else "the store has no object masks"
        _LOG.warning("no semantic targets: %s", why)
        return NoSemantics()
    if c.semantics in ("auto", "names"):
        return ObjectNames(views)
    return FeatureSemantics([FeatureMaps(store, v.task, c.semantics, c.demonstrations) for v in views])
