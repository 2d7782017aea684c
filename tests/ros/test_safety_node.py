"""Safety node, executor and a fake arm as real processes: who may move when, and what stops the arm.

The times allowed are for busy test machines; ``benchmarks/bench_stop.py`` measures.
"""

import signal
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.types import Keyframe
from dynarend_ros import qos, topics
from dynarend_ros.conversions import joint_state_from_message, keyframe_to_message

GRASP_DOWN = np.diag([1.0, -1.0, -1.0])
SERVICES = (topics.ARM, topics.DISARM, topics.RESET_FAULT, topics.SAFETY_STOP, topics.CONFIRM)


class Operator:
    """Sends keyframes and heartbeats, calls services, sees states."""

    def __init__(self, client):
        self.client, node = client, client.node
        self.q, self.moved_s, self.state, self.reason, self.plans = None, 0.0, "", "", []
        self.alive = True
        self.services = {name: node.create_client(Trigger, name) for name in SERVICES}
        self.keyframe = node.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        self.heartbeat = node.create_publisher(Empty, topics.HEARTBEAT, qos.RELIABLE)
        node.create_subscription(JointState, topics.JOINT_STATES, self.on_joints, qos.RELIABLE)
        node.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self.on_state, qos.LATCHED)
        node.create_subscription(JointTrajectory, topics.PLANNED_TRAJECTORY, self.plans.append, qos.LATCHED)
        node.create_timer(0.1, lambda: self.alive and self.heartbeat.publish(Empty()))

    def on_joints(self, message):
        q = joint_state_from_message(message).select(JOINT_NAMES)
        if self.q is not None and np.abs(q - self.q).max() > 1e-7:
            self.moved_s = time.monotonic()
        self.q = q

    def on_state(self, message):
        self.state, self.reason = message.message, message.values[0].value

    def call(self, name):
        assert self.services[name].wait_for_service(10.0), name
        future = self.services[name].call_async(Trigger.Request())
        assert self.client.wait_for(future.done, 5.0), name
        return future.result().success, future.result().message

    def send(self, position):
        T = se3.make(GRASP_DOWN, np.array(position))
        self.keyframe.publish(keyframe_to_message(Keyframe(T, True), "panda_link0", time.time_ns()))

    def result_of(self, position):
        n = len(self.client.executions)
        self.send(position)
        assert self.client.wait_for(lambda: len(self.client.executions) > n, 15.0), "no answer"
        return self.client.executions[-1]

    def set_off(self, position=(0.4, 0.35, 0.3)):
        """Begin a slow motion."""
        assert self.client.wait_for(lambda: self.state == "ARMED", 3.0)
        time.sleep(0.3)  # the executor must hear of it, too
        for _ in range(3):  # on a busy machine the executor may not have heard of the arm yet, and refuses
            self.send(position)
            if self.client.wait_for(lambda: self.is_moving() and self.state == "RUNNING", 4.0):
                break
        else:
            raise AssertionError(f"the arm did not set off: {self.state}")
        time.sleep(0.3)

    def is_moving(self):
        return time.monotonic() - self.moved_s < 0.1

    def seconds_to_hold(self, since_s):
        assert self.client.wait_for(lambda: not self.is_moving(), 3.0), "the arm went on"
        return self.moved_s - since_s


@pytest.fixture
def operator(client):
    return Operator(client)


@pytest.fixture
def graph(start, client, operator):
    runner = start(
        start.double("fake_arm"),
        start.node("executor_node", velocity_factor=0.05, require_safety=True, cloud_max_age_s=0.0),
        start.node("safety_node", cloud_max_age_s=0.0, heartbeat_timeout_s=1.5, joint_states_max_age_s=1.0),
    )
    ready = lambda: operator.q is not None and operator.state and operator.keyframe.get_subscription_count()  # noqa: E731
    assert client.wait_for(lambda: ready() and client.is_up("executor_node"), 30.0)
    time.sleep(1.0)  # the nodes must have found each other, not only the test
    return {node.spec.name: node.process for node in runner.nodes}


