import dataclasses

import numpy as np
import pytest

from dynarend_core.datasets import points
from dynarend_core.datasets.augmentation import (
    AugmentationConfig,
    drop_points,
    jitter_colours,
    recolour_surface,
    rigid_motion,
)
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.geometry.frames import SCENE_AABB_BASE

CLEAN = AugmentationConfig(
    brightness=0, contrast=0, tint=0, colour_noise=0, position_noise_m=0, dropout=0, recolour=0
)  # fmt: skip


def test_motions_are_level_and_within_their_ranges():
    rng, config = np.random.default_rng(0), AugmentationConfig()
    target = SCENE_AABB_BASE.mean(axis=0)
    for _ in range(50):
        T = rigid_motion(target, SCENE_AABB_BASE, config, rng)
        assert np.abs(T[2, :3] - [0, 0, 1]).max() < 1e-12
        assert abs(np.degrees(np.arctan2(T[1, 0], T[0, 0]))) <= config.yaw_deg
        assert np.abs(T[:3, :3] @ target + T[:3, 3] - target).max() <= config.translation_m + 1e-12


def test_a_target_at_the_border_stays_in_the_workspace():
    rng, config = np.random.default_rng(1), AugmentationConfig()
    target = SCENE_AABB_BASE[1] - 0.02
    for _ in range(50):
        T = rigid_motion(target, SCENE_AABB_BASE, config, rng)
        assert (T[:3, :3] @ target + T[:3, 3] <= SCENE_AABB_BASE[1] - config.margin_m + 1e-9).all()


def test_points_gripper_base_and_label_move_together(coloured_boxes):
    task = coloured_boxes.task_clouds(1)
    config = SampleConfig(points=50_000, zoom_points=8000, augmentation=CLEAN)
    still = dataclasses.replace(config, augmentation=dataclasses.replace(CLEAN, translation_m=0, yaw_deg=0))
    moved = KeyframeDataset([task], SCENE_AABB_BASE, config).draw(np.random.default_rng(5))
    fixed = KeyframeDataset([task], SCENE_AABB_BASE, still).draw(np.random.default_rng(5))
    c, s = moved.given.frame[3], moved.given.frame[4]
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    assert abs(s) > 0.05
    # The same number of random values is drawn in both, so the same points are chosen.
    np.testing.assert_allclose(
        (moved.given.points[:500, :3] - moved.target) @ R, fixed.given.points[:500, :3] - fixed.target, atol=1e-5
    )
    np.testing.assert_allclose(
        (moved.given.first[:500, :3] - moved.target) @ R, fixed.given.first[:500, :3] - fixed.target, atol=1e-5
    )
    np.testing.assert_allclose((moved.given.tip - moved.target) @ R, fixed.given.tip - fixed.target, atol=1e-5)
    np.testing.assert_allclose(R @ fixed.target_rotation, moved.target_rotation, atol=1e-6)
    base = points.normalise(np.zeros(3), SCENE_AABB_BASE)
    np.testing.assert_allclose((base + moved.given.frame[:3] - moved.target) @ R, base - fixed.target, atol=1e-5)


def test_zoom_points_cover_the_zoom_cube(coloured_boxes):
    task = coloured_boxes.task_clouds(1)
    config = SampleConfig(points=1000, zoom_points=20_000, augmentation=CLEAN)
    sample = KeyframeDataset([task], SCENE_AABB_BASE, config).draw(np.random.default_rng(2))
    near = points.crop(sample.zoom_points, sample.zoom_centre, 0.3)
    whole = dataclasses.replace(config, zoom_edge_m=2.0)
    full = KeyframeDataset([task], SCENE_AABB_BASE, whole).draw(np.random.default_rng(2))
    assert len(near) == len(points.crop(full.zoom_points, sample.zoom_centre, 0.3))
    assert np.abs(sample.zoom_centre - sample.target).max() <= 2 * config.zoom_noise_m + 1e-6


def test_colour_jitter_changes_the_light_and_not_only_the_noise():
    rgb = np.full((5000, 3), 0.5, dtype=np.float32)
    out = np.stack(
        [jitter_colours(rgb, AugmentationConfig(), np.random.default_rng(i)).mean(axis=0) for i in range(20)]
    )
    assert out.std(axis=0).min() > 0.02
    assert out.min() >= 0
    assert out.max() <= 1


def test_a_large_surface_changes_its_colour_and_small_things_keep_theirs():
    config, rng = AugmentationConfig(recolour=1.0), np.random.default_rng(0)
    table = 0.6 + rng.uniform(-0.04, 0.04, (4000, 3))
    button = np.tile([0.5, 0.05, 0.05], (200, 1))
    rgb = np.concatenate([table, button]).astype(np.float32)
    xyz = np.random.default_rng(1).uniform(0.2, 0.8, (4200, 3)).astype(np.float32)
    xyz[:10], target = 0.01, np.zeros(3)
    outs = [recolour_surface(xyz, rgb, target, config, np.random.default_rng(i)) for i in range(40)]
    changes = np.array([out[:4000].mean(axis=0) - rgb[:4000].mean(axis=0) for out in outs])
    assert changes.std(axis=0).min() > 0.1
    for out in outs:
        np.testing.assert_array_equal(out[4000:], rgb[4000:])
        np.testing.assert_array_equal(out[:10], rgb[:10])  # near the target
        assert 0 <= out.min() <= out.max() <= 1
        assert out.dtype == np.float32
    never = dataclasses.replace(config, recolour=0.0)
    np.testing.assert_array_equal(recolour_surface(xyz, rgb, target, never, np.random.default_rng(0)), rgb)


@pytest.mark.parametrize("n", [1, 10, 5000])
def test_dropout_leaves_something(n):
    chosen = drop_points(n, 1000, AugmentationConfig(), np.random.default_rng(0))
    assert 1 <= len(chosen) <= 1000
    assert chosen.max() < n


def test_packing_pads_outside_every_cube():
    packed = points.pack(np.zeros((2, 3)), np.ones((2, 3)), 4)
    assert packed.shape == (4, 6)
    assert (packed[2:, :3] > 1).all()
    assert (packed[:2, 3:] == 1).all()


def test_normalising_is_inverted():
    xyz = np.random.default_rng(0).uniform(SCENE_AABB_BASE[0], SCENE_AABB_BASE[1], (20, 3))
    normal = points.normalise(xyz, SCENE_AABB_BASE)
    assert np.abs(normal).max() <= 1
    np.testing.assert_allclose(points.denormalise(normal, SCENE_AABB_BASE), xyz, atol=1e-6)
