"""A view that no camera took: the surfaces that the input cameras saw, looked at from elsewhere, and where they end.

Every depth image is a sheet of triangles between neighbouring pixels. A sheet has no gaps, so nothing behind it shines
through, as it would between warped points. Triangles as steep as a jump from one object to the next are left out. A
pixel counts as known only if

- the nearest surface on its ray is met from the side that a camera saw, and
- the way there is clear: no place in the workspace on it that cameras look at but all see something in front of.
  Such a place may hold the unseen part of an object.

Everything else has NaN depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dynarend_core.datasets._raster import draw_surface, look_along
from dynarend_core.geometry import cameras, se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.types import CameraView

Array = np.ndarray

STEEPEST = np.deg2rad(78.0)
"""A pair of pixels whose surface is steeper to the line of sight is taken for a jump between objects [rad]."""

MARGIN_M = 0.02
"""Two cameras' depths of one surface differ by less [m]."""

_CLEAR_BEFORE_M = 0.04
"""The last piece of a ray, where it grazes the surface it meets, is not asked to be clear [m]."""

_PLACES = 40


def warped_view(
    views: Sequence[CameraView], name: str, K: Array, T_base_camera: Array, shape: tuple[int, int]
) -> CameraView:
    """What a camera would see of the surfaces that ``views`` show.

    Args:
        views: Input views.
        name: Name of the new view.
        K: ``(3, 3)`` its pinhole matrix.
        T_base_camera: ``(4, 4)`` its pose.
        shape: Its rows and columns.

    Returns:
        The view; depth is NaN, and colour black, where the input views do not tell what is seen.
    """
    # Where cameras agree, the one that stands nearest gives the colour.
    order = np.argsort([np.linalg.norm(v.T_base_camera[:3, 3] - T_base_camera[:3, 3]) for v in views], kind="stable")
    depth, rgb, known = np.full(shape, np.inf), np.zeros((*shape, 3), dtype=np.uint8), np.zeros(shape, dtype=bool)
    for i in order:
        z, colour, behind = _drawn(views[i], K, T_base_camera, shape)
        nearer = z < depth - np.where(np.isfinite(depth), MARGIN_M, 0.0)
        depth[nearer], rgb[nearer], known[nearer] = z[nearer], colour[nearer], ~behind[nearer]
    depth[~known] = np.nan
    known[known] = _clear(cameras.unproject(depth, K, T_base_camera)[known], T_base_camera[:3, 3], views)
    rgb[~known] = 0
    stamp_ns = max(view.stamp_ns for view in views)
    return CameraView(name, rgb, np.where(known, depth, np.nan).astype(np.float32), K, T_base_camera, stamp_ns)


def _drawn(view: CameraView, K: Array, T_base_camera: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """One camera's sheet in the new image: depth, colour, whether it turns its back."""
    points = cameras.unproject(view.depth_m, view.K, view.T_base_camera)
    h, w = view.depth_m.shape
    uv, z = cameras.project(points.reshape(-1, 3), K, T_base_camera)
    out = np.full(shape, np.inf), np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool)
    z = np.nan_to_num(z.reshape(h, w), nan=-1.0)
    draw_surface(uv.reshape(h, w, 2), z, np.ascontiguousarray(view.rgb), _smooth(view), *out)
    return out


def _smooth(view: CameraView) -> Array:
    """``(h - 1, w - 1, 2)`` which triangles are one surface, and not a jump between two."""
    z = np.where(view.depth_m > 0, view.depth_m, np.nan)
    smooth = np.zeros((z.shape[0] - 1, z.shape[1] - 1, 2), dtype=bool)
    corners = ((z[:-1, :-1], z[1:, :-1], z[:-1, 1:]), (z[:-1, 1:], z[1:, :-1], z[1:, 1:]))
    for half, three in enumerate(corners):
        high, low = np.maximum.reduce(three), np.minimum.reduce(three)
        smooth[..., half] = high - low <= np.tan(STEEPEST) * low / view.K[0, 0]  # False where a depth is missing
    return smooth


def _clear(points: Array, eye: Array, views: Sequence[CameraView]) -> Array:
    """``(n,)`` bool: whether the way through the workspace from ``eye`` to each of ``(n, 3)`` points is clear."""
    way = points - eye
    with np.errstate(divide="ignore", invalid="ignore"):
        faces = np.sort((SCENE_AABB_BASE[:, None] - eye) / way, axis=0)
    enter = np.clip(faces[0].max(axis=1), 0.0, None)
    leave = np.minimum(faces[1].min(axis=1), 1.0 - _CLEAR_BEFORE_M / np.linalg.norm(way, axis=1))
    inside = leave > enter
    starts, ends = (eye + share[inside, None] * way[inside] for share in (enter, leave))
    looked_at, empty = (np.zeros((len(starts), _PLACES), dtype=bool) for _ in range(2))
    for view in views:
        depth = np.where(view.depth_m > 0, view.depth_m, np.inf)
        T_camera_base = se3.inverse(view.T_base_camera)
        look_along(starts, ends, depth, np.asarray(view.K, dtype=np.float64), T_camera_base, looked_at, empty)
    clear = np.ones(len(points), dtype=bool)
    clear[inside] = (empty | ~looked_at).all(axis=1)
    return clear
