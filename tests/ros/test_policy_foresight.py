"""What the policy node shows of what it foresees: nothing unasked, and a flag when something else came."""

import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import Float32, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.types import PointCloud
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_to_message, goal_status_to_message, rgb_from_message, stamp_to_ns

TABLE = np.stack(np.meshgrid(np.linspace(0.1, 0.8, 100), np.linspace(-0.4, 0.4, 100)), axis=-1).reshape(-1, 2)


class Operator:
    """Everything around the policy node: cameras, an executor that only answers, and a person who asks for steps."""

    def __init__(self, client):
        self.client, self.keyframes, self.pictures, self.errors = client, [], [], []
        node = client.node
        self.cloud = node.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
        self.instruction = node.create_publisher(String, topics.INSTRUCTION, qos.LATCHED)
        self.executed = node.create_publisher(GoalStatus, topics.EXECUTION_STATUS, qos.RELIABLE)
        node.create_subscription(MultiDOFJointTrajectory, topics.KEYFRAME, self.keyframes.append, qos.KEYFRAME)
        self.step_service = node.create_client(Trigger, topics.STEP)
        self.joints = []
        node.create_subscription(JointState, topics.JOINT_STATES, self.joints.append, qos.RELIABLE)

    def listen(self):
        self.client.node.create_subscription(Image, topics.FORESEEN, self.pictures.append, qos.RELIABLE)
        self.client.node.create_subscription(Float32, topics.PREDICTION_ERROR, self.errors.append, qos.RELIABLE)
        wanted = (topics.FORESEEN, topics.PREDICTION_ERROR)
        assert self.client.wait_for(lambda: all(map(self.client.node.count_publishers, wanted)), 20.0)
        time.sleep(1.0)  # the node must have found the subscriptions, too

    def see(self, grey):
        xyz = np.column_stack([TABLE, np.zeros(len(TABLE))]).astype(np.float32)
        cloud = PointCloud(xyz, np.full((len(xyz), 3), grey, np.uint8), time.time_ns())
        self.cloud.publish(cloud_to_message(cloud, "panda_link0"))

    def show_until(self, condition, grey):
        """Publish clouds until the condition holds."""
        deadline = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < deadline
            self.see(grey)
            time.sleep(0.1)

    def step(self, before, after):
        """One keyframe at a table that looks ``before``, carried out, then at one that looks ``after``."""
        n = len(self.keyframes)
        for _ in range(5):  # or the node would act on the last cloud of the step before
            self.see(before)
            time.sleep(0.1)
        self.step_service.call_async(Trigger.Request())
        failed = 0

        def came():
            # The node may not have heard of the arm yet, though this process has: that step failed, ask for another.
            nonlocal failed
            if self.client.policy_status["failures"] > failed:
                failed = self.client.policy_status["failures"]
                self.step_service.call_async(Trigger.Request())
            return len(self.keyframes) > n

        self.show_until(came, before)
        stamp_ns = stamp_to_ns(self.keyframes[-1].header.stamp)
        time.sleep(0.5)
        errors, done = len(self.errors), self.client.policy_status["step"]
        self.executed.publish(goal_status_to_message(GoalStatus.STATUS_SUCCEEDED, stamp_ns))
        self.client.wait_for(lambda: self.client.policy_status["step"] > done, 2.0)
        return errors, after


@pytest.fixture
def operator(client):
    return Operator(client)


def begin(client, operator):
    found = lambda: operator.step_service.service_is_ready() and operator.cloud.get_subscription_count()  # noqa: E731
    assert client.wait_for(lambda: client.is_up("policy_node") and found() and operator.joints, 150.0)
    time.sleep(1.0)
    operator.instruction.publish(String(data="brighten the table"))
    assert client.wait_for(lambda: client.policy_status.get("instruction") == "brighten the table", 20.0)


def flag(client):
    return client.counters.get("policy_node", {}).get("message", "")


def test_nothing_is_rendered_until_somebody_listens_and_a_failed_step_is_flagged(start, client, operator):
    start(start.double("fake_arm"), start.double("foreseeing_policy_node", name="policy_node", autorun=False))
    begin(client, operator)
    operator.step(before=100, after=180)
    assert not [line for line in start.logs if "rendered" in line]

    operator.listen()
    errors, after = operator.step(before=100, after=180)
    operator.show_until(lambda: len(operator.errors) > errors, after)
    assert operator.errors[-1].data < 0.05  # it came as foreseen
    picture = rgb_from_message(operator.pictures[-1])
    assert picture.shape == (64, 64, 3)
    assert (picture == 180).all()
    assert "not do what was foreseen" not in flag(client)
    assert len([line for line in start.logs if "rendered" in line]) == 2  # the future, then the present to compare

    errors, after = operator.step(before=100, after=100)
    operator.show_until(lambda: len(operator.errors) > errors, after)
    assert operator.errors[-1].data > 50  # nothing came
    assert client.wait_for(lambda: "not do what was foreseen" in flag(client), 10.0)
    assert client.counters["policy_node"]["prediction_error"]
    operator.instruction.publish(String(data="again"))
    assert client.wait_for(lambda: "not do what was foreseen" not in flag(client), 10.0)


def test_a_policy_without_renderer_says_so_once_and_acts(start, client, operator):
    start(start.double("fake_arm"), start.double("foreseeing_policy_node", name="policy_node", policy="blind"))
    begin(client, operator)
    operator.listen()
    operator.step(before=100, after=180)
    assert len([line for line in start.logs if "stay silent: blind holds no renderer" in line]) == 1
    assert not operator.pictures
    assert not operator.errors
