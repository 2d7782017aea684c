"""Commands to a joint_trajectory_controller by its topic: follow this, or brake and hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.braking import brake, brake_along, distance_from
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros import qos
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import duration_from_seconds, trajectory_from_message, trajectory_to_message

Array = np.ndarray


class ArmCommands:
    """Publishes motions and stops, and sees to it that a stop was one.

    The controller holds the set point, nobody here does. A stop is therefore placed where it is none the worse for the
    way the arm may have gone since it was last seen (see :mod:`dynarend_core.planning.braking`), and is said again
    while the arm moves on: a message may be lost, or overtaken by a motion that was sent before it.

    Args:
        node: Whose publisher it is.
        topic: The controller's topic.
        robot: Names and accelerations of the joints.
        arm: Where the arm is.
        clock: Steady time [s].
    """

    FRESH_S = 0.1
    """Up to this age the measured motion is believed; beyond it the arm is somewhere on its way."""
    KNOWN_S = 1.0
    """An arm not seen for longer may be anywhere."""
    ON_PATH_RAD = 0.15
    RESTING_RAD_S = 0.02
    ALLOWANCE_S = 0.25
    INSISTS_S = 3.0

    def __init__(
        self, node: Node, topic: str, robot: Robot, arm: ArmState, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._topic = node.create_publisher(JointTrajectoryMessage, topic, qos.RELIABLE)
        self._robot = robot
        self._arm = arm
        self._clock = clock
        self._lock = threading.RLock()
        self._path: JointTrajectory | None = None
        self._held_s = self._stop_due_s = self._insist_until_s = -np.inf
        self.repeated = 0

    def follow(self, trajectory: JointTrajectory) -> None:
        """Start a motion now; it replaces the one under way."""
        with self._lock:
            self._path = trajectory
            self._held_s = self._insist_until_s = -np.inf
            self._topic.publish(trajectory_to_message(trajectory, self._robot.joints))

    def heard(self, message: JointTrajectoryMessage) -> None:
        """Somebody else's command on the same topic: a motion is the way the arm goes now."""
        if len(message.points) < 2:
            self._held_s = self._clock()
            return
        try:
            trajectory = trajectory_from_message(message, self._robot.joints)
        except InvalidInputError:
            return  # the controller refuses it, too
        with self._lock:
            self._path, self._held_s = trajectory, -np.inf

    def hold(self) -> None:
        """Brake and stay. Told to already, and not seen since, the arm is not told again: it would only go farther."""
        with self._lock:
            now = self._clock()
            self._insist_until_s = now + self.INSISTS_S
            age_s = self._arm.age_s()
            if age_s <= self.FRESH_S or not self._held_s > now - age_s:
                self._send_hold()

    def insist(self) -> bool:
        """Call often: says the stop again if the arm is seen to move when it should rest; returns whether it did."""
        with self._lock:
            now = self._clock()
            if not self._stop_due_s < now < self._insist_until_s:
                return False
            seen = self._arm.motion()
            if seen is None or seen[2] > self.FRESH_S or float(np.abs(seen[1]).max()) < self.RESTING_RAD_S:
                return False
            self.repeated += 1
            self._send_hold()
            return True

    @property
    def stopping(self) -> bool:
        """Whether the arm was told to hold a moment ago and is not seen to rest yet."""
        with self._lock:
            now = self._clock()
            if not now < self._insist_until_s:
                return False
            seen = self._arm.motion()
            if seen is None or seen[2] > self.FRESH_S:
                return now < self._stop_due_s
            return float(np.abs(seen[1]).max()) >= self.RESTING_RAD_S

    def _send_hold(self) -> None:
        """One point a moment ahead, which every joint_trajectory_controller follows.

        A trajectory without points, which some take for "stop" and others refuse, is sent only where nothing is known
        about the arm.
        """
        end = self._end()
        self._held_s = self._clock()
        self._stop_due_s = self._held_s + self.ALLOWANCE_S + (end[1] if end else 0.0)
        hold = trajectory_to_message(None, self._robot.joints) if end is None else _one_point(self._robot, *end)
        self._topic.publish(hold)

    def _end(self) -> tuple[Array, float] | None:
        """Where the arm shall come to rest, and in what time [s]."""
        seen = self._arm.motion()
        if seen is None or seen[2] > self.KNOWN_S:
            return None
        q, qd, age_s = seen
        accelerations = self._robot.joint_accelerations
        path = self._path
        if age_s > self.FRESH_S and path is not None and distance_from(path, q) < self.ON_PATH_RAD:
            return brake_along(path, q, accelerations, age_s)
        return brake(q, qd, accelerations, age_s)


def _one_point(robot: Robot, end: Array, seconds: float) -> JointTrajectoryMessage:
    message = JointTrajectoryMessage(joint_names=list(robot.joints))
    point = JointTrajectoryPoint(positions=end.tolist(), velocities=np.zeros(len(end)).tolist())
    point.time_from_start = duration_from_seconds(seconds)
    message.points = [point]
    return message
