"""A process that stands for the robot's driver: joint states out, joint trajectories followed as a controller does."""

import time
from dataclasses import dataclass

import numpy as np
from controller import Controller
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_ros import qos, runtime, topics
from dynarend_ros.conversions import joint_state_to_message
from dynarend_ros.parameters import NodeParameters, parameter

FINGERS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class Parameters:
    silent_after_s: float = parameter(1e6, "Stop publishing joint states after the first motion began [s].")
    from_measured: bool = parameter(True, "Begin commands at the measured state, as controllers up to Kilted do.")
    lag_s: float = parameter(0.0, "How far the arm is behind its set point [s].")


class FakeArm(runtime.SpinningNode):
    def __init__(self, parameters=Parameters):
        super().__init__("fake_arm")
        self.p = NodeParameters(self, parameters).values
        self.controller = Controller(JOINT_NAMES, HOME_Q.copy(), self.p.from_measured, self.p.lag_s)
        self.finger, self.first = 0.04, None
        self.states = self.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
        self.create_subscription(JointTrajectory, topics.ARM_TRAJECTORY, self.follow, qos.RELIABLE)
        self.create_subscription(JointTrajectory, topics.GRIPPER_TRAJECTORY, self.grip, qos.RELIABLE)

    def follow(self, message):
        try:
            self.controller.receive(message, time.time())
        except InvalidInputError as error:
            self.get_logger().error(f"ignored: {error}")
            return
        self.first = self.first or time.monotonic()

    def grip(self, message):
        self.finger = message.points[-1].positions[0]

    def tick(self):
        now_ns = time.time_ns()
        self.controller.step(1e-9 * now_ns)
        if self.first is None or time.monotonic() - self.first < self.p.silent_after_s:
            q = np.concatenate([self.controller.q, [self.finger] * 2])
            self.states.publish(joint_state_to_message((*JOINT_NAMES, *FINGERS), q, np.zeros(9), now_ns))
        return 0.01


if __name__ == "__main__":
    raise SystemExit(runtime.run(FakeArm))
