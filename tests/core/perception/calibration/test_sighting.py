"""A usable view is used; a view of no use is refused for the right reason."""

import cv2
import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_x, rotation_z
from dynarend_core.perception.calibration.boards import Board
from dynarend_core.perception.calibration.depth_check import compare_depth
from dynarend_core.perception.calibration.sighting import CalibrationView, Rejection, Sighting, sight

K = np.array([[615.0, 0, 320], [0, 615.0, 240], [0, 0, 1]])
PIXELS_PER_M = 3000.0


def picture(board, T_camera_board):
    """The drawn board warped to where the camera would see it."""
    drawing = board.draw(PIXELS_PER_M, 0.01)
    x, y = board.size_m / 2 + 0.01
    to_board = np.array([[1 / PIXELS_PER_M, 0, -x], [0, 1 / PIXELS_PER_M, -y], [0, 0, 1]])
    H = K @ T_camera_board[:3, [0, 1, 3]] @ to_board
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    image = cv2.warpPerspective(
        drawing, np.linalg.inv(half) @ H @ half, (640, 480), flags=cv2.INTER_AREA, borderValue=128
    )
    return np.repeat(image[..., None], 3, axis=2)


def view(T, rgb=None, T_base_gripper=None):
    board = Board()
    rgb = picture(board, T) if rgb is None else rgb
    depth = np.full((480, 640), T[2, 3], np.float32)
    return CalibrationView(rgb, depth, K, np.eye(4) if T_base_gripper is None else T_base_gripper)


GOOD = se3.make(rotation_x(0.4) @ rotation_z(0.3), np.array([0.02, 0.01, 0.5]))


def test_pose_of_a_good_view():
    seen = sight(view(GOOD), Board(), 3)
    assert isinstance(seen, Sighting)
    assert seen.index == 3
    assert len(seen.detection.ids) == 24
    np.testing.assert_allclose(seen.T_camera_board, GOOD, atol=2e-3)


@pytest.mark.parametrize(
    ("T", "change", "words"),
    [
        (GOOD, lambda rgb: np.zeros_like(rgb), "0 of 24 corners"),
        (se3.make(t=np.array([0.3, 0.2, 0.5])), lambda rgb: rgb, "bring the board into view"),
        (se3.make(t=np.array([0.0, 0.0, 2.2])), lambda rgb: rgb, "come nearer|corners seen"),
        (se3.make(rotation_x(1.2), np.array([0.0, 0.0, 0.4])), lambda rgb: rgb, "slant|corners seen"),
        (GOOD, lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 4.0), "blurred|corners seen"),
    ],
)
def test_views_of_no_use_are_refused(T, change, words):
    import re

    seen = sight(view(T, change(picture(Board(), T))), Board(), 0)
    assert isinstance(seen, Rejection)
    assert re.search(words, seen.reason)


def test_an_image_that_is_not_rectified_is_refused():
    maps = cv2.initUndistortRectifyMap(K, np.array([0.6, 0.0, 0, 0]), np.eye(3), K, (640, 480), cv2.CV_32FC1)
    near = se3.make(rotation_x(0.2), np.array([0.0, 0.0, 0.34]))
    seen = sight(view(near, cv2.remap(picture(Board(), near), *maps, cv2.INTER_LINEAR)), Board(), 0)
    assert isinstance(seen, Rejection)
    assert "not rectified" in seen.reason


def test_the_same_pose_again_is_refused():
    first = sight(view(GOOD), Board(), 0)
    again = sight(view(GOOD), Board(), 1, [first])
    assert isinstance(again, Rejection)
    assert "the same pose as view 0" in again.reason
    turned = sight(view(GOOD, T_base_gripper=se3.make(rotation_z(0.3))), Board(), 1, [first])
    assert isinstance(turned, Sighting)


@pytest.mark.parametrize("ratio", [1.0, 1.03])
def test_depth_check_measures_the_ratio_of_distances(ratio):
    """With fingers over a fifth of the board, and holes."""
    T = se3.make(rotation_x(0.4), np.array([0.0, 0.0, 0.5]))
    rng = np.random.default_rng(0)
    rays = np.stack([*np.meshgrid((np.arange(640) + 0.5 - 320) / 615, (np.arange(480) + 0.5 - 240) / 615)], axis=-1)
    n = T[:3, 2]
    depth = ratio * (n @ T[:3, 3]) / (rays @ n[:2] + n[2]) + 0.001 * rng.normal(size=(480, 640))
    depth[rng.uniform(size=depth.shape) < 0.1] = np.nan
    depth[:, 300:340] = 0.2
    board = Board()
    camera = se3.apply(T, board.points)
    uv = (camera @ K.T)[:, :2] / camera[:, 2:]
    check = compare_depth(depth.astype(np.float32), K, T, uv)
    assert check.ratio == pytest.approx(ratio, abs=1e-3)
    assert check.tilt_deg < 0.2
    assert check.noise_mm == pytest.approx(1.0, abs=0.3)


def test_depth_check_needs_depth():
    assert (
        compare_depth(np.full((480, 640), np.nan, np.float32), K, GOOD, np.array([[0, 0], [99, 0], [9, 99.0]])) is None
    )
