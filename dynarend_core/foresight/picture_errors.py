"""How far a picture is from what a camera really saw, inside the workspace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.foresight.picture import Picture
from dynarend_core.geometry import aabb as boxes
from dynarend_core.geometry.cameras import unproject
from dynarend_core.types import CameraView
from dynarend_core.visualization.splat import Viewpoint

Array = np.ndarray


@dataclass(frozen=True)
class PictureErrors:
    """Errors over the pixels whose true surface lies in the workspace.

    Attributes:
        psnr_db: Peak signal-to-noise ratio of colours [dB].
        depth_cm: Median absolute depth error [cm].
        depth_mean_cm: Mean absolute depth error [cm].
    """

    psnr_db: float
    depth_cm: float
    depth_mean_cm: float


def workspace_pixels(view: CameraView, aabb_base: Array, width: int | None = None) -> Array:
    """``(h, w)`` bool: whose surface lies in the box ``(2, 3)``; not where depth is invalid."""
    where = Viewpoint.of(view, width)
    points = unproject(Picture.of(view, width).depth_m, where.K, where.T_base_camera)
    return boxes.contains(aabb_base, points.reshape(-1, 3)).reshape(where.height, where.width)


def picture_errors(picture: Picture, truth: CameraView, aabb_base: Array, among: Array | None = None) -> PictureErrors:
    """Compare a picture with a camera's image, which is resized to the picture's width.

    Args:
        picture: The picture.
        truth: What the camera saw.
        aabb_base: Workspace ``(2, 3)`` [m].
        among: ``(h, w)`` bool: of the workspace's pixels only these count; None: all.

    Raises:
        InvalidInputError: The picture has another shape than the image, or no pixel shows the workspace.
    """
    width = picture.depth_m.shape[1]
    true, inside = Picture.of(truth, width), workspace_pixels(truth, aabb_base, width)
    inside = inside if among is None else inside & among
    if true.depth_m.shape != picture.depth_m.shape:
        raise InvalidInputError(f"a picture {picture.depth_m.shape} is not camera {truth.name!r} {true.depth_m.shape}")
    if not inside.any():
        raise InvalidInputError(
            f"camera {truth.name!r} sees nothing of the workspace {np.round(aabb_base, 3).tolist()}"
        )
    mse = float(np.mean(((picture.rgb[inside].astype(np.float64) - true.rgb[inside]) / 255.0) ** 2))
    depth = 100.0 * np.abs(picture.depth_m - true.depth_m)[inside]
    return PictureErrors(-10.0 * np.log10(max(mse, 1e-10)), float(np.nanmedian(depth)), float(np.nanmean(depth)))
