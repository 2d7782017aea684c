"""The simulator's cameras are RLBench's, and its depth agrees with the projection."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import cameras, rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.sim.mujoco.cameras import CAMERAS
from dynarend_core.sim.mujoco.world import MujocoWorld

REAL = Path(os.environ.get("DYNAREND_RLBENCH_DATA", Path(__file__).parents[4] / "shared/data/rlbench_real"))


def test_the_buttons_of_every_camera_unproject_to_where_they_stand(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 3)
    blue = world.task.colors.index("blue")
    expected = np.append(world.task.positions[blue], 0.776)
    for view in world.views(("front", "left_shoulder", "right_shoulder"), size=128):
        points = cameras.unproject(view.depth_m, view.K, view.T_base_camera) @ T_WORLD_BASE[:3, :3].T
        points = points + T_WORLD_BASE[:3, 3]
        rgb = view.rgb.astype(int)
        mask = (rgb[..., 2] > 200) & (rgb[..., :2].max(-1) < 40) & (points[..., 2] > 0.77)
        assert mask.sum() > 4, view.name
        np.testing.assert_allclose(points[mask].mean(0), expected, atol=0.008)


def test_depth_of_the_table_is_where_the_rays_meet_it(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 0)
    for view in world.views(size=96):
        heights = cameras.unproject(view.depth_m, view.K, view.T_base_camera)[..., 2]
        on_table = np.abs(heights) < 0.02
        assert on_table.mean() > 0.2
        assert np.abs(np.median(heights[on_table])) < 5e-4


def test_depth_ends_at_the_far_plane(world: MujocoWorld) -> None:
    world.reset("slide_block_to_color_target", 0, 0)
    for view in world.views():
        assert np.nanmax(view.depth_m) < CAMERAS[view.name].far_m
        assert np.nanmin(view.depth_m) > 0.0


def test_projection_and_unprojection_agree_for_the_moving_wrist_camera(world: MujocoWorld) -> None:
    world.reset("open_drawer", 0, 0, disturb_start=True)
    view = world.views(("wrist",))[0]
    points = cameras.unproject(view.depth_m, view.K, view.T_base_camera).reshape(-1, 3)
    uv, depth = cameras.project(points, view.K, view.T_base_camera)
    valid = np.isfinite(depth)
    rows, columns = np.mgrid[: len(view.rgb), : len(view.rgb)].reshape(2, -1)
    np.testing.assert_allclose(uv[valid], np.stack([columns, rows], 1)[valid] + 0.5, atol=1e-6)
    T_tip_camera = se3.inverse(world.gripper().T_base_gripper) @ view.T_base_camera
    np.testing.assert_allclose(T_tip_camera[:3, 3], CAMERAS["wrist"].position, atol=1e-4)


def test_sizes_names_and_detail(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 0)
    wide = world.views(("front",), size=(48, 32))[0]
    assert wide.rgb.shape == (32, 48, 3)
    plain, fine = (world.views(("front",), size=96, visual=visual)[0] for visual in (False, True))
    both = np.isfinite(plain.depth_m) & np.isfinite(fine.depth_m)
    # Same robot, drawn from other meshes: nearly equal depth, not an empty scene.
    assert (np.abs(plain.depth_m - fine.depth_m)[both] < 0.03).mean() > 0.97
    assert not np.array_equal(plain.rgb, fine.rgb)
    with pytest.raises(ConfigurationError, match="front"):
        world.views(("rear",))


def test_poses_equal_those_recorded_by_rlbench(world: MujocoWorld) -> None:
    episode_dir = REAL / "open_drawer/all_variations/episodes/episode0"
    if not episode_dir.is_dir():
        pytest.skip(f"no recorded RLBench episode at {episode_dir}")
    from dynarend_core.datasets.rlbench_reader import read_episode

    world.reset("open_drawer", 2, 0)
    recorded = {view.name: view for view in read_episode(episode_dir).views(0, tuple(CAMERAS))}
    for view in world.views(size=128):
        real = recorded[view.name]
        np.testing.assert_allclose(view.T_base_camera[:3, 3], real.T_base_camera[:3, 3], atol=2e-3)
        assert rotations.rotation_angle(view.T_base_camera[:3, :3], real.T_base_camera[:3, :3]) < np.radians(0.3)
        np.testing.assert_allclose(np.diag(view.K), np.diag(real.K), rtol=1e-3)
