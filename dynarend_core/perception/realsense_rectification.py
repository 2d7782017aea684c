"""Images of a lens with distortion, resampled as a pinhole camera of the same matrix would show them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from dynarend_core.types import Array


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
        columns = [(u - intrinsics.ppx) / intrinsics.fx for u in range(intrinsics.width)]
        rows = [(v - intrinsics.ppy) / intrinsics.fy for v in range(intrinsics.height)]
        pixels = [rs.rs2_project_point_to_pixel(intrinsics, [x, y, 1.0]) for y in rows for x in columns]
        grid = np.array(pixels, dtype=np.float32).reshape(intrinsics.height, intrinsics.width, 2)
        self._interpolation = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        self._maps = cv2.convertMaps(grid, None, cv2.CV_16SC2, nninterpolation=not smooth)

    @classmethod
    def of(cls, rs: Any, intrinsics: Any, smooth: bool) -> Rectification | None:
        """None for an image without distortion; otherwise as the class."""
        return cls(rs, intrinsics, smooth) if is_distorted(intrinsics) else None

    def apply(self, image: Array) -> Array:
        """``(h, w)`` or ``(h, w, c)``, as a pinhole shows it; 0 where it looks past the image's edge."""
        return cv2.remap(image, *self._maps, self._interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
