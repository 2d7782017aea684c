"""From recorded views to a camera pose, with everything that tells whether to believe it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynarend_core.errors import ObservationError
from dynarend_core.geometry import rotations, se3
from dynarend_core.perception.calibration import hand_eye
from dynarend_core.perception.calibration._reprojection import NoiseModel, State, known_transforms
from dynarend_core.perception.calibration.boards import Board
from dynarend_core.perception.calibration.hypotheses import scale_test, slip_test
from dynarend_core.perception.calibration.refinement import Refined, refine
from dynarend_core.perception.calibration.report import CalibrationReport, MethodResult, ViewResult
from dynarend_core.perception.calibration.sighting import CalibrationView, Rejection, Sighting, ViewLimits, sight
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

MIN_VIEWS = 5


def find_boards(
    views: Sequence[CalibrationView], board: Board, limits: ViewLimits | None = None, first: int = 0
) -> tuple[list[Sighting], list[Rejection]]:
    """Look for the board in the views from ``first`` on: usable ones, and refused ones with their reasons."""
    sightings: list[Sighting] = []
    rejections: list[Rejection] = []
    for i, view in enumerate(views):
        if i < first:
            continue
        seen = sight(view, board, i, sightings, limits)
        if isinstance(seen, Sighting):
            sightings.append(seen)
        else:
            rejections.append(seen)
    return sightings, rejections


def calibrate(
    sightings: Sequence[Sighting], rejections: Sequence[Rejection], set_up: SetUp, noise: NoiseModel | None = None
) -> CalibrationReport:
    """Closed forms, joint refinement, leave-one-out, tests for a wrong board size and for a slip.

    Raises:
        ObservationError: too few usable views, or hand poses that hardly turn.
    """
    noise = noise or NoiseModel()
    if len(sightings) < MIN_VIEWS:
        reasons = "; ".join(f"view {r.index}: {r.reason}" for r in rejections)
        raise ObservationError(f"{len(sightings)} usable views, at least {MIN_VIEWS} needed; refused: {reasons or '-'}")
    M = known_transforms(sightings, set_up)
    seen = np.stack([s.T_camera_board for s in sightings])
    turn = _largest_turn(M)
    if turn < 10.0:
        raise ObservationError(f"the hand turned by {turn:.1f} deg at most: without turning nothing can be calibrated")
    methods = hand_eye.solve_all(M, seen)
    refined = _best_refinement(sightings, set_up, methods, M, seen, noise)
    left_out = [_leave_out(i, sightings, set_up, refined, noise) for i in range(len(sightings))]
    T = se3.inverse(refined.state.A)
    poses = np.stack([pose for pose, _, _ in left_out])
    uncertainty_mm, uncertainty_deg = _jackknife(T, poses)
    errors = np.concatenate(refined.pixel_errors)
    return CalibrationReport(
        set_up=set_up,
        T_parent_camera=T,
        T_carrier_board=refined.state.B,
        residual_px=float(np.sqrt((errors**2).sum(axis=1).mean())),
        uncertainty_mm=uncertainty_mm,
        uncertainty_deg=uncertainty_deg,
        views=_view_results(sightings, refined, [misses for _, *misses in left_out]),
        rejected=tuple(rejections),
        methods=tuple(MethodResult(name, *_difference(T, pose)) for name, pose in methods.items()),
        scale=scale_test(sightings, set_up, refined, noise),
        slip=slip_test(sightings, set_up, refined, noise),
    )


def _view_results(
    sightings: Sequence[Sighting], refined: Refined, misses: Sequence[Sequence[float]]
) -> tuple[ViewResult, ...]:
    """Every view's part; ``misses`` are its leave-one-out errors [mm], [deg]."""
    return tuple(
        ViewResult(
            s.index,
            float(np.sqrt((errors**2).sum(axis=1).mean())),
            miss[0],
            miss[1],
            1e3 * float(np.linalg.norm(xi[3:])),
            float(np.degrees(np.linalg.norm(xi[:3]))),
            s.depth,
        )
        for s, errors, xi, miss in zip(sightings, refined.pixel_errors, refined.state.xi, misses, strict=True)
    )


def _best_refinement(
    sightings: Sequence[Sighting], set_up: SetUp, methods: dict[str, Array], M: Array, seen: Array, noise: NoiseModel
) -> Refined:
    """Refine from the closed form that fits best."""
    starts = []
    for pose in methods.values():
        B = hand_eye.board_pose(M, seen, pose)
        predicted = se3.inverse(pose) @ M @ B
        misfit = np.linalg.norm(predicted[:, :3, 3] - seen[:, :3, 3], axis=1).sum()
        starts.append((float(misfit), State(se3.inverse(pose), B, 0.0, np.zeros((len(M), 6)))))
    return refine(sightings, set_up, min(starts, key=lambda s: s[0])[1], noise)


def _leave_out(
    i: int, sightings: Sequence[Sighting], set_up: SetUp, refined: Refined, noise: NoiseModel
) -> tuple[Array, float, float]:
    """Camera pose without view ``i``, and how far the board is from where that pose expects it [mm], [deg]."""
    rest = [s for k, s in enumerate(sightings) if k != i]
    start = State(refined.state.A, refined.state.B, 0.0, np.delete(refined.state.xi, i, axis=0))
    state = refine(rest, set_up, start, noise).state
    expected = state.A @ known_transforms([sightings[i]], set_up)[0] @ state.B
    return se3.inverse(state.A), *_difference(expected, sightings[i].T_camera_board)


def _difference(T_a: Array, T_b: Array) -> tuple[float, float]:
    """Distance [mm] and angle [deg] between two poses."""
    distance = 1e3 * float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3]))
    return distance, float(np.degrees(rotations.rotation_angle(T_a[:3, :3], T_b[:3, :3])))


def _jackknife(T: Array, poses: Array) -> tuple[float, float]:
    """Standard errors of position [mm] and rotation [deg] from the leave-one-out poses."""
    differences = np.array([_difference(T, pose) for pose in poses])
    mm, deg = np.sqrt((len(poses) - 1) / len(poses) * (differences**2).sum(axis=0))
    return float(mm), float(deg)


def _largest_turn(M: Array) -> float:
    """Largest angle between two hand poses [deg]."""
    R = M[:, :3, :3]
    return float(np.degrees(rotations.rotation_angle(R[:, None], R[None, :]).max()))
