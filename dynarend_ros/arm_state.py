"""The newest joint states, shared between a node's executor thread and its worker."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from dynarend_core.errors import ObservationError
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.expected_motion import ExpectedMotion

Array = np.ndarray


class ArmState:
    """Arm and finger positions with their age on the steady clock.

    Fingers may come with the arm or in messages of their own; what was heard of them too long ago is unknown. A message
    whose stamp is the last one's is no news: a driver that repeats itself, or stamps nothing, grows stale. Neither are
    positions that stay the same to the last bit where the arm, as it was told (:meth:`follows`), must have moved: a
    stamp is made by whoever publishes, and some publish what they heard last. At rest the same positions are news.

    Positions that the arm cannot have reached since it was last seen are somebody else's (a viewer, a bag, a second
    simulator) and are left out. If nothing else is heard for :attr:`MOVED_S`, the arm was moved meanwhile.

    Args:
        arm_joints: Names of the arm joints, base to wrist.
        finger_joints: Names of the finger joints.
        max_age_s: Older states are refused [s, steady clock: a simulation or a stopped /clock cannot fool it].
        width: The gripper's width [m] from the positions of the finger joints; by default their sum.
        clock: Steady time [s].
        speeds: ``(n,)`` fastest speeds of the joints [rad/s]; None: any positions are believed.
    """

    MOVED_S = 0.5
    JITTER_S = 0.1
    """States may come this much later, and so closer together, than they were measured."""
    BRIEFEST_NS = 10_000_000
    """A speed is measured over no shorter time."""
    KEPT_NS = 500_000_000
    SPEED_WINDOW_NS = 50_000_000
    WIDTH_AGE_S = 1.0

    def __init__(
        self,
        arm_joints: Sequence[str],
        finger_joints: Sequence[str],
        max_age_s: float,
        width: Callable[[Array], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        speeds: Array | None = None,
    ) -> None:
        self._fastest = np.full(len(arm_joints), np.inf) if speeds is None else speeds
        self._stranger: tuple[Array, float, float] | None = None  # positions, since when, until when [s]
        self.strangers = 0
        """Messages left out because the arm cannot be there."""
        self._arm = tuple(arm_joints)
        self._fingers = tuple(finger_joints)
        self._max_age_s = max_age_s
        self._clock = clock
        self._width = width or (lambda positions: float(positions.sum()))
        self._history: deque[tuple[int, Array, float, bool]] = deque()
        self._q: Array | None = None
        self._expected = ExpectedMotion()
        self._arrivals_s: deque[float] = deque(maxlen=21)
        self._width_m, self._width_arrival_s = np.nan, -np.inf
        self.width_max_age_s = max(max_age_s, self.WIDTH_AGE_S)
        """How long a width stays known [s]; gripper drivers are slower than arms."""
        self._arrival_s: float | None = None
        self._changed = threading.Condition()

    def update(self, joints: Joints) -> bool:
        """Take a joint state; joints of neither arm nor gripper are ignored. Returns whether it is news of the arm.

        Raises:
            InvalidInputError: a position is not finite.
        """
        if set(self._fingers) <= set(joints.positions):
            self._width_m, self._width_arrival_s = self._width(joints.select(self._fingers)), self._clock()
        if not set(self._arm) <= set(joints.positions):
            return False
        q = joints.select(self._arm)
        with self._changed:
            if self._history and joints.stamp_ns == self._history[-1][0]:
                return False
            now_s = self._clock()
            if not self._plausible(q, now_s):
                self.strangers += 1
                return False
            self._arrivals_s.append(now_s)
            changed = self._q is None or not np.array_equal(q, self._q)
            if changed:
                self._q = q
                self._expected.changed(now_s)
            elif self._expected.refutes(now_s):
                return False
            if self._history and joints.stamp_ns < self._history[-1][0]:
                self._history.clear()
            tells_speed = changed or not self._expected.moves(now_s)
            self._history.append((joints.stamp_ns, q, self._known_width(), tells_speed))
            # By time, not by number: drivers send 25 to 1000 states a second.
            while joints.stamp_ns - self._history[0][0] > self.KEPT_NS:
                self._history.popleft()
            self._arrival_s = now_s
            self._changed.notify_all()
        return True

    def _plausible(self, q: Array, now_s: float) -> bool:
        """Whether the arm can have got to ``q`` since it was last believed."""
        if self._q is None or self._arrival_s is None:
            return True
        if self._within(q, self._q, now_s - self._arrival_s):
            self._stranger = None
            return True
        known = self._stranger
        if known is None or now_s - known[2] > self.MOVED_S or not self._within(q, known[0], now_s - known[2]):
            known = (q, now_s, now_s)
        self._stranger = (q, known[1], now_s)
        if now_s - known[1] < self.MOVED_S or now_s - self._arrival_s < self.MOVED_S:
            return False
        self._stranger = None
        self._history.clear()
        return True

    def _within(self, q: Array, before: Array, seconds: float) -> bool:
        return bool((np.abs(q - before) <= self._fastest * (seconds + self.JITTER_S)).all())

    @property
    def disputed(self) -> bool:
        """Whether what was heard last is not where the arm is believed to be: it was moved, or a stranger speaks."""
        return self._stranger is not None

    def follows(self, path: JointTrajectory, start_ns: int = 0) -> None:
        """The arm is told to follow a motion from now on; call it before the motion is sent.

        Args:
            path: The motion, or a piece of it whose times are the motion's.
            start_ns: Stamp of its start, the same for all pieces of a motion; 0: it begins now.
        """
        with self._changed:
            self._expected.begin(path, self._clock(), start_ns)

    def halts(self) -> None:
        """The arm is told to stop, whatever it was told before."""
        with self._changed:
            self._expected.halt(self._clock())

    def republished(self, is_so: bool) -> None:
        """Whether one is known to publish the joint states who puts new stamps on old ones."""
        with self._changed:
            self._expected.republished = is_so

    def repeats(self) -> str:
        """Why the newest positions are not believed although they keep arriving; empty if they are."""
        if not self._expected.missing:
            return ""
        return (
            "the same positions come again and again although the arm was told to move: it does not, or joint_states "
            "are old ones under new stamps"
        )

    def period_s(self) -> float:
        """Usual time between two of the last messages of the arm [s]; 0 before there are some."""
        with self._changed:
            arrivals_s = np.array(self._arrivals_s)
        return float(np.median(np.diff(arrivals_s))) if len(arrivals_s) > 5 else 0.0

    def width_m(self) -> float:
        """The gripper's width [m]; NaN if unknown."""
        return self._known_width()

    def _known_width(self) -> float:
        return self._width_m if self._clock() - self._width_arrival_s <= self.width_max_age_s else np.nan

    def wait(self, timeout_s: float) -> None:
        """Block until the next state arrives, at most ``timeout_s``."""
        with self._changed:
            self._changed.wait(timeout_s)

    def age_s(self) -> float:
        """Seconds since the last state arrived; infinite before the first."""
        return np.inf if self._arrival_s is None else self._clock() - self._arrival_s

    def stamp_ns(self) -> int:
        """Stamp of the newest state [ns]; 0 before the first."""
        with self._changed:
            return self._history[-1][0] if self._history else 0

    def latest(self) -> tuple[int, Array, float]:
        """Stamp [ns], arm positions ``(n,)`` [rad] and gripper width [m] (NaN if unknown).

        Raises:
            ObservationError: no state yet, or it is older than the limit.
        """
        age = self.age_s()
        if age > self._max_age_s:
            seen = "none arrived yet" if not np.isfinite(age) else f"the last new one is {age:.2f} s old"
            why = f" ({self.repeats()})" if self.repeats() else ""
            raise ObservationError(f"joint_states are stale: {seen}, limit {self._max_age_s:.2f} s{why}")
        with self._changed:
            return self._history[-1][:3]

    def motion(self) -> tuple[Array, Array, float] | None:
        """The arm when it was last seen: positions [rad], velocities [rad/s], ``(n,)`` each, and how long ago [s].

        None if it was never seen.
        """
        with self._changed:
            history, age_s = list(self._history), self.age_s()
        if not history:
            return None
        q = history[-1][1]
        states = [(stamp_ns, earlier) for stamp_ns, earlier, _, tells_speed in history if tells_speed]
        if len(states) < 2:
            return q, np.zeros_like(q), age_s
        stamp_ns, newest = states[-1]
        window = [state for state in states[:-1] if stamp_ns - state[0] <= self.SPEED_WINDOW_NS]
        since_ns, earlier = (window or states[-2:-1])[0]
        if stamp_ns - since_ns < self.BRIEFEST_NS:
            return q, np.zeros_like(q), age_s
        qd = (newest - earlier) / (1e-9 * (stamp_ns - since_ns))
        return q, np.clip(qd, -self._fastest, self._fastest), age_s

    def at_rest(self, window_s: float, tolerance_rad: float, tolerance_m: float = 5e-4) -> bool:
        """Whether no joint and no finger moved by more than the tolerances over the last ``window_s`` of stamps."""
        with self._changed:
            history = list(self._history)
        end_ns = history[-1][0] if history else 0
        recent = [h for h in history if end_ns - h[0] <= window_s * 1e9]
        covered = bool(history) and end_ns - history[0][0] >= window_s * 1e9
        if not covered:
            return False
        q = np.stack([h[1] for h in recent])
        widths = np.array([h[2] for h in recent])
        still = float(np.ptp(q, axis=0).max()) <= tolerance_rad
        return still and (np.isnan(widths).any() or float(np.ptp(widths)) <= tolerance_m)
