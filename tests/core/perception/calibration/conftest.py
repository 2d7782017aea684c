"""Views of a board without pictures: corners projected, with known truth."""

from dataclasses import dataclass

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import matrix_from_rotation_vector, rotation_x
from dynarend_core.perception.calibration.boards import Board, Detection
from dynarend_core.perception.calibration.sighting import Sighting
from dynarend_core.perception.camera_file import SetUp

K = np.array([[615.0, 0, 320], [0, 610.0, 240], [0, 0, 1]])


@dataclass
class Synthetic:
    T_parent_camera: np.ndarray
    T_carrier_board: np.ndarray
    sightings: list


def _small(rng, move_m, turn_deg):
    return se3.make(matrix_from_rotation_vector(np.deg2rad(turn_deg) * rng.normal(size=3)), move_m * rng.normal(size=3))


def _synthetic(
    set_up, n=12, seed=0, pixel_noise=0.05, arm_mm=0.3, arm_deg=0.03, scale=1.0, slip_at=None, slip=None, what="camera",
    largest_tilt=0.6,
):  # fmt: skip
    rng, board = np.random.default_rng(seed), Board()
    X = se3.make(matrix_from_rotation_vector(rng.normal(size=3)), rng.normal(size=3) * 0.2)
    B = se3.make(matrix_from_rotation_vector(rng.normal(size=3)), rng.normal(size=3) * 0.2)
    sightings = []
    for i in range(n):
        X_now = X @ slip if slip_at is not None and i >= slip_at and what == "camera" else X
        B_now = B @ slip if slip_at is not None and i >= slip_at and what == "board" else B
        turn = matrix_from_rotation_vector(rng.uniform(-1, 1, size=3) * [largest_tilt, largest_tilt, 0.8])
        T = se3.make(turn, np.array([*rng.uniform(-0.05, 0.05, size=2), rng.uniform(0.4, 0.7)]))
        M = X_now @ T @ se3.inverse(B_now)
        T_base_gripper = se3.inverse(M) if set_up is SetUp.EYE_IN_HAND else M
        camera = se3.apply(T, scale * board.points)
        uv = (camera @ K.T)[:, :2] / camera[:, 2:] + pixel_noise * rng.normal(size=(len(board.points), 2))
        seen = T.copy()
        seen[:3, 3] /= scale  # what PnP with the stated size gives
        reported = T_base_gripper @ _small(rng, arm_mm / 1e3, arm_deg)
        sightings.append(Sighting(i, Detection(np.arange(24), board.points, uv), K, reported, seen, 0.1, None))
    return Synthetic(X, B, sightings)


@pytest.fixture(scope="session")
def synthetic():
    """``synthetic(set_up, n=12, ...)``: truth and sightings."""
    return _synthetic


@pytest.fixture
def bump():
    """A camera or board that moved by 5 mm and 0.5 degrees."""
    return se3.make(rotation_x(np.deg2rad(0.5)), np.array([0.003, 0.004, 0.0]))
