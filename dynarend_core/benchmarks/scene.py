"""Four 640x480 views to fuse: rendered by the simulator where it runs, ray-cast otherwise."""

from __future__ import annotations

import numpy as np

from dynarend_core.geometry import cameras, se3
from dynarend_core.types import Array, CameraView

WIDTH, HEIGHT = 640, 480
DEPTH_NOISE_M = 0.001
"""About what a RealSense D435 shows at 1 m. Exact depths would be easier: fewer voxels, better predicted branches."""

EYES = {
    "front": (1.35, 0.0, 0.83),
    "left_shoulder": (0.05, 0.6, 0.75),
    "right_shoulder": (0.05, -0.6, 0.75),
    "overhead": (0.3, 0.05, 1.1),
}
TARGET = np.array([0.45, 0.0, 0.0])


def add_depth_noise(views: tuple[CameraView, ...], seed: int = 0) -> tuple[CameraView, ...]:
    """The views with Gaussian noise on their depths."""
    rng = np.random.default_rng(seed)
    return tuple(
        CameraView(
            v.name,
            v.rgb,
            (v.depth_m + rng.normal(0.0, DEPTH_NOISE_M, v.depth_m.shape)).astype(np.float32),
            v.K,
            v.T_base_camera,
            v.stamp_ns,
        )
        for v in views
    )


def synthetic_views(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> tuple[CameraView, ...]:
    """A table with a dozen balls, ray-cast from four sides."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform([0.2, -0.4, 0.03], [0.7, 0.4, 0.3], (12, 3))
    radii = rng.uniform(0.03, 0.08, 12)
    K = cameras.intrinsics_from_fov(width, height, np.deg2rad(50.0))
    views = []
    for name, eye in EYES.items():
        T = _look_at(np.array(eye))
        depth_m = _cast(K, T, centers, radii, (height, width))
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        views.append(CameraView(name, rgb, depth_m.astype(np.float32), K, T))
    return add_depth_noise(tuple(views), seed)


def _look_at(eye: Array) -> Array:
    z = (TARGET - eye) / np.linalg.norm(TARGET - eye)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    return se3.make(np.stack([x, np.cross(z, x), z], axis=1), eye)


def _cast(K: Array, T_base_camera: Array, centers: Array, radii: Array, size: tuple[int, int]) -> Array:
    """Depth ``(h, w)`` [m] of the table z = 0 and the balls; NaN where a ray hits nothing."""
    eye = T_base_camera[:3, 3]
    rays = cameras.unproject(np.ones(size), K, T_base_camera) - eye
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = np.where(rays[..., 2] < 0, -eye[2] / rays[..., 2], np.nan)
        for center, radius in zip(centers, radii, strict=True):
            a, b = (rays**2).sum(-1), rays @ (eye - center)
            root = b * b - a * ((eye - center) @ (eye - center) - radius**2)
            depth_m = np.fmin(depth_m, np.where(root > 0, (-b - np.sqrt(root)) / a, np.nan))
    return depth_m