def test_the_arm_moves_only_while_armed_and_stops_until_somebody_arms_again(graph, client, operator):
    assert "safety: DISARMED" in operator.result_of([0.5, 0.1, 0.3])
    assert operator.call(topics.ARM)[0]
    operator.set_off()
    called_s = time.monotonic()
    assert operator.call(topics.SAFETY_STOP)[0]
    assert operator.seconds_to_hold(called_s) < 1.0
    assert client.wait_for(lambda: operator.state == "PAUSED", 2.0)
    assert "safety: PAUSED" in operator.result_of([0.5, 0.1, 0.3])
    operator.alive = False  # the operator goes away
    assert operator.call(topics.ARM)[0]
    assert client.wait_for(lambda: operator.state == "FAULT", 3.0)
    assert topics.HEARTBEAT in operator.reason
    operator.alive = True
    assert not operator.call(topics.ARM)[0]
    assert operator.call(topics.RESET_FAULT)[0]
    time.sleep(0.3)
    assert operator.call(topics.ARM)[0]
    operator.set_off([0.35, -0.3, 0.4])


def test_a_killed_executor_leaves_the_arm_holding(graph, client, operator):
    assert operator.call(topics.ARM)[0]
    operator.set_off()
    killed_s = time.monotonic()
    graph["executor_node"].send_signal(signal.SIGKILL)
    assert operator.seconds_to_hold(killed_s) < 1.0
    assert client.wait_for(lambda: operator.state == "FAULT", 2.0)
    assert operator.reason == "executor_node disappeared"


def test_a_killed_safety_node_stops_the_arm(graph, client, operator):
    assert operator.call(topics.ARM)[0]
    operator.set_off()
    killed_s = time.monotonic()
    graph["safety_node"].send_signal(signal.SIGKILL)
    assert operator.seconds_to_hold(killed_s) < 1.5
    assert client.wait_for(lambda: bool(client.executions), 2.0)
    assert "safety node disappeared" in client.executions[-1] or "safety_state is" in client.executions[-1]


def test_old_positions_under_new_stamps_are_a_fault(start, client, operator):
    start(
        start.double("restamped_arm", dies_after_s=1.5),
        # The executor trusts them, as where MoveIt moves the arm and nobody else looks.
        start.node("executor_node", velocity_factor=0.05, cloud_max_age_s=0.0, joint_state_max_age_s=10.0),
        # The nodes' own silence is not the matter here, and a busy machine makes some.
        start.node(
            "safety_node", cloud_max_age_s=0.0, joint_states_max_age_s=0.5, node_lease_s=5.0, node_silence_s=20.0
        ),
    )
    ready = lambda: operator.q is not None and operator.state and operator.keyframe.get_subscription_count()  # noqa: E731
    assert client.wait_for(lambda: ready() and client.is_up("executor_node"), 30.0)
    time.sleep(1.0)
    assert operator.call(topics.ARM)[0]
    operator.send((0.4, 0.35, 0.3))
    assert client.wait_for(lambda: operator.state == "FAULT", 20.0), operator.state
    assert "joint_states is 0.5" in operator.reason


def test_a_motion_waits_for_its_confirmation(start, client, operator):
    start(start.double("fake_arm"), start.node("executor_node", confirm=True, velocity_factor=1.0, cloud_max_age_s=0.0))
    assert client.wait_for(lambda: client.is_up("executor_node") and operator.keyframe.get_subscription_count(), 30.0)
    time.sleep(0.3)
    operator.send([0.35, 0.05, 0.5])
    assert client.wait_for(lambda: bool(operator.plans), 5.0)
    time.sleep(0.4)
    assert not operator.is_moving()
    assert operator.call(topics.CONFIRM)[0]
    assert client.wait_for(lambda: client.executions and client.executions[-1].startswith("succeeded"), 10.0)
