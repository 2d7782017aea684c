"""Whether an arm must have moved by now: what tells old positions under new stamps from an arm at rest."""

from __future__ import annotations

import numpy as np

from dynarend_core.planning.trajectory import JointTrajectory


class ExpectedMotion:
    """The motion the arm was told to make, against the moments at which its positions changed. Steady time [s].

    Positions that stay the same to the last bit are what an arm at rest may look like, but not one that has been told
    to move: whoever publishes them (a ``joint_state_publisher``) puts new stamps on what it heard last.

    Between two changes the commanded motion may advance by :attr:`LEAST_RAD`, so that positions believed are never
    farther off than that. An arm that has not changed since it was told has :attr:`START_S` to begin. Once a change
    is missing, it stays missing until there is one, or, for want of better, :attr:`FORGOTTEN_S` after the end of the
    motion: an arm that never moved must not be refused for ever. Where old states are known to be republished
    (``republished``), that way out is closed.
    """

    LEAST_RAD = 1e-3
    START_S = 0.3
    FORGOTTEN_S = 3.0
    SETTLES_S = 0.5
    """So long after the end of a motion, or after a stop, the arm may move still."""
    RESTS_S = 0.12
    """Then it rests when nothing has changed for so long: longer than a driver of 10 Hz is silent."""

    def __init__(self) -> None:
        self._path: JointTrajectory | None = None
        self._start_ns = 0
        self._begun_s = self._ended_s = self._settles_from_s = self._changed_s = -np.inf
        self.missing = False
        self.republished = False

    def begin(self, path: JointTrajectory, now_s: float, start_ns: int = 0) -> None:
        """The arm is told to follow a motion from now on, or more of the one it follows.

        Args:
            path: The motion, or a piece of it whose times are the motion's.
            now_s: Now.
            start_ns: Stamp of its start, the same for all pieces of a motion; 0: it begins now.
        """
        if not (start_ns and start_ns == self._start_ns and self._path is not None):
            self._begun_s = now_s
        self._path, self._start_ns = path, start_ns
        self._ended_s = self._settles_from_s = self._begun_s + path.duration_s

    def halt(self, now_s: float) -> None:
        """The arm is told to stop."""
        self._ended_s, self._settles_from_s = min(self._ended_s, now_s), now_s

    def changed(self, now_s: float) -> None:
        """A position has changed."""
        self._changed_s, self.missing = now_s, False

    def moves(self, now_s: float) -> bool:
        """Whether the arm may be moving."""
        return now_s < self._settles_from_s + self.SETTLES_S

    def refutes(self, now_s: float) -> bool:
        """Whether positions that have not changed can not be true now."""
        if self._path is not None and not self.republished and now_s > self._ended_s + self.FORGOTTEN_S:
            self._path, self.missing = None, False
        self.missing = self.missing or self._overdue(now_s)
        settling = self._settles_from_s <= now_s < self._settles_from_s + self.SETTLES_S
        return self.missing or (settling and now_s - self._changed_s < self.RESTS_S)

    def _overdue(self, now_s: float) -> bool:
        if self._path is None:
            return False
        until_s = min(now_s, self._ended_s) - self._begun_s
        since_s = min(self._changed_s, self._ended_s) - self._begun_s
        if since_s <= 0.0:
            since_s, until_s = 0.0, until_s - self.START_S
        advance = self._path.sample(until_s)[0] - self._path.sample(since_s)[0]
        return float(np.abs(advance).max()) > self.LEAST_RAD
