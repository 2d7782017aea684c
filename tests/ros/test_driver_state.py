"""What the robots' drivers say, and that silence is not health."""

import logging
import sys
from types import SimpleNamespace

import pytest
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from std_msgs.msg import Bool, UInt8

from dynarend_ros import qos
from dynarend_ros.driver_state import watch_driver
from dynarend_ros.safety_state import SafetyLimits, SafetyMachine

SAFETY, PROGRAM = "/io_and_status_controller/safety_mode", "/io_and_status_controller/robot_program_running"
FRANKA = "/franka_robot_state_broadcaster/robot_state"


class FakeNode:
    """Keeps the subscriptions; ``hear`` delivers a message to one of them."""

    def __init__(self):
        self.subscriptions, self.timers = {}, []

    def create_timer(self, period_s, callback, clock):
        self.timers.append(callback)

    def create_subscription(self, kind, topic, callback, profile):
        self.subscriptions.setdefault(topic, []).append((callback, profile))

    def resolve_topic_name(self, topic):
        return f"/cell{topic}"

    def get_logger(self):
        return logging.getLogger("test")

    def hear(self, topic, which=0, **fields):
        self.subscriptions[topic][which][0](SimpleNamespace(**fields))


@pytest.fixture
def messages(monkeypatch):
    """The drivers' packages, where they are not installed."""
    for package in ("ur_dashboard_msgs", "franka_msgs"):
        module = SimpleNamespace(SafetyMode=UInt8, FrankaRobotState=UInt8)
        monkeypatch.setitem(sys.modules, package, SimpleNamespace(msg=module))
        monkeypatch.setitem(sys.modules, f"{package}.msg", module)


def watched(driver, clock=lambda: 0.0):
    node, machine = FakeNode(), SafetyMachine(SafetyLimits(), clock, lambda _: None)
    watch_driver(node, driver, machine.robot_problem, clock)
    return node, machine


def test_a_ur_that_was_never_heard_may_not_move(messages):
    node, machine = watched("ur")
    allowed, reason = machine.arm()
    assert not allowed
    assert f"nothing heard on /cell{SAFETY}: does the ur driver run, under this name?" in reason
    node.hear(SAFETY, mode=1)
    reason = machine.arm()[1]
    assert SAFETY not in reason
    assert f"nothing heard on /cell{PROGRAM}" in reason
    node.hear(PROGRAM, data=True)
    assert machine.arm()[0]
    node.hear(SAFETY, which=1, mode=3)
    assert machine.reason == "the robot's safety mode is PROTECTIVE_STOP"


def test_a_ur_is_heard_whether_its_driver_latches_or_not(messages):
    node, _ = watched("ur")
    for topic in (SAFETY, PROGRAM):
        profiles = [profile for _, profile in node.subscriptions[topic]]
        assert [p.reliability for p in profiles] == [ReliabilityPolicy.RELIABLE] * 2
        assert {p.durability for p in profiles} >= {DurabilityPolicy.TRANSIENT_LOCAL}
        assert any(p.durability != DurabilityPolicy.TRANSIENT_LOCAL for p in profiles)


def test_a_franka_that_was_never_heard_may_not_move(messages):
    node, machine = watched("franka")
    assert f"nothing heard on /cell{FRANKA}: does the franka driver run" in machine.arm()[1]
    node.hear(FRANKA, robot_mode=5)
    assert "USER_STOPPED" in machine.arm()[1]
    node.hear(FRANKA, robot_mode=1)
    assert machine.arm()[0]


def test_a_franka_that_falls_silent_is_a_fault_and_a_ur_that_has_nothing_to_say_is_not(messages):
    now = [10.0]
    node, machine = watched("franka", lambda: now[0])

    def look_at(time_s):
        now[0] = time_s
        for look in node.timers:
            look()

    node.hear(FRANKA, robot_mode=1)
    assert machine.arm()[0]
    look_at(10.49)
    assert machine.state.allows_motion
    look_at(10.61)
    assert f"/cell{FRANKA} has been silent for 0.6 s, limit 0.5 s: is the franka driver gone?" in machine.reason
    machine.reset_fault()
    assert "silent" in machine.arm()[1]
    node.hear(FRANKA, robot_mode=2)
    look_at(10.7)
    assert machine.arm()[0]
    node, machine = watched("ur", lambda: now[0])
    node.hear(SAFETY, mode=1)
    node.hear(PROGRAM, data=True)
    look_at(60.0)
    assert machine.arm()[0]


def test_a_robot_without_driver_state_needs_none(messages):
    assert watched("none")[1].arm()[0]


@pytest.mark.parametrize("profile", [qos.LATCHED, qos.RELIABLE], ids=["latched", "volatile"])
def test_both_kinds_of_driver_reach_the_watch_over_dds(messages, client, profile):
    reports = []
    watch_driver(client.node, "ur", reports.append)
    assert PROGRAM in reports[-1]
    publisher = client.node.create_publisher(Bool, PROGRAM, profile)
    assert client.wait_for(lambda: publisher.get_subscription_count() > 0, 20.0)

    def heard():
        publisher.publish(Bool(data=True))
        return PROGRAM not in reports[-1]

    assert client.wait_for(heard, 20.0)
    assert SAFETY in reports[-1]
