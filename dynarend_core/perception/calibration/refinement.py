"""All unknowns at once by least squares on the reprojection errors, with a robust loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from dynarend_core.perception.calibration._reprojection import SCALE_COLUMN, NoiseModel, Reprojection, State
from dynarend_core.perception.calibration.sighting import Sighting
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

_ROBUST_AT = 2.5
"""Residuals beyond so many expected errors count less and less (soft L1)."""


@dataclass(frozen=True)
class Refined:
    """A refined calibration.

    Attributes:
        state: Estimates.
        cost: Half the robust sum of squares, in units of the noise model.
        log_scale_error: Standard error of the log scale; 0 where the scale was held.
        pixel_errors: Per view ``(m_i, 2)`` reprojection errors, with the arm's errors taken out [px].
        residuals: Whitened residuals, weighted by the robust loss.
        jacobian: Their Jacobian at the solution.
    """

    state: State
    cost: float
    log_scale_error: float
    pixel_errors: tuple[Array, ...]
    residuals: Array
    jacobian: Array


def refine(
    sightings: Sequence[Sighting],
    set_up: SetUp,
    start: State,
    noise: NoiseModel | None = None,
    *,
    free_scale: bool = False,
) -> Refined:
    """Least squares over camera pose, board pose, each reported hand pose (with its prior) and, if asked, board scale.

    Args:
        sightings: At least 3 usable views.
        set_up: Who carries the camera.
        start: Where to start; ``xi`` must fit the number of views.
        noise: What errors to expect.
        free_scale: Estimate the board's size too.
    """
    problem = Reprojection(sightings, set_up, noise or NoiseModel())
    free = np.ones(problem.columns, dtype=bool)
    free[SCALE_COLUMN] = free_scale

    def full(x: Array) -> Array:
        out = np.zeros(problem.columns)
        out[free] = x
        return out

    solved = least_squares(
        lambda x: problem.residuals(problem.moved(start, full(x))),
        np.zeros(int(free.sum())),
        jac=lambda x: problem.jacobian(start, full(x))[:, free],
        loss="soft_l1",
        f_scale=_ROBUST_AT,
        method="trf",
        xtol=1e-8,
        ftol=1e-6,
        max_nfev=60,
    )
    return _at_solution(problem, start, full(solved.x), float(solved.cost), free)


def _at_solution(problem: Reprojection, start: State, x: Array, cost: float, free: Array) -> Refined:
    state = problem.moved(start, x)
    residuals = problem.residuals(state)
    weight = (1.0 + (residuals / _ROBUST_AT) ** 2) ** -0.25  # soft L1: the derivative of the loss, as a weight
    jacobian, residuals = problem.jacobian(start, x) * weight[:, None], residuals * weight
    error = 0.0
    if free[SCALE_COLUMN]:
        J = jacobian[:, free]
        error = float(np.sqrt(np.linalg.inv(J.T @ J)[SCALE_COLUMN, SCALE_COLUMN]))
    errors = problem.pixel_errors(state)
    per_view = tuple(errors[problem.view == i] for i in range(problem.n))
    return Refined(state, cost, error, per_view, residuals, jacobian)
