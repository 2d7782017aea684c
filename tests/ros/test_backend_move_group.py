"""The move_group backend against fakes of MoveIt's interfaces, as two releases document them."""

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from action_msgs.msg import GoalStatus

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

import fake_moveit_messages as fakes

from dynarend_core.errors import MissingDependencyError, PlanningError
from dynarend_core.geometry import se3
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.planning.voxel_boxes import VoxelConfig, voxel_boxes
from dynarend_ros.backends import move_group, moveit_messages
from dynarend_ros.backends.interface import MotionRequest
from dynarend_ros.robots import find_robot

DOWN = se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.1, 0.3]))
DONE = GoalStatus.STATUS_SUCCEEDED


class Commands:
    def __init__(self):
        self.did = []

    def hold(self):
        self.did.append("hold")


class Bench:
    """A backend with fake servers that plan what they are told to."""

    def __init__(self, monkeypatch, release, robot="panda"):
        fakes.install(monkeypatch, release)
        self.release, self.robot, self.node, self.actions = release, find_robot(robot), fakes.Node(), {}
        monkeypatch.setattr(move_group, "action_client", self.make)
        self.commands = Commands()
        self.backend = move_group.MoveGroupBackend(self.node, self.robot, 0.1, self.commands)
        self.scene = self.node.services["apply_planning_scene"]
        self.scene.answer = fakes.SceneServer()
        self.plan, self.execute = self.actions["move_action"], self.actions["execute_trajectory"]
        self.line = self.node.services["compute_cartesian_path"]

    def make(self, _node, kind, name):
        self.actions[name] = fakes.ActionClient(kind, name)
        return self.actions[name]

    def motion(self, timed=True):
        q = self.robot.home + np.linspace(0, 0.2, 5)[:, None]
        times = np.linspace(0, 2.0, 5) if timed else np.zeros(5)
        message = moveit_messages.trajectory_to_moveit(self.robot, JointTrajectory(times, q, np.zeros_like(q)))
        names = list(message.joint_trajectory.joint_names)[::-1]  # MoveIt has an order of its own
        message.joint_trajectory.joint_names = names
        for point in message.joint_trajectory.points:
            point.positions = list(point.positions)[::-1]
        return message

    def plans(self, code=1, **motion):
        result = {"error_code": types.SimpleNamespace(val=code), "planned_trajectory": self.motion(**motion)}
        self.plan.answer = lambda goal, handle: handle.end(DONE if code == 1 else GoalStatus.STATUS_ABORTED, **result)

    def request(self, **changes):
        return MotionRequest(self.robot.home, DOWN, **{"timeout_s": 0.2, **changes})


@pytest.fixture(params=["humble", "jazzy"])
def bench(request, monkeypatch):
    return Bench(monkeypatch, request.param)


def test_a_free_motion_is_planned_not_executed_with_our_speed_and_the_tool_links_pose(bench):
    bench.plans()
    planned = bench.backend.plan(bench.request())
    np.testing.assert_allclose(planned.positions, bench.robot.home + np.linspace(0, 0.2, 5)[:, None])
    (goal,) = bench.plan.goals
    assert goal.planning_options.plan_only
    assert goal.request.allowed_planning_time < 0.2  # or its failure comes when nobody listens any more
    assert goal.planning_options.planning_scene_diff.is_diff
    wanted = goal.request
    assert (wanted.group_name, wanted.pipeline_id) == ("panda_arm", "ompl")
    assert (wanted.max_velocity_scaling_factor, wanted.max_acceleration_scaling_factor) == (0.1, 0.1)
    assert list(wanted.start_state.joint_state.name) == list(bench.robot.joints)
    position = wanted.goal_constraints[0].position_constraints[0]
    assert (position.header.frame_id, position.link_name) == ("panda_link0", "panda_hand")
    at = position.constraint_region.primitive_poses[0].position
    np.testing.assert_allclose([at.x, at.y, at.z], (DOWN @ np.linalg.inv(bench.robot.T_tool_tip))[:3, 3], atol=1e-9)
    assert at.z == pytest.approx(0.3 + 0.1104)


@pytest.mark.parametrize(
    ("code", "cause"),
    [(-31, "ik"), (-1, "planning"), (-10, "start_state"), (-23, "start_state"), (-6, "planning"), (-15, "controller")],
)
def test_moveits_codes_become_causes(bench, code, cause):
    bench.plans(code)
    with pytest.raises(PlanningError, match="MoveIt answers") as error:
        bench.backend.plan(bench.request())
    assert error.value.cause == cause


