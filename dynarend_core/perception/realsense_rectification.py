"""Images of a lens with distortion, resampled as a pinhole camera of the same matrix would show them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dynarend_core.types import Array

_STEP = 8
"""The SDK is asked at every eighth pixel: a lens bends by less than 0.02 pixels in between."""


def is_distorted(intrinsics: Any) -> bool:
    """Whether ``pyrealsense2.intrinsics`` have a coefficient that is not zero."""
    return any(intrinsics.coeffs)


class Rectification:
    """A map from pinhole pixels to pixels of the image, made once; the SDK knows the camera's distortion model.

    Args:
        rs: The module ``pyrealsense2``.
        intrinsics: ``pyrealsense2.intrinsics`` of the image.
        smooth: Mix neighbouring pixels (colour); otherwise take the nearest (depth: a mean of two surfaces is on none).
    """

    def __init__(self, rs: Any, intrinsics: Any, smooth: bool) -> None:
        grid = _grid(rs, intrinsics)
        self._interpolation = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        self._maps = cv2.convertMaps(grid, None, cv2.CV_16SC2, nninterpolation=not smooth)

    @classmethod
    def of(cls, rs: Any, intrinsics: Any, smooth: bool) -> Rectification | None:
        """None for an image without distortion; otherwise as the class."""
        return cls(rs, intrinsics, smooth) if is_distorted(intrinsics) else None

    def apply(self, image: Array) -> Array:
        """``(h, w)`` or ``(h, w, c)``, as a pinhole shows it; 0 where it looks past the image's edge."""
        return cv2.remap(image, *self._maps, self._interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def _grid(rs: Any, intrinsics: Any) -> Array:
    """``(h, w, 2)`` float32: where in the image (column, row) each pinhole pixel is seen; centres at whole numbers."""
    columns, rows = (np.arange(0, size + _STEP, _STEP) for size in (intrinsics.width, intrinsics.height))
    x, y = (columns - intrinsics.ppx) / intrinsics.fx, (rows - intrinsics.ppy) / intrinsics.fy
    seen = np.array([[rs.rs2_project_point_to_pixel(intrinsics, [u, v, 1.0]) for u in x] for v in y])
    down, across = _between(intrinsics.height, rows), _between(intrinsics.width, columns)
    return (across @ np.tensordot(down, seen, 1)).astype(np.float32)


def _between(size: int, nodes: Array) -> Array:
    """``(size, n)`` weights of linear interpolation between nodes ``(n,)``."""
    return np.maximum(1.0 - np.abs(np.arange(size)[:, None] - nodes) / _STEP, 0.0)
