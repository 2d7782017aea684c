"""Does the depth image see the board where PnP puts it? Their ratio tells a wrong board size or focal length."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.types import Array

_MIN_PIXELS = 200


@dataclass(frozen=True)
class DepthCheck:
    """Plane of the board by depth against its plane by PnP.

    Attributes:
        ratio: Distance by depth over distance by PnP, at the board's middle.
        offset_mm: By depth minus by PnP along the line of sight [mm].
        tilt_deg: Angle between the two planes [deg].
        noise_mm: Standard deviation of the depth about its own plane [mm].
    """

    ratio: float
    offset_mm: float
    tilt_deg: float
    noise_mm: float


def compare_depth(depth_m: Array, K: Array, T_camera_board: Array, pixels: Array) -> DepthCheck | None:
    """Fit a plane to the depth between the corners that were seen; None with too little valid depth.

    Args:
        depth_m: ``(h, w)`` [m], NaN where invalid.
        K: ``(3, 3)`` [px].
        T_camera_board: ``(4, 4)`` by PnP.
        pixels: ``(n, 2)`` corners that were seen [px]; depth is looked at inside their hull.
    """
    mask = np.zeros(depth_m.shape, np.uint8)
    hull = cv2.convexHull(np.round(pixels - 0.5).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1)
    rows, columns = np.nonzero((mask > 0) & np.isfinite(depth_m) & (depth_m > 0))
    if len(rows) < _MIN_PIXELS:
        return None
    # 1 / z of a plane is linear in the pixel: a plane fit that weights near and far alike.
    z = depth_m[rows, columns].astype(np.float64)
    rays = np.stack([(columns + 0.5 - K[0, 2]) / K[0, 0], (rows + 0.5 - K[1, 2]) / K[1, 1], np.ones(len(z))], axis=1)
    normal = T_camera_board[:3, 2]
    plane = normal / float(normal @ T_camera_board[:3, 3])
    plane = plane / np.median(z * (rays @ plane))  # moved to where most of the depth lies: fingers may cover a part
    for _ in range(4):
        miss = z - 1.0 / (rays @ plane)
        keep = np.abs(miss) <= 3.0 * 1.4826 * np.median(np.abs(miss)) + 1e-6
        plane = np.linalg.lstsq(rays[keep], 1.0 / z[keep], rcond=None)[0]
    middle = T_camera_board[:3, 3]
    ratio = 1.0 / float(plane @ middle)
    cosine = abs(float(plane @ normal)) / float(np.linalg.norm(plane))
    distance = float(np.linalg.norm(middle))
    return DepthCheck(
        ratio,
        1e3 * distance * (ratio - 1.0),
        float(np.degrees(np.arccos(min(cosine, 1.0)))),
        1e3 * float(miss[keep].std()),
    )
