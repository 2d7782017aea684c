"""Where an arm comes to rest that brakes now, also when nobody knows exactly where it is.

A controller begins each command at its own set point, or where it measures the arm, wherever that is by then (the
joint_trajectory_controller of Humble, Jazzy and Kilted: measured; later ones: set point). An end point thought out for
another place makes the arm jump. So the end is placed such that everywhere the arm may have got to since it was last
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

NO_FASTER = 0.72
"""A way is at most this share of the fastest speed times the time: a cubic from rest peaks at 1.5 times the mean."""


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


def brake_between(
    trajectory: JointTrajectory, earliest_s: float, latest_s: float, accelerations: Array, farthest_s: float = np.inf
) -> tuple[float, float]:
    """When on ``trajectory``, and in what time [s], an arm comes to rest that is on it somewhere between two moments.

    Args:
        trajectory: The motion, at rest at its end. What is beyond it means its end.
        earliest_s: As far as it was seen [s].
        latest_s: As far as it may have got [s].
        accelerations: ``(n,)`` the planner's limits [rad/s^2].
        farthest_s: Where it comes to rest at the farthest [s].
    """
    uncertain_s = latest_s - earliest_s
    seconds = _seconds(trajectory.sample(earliest_s)[1], accelerations, uncertain_s)
    end_s = min(earliest_s + 0.5 * (uncertain_s + seconds), farthest_s, trajectory.duration_s)
    # A way shorter than that is gone in less time, or whoever is ahead would turn back.
    way = np.abs(trajectory.sample(end_s)[0] - trajectory.sample(earliest_s)[0])
    fastest = np.maximum(np.abs(trajectory.velocities).max(axis=0), 1e-3)
    needed_s = float((way / (NO_FASTER * fastest)).max())
    return end_s, min(seconds, max(needed_s, _seconds(trajectory.sample(latest_s)[1], accelerations, 0.0)))


def _seconds(qd: Array, accelerations: Array, age_s: float) -> float:
    braking_s = float(np.clip(np.abs(qd / (HARDER * accelerations)).max(), SHORTEST_S, LONGEST_S))
    return max(braking_s, UNCERTAIN * age_s)
