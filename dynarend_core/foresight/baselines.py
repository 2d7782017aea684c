"""Pictures that need no network: what a rendering has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from dynarend_core.foresight.picture import Picture
from dynarend_core.foresight.picture_errors import workspace_pixels
from dynarend_core.geometry.cameras import unproject
from dynarend_core.perception.fusion import fuse
from dynarend_core.types import CameraView
from dynarend_core.visualization.splat import Viewpoint, point_sizes, splat

Array = np.ndarray

_FOOTPRINT = 1.5
"""Width of a warped pixel: neighbours on a surface that the new view sees at a steeper angle still touch."""


def constant(truth: CameraView, aabb_base: Array) -> Picture:
    """The mean colour and median depth of the true view's pixels in the workspace, everywhere."""
    inside = workspace_pixels(truth, aabb_base)
    rgb = np.broadcast_to(truth.rgb[inside].mean(axis=0).round().astype(np.uint8), truth.rgb.shape)
    return Picture(rgb, np.full(truth.depth_m.shape, np.median(truth.depth_m[inside])))


def drawn_cloud(views: Sequence[CameraView], where: Viewpoint, aabb_base: Array, voxel_m: float) -> Picture:
    """The fused cloud of the input views, drawn as discs, holes filled."""
    cloud = fuse(views, aabb_base, voxel_m)
    return _filled(*splat(cloud.xyz, cloud.rgb, point_sizes(cloud.xyz, voxel_m), where))


def warped(views: Sequence[CameraView], where: Viewpoint) -> Picture:
    """The input view nearest to ``where``, its pixels moved there by their depths, holes filled.

    Nearest is the one that fills most of the picture: a camera at the wrist may look from the same side and yet see
    only a corner.
    """
    pictures = [_moved(view, where) for view in views]
    return _filled(*max(pictures, key=lambda picture: int(np.isfinite(picture[1]).sum())))


def copied(before: CameraView, after: CameraView) -> Picture:
    """The image before, where the camera stands after: the very image if it did not move, else warped."""
    if np.allclose(before.T_base_camera, after.T_base_camera, atol=1e-6):
        return Picture.of(before)
    return warped((before,), Viewpoint.of(after))


def _moved(view: CameraView, where: Viewpoint) -> tuple[Array, Array]:
    known = np.isfinite(view.depth_m) & (view.depth_m > 0)
    xyz = unproject(view.depth_m, view.K, view.T_base_camera)[known]
    return splat(xyz, view.rgb[known], _FOOTPRINT * view.depth_m[known] / view.K[0, 0], where)


def _filled(rgb: Array, depth: Array) -> Picture:
    """Holes take the nearest pixel's colour and depth."""
    hole = ~np.isfinite(depth)
    if not hole.all():
        row, column = distance_transform_edt(hole, return_distances=False, return_indices=True)
        rgb, depth = rgb[row, column], depth[row, column]
    return Picture(rgb.round().astype(np.uint8), np.where(np.isfinite(depth), depth, np.nan))
