"""Pixels and cloud must stay one scene under augmentation; caches must notice other episodes."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from dynarend_core.datasets import points
from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.rendering_dataset import RenderingDataset
from dynarend_core.datasets.view_cache import load_views
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import FusionConfig


def dataset(store, **options):
    task = load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))
    augmentation = AugmentationConfig(brightness=0, contrast=0, tint=0, colour_noise=0, dropout=0)
    keyframes = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(8192, 0, 0.0, 0.0, augmentation))
    return RenderingDataset(keyframes, [load_views(store, "toy")], rays=64, **options)


def test_pixels_lie_on_the_augmented_cloud(toy_store, tmp_path):
    data, rng = dataset(toy_store(tmp_path)), np.random.default_rng(0)
    for _ in range(5):
        drawn = data.draw(rng)
        cloud = drawn.sample.points[np.abs(drawn.sample.points[:, 0]) < 2]
        tree = cKDTree(cloud[:, :3])
        for p in (drawn.now, drawn.future):
            along = np.concatenate([(p.uv - p.K[:2, 2]) / p.K[[0, 1], [0, 1]], np.ones((64, 1))], axis=1)
            surface = se3.apply(p.T_base_camera, along * p.depth[:, None])
            assert p.valid.mean() > 0.5
            distance, nearest = tree.query(points.normalise(surface[p.valid], SCENE_AABB_BASE))
            assert np.median(distance) < 0.02  # 1 cm
            colours = cloud[nearest, 3:] / 2 + 0.5
            assert np.median(np.abs(colours - p.rgb[p.valid])) < 0.02


def test_a_held_out_camera_is_never_drawn(toy_store, tmp_path):
    """Its colours are overwritten with white in the cache; no drawn pixel is white."""
    data, rng = dataset(toy_store(tmp_path), without_camera="side"), np.random.default_rng(0)
    painted = np.array(data.views[0].rgb)
    painted[:, 1] = 255
    data.views[0] = dataclasses.replace(data.views[0], rgb=painted)
    for _ in range(8):
        drawn = data.draw(rng)
        assert (drawn.now.rgb < 1).any(axis=1).all()
        assert (drawn.future.rgb < 1).any(axis=1).all()


def test_an_unknown_camera_is_refused_with_the_known_ones(toy_store, tmp_path):
    with pytest.raises(DatasetError, match="front, side"):
        dataset(toy_store(tmp_path), without_camera="overhead")


def test_the_cache_is_the_store_and_follows_it(toy_store, tmp_path):
    store = toy_store(tmp_path, 2)
    views = load_views(store, "toy")
    record = store.read("toy", 1)
    np.testing.assert_array_equal(views.rgb[2, 1], record.frames[0].views[1].rgb)
    assert views.depth_m(2, 0, np.array([3]), np.array([4]))[0] == pytest.approx(0.75, abs=1e-4)
    assert views.target_frame.tolist() == [1, 3]
    toy_store(tmp_path, 3)
    assert load_views(store, "toy").target_frame.tolist() == [1, 3, 5]
    (tmp_path / ".views" / "toy" / "depth.bin").unlink()
    assert load_views(store, "toy").depth_m(0, 0, np.array([0]), np.array([0]))[0] > 0
