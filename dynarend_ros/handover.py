"""Motions handed over in pieces, so that the arm comes to rest by itself when nobody is left to stop it."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import ObservationError
from dynarend_core.planning.pieces import piece, progress, rest_of
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState

Array = np.ndarray

HANDOVER_S = 0.5
"""So much of a motion is handed over beyond the present [s]; then the arm brakes, unless the next piece came."""


@dataclass
class _Motion:
    """What is being handed over: times are the motion's, from ``start_ns`` on the clock of the joint states."""

    trajectory: JointTrajectory
    start_ns: int
    ticket: int
    progress_s: float = 0.0
    until_s: float = 0.0
    end_s: float = 0.0
    end: Array = field(default_factory=lambda: np.zeros(0))


class Handover:
    """Sends a motion as pieces, each from its start to a little beyond now, and then a brake on the same path.

    If all processes are killed at once, the arm rests at most ``horizon_s`` and a brake (0.3 s) later. A thread of its
    own sends the next piece four times per horizon; it waits for no callback. Rules:

    * All pieces of a motion carry its start as their stamp, which a joint_trajectory_controller replaces without a
      seam. The start is ``LEAD_S`` ahead: a message that is late by less begins at rest where the arm rests, not with
      a jump to where the motion should be by then.
    * "Now" is the stamp of the last joint state and its age, not the clock of this machine: joint states are stamped
      where the controller runs, and its clock decides. Whoever restamps them elsewhere must keep both clocks together.
    * The horizon counts from where the arm is seen, if that is more than ``LAG_S`` behind the schedule: the controller
      must not run ahead of an arm that does not follow. The start stays as long as pieces go on, since a later one
      would make the set point jump back.
    * A piece that is too late to be seamless is not sent: the arm rests at the end of the last one. Once it is seen
      there, the rest of the motion begins anew, from rest, with a start of its own.
    * Nothing is sent while joint states are stale, or show the arm off its path; nor, ever again, after a hold.

    Args:
        commands: The controller's topic.
        arm: Where the arm is.
        accelerations: ``(n,)`` what a brake may use of each joint [rad/s^2].
        horizon_s: How much is handed over beyond now [s]; 0: all of the motion at once.
        simulated: The stamps are simulated time, which may run faster than the clock on the wall; the horizon counts on
            the wall.
        clock: Steady time [s].
    """

    LEAD_S = 0.05
    LAG_S = 0.15
    PAST_S = 0.5
    """Of the past, a piece holds so much; a controller behind the clock is still on it."""
    MARGIN_S = 0.05
    """A piece sent later than this before the brake begins might come too late."""
    OFF_PATH_RAD = 0.15
    THERE_RAD = 0.02

    def __init__(
        self,
        commands: ArmCommands,
        arm: ArmState,
        accelerations: Array,
        horizon_s: float = HANDOVER_S,
        simulated: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commands, self._arm, self._accelerations = commands, arm, accelerations
        self._horizon_s, self._simulated, self._clock = horizon_s, simulated, clock
        self._lock = threading.Lock()
        self._motion: _Motion | None = None
        self._rate, self._rated = 1.0, (0, 0.0)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="handover", daemon=True)
        self.sent = self.resumed = 0

    def start(self) -> None:
        """Send pieces from now on."""
        if self._horizon_s > 0.0:
            self._thread.start()

    def close(self) -> None:
        """Send no more; what was sent runs out."""
        self._closed.set()
        self.let_run_out()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def begin(self, trajectory: JointTrajectory) -> None:
        """Begin a motion; it replaces the one under way.

        Raises:
            ObservationError: where the arm is is not known.
        """
        if self._horizon_s <= 0.0:
            self._commands.follow(trajectory)
            return
        with self._lock:
            stamp_ns, _, age_s = self._seen()
            self._rated = (0, 0.0)
            self._set_off(_Motion(trajectory, 0, self._commands.begin()), self._now_ns(stamp_ns, age_s))

    def let_run_out(self) -> None:
        """No further piece of the motion under way is sent after this; never waits for one that is being sent."""
        self._commands.begin()
        self._motion = None

    def look(self) -> None:
        """Send the next piece, if one is due and nothing forbids it."""
        with self._lock:
            motion = self._motion
            if motion is None:
                return
            try:
                stamp_ns, q, age_s = self._seen()
            except ObservationError:
                return
            self._watch_rate(stamp_ns)
            now_ns = self._now_ns(stamp_ns, age_s)
            seen_s, now_s = 1e-9 * (stamp_ns - motion.start_ns), 1e-9 * (now_ns - motion.start_ns)
            motion.progress_s, distance = progress(motion.trajectory, q, motion.progress_s, seen_s)
            if motion.until_s >= motion.trajectory.duration_s:
                self._motion = None
            elif distance > self.OFF_PATH_RAD:
                return
            elif now_s + self.MARGIN_S * self._rate < motion.until_s:
                slow_s = motion.progress_s + self.LAG_S * self._rate + now_s - seen_s
                self._send(motion, now_s, min(now_s, slow_s) + self._horizon_s * self._rate)
            elif now_s > motion.end_s and np.abs(q - motion.end).max() < self.THERE_RAD:
                self._resume(motion, now_ns)

    def _set_off(self, motion: _Motion, now_ns: int) -> None:
        motion.start_ns = now_ns + round(1e9 * self.LEAD_S * self._rate)
        motion.progress_s = motion.until_s = 0.0
        self._motion = motion
        self._send(motion, 0.0, self._horizon_s * self._rate)

    def _resume(self, motion: _Motion, now_ns: int) -> None:
        """The last piece was not followed up in time: from its end on, where the arm rests."""
        rest_s, _ = progress(motion.trajectory, motion.end, motion.until_s - 0.01, motion.end_s)
        motion.trajectory = rest_of(motion.trajectory, rest_s, self._accelerations)
        self.resumed += 1
        self._set_off(motion, now_ns)

    def _send(self, motion: _Motion, now_s: float, until_s: float) -> None:
        """The piece up to ``until_s``, if that is more than was sent before."""
        if until_s <= motion.until_s:
            return
        since_s = min(now_s, motion.progress_s) - self.PAST_S * self._rate
        part = piece(motion.trajectory, since_s, until_s, self._accelerations)
        motion.until_s, motion.end_s, motion.end = until_s, part.duration_s, part.positions[-1]
        if np.array_equal(motion.end, motion.trajectory.positions[-1]):
            motion.until_s = motion.trajectory.duration_s
        if not self._commands.send(motion.ticket, part, motion.start_ns):
            self._motion = None
        self.sent += 1

    def _seen(self) -> tuple[int, Array, float]:
        """Stamp [ns], joints ``(n,)`` [rad] and age [s] of one and the same joint state."""
        while True:
            stamp_ns, q, _ = self._arm.latest()
            age_s = self._arm.age_s()
            if self._arm.stamp_ns() == stamp_ns:
                return stamp_ns, q, age_s

    def _now_ns(self, stamp_ns: int, age_s: float) -> int:
        """Time of the controller [ns]. Simulated time stands still while no stamp comes."""
        return stamp_ns if self._simulated else stamp_ns + round(1e9 * age_s)

    def _watch_rate(self, stamp_ns: int) -> None:
        """Simulated seconds in one of the wall, never less than 1."""
        if not self._simulated:
            return
        now_s, (before_ns, before_s) = self._clock(), self._rated
        if before_ns and now_s > before_s:
            self._rate = max(1.0, 0.9 * self._rate, 1e-9 * (stamp_ns - before_ns) / (now_s - before_s))
        self._rated = (stamp_ns, now_s)

    def _run(self) -> None:
        while not self._closed.wait(0.25 * self._horizon_s):
            try:
                self.look()
            except Exception:  # whatever it is, the next motion needs this thread; this one runs out
                if not self._closed.is_set():
                    traceback.print_exc()
