"""One picture with depth, however it came about: rendered, drawn from a cloud, or taken by a camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.types import CameraView

Array = np.ndarray


@dataclass(frozen=True)
class Picture:
    """What is seen from a viewpoint.

    Attributes:
        rgb: ``(h, w, 3)`` uint8.
        depth_m: ``(h, w)`` float32 along the optical axis [m]; NaN where unknown.
        opacity: ``(h, w)`` float32 in ``[0, 1]``: how sure it is that something is there; None: not rendered.
        semantic: ``(h, w, s)`` float32 features; None without a semantic head.
    """

    rgb: Array
    depth_m: Array
    opacity: Array | None = None
    semantic: Array | None = None

    @classmethod
    def of(cls, view: CameraView, width: int | None = None) -> Picture:
        """A camera's image, resized to ``width`` [px]; depths are picked, not averaged, as edges are not ramps."""
        if width is None or width == view.depth_m.shape[1]:
            return cls(view.rgb, view.depth_m)
        size = (width, round(width * view.depth_m.shape[0] / view.depth_m.shape[1]))
        rgb = cv2.resize(view.rgb, size, interpolation=cv2.INTER_AREA)
        return cls(rgb, cv2.resize(view.depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT))
