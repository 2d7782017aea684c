"""The distance field, the robot's spheres and the planning scene."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.planning.collision import REACH_M, DistanceField
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.limits import WORKSPACE_AABB_BASE
from dynarend_core.planning.panda import HOME_Q, panda_mjcf_path
from dynarend_core.planning.robot_spheres import RobotSpheres
from dynarend_core.planning.scene import PlanningScene


def test_field_agrees_with_nearest_neighbours() -> None:
    rng = np.random.default_rng(0)
    wall = np.column_stack([np.full(8000, 0.5), rng.uniform(-0.2, 0.2, 8000), rng.uniform(0.0, 0.45, 8000)])
    queries = rng.uniform([0.3, -0.25, 0.0], [0.7, 0.25, 0.5], size=(500, 3))
    expected = cKDTree(wall).query(queries)[0]
    error = DistanceField.from_points(wall).distance(queries) - np.minimum(expected, REACH_M)
    assert np.abs(error[expected > 0.02]).max() < 0.01  # no sphere is smaller than 15 mm


def test_field_without_points_in_its_box_is_free() -> None:
    points = np.array([[5.0, 0.0, 0.0], [np.nan, 0.0, 0.0]])
    assert (DistanceField.from_points(points).grid == np.float32(REACH_M)).all()


@pytest.mark.parametrize(("points", "voxel"), [(np.zeros(3), 0.02), (np.zeros((2, 3)), 0.0)])
def test_malformed_fields_are_refused(points: np.ndarray, voxel: float) -> None:
    with pytest.raises(InvalidInputError):
        DistanceField.from_points(points, SCENE_AABB_BASE, voxel)


def test_spheres_cover_the_collision_meshes() -> None:
    mujoco = pytest.importorskip("mujoco")
    model = mujoco.MjModel.from_xml_path(str(panda_mjcf_path()))
    data = mujoco.MjData(model)
    data.qpos[:7], data.qpos[7:] = HOME_Q, 0.04
    mujoco.mj_kinematics(model, data)
    spheres = RobotSpheres()
    centres = spheres.centres(HOME_Q)
    for geom in np.flatnonzero((model.geom_group == 3) & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)):
        mesh = model.geom_dataid[geom]
        start = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[start : start + model.mesh_vertnum[mesh]]
        points = vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        outside = (np.linalg.norm(points[:, None] - centres, axis=2) - spheres.radii).min(axis=1)
        assert outside.max() < 0.012, model.body(model.geom_bodyid[geom]).name


def scene(points: np.ndarray | None = None, q_start: np.ndarray = HOME_Q) -> PlanningScene:
    goal = ArmKinematics().forward(HOME_Q)
    goal[:3, 3] = 0.4, 0.3, 0.3
    return PlanningScene(q_start, goal, points, WORKSPACE_AABB_BASE)


def test_the_arm_at_home_is_free_even_where_its_own_points_are_seen() -> None:
    own = RobotSpheres().centres(HOME_Q)
    cloud = (own[:, None] + np.random.default_rng(0).uniform(-0.03, 0.03, size=(1, 200, 3))).reshape(-1, 3)
    assert scene(cloud).clearances(HOME_Q).min() > 0.0


def test_an_arm_in_the_table_is_blocked() -> None:
    planning_scene = scene()
    q = HOME_Q + np.array([0, 1.2, 0, 0, 0, 0, 0])
    assert ArmKinematics().forward(q)[2, 3] < 0.0
    assert planning_scene.first_blocked(q[None], planning_scene.thresholds(HOME_Q)) == 0


def test_a_hand_folded_into_the_base_is_blocked() -> None:
    planning_scene = scene()
    q = np.array([0.0, -0.5, 0.0, -3.0, 0.0, 0.3, 0.785])
    assert planning_scene.clearances(q).min() < 0.0


def test_a_point_inside_the_start_does_not_block_the_start() -> None:
    rng = np.random.default_rng(0)
    elbow = ArmKinematics().forward(HOME_Q)[:3, 3] - np.array([0.0, 0.0, -0.15])
    planning_scene = scene(elbow + rng.uniform(-0.1, 0.1, size=(3000, 3)))
    assert planning_scene.is_free(HOME_Q[None], planning_scene.thresholds(HOME_Q))
