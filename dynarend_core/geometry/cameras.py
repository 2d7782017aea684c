"""Pinhole cameras in optical axes (x right, y down, z forward).

Pixel (u, v) covers [u, u+1) x [v, v+1): the centre of the first pixel is (0.5, 0.5), and an image of
width w and horizontal field of view f has cx = w / 2 and fx = w / (2 tan(f / 2)).
"""

from __future__ import annotations

import numpy as np

from dynarend_core.geometry import se3

Array = np.ndarray


def intrinsics_from_fov(width: int, height: int, fov_y: float) -> Array:
    """``(3, 3)`` pinhole matrix of square pixels from the vertical field of view [rad]."""
    f = height / (2.0 * np.tan(fov_y / 2.0))
    return np.array([[f, 0.0, width / 2.0], [0.0, f, height / 2.0], [0.0, 0.0, 1.0]])


def scale_intrinsics(K: Array, factor: float) -> Array:
    """Pinhole matrix of the same camera with its image resized by ``factor``."""
    return np.diag([factor, factor, 1.0]) @ K


def project(points: Array, K: Array, T_base_camera: Array) -> tuple[Array, Array]:
    """Project ``(n, 3)`` base-frame points.

    Returns:
        Pixels ``(n, 2)`` (u right, v down; NaN behind the camera) and depths ``(n,)`` along the optical axis [m].
    """
    camera = se3.apply(se3.inverse(T_base_camera), np.asarray(points, dtype=np.float64))
    z = camera[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        uv = (camera @ K.T)[:, :2] / z[:, None]
    uv[z <= 0] = np.nan
    return uv, z


def unproject(depth_m: Array, K: Array, T_base_camera: Array) -> Array:
    """``(h, w)`` depth along the optical axis [m] to ``(h, w, 3)`` base-frame points; NaN stays NaN."""
    h, w = depth_m.shape
    x = (np.arange(w) + 0.5 - K[0, 2]) / K[0, 0]
    y = (np.arange(h) + 0.5 - K[1, 2]) / K[1, 1]
    rays = np.stack([*np.meshgrid(x, y), np.ones((h, w))], axis=-1)
    return se3.apply(T_base_camera, (rays * depth_m[..., None]).reshape(-1, 3)).reshape(h, w, 3)
