"""Pieces of a motion: the motion up to a moment, then a brake to rest on the same path.

A piece has the motion's own times, so a controller that is given the next piece, with the same start, goes on as if
nothing had happened. Brake and restart run along the motion's path on a slower clock: they never leave it, and are
nowhere faster than the motion is there.
"""

from __future__ import annotations

import numpy as np

from dynarend_core.planning.braking import LONGEST_S, SHORTEST_S
from dynarend_core.planning.trajectory import JointTrajectory

Array = np.ndarray

_STEP_S = 0.007
"""Time between two points of a brake at most [s]: cubics through them stay within 1e-6 rad of the path."""
_APART_S = 1e-3


def piece(trajectory: JointTrajectory, from_s: float, until_s: float, accelerations: Array) -> JointTrajectory:
    """The motion from ``from_s`` to ``until_s``, then a brake along its path.

    Args:
        trajectory: The motion, at rest at its end.
        from_s: Earlier points are left out, except the one before [s].
        until_s: Where the brake begins [s], at most 1 ms earlier. One that would reach the motion's end is left out.
        accelerations: ``(n,)`` what the brake may use of each joint [rad/s^2].

    Returns:
        Points with the times of the motion; the first need not be at 0. The last is at most ``LONGEST_S`` after
        ``until_s``.
    """
    times = trajectory.times_s
    first = max(int(np.searchsorted(times, from_s, side="right")) - 1, 0)
    until_s = max(until_s, float(times[first]))
    before = float(times[np.searchsorted(times, until_s, side="right") - 1])
    until_s = before if until_s - before < _APART_S else until_s
    seconds = brake_seconds(trajectory, until_s, accelerations)
    if until_s + 0.5 * seconds >= trajectory.duration_s:
        return JointTrajectory(times[first:], trajectory.positions[first:], trajectory.velocities[first:])
    kept = slice(first, int(np.searchsorted(times, until_s)))
    clock = _slowing(trajectory, until_s, seconds)
    on_path = until_s + clock - 0.5 * clock**2 / seconds
    positions, velocities = _states(trajectory, on_path)
    velocities *= (1.0 - clock / seconds)[:, None]
    velocities[-1] = 0.0
    return JointTrajectory(
        np.concatenate([times[kept], until_s + clock]),
        np.vstack([trajectory.positions[kept], positions]),
        np.vstack([trajectory.velocities[kept], velocities]),
    )


def rest_of(trajectory: JointTrajectory, from_s: float, accelerations: Array) -> JointTrajectory:
    """The rest of a motion for an arm that came to rest on it at ``from_s`` [s]: from rest to the motion's speed."""
    left_s = trajectory.duration_s - from_s
    seconds = min(brake_seconds(trajectory, from_s, accelerations), 2.0 * left_s)
    clock = np.linspace(0.0, seconds, max(int(np.ceil(seconds / _STEP_S)), 1) + 1)
    positions, velocities = _states(trajectory, from_s + 0.5 * clock**2 / seconds)
    velocities *= (clock / seconds)[:, None]
    later = trajectory.times_s > from_s + 0.5 * seconds + _APART_S
    return JointTrajectory(
        np.concatenate([clock, trajectory.times_s[later] - from_s + 0.5 * seconds]),
        np.vstack([positions, trajectory.positions[later]]),
        np.vstack([velocities, trajectory.velocities[later]]),
    )


def brake_seconds(trajectory: JointTrajectory, from_s: float, accelerations: Array) -> float:
    """Time [s] in which the joints come to rest from what speed they have from ``from_s`` on, at ``accelerations``."""
    near = (trajectory.times_s > from_s) & (trajectory.times_s < from_s + 0.5 * LONGEST_S)
    speeds = np.abs(np.vstack([trajectory.velocities[near], trajectory.sample(from_s)[1][None]])).max(axis=0)
    return float(np.clip((speeds / accelerations).max(), SHORTEST_S, LONGEST_S))


def progress(trajectory: JointTrajectory, q: Array, earliest_s: float, latest_s: float) -> tuple[float, float]:
    """How far an arm at ``q`` ``(n,)`` has got on a motion: the time of the nearest point [s], and how far it is.

    Args:
        trajectory: The motion.
        q: Joint positions [rad].
        earliest_s: The arm was there before [s].
        latest_s: The arm cannot have got farther [s].

    Returns:
        Time on the motion, and the distance of the farthest joint from it there [rad].
    """
    start_s = float(np.clip(earliest_s, trajectory.times_s[0], trajectory.duration_s))
    end_s = float(np.clip(latest_s, start_s, trajectory.duration_s))
    inside = (trajectory.times_s > start_s) & (trajectory.times_s < end_s)
    times = np.concatenate([[start_s], trajectory.times_s[inside], [end_s]])
    points = np.vstack([trajectory.sample(start_s)[0], trajectory.positions[inside], trajectory.sample(end_s)[0]])
    steps = np.diff(points, axis=0)
    lengths = np.maximum((steps**2).sum(axis=1), 1e-18)
    share = np.clip(((q - points[:-1]) * steps).sum(axis=1) / lengths, 0.0, 1.0)
    off = q - (points[:-1] + share[:, None] * steps)
    nearest = int(np.argmin((off**2).sum(axis=1)))
    seconds = times[nearest] + share[nearest] * (times[nearest + 1] - times[nearest])
    return float(seconds), float(np.abs(off[nearest]).max())


def _slowing(trajectory: JointTrajectory, from_s: float, seconds: float) -> Array:
    """Moments of a brake ``(k,)`` [s]: evenly spaced, and where it passes the motion's own points."""
    passed = trajectory.times_s - from_s
    passed = passed[(passed > 0.0) & (passed < 0.5 * seconds)]
    passed = seconds * (1.0 - np.sqrt(1.0 - 2.0 * passed / seconds))
    even = np.linspace(0.0, seconds, int(np.ceil(seconds / _STEP_S)) + 1)
    near = np.abs(even[:, None] - passed[None]).min(axis=1, initial=np.inf) < _APART_S
    near[[0, -1]] = False
    passed = passed[(passed > _APART_S) & (passed < seconds - _APART_S)]
    clock = np.unique(np.concatenate([even[~near], passed]))
    return clock[np.concatenate([[True], np.diff(clock) > 0.1 * _APART_S])]


def _states(trajectory: JointTrajectory, times: Array) -> tuple[Array, Array]:
    states = [trajectory.sample(t) for t in times]
    return np.array([s[0] for s in states]), np.array([s[1] for s in states])
