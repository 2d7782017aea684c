"""Whoever publishes joint states under new stamps, or too seldom, is named with the remedy, once in the log."""

import logging
from types import SimpleNamespace

import pytest
from rclpy.node import Node
from sensor_msgs.msg import JointState

from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_ros import qos
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.joint_state_sources import JointStateSources


def arm_at(rate_hz):
    now = [0.0]
    arm = ArmState(JOINT_NAMES, (), 0.2, clock=lambda: now[0])
    for _ in range(30):
        now[0] += 1.0 / rate_hz
        arm.update(Joints(dict(zip(JOINT_NAMES, HOME_Q, strict=True)), int(1e9 * now[0])))
    return arm


class Graph:
    def __init__(self, *publishers):
        self.ends = [SimpleNamespace(node_name=name) for name in publishers]

    def get_publishers_info_by_topic(self, topic):
        assert topic == "/remapped/joint_states"
        return self.ends

    def get_logger(self):
        return logging.getLogger("sources")


def sources(arm, *publishers):
    return JointStateSources(Graph(*publishers), SimpleNamespace(topic_name="/remapped/joint_states"), arm, 0.2)


@pytest.mark.parametrize("name", ["joint_state_publisher", "joint_state_publisher_gui"])
def test_a_republisher_is_named_with_the_remedy_and_logged_once(caplog, name):
    arm = arm_at(30.0)
    looked = sources(arm, "joint_state_broadcaster", name)
    with caplog.at_level(logging.WARNING):
        (text,) = looked.troubles()
        assert looked.troubles() == [text]
    assert f"{name} publishes /remapped/joint_states" in text
    assert "franka/joint_states" in text
    assert [record.message for record in caplog.records] == [text]
    looked._node.ends.pop()
    assert looked.troubles() == []


def test_states_so_seldom_that_one_lost_is_a_fault_are_told():
    assert sources(arm_at(30.0), "joint_state_broadcaster").troubles() == []
    (text,) = sources(arm_at(10.0), "xarm_driver").troubles()
    assert "joint_states come at 10 Hz: with a limit of 0.20 s" in text
    assert "have them at 12 Hz, or set the limit to 0.25 s" in text


def test_a_republisher_is_seen_over_dds(client):
    node = Node("joint_state_publisher")
    try:
        node.create_publisher(JointState, "joint_states", qos.RELIABLE)
        joints = client.node.create_subscription(JointState, "joint_states", lambda _: None, qos.images("best_effort"))
        looked = JointStateSources(client.node, joints, arm_at(30.0), 0.2)
        assert client.wait_for(looked.troubles, 20.0)
    finally:
        node.destroy_node()
