"""What the planner promises: straight lines, detours, typed refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from dynarend_core.errors import InvalidInputError, PlanningError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning import limits
from dynarend_core.planning.panda import HOME_Q, JOINT_LIMITS
from dynarend_core.planning.planner import MotionPlanner, MotionPlannerConfig
from dynarend_core.planning.robot_spheres import RobotSpheres
from dynarend_core.planning.scene import PlanningScene
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe

DOWN = rotations.rotation_x(np.pi)
SPHERES = RobotSpheres()


@pytest.fixture(scope="module")
def planner() -> MotionPlanner:
    return MotionPlanner()


def keyframe(x: float, y: float, z: float, R: np.ndarray = DOWN, ignore: bool = False) -> Keyframe:
    return Keyframe(se3.make(R, np.array([x, y, z])), gripper_open=True, ignore_collisions=ignore)


def tips(planner: MotionPlanner, trajectory: JointTrajectory) -> np.ndarray:
    times = np.linspace(0.0, trajectory.duration_s, 200)
    return np.stack([planner.kinematics.forward(trajectory.sample(t)[0]) for t in times])


def clearance(trajectory: JointTrajectory, points: np.ndarray) -> float:
    """Smallest true distance between the robot's spheres and the points [m]."""
    tree = cKDTree(points)
    return min(
        float((tree.query(SPHERES.centres(trajectory.sample(t)[0]))[0] - SPHERES.radii).min())
        for t in np.linspace(0.0, trajectory.duration_s, 150)
    )


def wall() -> np.ndarray:
    """A free-standing wall in front of the robot, its plane through the robot's axis."""
    x, z = np.meshgrid(np.arange(0.35, 0.8, 0.005), np.arange(0.0, 0.32, 0.005))
    return np.column_stack([x.ravel(), np.zeros(x.size), z.ravel()])


@pytest.fixture(scope="module")
def q_left(planner: MotionPlanner) -> np.ndarray:
    return planner.plan(HOME_Q, keyframe(0.5, 0.25, 0.15)).positions[-1]


@pytest.mark.parametrize("target", [(0.5, 0.0, 0.2), (0.45, 0.25, 0.05), (0.6, -0.2, 0.3)])
def test_the_tip_reaches_the_pose(planner: MotionPlanner, target: tuple[float, float, float]) -> None:
    goal = keyframe(*target)
    trajectory = planner.plan(HOME_Q, goal)
    reached = planner.kinematics.forward(trajectory.positions[-1])
    assert np.array_equal(trajectory.positions[0], HOME_Q)
    assert np.linalg.norm(reached[:3, 3] - goal.T_base_gripper[:3, 3]) < 1e-3
    assert rotations.rotation_angle(reached[:3, :3], DOWN) < 5e-3
    assert (trajectory.positions >= JOINT_LIMITS[:, 0] - 1e-6).all()
    assert (trajectory.positions <= JOINT_LIMITS[:, 1] + 1e-6).all()


def test_contact_motions_are_straight_in_tool_space(planner: MotionPlanner, q_left: np.ndarray) -> None:
    for target in ((0.5, 0.25, 0.02), (0.5, 0.0, 0.15), (0.35, 0.2, 0.3)):
        path = tips(planner, planner.plan(q_left, keyframe(*target, ignore=True)))
        start, end = path[0, :3, 3], np.array(target)
        along = (end - start) / np.linalg.norm(end - start)
        offset = path[:, :3, 3] - start
        assert np.linalg.norm(offset - np.outer(offset @ along, along), axis=1).max() < 2e-3
        assert np.diff(offset @ along).min() > -1e-4


def test_a_wall_forces_a_detour_that_stays_clear(planner: MotionPlanner, q_left: np.ndarray) -> None:
    goal = keyframe(0.5, -0.25, 0.15)
    assert clearance(planner.plan(q_left, goal), wall()) < 0.0
    assert clearance(planner.plan(q_left, goal, wall()), wall()) > 0.0


def test_ignoring_collisions_goes_through_the_points(planner: MotionPlanner, q_left: np.ndarray) -> None:
    direct = planner.plan(q_left, keyframe(0.5, -0.25, 0.15, ignore=True), wall())
    assert clearance(direct, wall()) < 0.0


def test_an_object_at_the_goal_does_not_forbid_the_approach(planner: MotionPlanner) -> None:
    cube = np.random.default_rng(0).uniform(-0.02, 0.02, size=(2000, 3)) + np.array([0.5, 0.1, 0.02])
    for z in (0.12, 0.03):
        trajectory = planner.plan(HOME_Q, keyframe(0.5, 0.1, z), cube)
        assert planner.kinematics.forward(trajectory.positions[-1])[2, 3] == pytest.approx(z, abs=1e-3)


def test_a_goal_inside_a_closed_box_has_no_path(planner: MotionPlanner) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(-0.15, 0.151, 0.01)] * 3), axis=-1).reshape(-1, 3)
    shell = grid[np.abs(grid).max(axis=1) > 0.145] + np.array([0.5, 0.2, 0.2])
    with pytest.raises(PlanningError) as info:
        MotionPlanner(MotionPlannerConfig(max_checks=800)).plan(HOME_Q, keyframe(0.5, 0.2, 0.15), shell)
    assert info.value.cause == "planning"


