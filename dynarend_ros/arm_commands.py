"""Commands to a joint_trajectory_controller by its topic: follow this, or brake and hold."""

from __future__ import annotations

import time

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from dynarend_core.planning.braking import brake
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros import qos
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import duration_from_seconds, trajectory_to_message

Array = np.ndarray


class ArmCommands:
    """Publishes motions, and remembers the last one: it tells where the arm is when nothing else does.

    Args:
        node: Whose publisher it is.
        topic: The controller's topic.
        robot: Names and accelerations of the joints.
        arm: Where the arm is.
    """

    def __init__(self, node: Node, topic: str, robot: Robot, arm: ArmState) -> None:
        self._topic = node.create_publisher(JointTrajectoryMessage, topic, qos.RELIABLE)
        self._robot = robot
        self._arm = arm
        self._sent: tuple[JointTrajectory, float] | None = None

    def follow(self, trajectory: JointTrajectory) -> None:
        """Start a motion now; it replaces the one under way."""
        self._sent = (trajectory, time.monotonic())
        self._topic.publish(trajectory_to_message(trajectory, self._robot.joints))

    def hold(self) -> None:
        """Brake and stay.

        One point a moment ahead, which every joint_trajectory_controller follows; a trajectory without points, which
        some take for "stop" and others refuse, is sent only where nothing is known about the arm.
        """
        motion = self._present_motion()
        self._sent = None
        if motion is None:
            self._topic.publish(trajectory_to_message(None, self._robot.joints))
            return
        self._topic.publish(hold_message(self._robot, *motion))

    def _present_motion(self) -> tuple[Array, Array] | None:
        """Positions and velocities now: as measured, else as commanded."""
        measured = self._arm.motion()
        if measured is not None:
            return measured
        if self._sent is not None:
            trajectory, since_s = self._sent
            elapsed_s = time.monotonic() - since_s
            if elapsed_s < trajectory.duration_s:
                return trajectory.sample(elapsed_s)
        return None


def hold_message(robot: Robot, q: Array, qd: Array) -> JointTrajectoryMessage:
    """One point: where the arm comes to rest if it brakes now."""
    end, seconds = brake(q, qd, robot.joint_accelerations)
    message = JointTrajectoryMessage(joint_names=list(robot.joints))
    point = JointTrajectoryPoint(positions=end.tolist(), velocities=np.zeros(len(end)).tolist())
    point.time_from_start = duration_from_seconds(seconds)
    message.points = [point]
    return message
