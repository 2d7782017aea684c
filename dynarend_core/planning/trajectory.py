"""Joint trajectories: a geometric path becomes a motion that respects speed and acceleration limits."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from scipy.interpolate import CubicSpline

from dynarend_core.errors import InvalidInputError

Array = np.ndarray

_SAMPLE_S = 0.02
_SMOOTHING_S = 0.08
_GRID_STEP = 0.01
_MAX_SEGMENT = 0.05


@dataclass(frozen=True)
class JointTrajectory:
    """A motion of the arm, sampled finely enough for cubic interpolation.

    Attributes:
        times_s: ``(n,)`` strictly rising [s]; the first is 0 but in a piece of a motion (planning/pieces.py).
        positions: ``(n, joints)`` [rad].
        velocities: ``(n, joints)`` [rad/s], zero in the first and last row.
    """

    times_s: Array
    positions: Array
    velocities: Array

    @property
    def duration_s(self) -> float:
        """Time from start to rest [s]."""
        return float(self.times_s[-1])

    def sample(self, t: float) -> tuple[Array, Array]:
        """Position and velocity ``(joints,)`` [rad, rad/s] at time ``t``; held before start and after the end."""
        if t <= self.times_s[0] or len(self.times_s) == 1:
            return self.positions[0].copy(), np.zeros_like(self.positions[0])
        if t >= self.duration_s:
            return self.positions[-1].copy(), np.zeros_like(self.positions[-1])
        i = int(np.searchsorted(self.times_s, t, side="right")) - 1
        h = self.times_s[i + 1] - self.times_s[i]
        u = (t - self.times_s[i]) / h
        p0, p1 = self.positions[i], self.positions[i + 1]
        m0, m1 = h * self.velocities[i], h * self.velocities[i + 1]
        a, b = 2 * (p0 - p1) + m0 + m1, 3 * (p1 - p0) - 2 * m0 - m1
        return ((a * u + b) * u + m0) * u + p0, ((3 * a * u + 2 * b) * u + m0) / h

    def joined(self, t: float, q: Array, qd: Array) -> JointTrajectory:
        """What a joint_trajectory_controller makes of it that gets it at ``t`` [s] on its own clock.

        If the first point is still to come, the way there begins with the state of the arm: ``q``, ``qd`` ``(joints,)``
        [rad, rad/s]. If not, the arm is where the trajectory is at ``t``, at once.
        """
        if self.times_s[0] <= t:
            return self
        times = np.concatenate([[t], self.times_s])
        return JointTrajectory(times, np.vstack([q, self.positions]), np.vstack([qd, self.velocities]))


def time_parametrise(
    path: Array, velocity_limits: Array, acceleration_limits: Array, velocity_factor: float = 1.0
) -> JointTrajectory:
    """Run along ``path`` as fast as the limits allow, from rest to rest.

    The path is followed as given (a cubic through it, segments of at most 0.05 rad); a sharp corner makes the
    motion slow down there, it does not cut it.

    Args:
        path: ``(m, joints)`` joint positions [rad], m >= 1.
        velocity_limits: ``(joints,)`` [rad/s].
        acceleration_limits: ``(joints,)`` [rad/s^2].
        velocity_factor: Share of the speed limits to use, in (0, 1]; accelerations shrink with its square.

    Raises:
        InvalidInputError: malformed path, non-positive limits, or a factor outside (0, 1].
    """
    if not 0.0 < velocity_factor <= 1.0:
        raise InvalidInputError(f"velocity_factor must be in (0, 1], got {velocity_factor}")
    path = np.asarray(path, dtype=np.float64)
    if path.ndim != 2 or path.shape[1] != len(velocity_limits) or len(path) == 0 or not np.isfinite(path).all():
        raise InvalidInputError(f"path must be finite with shape (m, {len(velocity_limits)}), got {path.shape}")
    if min(np.min(velocity_limits), np.min(acceleration_limits)) <= 0.0:
        raise InvalidInputError("velocity and acceleration limits must be positive")
    dense = _densify(path)
    if len(dense) < 2:
        return JointTrajectory(
            np.array([0.0, _SAMPLE_S]), np.repeat(path[-1:], 2, axis=0), np.zeros((2, path.shape[1]))
        )
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    curve = CubicSpline(arc, dense)
    v_max, a_max = np.asarray(velocity_limits), np.asarray(acceleration_limits)
    times, s = _fastest_run(curve, float(arc[-1]), v_max, a_max)
    trajectory = _sample_smoothly(curve, times, s, v_max, a_max, velocity_factor)
    trajectory.positions[0], trajectory.positions[-1] = path[0], path[-1]
    return trajectory


def _densify(path: Array) -> Array:
    """Drop repeated points and split long segments."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    path = path[np.concatenate([[True], lengths > 1e-9])]
    lengths = lengths[lengths > 1e-9]
    arc = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = [np.zeros(1)]
    for i, length in enumerate(lengths):
        n = int(np.ceil(length / _MAX_SEGMENT))
        wanted.append(arc[i] + length * np.arange(1, n + 1) / n)
    dense = np.concatenate(wanted)
    return np.stack([np.interp(dense, arc, path[:, joint]) for joint in range(path.shape[1])], axis=1)


