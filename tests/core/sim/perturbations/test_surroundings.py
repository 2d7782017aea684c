"""Lights, table and cameras change within their ranges, and nothing else does."""

from __future__ import annotations

import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.cameras import OPTICAL_TO_MUJOCO
from dynarend_core.sim.mujoco.world import MujocoWorld

TASK = "push_buttons"
SEEDS = range(8)


def models(perturbation: str) -> list:
    return [build_scene(SceneRequest(TASK, 0, seed, perturbation))[1] for seed in SEEDS]


def test_lamps_share_one_colour_of_the_range() -> None:
    colors = []
    for model in models("light_color"):
        np.testing.assert_array_equal(model.light_diffuse, np.tile(model.light_diffuse[0], (model.nlight, 1)))
        np.testing.assert_array_equal(model.light_diffuse, model.light_specular)
        colors.append(model.light_diffuse[0])
    assert 0.0 <= np.min(colors) < 0.1
    assert 0.4 < np.max(colors) <= 0.5


def test_only_the_table_changes_its_colour() -> None:
    for usual, other in zip(models("none"), models("table_color"), strict=True):
        changed = [usual.geom(i).name for i in range(usual.ngeom) if (usual.geom_rgba[i] != other.geom_rgba[i]).any()]
        assert sorted(changed) == ["table", *(f"table_leg{i}" for i in range(4))]
        rgba = other.geom("table").rgba
        assert (rgba[:3] >= 0.25).all()
        assert rgba[3] == 1.0


def test_cameras_move_within_the_range_and_views_tell_where_they_are(world: MujocoWorld) -> None:
    shifts, turns = [], []
    for seed in SEEDS:
        world.reset(TASK, 0, seed)
        usual = {view.name: view for view in world.views(size=16)}
        world.reset(TASK, 0, seed, perturbation="camera_pose")
        for view in world.views(size=16):
            camera = world.model.camera(view.name)
            before, after = usual[view.name].T_base_camera, view.T_base_camera
            if view.name == "wrist":
                np.testing.assert_allclose(before, after, atol=1e-9)
                continue
            R = rotations.matrix_from_quat_wxyz(camera.quat) @ OPTICAL_TO_MUJOCO
            np.testing.assert_allclose(T_WORLD_BASE @ after, se3.make(R, camera.pos), atol=1e-9)
            shifts.append(after[:3, 3] - before[:3, 3])
            turns.append(rotations.rotation_angle(before[:3, :3], after[:3, :3]))
    assert 0.08 < np.abs(shifts).max() <= 0.1
    assert 0.03 < max(turns) <= 0.05 * np.sqrt(3) * 1.01


def test_what_a_moved_camera_sees_lies_where_it_lay(world: MujocoWorld) -> None:
    """Unprojected with the pose that the view tells, the table's top is as high as ever."""
    for perturbation in ("none", "camera_pose"):
        world.reset(TASK, 0, 1, perturbation=perturbation)
        view = world.views(("left_shoulder",), size=64)[0]
        v, u = np.mgrid[:64, :64] + 0.5
        rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(view.K).T
        points = se3.apply(T_WORLD_BASE @ view.T_base_camera, (rays * view.depth_m[..., None]).reshape(-1, 3))
        heights = points[np.isfinite(points[:, 2]), 2]
        assert np.median(np.abs(heights[np.abs(heights - 0.75) < 0.02] - 0.75)) < 1e-3
        assert (np.abs(heights - 0.75) < 2e-3).mean() > 0.3
