"""The executor against a fake arm in another process: what it carries out, what it refuses, when it stops."""

import signal
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState, PointCloud2
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.types import Keyframe, PointCloud
from dynarend_ros import qos, runtime, topics
from dynarend_ros.conversions import cloud_to_message, joint_state_from_message, keyframe_to_message
from dynarend_ros.executor_node import ExecutorNode
from dynarend_ros.executor_parameters import ExecutorParameters

GRASP_DOWN = np.diag([1.0, -1.0, -1.0])


def moves(message):
    """Whether a trajectory is a motion; a hold has one point."""
    return len(message.points) > 1


class Arm:
    """What the test sees of the arm, and how it sends keyframes."""

    def __init__(self, client):
        self.client, self.q, self.trajectories = client, None, []
        self.keyframe = client.node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        client.node.create_subscription(JointState, topics.JOINT_STATES, self.on_joints, qos.RELIABLE)
        client.node.create_subscription(JointTrajectory, topics.ARM_TRAJECTORY, self.trajectories.append, qos.RELIABLE)

    def on_joints(self, message):
        self.q = joint_state_from_message(message).select(JOINT_NAMES)

    def tip(self):
        return ArmKinematics().forward(self.q)[:3, 3]

    def is_still(self):
        before = self.q
        time.sleep(0.3)
        return np.abs(self.q - before).max() < 1e-6

    def comes_to_rest(self, within_s=5.0):
        deadline = time.monotonic() + within_s
        while not self.is_still():
            if time.monotonic() > deadline:
                return False
        return True

    def send(self, position, frame="panda_link0", stamp_ns=None, gripper_open=True):
        T = se3.make(GRASP_DOWN, np.array(position))
        message = keyframe_to_message(Keyframe(T, gripper_open), frame, stamp_ns or time.time_ns())
        self.keyframe.publish(message)

    def result_of(self, position, **flags):
        n = len(self.client.executions)
        self.send(position, **flags)
        assert self.client.wait_for(lambda: len(self.client.executions) > n, 15.0), "no answer"
        return self.client.executions[-1]


@pytest.fixture
def arm(client):
    return Arm(client)


def executor(start, **parameters):
    return start.node("executor_node", cloud_max_age_s=0.0, **parameters)


def ready(client, arm, with_arm=True):
    up = lambda: client.is_up("executor_node") and arm.keyframe.get_subscription_count()  # noqa: E731
    assert client.wait_for(lambda: up() and (arm.q is not None or not with_arm), 30.0)
    time.sleep(1.0)  # the nodes must have found each other, not only the test


def test_reachable_keyframes_are_reached_and_impossible_ones_refused_with_the_reason(start, client, arm):
    start(start.double("fake_arm"), executor(start))
    ready(client, arm)
    assert arm.result_of([0.5, 0.1, 0.3], gripper_open=False).startswith("succeeded")
    np.testing.assert_allclose(arm.tip(), [0.5, 0.1, 0.3], atol=2e-3)
    moved = len(arm.trajectories)
    assert "aborted: out_of_bounds" in arm.result_of([0.5, 0.1, -0.3])  # into the table
    assert "aborted: out_of_bounds" in arm.result_of([2.0, 0.0, 0.5])  # outside the workspace
    assert "aborted: ik" in arm.result_of([0.95, 0.5, 0.8])  # inside, but beyond the arm's reach
    assert "non-finite" in arm.result_of([np.nan, 0.0, 0.5])
    assert "it is in frame 'world'" in arm.result_of([0.5, 0.1, 0.3], frame="world")
    assert not arm.trajectories[moved:]  # an arm that was not moved is not commanded
    assert arm.result_of([0.5, -0.1, 0.3]).startswith("succeeded")  # and it still works


def test_stop_ends_a_motion(start, client, arm):
    start(start.double("fake_arm"), executor(start, velocity_factor=0.1))
    ready(client, arm)
    arm.send([0.4, 0.35, 0.3])
    assert client.wait_for(lambda: any(moves(t) for t in arm.trajectories), 10.0)
    time.sleep(0.5)
    assert not arm.is_still()
    assert "cancelled" in client.call(topics.STOP)
    assert client.wait_for(lambda: bool(client.executions), 5.0)
    assert client.executions[-1] == "cancelled: stopped: stop was called"
    assert arm.comes_to_rest()


