"""Grippers by topic and by action, against fakes of the interfaces of two releases."""

import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
from action_msgs.msg import GoalStatus

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

import fake_moveit_messages as fakes

from dynarend_core.errors import MissingDependencyError
from dynarend_ros import gripper_commands
from dynarend_ros.gripper_commands import make_gripper
from dynarend_ros.robots import find_robot

PANDA, XARM = find_robot("panda").gripper, find_robot("xarm7").gripper


@pytest.fixture
def actions(monkeypatch):
    made = {}

    def make(_node, kind, name):
        made[name] = fakes.ActionClient(kind, name)
        return made[name]

    monkeypatch.setattr(gripper_commands, "action_client", make)
    return made


def test_joint_trajectory_and_forward_command_topics():
    node = fakes.Node()
    gripper = make_gripper(node, XARM)
    gripper.command(False)
    (sent,) = node.topics["xarm_gripper_traj_controller/joint_trajectory"]
    assert list(sent.joint_names) == ["drive_joint"]
    assert list(sent.points[0].positions) == [0.85]
    assert sent.points[0].time_from_start.nanosec == 500_000_000
    gripper = make_gripper(node, replace(PANDA, kind="topic", name="fingers/commands"))
    gripper.command(True)
    assert list(node.topics["fingers/commands"][0].data) == [0.04, 0.04]
    assert gripper.problem() is None
    assert not gripper.busy()


@pytest.mark.parametrize("release", ["humble", "jazzy"])
def test_gripper_command_action(monkeypatch, actions, release):
    fakes.install(monkeypatch, release)
    gripper = make_gripper(fakes.Node(), PANDA)
    gripper.command(False)
    client = actions[PANDA.name]
    assert (client.goals[0].command.position, client.goals[0].command.max_effort) == (0.0, 20.0)
    assert gripper.busy()
    client.handles[0].end(GoalStatus.STATUS_ABORTED, stalled=True)  # it holds something
    assert gripper.problem() is None
    assert not gripper.busy()
    client.ready = False
    gripper.command(True)
    assert "has no server" in gripper.problem()
    client.ready, client.accepts = True, False
    gripper.command(True)
    assert "refused" in gripper.problem()
    assert not gripper.busy()


def test_parallel_gripper_action_where_the_release_has_it(monkeypatch, actions):
    data = replace(PANDA, kind="parallel_gripper", name="gripper")
    fakes.install(monkeypatch, "jazzy")
    gripper = make_gripper(fakes.Node(), data)
    gripper.command(True)
    command = actions["gripper"].goals[0].command
    assert list(command.name) == ["panda_finger_joint1", "panda_finger_joint2"]
    assert (list(command.position), list(command.effort)) == ([0.04, 0.04], [20.0, 20.0])
    fakes.install(monkeypatch, "humble")
    with pytest.raises(MissingDependencyError, match="no action ParallelGripperCommand"):
        make_gripper(fakes.Node(), data)


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
