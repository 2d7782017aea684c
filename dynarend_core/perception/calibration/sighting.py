"""One view of the board: corners, the board's pose by PnP, and the reasons for which a view is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.perception.calibration.boards import Board, Detection
from dynarend_core.perception.calibration.depth_check import DepthCheck, compare_depth
from dynarend_core.types import Array

_MAX_CORNERS = 60


@dataclass(frozen=True)
class CalibrationView:
    """What is recorded at one pose of the arm, which stands still.

    Attributes:
        rgb: ``(h, w, 3)`` uint8, rectified.
        depth_m: ``(h, w)`` float32 [m] aligned to it, NaN where invalid; None without depth.
        K: ``(3, 3)`` pinhole matrix [px], pixel centres at integer + 0.5.
        T_base_gripper: ``(4, 4)`` the hand's frame in the base frame, from the joints.
        q: ``(7,)`` joint positions [rad], kept for pictures; None if unknown.
        stamp_ns: Time of the image [ns].
    """

    rgb: Array
    depth_m: Array | None
    K: Array
    T_base_gripper: Array
    q: Array | None = None
    stamp_ns: int = 0


@dataclass(frozen=True)
class ViewLimits:
    """What a usable view must keep.

    Attributes:
        min_corners_share: Share of the board's corners that must be seen.
        min_spacing_px: Distance of neighbouring corners [px]; smaller corners are found badly.
        max_slant_deg: Angle between the board's normal and the line of sight [deg].
        max_edge_px: Width of a corner's edges [px]; wider is blurred.
        max_residual_px: Root mean square error of the PnP fit [px]: bent board, wrong board, distorted image.
        min_turn_deg: A pose must differ from every earlier one by this turn [deg] or ...
        min_move_m: ... by this distance [m].
    """

    min_corners_share: float = 0.4
    min_spacing_px: float = 12.0
    max_slant_deg: float = 65.0
    max_edge_px: float = 6.0
    max_residual_px: float = 1.0
    min_turn_deg: float = 3.0
    min_move_m: float = 0.01


@dataclass(frozen=True)
class Sighting:
    """A usable view of the board.

    Attributes:
        index: Number of the view in its session.
        detection: Corners.
        K: Pinhole matrix of the image [px].
        T_base_gripper: ``(4, 4)`` the hand's pose.
        T_camera_board: ``(4, 4)`` the board's pose by PnP.
        residual_px: Root mean square error of that fit [px].
        depth: Board plane from depth against PnP; None without (enough) depth.
    """

    index: int
    detection: Detection
    K: Array
    T_base_gripper: Array
    T_camera_board: Array
    residual_px: float
    depth: DepthCheck | None


@dataclass(frozen=True)
class Rejection:
    """A view that is not used, and why, with what to do."""

    index: int
    reason: str


def sight(
    view: CalibrationView, board: Board, index: int, earlier: Sequence[Sighting] = (), limits: ViewLimits | None = None
) -> Sighting | Rejection:
    """Find the board in a view, or say why the view is of no use."""
    limits = limits or ViewLimits()
    gray = cv2.cvtColor(np.ascontiguousarray(view.rgb), cv2.COLOR_RGB2GRAY)
    found = board.find(gray)
    wanted = max(6, int(np.ceil(limits.min_corners_share * len(board.points))))
    if len(found.ids) < wanted:
        return Rejection(
            index, f"{len(found.ids)} of {len(board.points)} corners seen, {wanted} needed: bring the board into view"
        )
    T, residual = _pose(found, view.K)
    problem = (
        _too_small(found, T, view.K, board, limits)
        or _too_slanted(T, limits)
        or _too_blurred(gray, found.pixels, limits)
        or _misfit(residual, limits)
        or _repeated(view.T_base_gripper, earlier, limits)
    )
    if problem:
        return Rejection(index, problem)
    depth = None if view.depth_m is None else compare_depth(view.depth_m, view.K, T, found.pixels)
    return Sighting(index, _thinned(found), view.K, view.T_base_gripper, T, residual, depth)


def _thinned(found: Detection) -> Detection:
    """Every second, third, ... corner of a large board: corners of one tag err alike, and the solver's time counts."""
    every = slice(None, None, -(-len(found.ids) // _MAX_CORNERS))
    return Detection(found.ids[every], found.points_board[every], found.pixels[every])


def _pose(found: Detection, K: Array) -> tuple[Array, float]:
    """Board in the camera frame by PnP on a plane, the better of its two solutions, refined; residual [px]."""
    points, pixels, k = found.points_board, found.pixels, np.asarray(K, dtype=np.float64)
    _, turns, shifts, _ = cv2.solvePnPGeneric(points, pixels, k, None, flags=cv2.SOLVEPNP_IPPE)
    best: tuple[Array, float] | None = None
    for turn, shift in zip(turns, shifts, strict=True):
        turn, shift = cv2.solvePnPRefineLM(points, pixels, k, None, turn, shift)
        T = se3.make(rotations.matrix_from_rotation_vector(np.ravel(turn)), np.ravel(shift))
        camera = se3.apply(T, points)
        uv = (camera @ k.T)[:, :2] / camera[:, 2:]
        residual = float(np.sqrt(((uv - pixels) ** 2).sum(axis=1).mean()))
        if best is None or residual < best[1]:
            best = T, residual
    assert best is not None  # IPPE returns two solutions
    return best


def _too_small(found: Detection, T: Array, K: Array, board: Board, limits: ViewLimits) -> str:
    spacing = board.config.square_m * K[0, 0] / T[2, 3]
    if spacing >= limits.min_spacing_px:
        return ""
    return (
        f"the board is small, {spacing:.0f} px from corner to corner: come nearer ({limits.min_spacing_px:g} px needed)"
    )


def _too_slanted(T: Array, limits: ViewLimits) -> str:
    sight_line = T[:3, 3] / np.linalg.norm(T[:3, 3])
    slant = float(np.degrees(np.arccos(np.clip(sight_line @ T[:3, 2], -1.0, 1.0))))
    if slant <= limits.max_slant_deg:
        return ""
    return f"the board is seen at a slant of {slant:.0f} deg: face it more ({limits.max_slant_deg:g} deg at most)"


def _too_blurred(gray: Array, pixels: Array, limits: ViewLimits) -> str:
    """Width of the edges at the corners: contrast over the steepest slope."""
    image = gray.astype(np.float32)
    slope = np.hypot(cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=0.125))
    box = np.ones((11, 11), np.uint8)
    contrast = cv2.dilate(image, box) - cv2.erode(image, box)
    steepest = cv2.dilate(slope, box)
    column, row = (np.clip(pixels[:, i].astype(int), 0, gray.shape[1 - i] - 1) for i in (0, 1))
    width = float(np.median(contrast[row, column] / np.maximum(steepest[row, column], 1e-3)))
    if width <= limits.max_edge_px:
        return ""
    return f"blurred, edges are {width:.1f} px wide: hold still, focus, more light"


def _misfit(residual: float, limits: ViewLimits) -> str:
    if residual <= limits.max_residual_px:
        return ""
    return (
        f"the corners miss a flat board by {residual:.1f} px ({limits.max_residual_px:g} allowed): "
        "bent board, other board, or an image that is not rectified"
    )


def _repeated(T_base_gripper: Array, earlier: Sequence[Sighting], limits: ViewLimits) -> str:
    for other in earlier:
        turn = float(np.degrees(rotations.rotation_angle(T_base_gripper[:3, :3], other.T_base_gripper[:3, :3])))
        move = float(np.linalg.norm(T_base_gripper[:3, 3] - other.T_base_gripper[:3, 3]))
        if turn < limits.min_turn_deg and move < limits.min_move_m:
            return f"the same pose as view {other.index}: turn the hand by some 20 deg"
    return ""
