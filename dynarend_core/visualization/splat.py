"""A small software renderer: shaded points with a depth buffer, on the CPU and without a display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov, project, scale_intrinsics
from dynarend_core.types import CameraView

Array = np.ndarray

_NEAR_M = 0.05
_EDGE_STRENGTH = 14.0


@dataclass(frozen=True)
class Viewpoint:
    """A virtual camera: optical axes, square pixels."""

    T_base_camera: Array
    K: Array
    width: int
    height: int

    @classmethod
    def of(cls, view: CameraView, width: int | None = None) -> Viewpoint:
        """Where a camera stood, its image resized to ``width`` [px] (None: as it is)."""
        height, full = view.depth_m.shape
        factor = 1.0 if width is None else width / full
        return cls(view.T_base_camera, scale_intrinsics(view.K, factor), round(full * factor), round(height * factor))

    @property
    def focal_px(self) -> float:
        """Focal length [px]."""
        return float(self.K[0, 0])


def look_at(eye: Array, target: Array, fov_y: float, width: int, height: int) -> Viewpoint:
    """Camera at ``eye`` that looks at ``target`` with base z up in the picture."""
    forward = np.asarray(target, dtype=np.float64) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward], axis=1)
    return Viewpoint(se3.make(R, np.asarray(eye)), intrinsics_from_fov(width, height, fov_y), width, height)


def point_sizes(xyz: Array, at_least_m: float, at_most_m: float = 0.017) -> Array:
    """``(n,)`` disc diameters that close the gaps between neighbours where a camera saw a surface at a slant."""
    if len(xyz) < 6:
        return np.full(len(xyz), at_least_m)
    spacing = cKDTree(xyz).query(xyz, k=6)[0][:, -1]
    return np.clip(1.15 * spacing, at_least_m, at_most_m)


def splat(xyz: Array, rgb: Array, size_m: Array | float, view: Viewpoint) -> tuple[Array, Array]:
    """Draw points as discs, nearest on top.

    Args:
        xyz: ``(n, 3)`` base frame [m].
        rgb: ``(n, 3)`` 0 to 255.
        size_m: Diameter of a disc [m], one or ``(n,)``.
        view: Virtual camera.

    Returns:
        Colour ``(h, w, 3)`` float32 (0 where nothing is) and depth ``(h, w)`` float32 [m] (inf where nothing is).
    """
    color = np.zeros((view.height * view.width, 3), dtype=np.float32)
    depth = np.full(view.height * view.width, np.inf, dtype=np.float32)
    uv, z = project(xyz, view.K, view.T_base_camera)
    with np.errstate(invalid="ignore"):
        inside = (z > _NEAR_M) & (uv > -20).all(axis=1) & (uv < (view.width + 20, view.height + 20)).all(axis=1)
    order = np.flatnonzero(inside)
    order = order[np.argsort(-z[order])]  # far to near: the last write to a pixel stays
    if len(order):
        radius = np.clip(view.focal_px * np.broadcast_to(size_m, len(z))[order] / 2.0 / z[order], 0.7, 14.0)
        pixels, owner = _discs(uv[order], radius, view)
        color[pixels] = np.asarray(rgb, dtype=np.float32)[order][owner]
        depth[pixels] = z[order][owner]
    return color.reshape(view.height, view.width, 3), depth.reshape(view.height, view.width)


def shade_edges(color: Array, depth: Array, radius_px: int) -> Array:
    """Darken pixels that lie behind their neighbours (eye-dome lighting): gives a cloud its relief."""
    log_depth = np.log2(np.where(np.isfinite(depth), depth, 1e3)).astype(np.float32)
    padded = np.pad(log_depth, radius_px, mode="edge")
    h, w = depth.shape
    occlusion = np.zeros_like(log_depth)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = radius_px * (1 + dy), radius_px * (1 + dx)
            occlusion += np.clip(log_depth - padded[y : y + h, x : x + w], 0.0, 0.1)
    return color * np.exp(-_EDGE_STRENGTH / 8.0 * occlusion)[..., None]


def _discs(uv: Array, radius: Array, view: Viewpoint) -> tuple[Array, Array]:
    """Flat pixel indices of all discs, in the order of the points, and which point each belongs to."""
    reach = int(np.ceil(radius.max()))
    dy, dx = (a.ravel() for a in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    keep = dx**2 + dy**2 <= reach**2
    dx, dy = dx[keep], dy[keep]
    center = np.floor(uv).astype(np.int32)
    x, y = center[:, :1] + dx, center[:, 1:] + dy
    drawn = (dx**2 + dy**2 <= radius[:, None] ** 2) & (x >= 0) & (x < view.width) & (y >= 0) & (y < view.height)
    owner = np.broadcast_to(np.arange(len(uv), dtype=np.int32)[:, None], drawn.shape)
    return (y * view.width + x)[drawn], owner[drawn]