def _fastest_run(curve: CubicSpline, length: float, v_max: Array, a_max: Array) -> tuple[Array, Array]:
    """Times and arc positions of the fastest run from rest to rest."""
    n = max(int(np.ceil(length / _GRID_STEP)), 20)
    s = np.linspace(0.0, length, n + 1)
    ds = length / n
    first, second = np.abs(curve(s, 1)) + 1e-9, np.abs(curve(s, 2)) + 1e-9
    # Half of each joint's acceleration is kept for curvature at most, so the other half always remains for braking.
    ceiling = np.minimum((v_max / first).min(axis=1) ** 2, (0.5 * a_max / second).min(axis=1))
    x = _passes(ceiling, first, second, a_max, ds)
    speed = np.sqrt(np.maximum(x, 0.0))
    times = np.concatenate([[0.0], np.cumsum(2.0 * ds / np.maximum(speed[:-1] + speed[1:], 1e-9))])
    return times, s


@numba.njit(cache=True)
def _passes(ceiling: Array, first: Array, second: Array, a_max: Array, ds: float) -> Array:
    """Squared path speed below the ceiling that every joint can speed up to and brake from."""
    n = len(ceiling) - 1
    x = ceiling.copy()
    x[0] = x[n] = 0.0
    for i in range(n):
        room = ((a_max - second[i] * x[i]) / first[i]).min()
        x[i + 1] = min(x[i + 1], x[i] + 2.0 * ds * room)
    for i in range(n, 0, -1):
        room = ((a_max - second[i] * x[i]) / first[i]).min()
        x[i - 1] = min(x[i - 1], x[i] + 2.0 * ds * room)
    return x


def _sample_smoothly(
    curve: CubicSpline, times: Array, s: Array, v_max: Array, a_max: Array, velocity_factor: float
) -> JointTrajectory:
    """Average the run over a short window (no acceleration steps), sample it, and stretch it into the limits."""
    fine = 0.002
    half = round(_SMOOTHING_S / 2.0 / fine)
    grid = np.arange(-2 * half, int(np.ceil(times[-1] / fine)) + 2 * half + 1) * fine
    law = np.interp(grid, times, s)
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    for _ in range(2):
        law = np.convolve(np.pad(law, half, mode="edge"), kernel, mode="valid")
    stride = round(_SAMPLE_S / fine)
    law = np.concatenate([law, np.full((-(len(law) - 1)) % stride, law[-1])])
    rate = np.gradient(law, fine)
    change = np.gradient(rate, fine)
    velocity = curve(law, 1) * rate[:, None]
    acceleration = curve(law, 2) * rate[:, None] ** 2 + curve(law, 1) * change[:, None]
    stretch = max(
        1.0,
        float((np.abs(velocity) / v_max).max()),
        float(np.sqrt((np.abs(acceleration) / a_max).max())),
    )
    stretch /= velocity_factor
    pick = slice(None, None, stride)
    velocities = velocity[pick] / stretch
    velocities[0] = velocities[-1] = 0.0
    kept = np.arange(len(law))[pick]
    return JointTrajectory(kept * fine * stretch, curve(law[pick]), velocities)
