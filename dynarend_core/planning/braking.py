"""Where an arm comes to rest that brakes now."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

HARDER = 2.0
"""A stop brakes at this many times the planner's accelerations."""

SHORTEST_S = 0.05
LONGEST_S = 0.3
"""A stop takes at most this long [s], also where that is harder still."""


def brake(q: Array, qd: Array, accelerations: Array) -> tuple[Array, float]:
    """End ``(n,)`` [rad] and duration [s] of braking evenly from positions ``q`` and velocities ``qd``, ``(n,)`` each.

    A cubic from ``(q, qd)`` to rest there in that time decelerates evenly. All joints stop together.
    """
    seconds = float(np.clip(np.abs(qd / (HARDER * accelerations)).max(), SHORTEST_S, LONGEST_S))
    return q + 0.5 * seconds * qd, seconds
