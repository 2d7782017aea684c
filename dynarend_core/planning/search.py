"""Path search in joint space with OMPL's RRT-Connect, and the shortcuts that clean its paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dynarend_core.errors import MissingDependencyError

Array = np.ndarray
FreeTest = Callable[[Array], bool]
"""Whether a path ``(m, 7)`` is free, its segments included."""


def rrt_connect(
    q_start: Array, goal: Array, bounds: Array, is_free: FreeTest, seed: int, max_checks: int
) -> Array | None:
    """Find a free joint path from ``q_start`` to ``goal``.

    Args:
        q_start: ``(7,)`` free start [rad].
        goal: ``(7,)`` free goal [rad].
        bounds: ``(7, 2)`` box that is searched [rad].
        is_free: Test of a path ``(m, 7)``.
        seed: Seed of OMPL's random numbers.
        max_checks: Number of tests after which the search gives up; a count, not a time, so results repeat.

    Returns:
        ``(m, 7)`` path, or None if none was found.

    Raises:
        MissingDependencyError: OMPL's Python bindings are not installed.
    """
    try:
        from ompl import base as ob
        from ompl import geometric as og
        from ompl import util as ou
    except ImportError as error:
        raise MissingDependencyError("planning around obstacles needs OMPL: pip install ompl") from error
    ou.setLogLevel(ou.LogLevel.LOG_NONE)
    ou.RNG.setSeed(seed + 1)
    space = ob.RealVectorStateSpace(7)
    limits = ob.RealVectorBounds(7)
    for joint in range(7):
        limits.setLow(joint, float(bounds[joint, 0]))
        limits.setHigh(joint, float(bounds[joint, 1]))
    space.setBounds(limits)
    setup = og.SimpleSetup(space)
    checks = _CountedTest(is_free)
    setup.setStateValidityChecker(checks)
    information = setup.getSpaceInformation()
    information.setStateValidityCheckingResolution(0.04 / space.getMaximumExtent())
    setup.setStartAndGoalStates(_state(space, q_start), _state(space, goal))
    planner = og.RRTConnect(information)
    planner.setRange(0.8)
    setup.setPlanner(planner)
    setup.solve(ob.PlannerTerminationCondition(lambda: checks.count > max_checks))
    if not setup.haveExactSolutionPath():
        return None
    return np.array([[state[i] for i in range(7)] for state in setup.getSolutionPath().getStates()])


def shortcut(path: Array, is_free: FreeTest, rng: np.random.Generator, tries: int = 60) -> Array:
    """Replace stretches of a free ``path`` by straight segments wherever those are free too."""
    for _ in range(tries):
        if len(path) < 3:
            break
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        low, high = np.sort(rng.uniform(0.0, arc[-1], size=2))
        first, last = int(np.searchsorted(arc, low)), int(np.searchsorted(arc, high))
        if first == last:
            continue
        ends = np.stack([[np.interp(s, arc, path[:, joint]) for joint in range(7)] for s in (low, high)])
        if is_free(ends):
            path = np.concatenate([path[:first], ends, path[last:]])
    keep = np.concatenate([[True], np.linalg.norm(np.diff(path, axis=0), axis=1) > 1e-6])
    return path[keep]


def round_corners(path: Array, is_free: FreeTest) -> Array:
    """Blend the corners of a polyline as widely as stays free, so that the arm need not stop at them."""
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    step = 0.02
    n = max(int(np.ceil(length / step)), 2)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    dense = np.stack([np.interp(np.linspace(0.0, length, n + 1), arc, path[:, j]) for j in range(7)], axis=1)
    for half in (20, 10, 5, 2):
        # Mirrored ends keep the first and last point, and their tangents, where they are.
        left, right = 2.0 * dense[0] - dense[half:0:-1], 2.0 * dense[-1] - dense[-2 : -2 - half : -1]
        if min(len(left), len(right)) < half:
            continue
        padded = np.concatenate([left, dense, right])
        kernel = np.bartlett(2 * half + 3)[1:-1]
        kernel /= kernel.sum()
        smooth = np.stack([np.convolve(padded[:, j], kernel, mode="valid") for j in range(7)], axis=1)
        if is_free(smooth):
            return smooth
    return path


class _CountedTest:
    """OMPL's state test that counts its calls."""

    def __init__(self, is_free: FreeTest) -> None:
        self.count = 0
        self._is_free = is_free
        self._row = np.empty((1, 7))

    def __call__(self, state: Any) -> bool:
        self.count += 1
        for i in range(7):
            self._row[0, i] = state[i]
        return self._is_free(self._row)


def _state(space: Any, q: Array) -> Any:
    state = space.allocState()
    for i in range(7):
        state[i] = float(q[i])
    return state
