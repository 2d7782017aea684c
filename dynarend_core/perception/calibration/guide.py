"""Which pose helps most next? Measured by how much it narrows the camera's pose, said in words."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.perception.calibration import hand_eye
from dynarend_core.perception.calibration._reprojection import (
    A_COLUMNS,
    SCALE_COLUMN,
    NoiseModel,
    Reprojection,
    State,
    known_transforms,
)
from dynarend_core.perception.calibration.boards import Detection
from dynarend_core.perception.calibration.sighting import Sighting
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

ENOUGH_VIEWS = 15
_TILT_DEG, _TURN_DEG = 30.0, 45.0
_LEVER_M = 0.5
"""A rotation error is weighed by what it does at this distance from the camera."""

_FIRST = (
    "show the board to the camera, square to it, filling about a third of the image",
    "tilt it by 30 deg so that its left edge comes nearer to the camera",
    "tilt it by 30 deg so that its upper edge comes nearer to the camera",
    "turn it by 45 deg in the image, and tilt its right edge nearer",
)
_ONLY_SHIFTED = (
    "turn the hand: so far it was only shifted; tilt the board by 30 deg, its left edge nearer to the camera"
)
_TILTS = {
    "without tilt": (0.0, 0.0),
    "its left edge nearer to the camera": (0.0, -1.0),
    "its right edge nearer to the camera": (0.0, 1.0),
    "its upper edge nearer to the camera": (1.0, 0.0),
    "its lower edge nearer to the camera": (-1.0, 0.0),
}
_TURNS = {"": 0.0, "turned clockwise by 45 deg in the image": 1.0, "turned counterclockwise by 45 deg": -1.0}
_DISTANCES = {"": 1.0, "a third nearer": 0.67, "a third farther": 1.33}


@dataclass(frozen=True)
class Suggestion:
    """The next pose.

    Attributes:
        words: What to do, seen from the camera.
        T_base_gripper: ``(4, 4)`` where the hand would go; None before the first estimate.
        gain: Share by which the camera's expected error shrinks, 0 to 1; 0 before the first estimate.
        done: Enough views; going on brings little.
    """

    words: str
    T_base_gripper: Array | None = None
    gain: float = 0.0
    done: bool = False


def suggest(sightings: Sequence[Sighting], set_up: SetUp, noise: NoiseModel | None = None) -> Suggestion:
    """The view that narrows the camera's pose most, of a grid of tilts, turns and distances."""
    noise = noise or NoiseModel()
    if len(sightings) < len(_FIRST):
        return Suggestion(_FIRST[len(sightings)])
    M = known_transforms(sightings, set_up)
    seen = np.stack([s.T_camera_board for s in sightings])
    motions = hand_eye.relative_motions(M, seen)
    if not motions:
        return Suggestion(_ONLY_SHIFTED)
    pose = hand_eye.park(motions)
    state = State(se3.inverse(pose), hand_eye.board_pose(M, seen, pose), 0.0, np.zeros((len(M), 6)))
    now = np.sum([_information(s, set_up, noise, state) for s in sightings], axis=0)
    before = _expected_error(now)
    best: tuple[float, str, Sighting] | None = None
    for words, T_camera_board in _candidates(seen):
        view = _imagined(sightings[-1], T_camera_board, state, set_up)
        error = _expected_error(now + _information(view, set_up, noise, state))
        if best is None or error < best[0]:
            best = error, words, view
    assert best is not None  # the grid is never empty
    gain = 1.0 - best[0] / before
    done = len(sightings) >= ENOUGH_VIEWS
    words = f"enough views ({len(sightings)}): solve and save" if done else f"hold the board {best[1]}"
    return Suggestion(words, best[2].T_base_gripper, gain, done)


def _candidates(seen: Array) -> list[tuple[str, Array]]:
    """Words and ``T_camera_board`` of a grid of views about the usual distance, in the middle of the image."""
    distance = float(np.median(seen[:, 2, 3]))
    upright = _upright(seen)
    out = []
    for (tilt_words, tilt), (turn_words, turn), (far_words, far) in itertools.product(
        _TILTS.items(), _TURNS.items(), _DISTANCES.items()
    ):
        R_tilt = rotations.matrix_from_rotation_vector(np.deg2rad(_TILT_DEG) * np.array([*tilt, 0.0]))
        R = R_tilt @ rotations.rotation_z(np.deg2rad(_TURN_DEG) * turn) @ upright
        words = ", ".join(w for w in (f"tilted, {tilt_words}" if any(tilt) else tilt_words, turn_words, far_words) if w)
        out.append((words, se3.make(R, np.array([0.0, 0.0, far * distance]))))
    return out


def _upright(seen: Array) -> Array:
    """The usual turn of the board in the image, so that suggestions stay near what the person does."""
    angles = np.arctan2(seen[:, 1, 0], seen[:, 0, 0])
    return rotations.rotation_z(float(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())))


def _imagined(like: Sighting, T_camera_board: Array, state: State, set_up: SetUp) -> Sighting:
    """The view as it would be; corners exactly where the state puts them do not matter for the information."""
    M = se3.inverse(state.A) @ T_camera_board @ se3.inverse(state.B)
    T_base_gripper = se3.inverse(M) if set_up is SetUp.EYE_IN_HAND else M
    d = like.detection
    return Sighting(-1, Detection(d.ids, d.points_board, d.pixels), like.K, T_base_gripper, T_camera_board, 0.0, None)


def _information(view: Sighting, set_up: SetUp, noise: NoiseModel, state: State) -> Array:
    """``(12, 12)`` information of one view on A and B, its own arm error marginalised."""
    problem = Reprojection([view], set_up, noise)
    start = State(state.A, state.B, 0.0, np.zeros((1, 6)))
    J = np.delete(problem.jacobian(start, np.zeros(problem.columns)), SCALE_COLUMN, axis=1)
    H = J.T @ J
    return H[:12, :12] - H[:12, 12:] @ np.linalg.solve(H[12:, 12:], H[12:, :12])


def _expected_error(information: Array) -> float:
    """Expected error of the camera's pose [m], rotations weighed by a lever."""
    covariance = np.linalg.inv(information + 1e-6 * np.eye(12))[A_COLUMNS, A_COLUMNS]
    weights = np.array([_LEVER_M] * 3 + [1.0] * 3)
    return float(np.sqrt((np.diag(covariance) * weights**2).sum()))