def test_a_planner_that_does_not_answer_is_cancelled(bench):
    with pytest.raises(PlanningError, match="no plan within 0") as error:
        bench.backend.plan(bench.request())
    assert error.value.cause == "timeout"
    assert bench.plan.handles[0].cancelled
    bench.plan.ready = False
    with pytest.raises(PlanningError, match="move_action has no server"):
        bench.backend.plan(bench.request())
    bench.plan.ready, bench.plan.accepts = True, False
    with pytest.raises(PlanningError, match="refused the goal"):
        bench.backend.plan(bench.request())


def test_straight_lines_must_be_whole_and_get_times_from_our_limits(bench):
    answer = types.SimpleNamespace(
        fraction=1.0, error_code=types.SimpleNamespace(val=1), solution=bench.motion(timed=False)
    )
    bench.line.answer = answer
    planned = bench.backend.plan(bench.request(straight=True))
    assert np.abs(planned.velocities / bench.robot.joint_speeds).max() <= 0.1 + 1e-9
    assert planned.duration_s > 0.5
    (wanted,) = bench.line.requests
    assert wanted.avoid_collisions
    assert wanted.max_step == pytest.approx(0.005)
    assert hasattr(wanted, "max_velocity_scaling_factor") == (bench.release != "humble")
    answer.fraction = 0.7
    with pytest.raises(PlanningError, match="only 70 % of the straight line"):
        bench.backend.plan(bench.request(straight=True))


def test_the_scene_holds_the_cloud_without_robot_and_target_and_is_cleared_before_contact(bench):
    bench.plans()
    block = np.random.default_rng(0).uniform([0.3, -0.4, 0.0], [0.4, -0.3, 0.1], (5000, 3))
    hand = bench.robot.forward(bench.robot.home)[:3, 3] + np.random.default_rng(1).normal(scale=0.02, size=(500, 3))
    target = DOWN[:3, 3] + np.random.default_rng(2).normal(scale=0.01, size=(500, 3))
    bench.backend.plan(bench.request(points=np.concatenate([block, hand, target])))
    scene = bench.scene.requests[-1].scene
    assert scene.is_diff
    assert scene.robot_state.is_diff
    (cloud,) = scene.world.collision_objects
    assert cloud.operation == type(cloud).ADD
    centres = np.array([[p.position.x, p.position.y, p.position.z] for p in cloud.primitive_poses])
    assert ((centres > [0.28, -0.42, -0.02]) & (centres < [0.42, -0.28, 0.12])).all()
    assert len(centres) == len(cloud.primitives) >= 100
    bench.backend.plan(bench.request(points=block, ignore_collisions=True))
    (cleared,) = bench.scene.requests[-1].scene.world.collision_objects
    assert (cleared.id, cleared.operation) == ("dynarend_cloud", type(cleared).REMOVE)


def test_a_cloud_that_is_not_there_need_not_be_cleared(bench):
    bench.plans()
    contact = bench.request(ignore_collisions=True)
    for _ in range(2):
        bench.backend.plan(contact)
    assert len(bench.scene.requests) == 1  # once: somebody may have left one there
    block = np.random.default_rng(0).uniform([0.3, -0.4, 0.0], [0.4, -0.3, 0.1], (5000, 3))
    bench.backend.plan(bench.request(points=block))
    bench.scene.answer = fakes.SceneServer()  # MoveIt was started again
    bench.backend.plan(contact)


def test_a_cloud_somebody_left_is_cleared_and_keep_out_boxes_stay_and_real_refusals_count(bench):
    bench.plans()
    bench.scene.answer = fakes.SceneServer("dynarend_cloud")
    box = np.array([[[0.0, 0.5, 0.0], [0.1, 0.6, 0.1]]])
    bench.backend._robot = replace(bench.robot, keep_out=box)
    bench.backend.plan(bench.request(ignore_collisions=True))
    assert bench.scene.answer.there == {"dynarend_keep_out"}
    bench.backend._cloud_there = True
    bench.backend.plan(bench.request(ignore_collisions=True))
    bench.scene.answer = types.SimpleNamespace(success=False)
    with pytest.raises(PlanningError, match="did not take the planning scene"):
        bench.backend.plan(bench.request(ignore_collisions=True))


