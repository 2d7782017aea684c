"""Where an arm comes to rest that brakes now, also when nobody knows exactly where it is.

A controller begins each command at its own set point, wherever that is by then. An end point thought out for another
set point makes the arm jump. So the end is placed such that every set point the arm may have reached since it was last
seen leads there at about the speed it had: at most 8 % faster, and turning back at most 8 % as fast.
"""

from __future__ import annotations

import numpy as np

from dynarend_core.planning.trajectory import JointTrajectory

Array = np.ndarray

HARDER = 2.0
"""A stop brakes at this many times the planner's accelerations."""

SHORTEST_S = 0.05
LONGEST_S = 0.3
"""A stop takes at most this long [s] where the arm was just seen, also where that is harder still."""

UNCERTAIN = 1.75
"""A stop takes at least this many times as long as the arm was not seen [s].

A cubic from speed v to rest in time T over a distance d peaks at v (1 + c^2 / (4 (c + 1))), c = 6 d / (v T) - 4, if
c > 0. Wherever between 0 and age the arm has got to, d / (v T) is between 0.21 and 0.79 then; 0.33 to 0.67, which would
take 3 times the age, is what neither speeds up nor turns back.
"""


def brake(q: Array, qd: Array, accelerations: Array, age_s: float = 0.0) -> tuple[Array, float]:
    """Where to come to rest and in what time [s], for an arm seen at ``q``, moving with ``qd``, some time ago.

    A cubic to rest there in that time brakes evenly if ``age_s`` is 0. All joints stop together.

    Args:
        q: ``(n,)`` positions when it was seen [rad].
        qd: ``(n,)`` velocities then [rad/s].
        accelerations: ``(n,)`` the planner's limits [rad/s^2].
        age_s: How long ago that was [s].
    """
    seconds = _seconds(qd, accelerations, age_s)
    return q + 0.5 * (age_s + seconds) * qd, seconds


def brake_along(trajectory: JointTrajectory, q: Array, accelerations: Array, age_s: float) -> tuple[Array, float]:
    """The same for an arm that follows ``trajectory``: it comes to rest on it, and never beyond its end."""
    since_s = float(trajectory.times_s[_nearest(trajectory, q)])
    seconds = _seconds(trajectory.sample(since_s)[1], accelerations, age_s)
    return trajectory.sample(since_s + 0.5 * (age_s + seconds))[0], seconds


def distance_from(trajectory: JointTrajectory, q: Array) -> float:
    """How far the farthest joint of ``q`` ``(n,)`` is from the nearest waypoint [rad]."""
    return float(np.abs(trajectory.positions[_nearest(trajectory, q)] - q).max())


def _nearest(trajectory: JointTrajectory, q: Array) -> int:
    return int(np.argmin(np.abs(trajectory.positions - q).max(axis=1)))


def _seconds(qd: Array, accelerations: Array, age_s: float) -> float:
    braking_s = float(np.clip(np.abs(qd / (HARDER * accelerations)).max(), SHORTEST_S, LONGEST_S))
    return max(braking_s, UNCERTAIN * age_s)