def test_equal_inputs_give_equal_motions(q_left: np.ndarray) -> None:
    goal = keyframe(0.5, -0.25, 0.15)
    planner = MotionPlanner()
    motions = [planner.plan(q_left, goal, wall()), planner.plan(q_left, goal, wall())]
    motions.append(MotionPlanner().plan(q_left, goal, wall()))
    for other in motions[1:]:
        assert np.array_equal(motions[0].positions, other.positions)
        assert np.array_equal(motions[0].times_s, other.times_s)


def test_a_slower_planner_takes_longer(planner: MotionPlanner) -> None:
    goal = keyframe(0.5, 0.0, 0.2)
    slow = MotionPlanner(MotionPlannerConfig(velocity_factor=0.25)).plan(HOME_Q, goal)
    assert slow.duration_s == pytest.approx(4.0 * planner.plan(HOME_Q, goal).duration_s)


@pytest.mark.parametrize(
    ("target", "cause"),
    [((0.95, 0.5, 0.8), "ik"), ((3.0, 0.0, 0.5), "out_of_bounds"), ((0.5, 0.0, -0.1), "out_of_bounds")],
)
def test_refusals_carry_their_cause(planner: MotionPlanner, target: tuple[float, float, float], cause: str) -> None:
    with pytest.raises(PlanningError) as info:
        planner.plan(HOME_Q, keyframe(*target))
    assert info.value.cause == cause


def test_non_finite_poses_and_wrong_points_are_refused(planner: MotionPlanner) -> None:
    bad = keyframe(0.5, 0.0, 0.2)
    bad.T_base_gripper[0, 3] = np.nan
    with pytest.raises(InvalidInputError, match="non-finite"):
        planner.plan(HOME_Q, bad)
    with pytest.raises(InvalidInputError, match="obstacle_points"):
        planner.plan(HOME_Q, keyframe(0.5, 0.0, 0.2), np.zeros(3))


def test_joints_outside_their_range_are_refused() -> None:
    q = HOME_Q.copy()
    q[3] = 0.5
    with pytest.raises(PlanningError, match=r"joint 4 would be at 0\.500") as info:
        limits.check_joints(q)
    assert info.value.cause == "limits"


@pytest.mark.parametrize("factor", [0.0, 1.1])
def test_speed_factor_is_validated(factor: float) -> None:
    with pytest.raises(InvalidInputError, match="velocity_factor"):
        MotionPlannerConfig(velocity_factor=factor)


def test_free_motions_do_not_creep_past_singularities(planner: MotionPlanner) -> None:
    """Turning the gripper half round is slow in tool space; only contact motions insist on the straight line."""
    turned = rotations.rotation_z(0.8) @ DOWN
    free = planner.plan(HOME_Q, keyframe(0.45, 0.15, 0.3, turned))
    contact = planner.plan(HOME_Q, keyframe(0.45, 0.15, 0.3, turned, ignore=True))
    assert 2.0 * free.duration_s < contact.duration_s
    assert np.allclose(free.positions[-1], contact.positions[-1])


def test_a_start_beyond_a_joint_stop_may_be_left(planner: MotionPlanner) -> None:
    q = HOME_Q.copy()
    q[5] = JOINT_LIMITS[5, 1] + 0.003
    trajectory = planner.plan(q, Keyframe(planner.kinematics.forward(HOME_Q), gripper_open=True))
    assert np.array_equal(trajectory.positions[0], q)
    assert (trajectory.positions[-1] <= JOINT_LIMITS[:, 1]).all()


def test_of_several_elbows_one_that_stands_clear_is_taken(planner: MotionPlanner) -> None:
    """A plate that just touches the elbow of the nearest configuration: another one is worth the longer way."""
    goal = keyframe(0.45, 0.25, 0.3)
    nearest = planner.plan(HOME_Q, goal, np.array([[0.8, -0.4, 0.3]])).positions[-1]
    elbow = SPHERES.links == 4
    centres, radii = SPHERES.centres(nearest)[elbow], SPHERES.radii[elbow]
    lowest = int(np.argmin(centres[:, 2] - radii))
    x, y = np.meshgrid(np.arange(-0.05, 0.05, 0.005), np.arange(-0.05, 0.05, 0.005))
    plate = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]) + centres[lowest] - [0.0, 0.0, radii[lowest]]
    scene = PlanningScene(HOME_Q, goal.T_base_gripper, plate, limits.WORKSPACE_AABB_BASE)
    reached = planner.plan(HOME_Q, goal, plate).positions[-1]
    assert scene.elbow_shortfall(nearest) > 0.005
    assert scene.elbow_shortfall(reached) == 0.0
    np.testing.assert_allclose(planner.kinematics.forward(reached), goal.T_base_gripper, atol=1e-3)