def test_motions_are_executed_watched_and_stopped_in_every_way(bench):
    q = bench.robot.home + np.linspace(0, 0.1, 4)[:, None]
    trajectory = JointTrajectory(np.linspace(0, 1, 4), q, np.zeros_like(q))
    bench.backend.begin(trajectory)
    sent = bench.execute.goals[0].trajectory.joint_trajectory
    assert list(sent.joint_names) == list(bench.robot.joints)
    assert len(sent.points) == 4
    assert bench.backend.problem() is None
    bench.execute.handles[0].end(DONE, error_code=types.SimpleNamespace(val=1))
    assert bench.backend.problem() is None
    bench.backend.begin(trajectory)
    bench.backend.stop()
    assert bench.execute.handles[1].cancelled
    assert [m.data for m in bench.node.topics["trajectory_execution_event"]] == ["stop"]
    assert bench.commands.did == ["hold"]
    bench.backend.begin(trajectory)
    bench.execute.handles[2].end(GoalStatus.STATUS_ABORTED, error_code=types.SimpleNamespace(val=-4))
    assert bench.backend.problem() == "execute_trajectory aborted: CONTROL_FAILED"
    bench.execute.accepts = False
    bench.backend.begin(trajectory)
    assert "refused" in bench.backend.problem()


def test_a_motion_has_settled_when_the_action_has_ended_and_can_be_ended_where_the_arm_is(bench):
    q = bench.robot.home + np.linspace(0, 0.1, 4)[:, None]
    trajectory = JointTrajectory(np.linspace(0, 1, 4), q, np.zeros_like(q))
    assert bench.backend.settled()
    bench.backend.begin(trajectory)
    assert not bench.backend.settled()
    bench.backend.finish()
    assert bench.execute.handles[0].cancelled
    assert [m.data for m in bench.node.topics["trajectory_execution_event"]] == ["stop"]
    assert bench.commands.did == []
    assert not bench.backend.settled()
    bench.execute.handles[0].end(GoalStatus.STATUS_CANCELED, error_code=types.SimpleNamespace(val=-7))
    assert bench.backend.settled()
    bench.execute.accepts = False
    bench.backend.begin(trajectory)
    assert bench.backend.settled()


def test_a_motion_accepted_after_it_was_given_up_is_stopped_and_not_only_cancelled(bench):
    q = bench.robot.home + np.linspace(0, 0.1, 4)[:, None]
    late, handle = fakes.Future(done=False), fakes.Goal(True)
    bench.execute.send_goal_async = lambda goal: late
    bench.backend.begin(JointTrajectory(np.linspace(0, 1, 4), q, np.zeros_like(q)))
    bench.backend.stop()
    late.finish(handle)
    assert handle.cancelled
    assert [m.data for m in bench.node.topics["trajectory_execution_event"]] == ["stop", "stop"]
    assert bench.commands.did == ["hold", "hold"]


def test_what_moveit_plans_for_another_arm_is_refused(bench):
    message = bench.motion()
    message.joint_trajectory.joint_names = [*message.joint_trajectory.joint_names[:6], "slider"]
    with pytest.raises(PlanningError, match="slider"):
        moveit_messages.trajectory_from_moveit(bench.robot, message, 0.1)


def test_without_moveit_msgs_the_error_names_the_package():
    with pytest.raises(MissingDependencyError, match="ros-\\$ROS_DISTRO-moveit-msgs"):
        move_group.MoveGroupBackend(fakes.Node(), find_robot("ur5e"), 0.1, Commands())


def test_boxes_cover_the_points_and_grow_where_there_are_too_many():
    robot = find_robot("ur5e")
    points = np.random.default_rng(0).uniform([0.3, -0.5, 0.0], [0.6, 0.5, 0.5], (60_000, 3))
    far = se3.make(t=np.array([-0.5, -0.5, 0.5]))
    centres, edge_m = voxel_boxes(points, robot, robot.home, far, VoxelConfig(max_boxes=500))
    assert len(centres) <= 500
    assert edge_m == pytest.approx(0.08)
    kept = points[np.linalg.norm(points - [0.45, 0.45, 0.1], axis=1) < 0.05]
    assert all((np.abs(centres - p) <= edge_m / 2 + 1e-9).all(axis=1).any() for p in kept)
