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
from dynarend_core.planning.braking import brake, brake_between
from dynarend_core.planning.pieces import progress
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros import qos
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import (
    duration_from_seconds,
    stamp_to_ns,
    trajectory_from_message,
    trajectory_to_message,
)

Array = np.ndarray


class ArmCommands:
    """Publishes motions and stops, and sees to it that a stop was one.

    Where the arm is on the motion that was commanded last follows from the time it was sent, and from the joint states.
    They disagree where a driver is dead and somebody repeats its last positions with new stamps, or where a motion
    never arrived. A stop is therefore placed on the motion, where it is none the worse wherever between the two the arm
    is (see :mod:`dynarend_core.planning.braking`), and is said again while the arm moves on: a message may be lost, or
    overtaken by a motion that was sent before it.

    Args:
        node: Whose publisher it is.
        topic: The controller's topic.
        robot: Names and accelerations of the joints.
        arm: Where the arm is.
        clock: Steady time [s].
    """

    FRESH_S = 0.1
    """Up to this age the measured motion is believed; beyond it the arm is somewhere on its way."""
    SEEN_S = 0.25
    """An arm seen this lately, after its motion should have ended, is no longer on it."""
    KNOWN_S = 1.0
    """An arm without a known motion, not seen for longer, may be anywhere."""
    AHEAD_S = 1.0
    """A set point is at most so far beyond an arm that seems to rest, and the age of its state [s]."""
    OVER_S = 5.0
    """So long after its end a motion still tells where the arm is [s]; then somebody else may have moved it."""
    ON_PATH_RAD = 0.15
    LAG_S = 0.15
    """An arm that is seen to move is at most so far behind its controller's set point [s]."""
    DISOBEYED_S = 0.05
    """An arm seen so far beyond the end of a hold [s on its path] never got it."""
    RESTING_RAD_S = 0.02
    ALLOWANCE_S = 0.25
    INSISTS_S = 3.0

    def __init__(
        self, node: Node, topic: str, robot: Robot, arm: ArmState, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._node = node
        self._topic = node.create_publisher(JointTrajectoryMessage, topic, qos.RELIABLE)
        self._robot = robot
        self._arm = arm
        self._clock = clock
        self._lock = threading.RLock()
        self._path: JointTrajectory | None = None
        self._start_ns = 0
        self._stop_s = np.inf  # where on the path the last hold ends
        self._hold: JointTrajectoryMessage | None = None
        self._ticket = 0
        self._held_s = self._stop_due_s = self._insist_until_s = -np.inf
        self.repeated = 0

    def begin(self) -> int:
        """A ticket for :meth:`send`; those given out before are void, as they are after a hold."""
        with self._lock:
            self._ticket += 1
            return self._ticket

    def send(self, ticket: int, trajectory: JointTrajectory, start_ns: int) -> bool:
        """Publish (a piece of) a motion, unless its ticket is void; returns whether it was.

        Args:
            ticket: Of :meth:`begin`.
            trajectory: Points whose times count from ``start_ns``.
            start_ns: On the clock of the joint states [ns].
        """
        with self._lock:
            if ticket == self._ticket:
                self._publish(trajectory, start_ns, trajectory_to_message(trajectory, self._robot.joints, start_ns))
            return ticket == self._ticket

    def follow(self, trajectory: JointTrajectory) -> None:
        """Start a motion now, all of it; it replaces the one under way."""
        with self._lock:
            self.begin()
            self._publish(trajectory, self._now_ns(), trajectory_to_message(trajectory, self._robot.joints))

    def _publish(self, trajectory: JointTrajectory, start_ns: int, message: JointTrajectoryMessage) -> None:
        self._on(trajectory, start_ns)
        self._insist_until_s = -np.inf
        self._topic.publish(message)

    def _on(self, path: JointTrajectory, start_ns: int) -> None:
        self._path, self._start_ns = path, start_ns
        self._held_s, self._stop_s = -np.inf, np.inf

    def heard(self, message: JointTrajectoryMessage) -> None:
        """Somebody else's command on the same topic: a motion is the way the arm goes now."""
        if len(message.points) < 2:
            self.heard_hold(message)
            return
        try:
            trajectory = trajectory_from_message(message, self._robot.joints)
        except InvalidInputError:
            return  # the controller refuses it, too
        if trajectory is not None:
            with self._lock:
                self._on(trajectory, stamp_to_ns(message.header.stamp) or self._now_ns())

    def heard_hold(self, message: JointTrajectoryMessage) -> None:
        """The same where all motions are one's own: only holds count."""
        if len(message.points) != 1 or message == self._hold:
            return
        try:
            end = trajectory_from_message(message, self._robot.joints)
        except InvalidInputError:
            return
        if end is not None:
            with self._lock:
                self._held_s = self._clock()
                if self._path is not None:
                    self._stop_s = progress(self._path, end.positions[0], 0.0, np.inf)[0]

    def hold(self) -> None:
        """Brake and stay. Told to already, and not seen since, the arm is not told again: it would only go farther."""
        with self._lock:
            self.begin()
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

        None follows a trajectory without points ("Empty trajectory received"), so where nothing is known about the arm
        nothing can be sent.
        """
        end = self._end()
        self._held_s = self._clock()
        if end is None and self._at_rest():
            return
        self._stop_due_s = self._held_s + self.ALLOWANCE_S + (end[1] if end else 0.0)
        if end is not None:
            self._hold = _one_point(self._robot, *end)
            self._topic.publish(self._hold)
            return
        age_s = self._arm.age_s()
        seen = f"was not seen for {age_s:.1f} s" if np.isfinite(age_s) else "was never seen"
        self._node.get_logger().error(
            f"the arm {seen} and no motion of it is known: cannot place a hold; if it moves, use the robot's own stop"
        )

    def _end(self) -> tuple[Array, float] | None:
        """Where the arm shall come to rest, and in what time [s]."""
        seen = self._arm.motion()
        if seen is None:
            return None
        q, qd, age_s = seen
        path, now_s = self._path, 1e-9 * (self._now_ns() - self._start_ns)
        if path is not None and not self._is_over(path, now_s, age_s):
            latest_s = float(np.clip(now_s, path.times_s[0], path.duration_s))
            seen_s, distance = progress(path, q, 0.0, latest_s)
            if distance < self.ON_PATH_RAD:
                end, seconds = self._end_on(path, seen_s, self._not_beyond(path, seen_s, latest_s, qd, age_s))
                return end, max(seconds, self._unhurried_s(q - path.sample(seen_s)[0]))
        if age_s > self.KNOWN_S or self._at_rest():
            return None
        end, seconds = brake(q, qd, self._robot.joint_accelerations, age_s)
        lower, upper = self._robot.joint_range.T
        return np.clip(end, np.minimum(lower, q), np.maximum(upper, q)), seconds

    def _is_over(self, path: JointTrajectory, now_s: float, age_s: float) -> bool:
        """Whether the motion no longer tells where the arm is: it was seen since, or that is too long ago."""
        seen_since = age_s <= self.SEEN_S and now_s - age_s > path.duration_s + self.LAG_S
        return seen_since or now_s > path.duration_s + self.OVER_S

    def _at_rest(self) -> bool:
        """Whether the arm was just seen at rest. Then there is nothing to brake, and a command could only move it."""
        seen = self._arm.motion()
        return seen is not None and seen[2] <= self.SEEN_S and float(np.abs(seen[1]).max()) < self.RESTING_RAD_S

    def _unhurried_s(self, way: Array) -> float:
        """Time for a way off the motion [s], such that a cubic from rest to rest stays below a tenth of the speeds."""
        return float((1.5 * np.abs(way) / (0.1 * self._robot.joint_speeds)).max())

    def _end_on(self, path: JointTrajectory, earliest_s: float, latest_s: float) -> tuple[Array, float]:
        """Where on the path to come to rest, not beyond where the last hold ends if that was obeyed."""
        if earliest_s > self._stop_s + self.DISOBEYED_S:
            self._stop_s = np.inf
        accelerations, farthest_s = self._robot.joint_accelerations, max(self._stop_s, earliest_s)
        latest_s = min(latest_s, farthest_s)
        self._stop_s, seconds = brake_between(path, earliest_s, latest_s, accelerations, farthest_s)
        return path.sample(self._stop_s)[0], seconds

    def _not_beyond(self, path: JointTrajectory, seen_s: float, latest_s: float, qd: Array, age_s: float) -> float:
        """As far as the set point may have got: of an arm that is seen to move as it should, not far.

        One that seems to rest where the motion does not may be one whose old positions are repeated.
        """
        wanted = path.sample(seen_s)[1]
        moves = float(qd @ wanted) > 0.5 * float(wanted @ wanted) > 0.0
        return min(latest_s, seen_s + age_s + (self.LAG_S if moves else self.AHEAD_S))

    def _now_ns(self) -> int:
        """Now on the clock of the joint states [ns]."""
        age_s = self._arm.age_s()
        return self._arm.stamp_ns() + (round(1e9 * age_s) if np.isfinite(age_s) else 0)


def _one_point(robot: Robot, end: Array, seconds: float) -> JointTrajectoryMessage:
    message = JointTrajectoryMessage(joint_names=list(robot.joints))
    point = JointTrajectoryPoint(positions=end.tolist(), velocities=np.zeros(len(end)).tolist())
    point.time_from_start = duration_from_seconds(seconds)
    message.points = [point]
    return message