def test_a_keyframe_sent_twice_is_carried_out_once_and_one_from_before_a_stop_not_at_all(start, client, arm):
    start(start.double("fake_arm"), start.node("executor_node"))
    ready(client, arm)
    assert "no recent cloud to plan around: none arrived" in arm.result_of([0.5, 0.1, 0.3])
    cloud = client.node.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
    assert client.wait_for(lambda: cloud.get_subscription_count(), 10.0)
    stamp_ns = time.time_ns()
    points = PointCloud(np.array([[0.3, -0.4, 0.1]], np.float32), np.zeros((1, 3), np.uint8), stamp_ns)
    cloud.publish(cloud_to_message(points, "panda_link0"))
    time.sleep(0.3)
    assert arm.result_of([0.5, 0.1, 0.3], stamp_ns=stamp_ns).startswith("succeeded")
    arm.send([0.5, -0.1, 0.3], stamp_ns=stamp_ns)
    client.call(topics.STOP)
    late = arm.result_of([0.5, -0.1, 0.3], stamp_ns=stamp_ns - 1)
    assert late == "aborted: stopped: refused: it was thought out before stop was called"
    assert len([e for e in client.executions if e.startswith("succeeded")]) == 1
    np.testing.assert_allclose(arm.tip(), [0.5, 0.1, 0.3], atol=2e-3)


def test_a_killed_source_of_keyframes_stops_the_arm(start, client, arm):
    start(start.double("fake_arm"), executor(start, velocity_factor=0.02))
    ready(client, arm)  # or the only trajectory is sent before arm and test listen
    client.node.destroy_publisher(arm.keyframe)
    source = start(start.double("keyframe_source"))
    assert client.wait_for(lambda: any(moves(t) for t in arm.trajectories), 30.0)
    time.sleep(0.3)
    assert not arm.is_still()
    source.nodes[0].process.send_signal(signal.SIGKILL)
    assert client.wait_for(lambda: bool(client.executions), 5.0)
    assert "the source of keyframes disappeared" in client.executions[-1]
    assert arm.comes_to_rest()


class Listener(ExecutorNode):
    """An executor that listens and has nothing to move."""

    def __init__(self):
        runtime.SpinningNode.__init__(self, "executor_node")
        self._p = ExecutorParameters()
        self._connect()


def test_the_source_of_keyframes_is_found_under_a_remapped_name(ros_domain):
    arguments = ["--ros-args", "-r", f"{topics.KEYFRAME}:=other/keyframe"]
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    node = Listener()
    try:
        assert node._sourceless()
        source = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        assert source.topic_name == "/other/keyframe"
        deadline_s = time.monotonic() + 20.0
        while node._sourceless() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert node._sourceless() is None
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def test_stale_joint_states_are_refused_and_end_a_motion(start, client, arm):
    start(executor(start, velocity_factor=0.02))
    ready(client, arm, with_arm=False)
    assert "joint_states are stale: none arrived yet" in arm.result_of([0.5, 0.1, 0.3])
    assert not any(moves(t) for t in arm.trajectories)
    start(start.double("fake_arm", silent_after_s=0.5))
    age_ms = lambda: float(client.counters["executor_node"]["joint_state_age_ms"])  # noqa: E731
    assert client.wait_for(lambda: age_ms() < 500.0, 15.0)
    assert "joint_states are stale: the last new one" in arm.result_of([0.5, 0.1, 0.3])
    assert client.wait_for(lambda: len(arm.trajectories) and not moves(arm.trajectories[-1]), 2.0)  # told to hold


def test_old_positions_under_new_stamps_end_a_motion(start, client, arm):
    start(start.double("restamped_arm"), executor(start, velocity_factor=0.02))
    ready(client, arm)
    assert "old ones under new stamps" in arm.result_of([0.4, 0.35, 0.3])
    assert client.wait_for(lambda: not moves(arm.trajectories[-1]), 2.0)  # told to hold
    troubled = lambda: "old ones under new stamps" in client.counters["executor_node"]["message"]  # noqa: E731
    assert client.wait_for(troubled, 10.0)


def test_a_keyframe_that_nobody_would_carry_out_is_refused_and_told_of_before(start, client, arm):
    start(start.double("fake_arm"), executor(start, arm_topic="other/joint_trajectory", gripper_name="other"))
    ready(client, arm)
    refusal = arm.result_of([0.5, 0.1, 0.3])
    assert "aborted: controller: nobody listens to /other/joint_trajectory" in refusal
    assert "the gripper is not there" in refusal
    told = lambda: "nobody listens to /other" in client.counters["executor_node"]["message"]  # noqa: E731
    assert client.wait_for(told, 10.0)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP])
def test_an_executor_that_is_ended_leaves_the_arm_holding(signum, start, client, arm):
    runner = start(start.double("fake_arm"), executor(start, velocity_factor=0.02))
    ready(client, arm)
    maps = [Path(f"/proc/{node.process.pid}/maps").read_text() for node in runner.nodes]
    assert ["/dev/shm/fast" in text for text in maps] == [True, False]  # no locks that a killed process may keep
    arm.send([0.4, 0.35, 0.3])
    assert client.wait_for(lambda: any(moves(t) for t in arm.trajectories), 10.0)
    runner.nodes[1].process.send_signal(signum)
    assert runner.nodes[1].process.wait(20.0) == 0
    assert client.wait_for(lambda: not moves(arm.trajectories[-1]), 10.0)
    assert arm.is_still()
