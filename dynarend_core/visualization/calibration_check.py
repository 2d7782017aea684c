"""Pictures of a calibration check: the robot's model over the image, and where the cameras' clouds disagree."""

from __future__ import annotations

import cv2
import numpy as np

from dynarend_core.types import Array

ROBOT_COLOR = (60, 220, 255)
DISAGREEMENT_FULL_MM = 20.0
"""Distance that is drawn in the strongest colour [mm]."""

_TINT, _HEAT = 0.28, 0.8


def robot_over_image(rgb: Array, robot_depth_m: Array) -> Array:
    """The image with the modelled robot tinted and outlined; where the outline misses, the calibration is off.

    Args:
        rgb: ``(h, w, 3)`` uint8.
        robot_depth_m: ``(h, w)`` depth of the modelled robot [m], NaN elsewhere.
    """
    mask = np.isfinite(robot_depth_m)
    out = rgb.astype(np.float32)
    out[mask] = (1 - _TINT) * out[mask] + _TINT * np.array(ROBOT_COLOR)
    out = np.ascontiguousarray(out.astype(np.uint8))
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(out, outlines, -1, ROBOT_COLOR, 2, cv2.LINE_AA)
    return out


def disagreement_over_image(rgb: Array, disagreement_mm: Array) -> Array:
    """The image in grey, with the distance to the other cameras' clouds in colour: blue 0, red 20 mm and more.

    Args:
        rgb: ``(h, w, 3)`` uint8.
        disagreement_mm: ``(h, w)`` [mm], NaN where no other camera sees the point.
    """
    grey = np.repeat(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2) * 0.6
    share = np.clip(np.nan_to_num(disagreement_mm) / DISAGREEMENT_FULL_MM, 0.0, 1.0)
    heat = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    seen = np.isfinite(disagreement_mm)[..., None]
    return np.where(seen, _HEAT * heat + (1 - _HEAT) * grey, grey).astype(np.uint8)
