"""Keyframes wait for an executor: what records or shows them does not carry them out."""

import time

import pytest
import rclpy
from action_msgs.msg import GoalStatus
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_ros import qos, topics
from dynarend_ros.executor_presence import ExecutorPresence


@pytest.fixture
def make(ros_domain):
    rclpy.init(args=["--ros-args", "-r", "keyframe:=other/keyframe"], signal_handler_options=SignalHandlerOptions.NO)
    nodes = []

    def make_node(name):
        nodes.append(Node(name))
        return nodes[-1]

    yield make_node
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


def becomes(presence, present):
    deadline_s = time.monotonic() + 20.0
    while presence.is_there() != present and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return presence.is_there() == present


def test_only_who_listens_and_answers_is_an_executor(make):
    policy, recorder, arm = make("policy"), make("recorder"), make("arm")
    keyframes = policy.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
    answers = policy.create_subscription(GoalStatus, topics.EXECUTION_STATUS, lambda _m: None, qos.RELIABLE)
    presence = ExecutorPresence(policy, keyframes, answers)
    assert "/other/keyframe" in presence.missing()

    recorder.create_subscription(MultiDOFJointTrajectory, topics.KEYFRAME, lambda _m: None, qos.KEYFRAME)
    recorder.create_subscription(GoalStatus, topics.EXECUTION_STATUS, lambda _m: None, qos.RELIABLE)
    ends = lambda: recorder.count_subscribers(keyframes.topic_name)  # noqa: E731
    deadline_s = time.monotonic() + 20.0
    while not ends() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert ends() == 1
    arm.create_publisher(GoalStatus, topics.EXECUTION_STATUS, qos.EXECUTION_STATUS)
    time.sleep(0.3)
    assert presence.missing()

    listener = arm.create_subscription(MultiDOFJointTrajectory, topics.KEYFRAME, lambda _m: None, qos.KEYFRAME)
    assert becomes(presence, True)
    arm.destroy_subscription(listener)
    assert becomes(presence, False)
