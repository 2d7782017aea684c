"""A process that stands for the robot's driver: joint states out, joint trajectories followed exactly."""

import time
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_ros import qos, runtime, topics
from dynarend_ros.conversions import joint_state_to_message, trajectory_from_message
from dynarend_ros.parameters import NodeParameters, parameter

FINGERS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class Parameters:
    silent_after_s: float = parameter(1e6, "Stop publishing joint states after the first motion began [s].")


class FakeArm(runtime.SpinningNode):
    def __init__(self):
        super().__init__("fake_arm")
        self.p = NodeParameters(self, Parameters).values
        self.q, self.finger = HOME_Q.copy(), 0.04
        self.trajectory, self.start, self.first = None, 0.0, None
        self.states = self.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
        self.create_subscription(JointTrajectory, topics.ARM_TRAJECTORY, self.follow, qos.RELIABLE)
        self.create_subscription(JointTrajectory, topics.GRIPPER_TRAJECTORY, self.grip, qos.RELIABLE)

    def follow(self, message):
        self.trajectory, self.start = trajectory_from_message(message, JOINT_NAMES), time.monotonic()
        self.first = self.first or self.start

    def grip(self, message):
        self.finger = message.points[-1].positions[0]

    def tick(self):
        now = time.monotonic()
        if self.trajectory is not None:
            self.q, _ = self.trajectory.sample(now - self.start)
        if self.first is None or now - self.first < self.p.silent_after_s:
            q = np.concatenate([self.q, [self.finger] * 2])
            self.states.publish(joint_state_to_message((*JOINT_NAMES, *FINGERS), q, np.zeros(9), time.time_ns()))
        return 0.01


if __name__ == "__main__":
    raise SystemExit(runtime.run(FakeArm))
