"""Grippers by topic and by action, against drivers that refuse, abort and change their names as real ones do."""

import math
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
from action_msgs.msg import GoalStatus

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

import fake_gripper
import fake_moveit_messages as fakes

from dynarend_core.errors import MissingDependencyError
from dynarend_ros import gripper_commands
from dynarend_ros.gripper_commands import ActionGripper, Gripper
from dynarend_ros.listeners import missing_arm
from dynarend_ros.robots import find_robot

PANDA, FR3, UR5E, XARM = (find_robot(name).gripper for name in ("panda", "fr3", "ur5e", "xarm7"))
GRIPPER, PARALLEL = fake_gripper.TYPES["GripperCommand"], fake_gripper.TYPES["ParallelGripperCommand"]
TRAJECTORY, ARRAY = "trajectory_msgs/msg/JointTrajectory", "std_msgs/msg/Float64MultiArray"
SUCCEEDED, ABORTED, CANCELED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_CANCELED
XARM_TOPIC = "xarm_gripper_traj_controller/joint_trajectory"


@pytest.fixture
def actions(monkeypatch):
    fakes.install(monkeypatch, "jazzy")
    made = {}

    def make(node, kind, name):
        made[name] = fake_gripper.Client(node, kind, name)
        return made[name]

    monkeypatch.setattr(gripper_commands, "action_client", make)
    return made


class Hand:
    """An action gripper whose fingers are ``width`` apart [m] and whose clock goes on when the test says so."""

    def __init__(self, actions, width=0.079):
        self.now, self.width = 0.0, width
        data, node = replace(FR3, kind="gripper_command"), fake_gripper.Node({FR3.name: GRIPPER})
        self.gripper = ActionGripper(node, data, lambda: self.width, lambda: self.now)
        self.client = actions[FR3.name]

    def ends(self, is_open, status, width, **result):
        """What is the matter with a goal that ends so, and fingers that end there, a little later."""
        self.gripper.command(is_open)
        assert self.gripper.busy()
        self.client.end(status, **result)
        assert self.gripper.problem() is None  # it is not decided yet, or all is well
        self.width = width  # joint states come when they come
        self.now += 0.31
        assert not self.gripper.busy()
        return self.gripper.problem()


def test_joint_trajectory_and_forward_command_topics():
    node = fake_gripper.Node(heard={XARM_TOPIC: [(TRAJECTORY,)], "fingers/commands": [(ARRAY,)]})
    gripper = Gripper(node, XARM)
    assert gripper.missing() == ""
    gripper.command(False)
    (sent,) = node.topics[XARM_TOPIC]
    assert list(sent.joint_names) == ["drive_joint"]
    assert list(sent.points[0].positions) == [0.85]
    assert sent.points[0].time_from_start.nanosec == 500_000_000
    gripper = Gripper(node, replace(PANDA, kind="topic", name="fingers/commands"))
    gripper.command(True)
    assert list(node.topics["fingers/commands"][0].data) == [0.04, 0.04]
    assert gripper.problem() is None
    assert not gripper.busy()


def test_a_gripper_topic_that_nobody_hears_is_a_problem():
    heard = {"fingers": [(TRAJECTORY, "safety_node"), (TRAJECTORY, "_ros2cli_12"), (ARRAY, "driver")]}
    node = fake_gripper.Node(heard=heard)
    gripper = Gripper(node, replace(PANDA, kind="joint_trajectory", name="fingers"))
    heard["fingers"] = heard["fingers"][:2]
    assert "nobody listens (JointTrajectory) under fingers; kinds found: none" in gripper.missing()
    gripper.command(True)
    assert "nobody listens" in gripper.problem()
    assert not node.topics["fingers"]
    heard["fingers"] = [(TRAJECTORY, "driver")]
    gripper.command(True)
    assert gripper.problem() is None
    assert len(node.topics["fingers"]) == 1


@pytest.mark.parametrize("status", [ABORTED, CANCELED])
def test_opening_that_fails_is_a_problem(actions, status):
    hand = Hand(actions, width=0.0)
    problem = hand.ends(True, status, 0.0)
    assert "opening the gripper failed: action /franka_gripper/gripper_action ended as" in problem
    assert "the fingers are 0.0 mm apart and have not moved" in problem
    assert hand.ends(True, status, 0.03) is not None  # half open is not open
    assert Hand(actions, 0.0).ends(True, status, 0.0, stalled=True) is not None  # stuck where it was
    hand = Hand(actions, width=0.0)
    assert hand.ends(True, status, 0.05, stalled=True) is None
    assert hand.ends(True, status, 0.079, reached_goal=True) is None
    assert hand.ends(True, SUCCEEDED, 0.079) is None


@pytest.mark.parametrize("status", [ABORTED, CANCELED])
def test_closing_that_ends_badly_is_believed_where_the_fingers_moved_or_hold_something(actions, status):
    assert Hand(actions).ends(False, status, 0.041) is None
    assert Hand(actions).ends(False, status, 0.0) is None
    assert Hand(actions, width=0.04).ends(False, status, 0.04) is None  # held before
    assert Hand(actions).ends(False, status, 0.08, stalled=True) is None
    problem = Hand(actions).ends(False, status, 0.079)
    assert "closing the gripper failed" in problem
    assert "79.0 mm apart and have not moved" in problem
    assert "is not known" in Hand(actions, math.nan).ends(False, status, math.nan)


