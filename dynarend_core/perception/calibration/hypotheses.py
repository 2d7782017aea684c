"""Two faults that leave small residuals, each tested as a hypothesis: another board size, and a slip between views.

Neither is averaged in: both are named, with how much and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.perception.calibration._reprojection import A_COLUMNS, B_COLUMNS, SCALE_COLUMN, NoiseModel, State
from dynarend_core.perception.calibration.refinement import Refined, refine
from dynarend_core.perception.calibration.sighting import Sighting
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

_SCALE_TOLERANCE = 0.006
_SCALE_SIGMAS = 5.0
_SLIP_EVIDENCE = 6.0
_SLIP_MM, _SLIP_DEG = 1.5, 0.15
_MIN_SEGMENT = 3


@dataclass(frozen=True)
class ScaleTest:
    """Size of the board that the arm's motion asks for.

    Attributes:
        scale: True size over stated size.
        error: Its standard error.
        wrong: The stated size is refused.
    """

    scale: float
    error: float
    wrong: bool


@dataclass(frozen=True)
class SlipTest:
    """The best explanation of the views by a slip.

    Attributes:
        slipped: Whether there was one.
        what: ``camera`` or ``board``, whichever explains the views better.
        before_view: Number of the first view after the slip.
        moved_mm: How far [mm].
        moved_deg: How much it turned [deg].
        evidence: Drop of the sum of squares by the slip's 6 parameters, each, in units of the noise left.
    """

    slipped: bool
    what: str
    before_view: int
    moved_mm: float
    moved_deg: float
    evidence: float


def scale_test(sightings: Sequence[Sighting], set_up: SetUp, refined: Refined, noise: NoiseModel) -> ScaleTest:
    """Refine with the board's size unknown: the arm moves in metres, so the size shows."""
    free = refine(sightings, set_up, refined.state, noise, free_scale=True)
    error = max(free.log_scale_error * _spread(free.state, noise), 1e-6)
    log_scale = free.state.log_scale
    wrong = bool(abs(log_scale) > max(_SCALE_TOLERANCE, _SCALE_SIGMAS * error))
    return ScaleTest(float(np.exp(log_scale)), error, wrong)


def slip_test(sightings: Sequence[Sighting], set_up: SetUp, refined: Refined, noise: NoiseModel) -> SlipTest:
    """Let the camera, or the board, have another pose from some view on; keep the explanation that helps most."""
    starts = range(_MIN_SEGMENT, len(sightings) - _MIN_SEGMENT + 1)
    candidates = [
        (_drop(refined, sightings, columns, k), k, what)
        for what, columns in (("camera", A_COLUMNS), ("board", B_COLUMNS))
        for k in starts
    ]
    if not candidates:
        return SlipTest(False, "camera", 0, 0.0, 0.0, 0.0)
    gain, k, what = max(candidates, key=lambda c: c[0])
    before = refine(sightings[:k], set_up, _part(refined.state, slice(0, k)), noise)
    after = refine(sightings[k:], set_up, _part(refined.state, slice(k, None)), noise)
    spread = max(_spread(before.state, noise), _spread(after.state, noise), 1.0)
    evidence = gain / 6.0 / spread**2
    shift = _shift(before, after, sightings, what)
    moved_mm, moved_deg = 1e3 * float(np.linalg.norm(shift[:3, 3])), _degrees(shift)
    slipped = bool(evidence > _SLIP_EVIDENCE) and (moved_mm > _SLIP_MM or moved_deg > _SLIP_DEG)
    return SlipTest(slipped, what, sightings[k].index, moved_mm, moved_deg, float(evidence))


def _drop(refined: Refined, sightings: Sequence[Sighting], columns: slice, k: int) -> float:
    """How much the sum of squares falls, to first order, when views from ``k`` on get 6 parameters of their own."""
    J, r = refined.jacobian, refined.residuals
    basis = np.linalg.qr(np.delete(J, SCALE_COLUMN, axis=1))[0]
    rows = np.zeros(len(r), dtype=bool)
    first = 2 * sum(len(s.detection.ids) for s in sightings[:k])
    rows[first : 2 * sum(len(s.detection.ids) for s in sightings)] = True
    extra = J[:, columns] * rows[:, None]
    extra = extra - basis @ (basis.T @ extra)
    u = np.linalg.qr(extra)[0]
    return float(((u.T @ (r - basis @ (basis.T @ r))) ** 2).sum())


def _part(state: State, views: slice) -> State:
    return State(state.A, state.B, state.log_scale, state.xi[views])


def _shift(before: Refined, after: Refined, sightings: Sequence[Sighting], what: str) -> Array:
    """Motion of the camera (in its own old frame) or of the board; each part alone may be loose, so B is shared."""
    a, b = before.state, after.state
    if what == "board":
        return se3.inverse(a.B) @ b.B
    return a.A @ se3.inverse(b.A)


def _degrees(T: Array) -> float:
    return float(np.degrees(rotations.rotation_angle(T[:3, :3], np.eye(3))))


def _spread(state: State, noise: NoiseModel) -> float:
    """How much larger than expected the arm's errors came out (1: as expected)."""
    whitened = state.xi / np.repeat([noise.turn_rad, noise.move_m], 3)
    return float(np.sqrt((whitened**2).sum() / max(whitened.size - 12, 6)))