def test_a_goal_that_is_refused_or_has_no_server(actions):
    hand = Hand(actions)
    hand.client.ready = False
    hand.gripper.command(True)
    assert "has no server" in hand.gripper.problem()
    hand.client.ready, hand.client.accepts = True, False
    hand.gripper.command(True)
    assert "refused" in hand.gripper.problem()
    assert not hand.gripper.busy()


def test_gripper_command_goals(actions):
    gripper = Gripper(fake_gripper.Node({PANDA.name: GRIPPER}), PANDA)
    gripper.command(False)
    command = actions[PANDA.name].goals[0].command
    assert (command.position, command.max_effort) == (0.0, 20.0)
    assert gripper.busy()
    gripper = Gripper(fake_gripper.Node({FR3.name: GRIPPER}), FR3)
    gripper.command(True)
    assert 2 * actions[FR3.name].goals[0].command.position <= 0.079  # a homed hand may report no more


def test_a_parallel_gripper_takes_one_joint_and_not_two(actions, monkeypatch):
    data = replace(PANDA, kind="parallel_gripper", name="gripper")
    gripper = Gripper(fake_gripper.Node({"gripper": PARALLEL}), data)
    gripper.command(True)
    assert gripper.problem() is None
    command = actions["gripper"].goals[0].command
    assert list(command.name) == ["panda_finger_joint1"]
    assert (list(command.position), list(command.effort)) == ([0.04], [20.0])
    monkeypatch.delattr(sys.modules["control_msgs.action"], "ParallelGripperCommand")
    with pytest.raises(MissingDependencyError, match="no action ParallelGripperCommand"):
        Gripper(fake_gripper.Node(), data)
    gripper = Gripper(fake_gripper.Node({"gripper": PARALLEL}), replace(data, kind="auto"))
    assert "no action ParallelGripperCommand" in gripper.missing()


@pytest.mark.parametrize(
    ("robot", "servers", "heard", "name"),
    [
        (UR5E, {UR5E.name: GRIPPER}, {}, UR5E.name),
        (UR5E, {UR5E.name: PARALLEL}, {}, UR5E.name),
        (FR3, {"/fr3_gripper/gripper_action": GRIPPER}, {}, "/fr3_gripper/gripper_action"),
        (FR3, {"/franka_gripper/gripper_action": GRIPPER}, {}, "/franka_gripper/gripper_action"),
        (XARM, {"xarm_gripper/gripper_action": GRIPPER}, {XARM_TOPIC: [(TRAJECTORY,)]}, "xarm_gripper/gripper_action"),
    ],
)
def test_a_gripper_is_found_under_the_name_and_of_the_kind_of_its_release(actions, robot, servers, heard, name):
    gripper = Gripper(fake_gripper.Node(servers, heard), robot)
    assert gripper.missing() == ""
    gripper.command(True)
    assert gripper.problem() is None
    assert len(actions[name].goals) == 1


def test_a_gripper_that_is_not_there_or_another_is_named_with_what_was_found(actions):
    node = fake_gripper.Node()
    gripper = Gripper(node, FR3)
    gripper.command(True)
    assert "no action server" in gripper.problem()
    assert "under /franka_gripper/gripper_action, /fr3_gripper/gripper_action; kinds found: none" in gripper.problem()
    assert not gripper.busy()
    node.servers[FR3.name] = GRIPPER  # its driver is started
    assert gripper.missing() == ""
    node = fake_gripper.Node({PANDA.name: PARALLEL})
    text = Gripper(node, replace(PANDA, kind="gripper_command")).missing()
    assert f"no action server (GripperCommand) under {PANDA.name}; kinds found: {PANDA.name}: {PARALLEL}" in text
    strange = {PANDA.name: "franka_msgs/action/Grasp"}
    assert (
        "kinds found: panda_hand_controller/gripper_cmd: franka_msgs"
        in Gripper(fake_gripper.Node(strange), PANDA).missing()
    )


def test_an_arm_topic_heard_only_by_those_who_do_not_move_anything_is_a_problem():
    heard = {"arm/joint_trajectory": [(TRAJECTORY, "safety_node"), (TRAJECTORY, "rosbag2_recorder")]}
    node = fake_gripper.Node(heard=heard)
    assert "nobody listens to /arm/joint_trajectory" in missing_arm(node, "arm/joint_trajectory")
    heard["arm/joint_trajectory"].append((TRAJECTORY, "joint_trajectory_controller"))
    assert missing_arm(node, "arm/joint_trajectory") == ""


def test_a_goal_that_came_too_late_is_cancelled_and_says_nothing_of_the_next():
    client = fakes.ActionClient(types.SimpleNamespace(Goal=int), "slow")
    call = gripper_commands.ActionCall(client, "slow")
    answers = [fakes.Future(done=False), fakes.Future(done=False)]
    client.send_goal_async = lambda goal: answers[goal]
    call.start(0)
    call.start(1)
    first, second = fakes.Goal(True), fakes.Goal(True)
    answers[0].finish(first)
    answers[1].finish(second)
    assert (first.cancelled, second.cancelled) == (True, False)
    first.end(GoalStatus.STATUS_CANCELED)
    assert call.outcome() is None
    second.end(GoalStatus.STATUS_SUCCEEDED)
    assert call.wait(0.1).status == GoalStatus.STATUS_SUCCEEDED
    assert call.outcome() is not None
