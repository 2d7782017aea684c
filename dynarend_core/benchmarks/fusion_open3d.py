"""The same fusion by Open3D: unproject, crop, 5 mm voxel filter with mean positions and colours. The peer to beat.

Open3D is installed in the environment of ``make bench`` only. It has two interfaces: the older one, and one on tensors
(``open3d.t``). Both are timed, and compared with is the faster one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dynarend_core.errors import MissingDependencyError
from dynarend_core.geometry import se3
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.types import Array, CameraView

_OPTICAL_CENTRE = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
"""Open3D puts pixel centres at whole numbers, the core at + 0.5."""


def open3d() -> Any:
    """The module ``open3d``.

    Raises:
        MissingDependencyError: it cannot be imported.
    """
    try:
        import open3d
    except ImportError as error:
        raise MissingDependencyError(
            f"Open3D cannot be imported ({error}); `make bench-setup` installs it into an environment of its own"
        ) from error
    return open3d


def fusers(views: Sequence[CameraView], config: FusionConfig) -> dict[str, Callable[[], tuple[Array, Array]]]:
    """Open3D's ways to fuse the views, by name; each returns points ``(n, 3)`` [m] and colours ``(n, 3)`` in [0, 1].

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    module = open3d()
    return {"legacy": lambda: _legacy(module, views, config), "tensor": lambda: _tensor(module, views, config)}


def _legacy(module: Any, views: Sequence[CameraView], config: FusionConfig) -> tuple[Array, Array]:
    geometry = module.geometry
    box = geometry.AxisAlignedBoundingBox(*config.aabb_base)
    cloud = geometry.PointCloud()
    for view in views:
        K, (h, w) = view.K - _OPTICAL_CENTRE, view.depth_m.shape
        image = geometry.RGBDImage.create_from_color_and_depth(
            geometry.Image(view.rgb),
            geometry.Image(np.nan_to_num(view.depth_m)),
            depth_scale=1.0,
            depth_trunc=config.max_depth_m,
            convert_rgb_to_intensity=False,
        )
        pinhole = module.camera.PinholeCameraIntrinsic(w, h, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
        cloud += geometry.PointCloud.create_from_rgbd_image(image, pinhole, se3.inverse(view.T_base_camera)).crop(box)
    cloud = cloud.voxel_down_sample(config.voxel_m)
    return np.asarray(cloud.points), np.asarray(cloud.colors)


def _tensor(module: Any, views: Sequence[CameraView], config: FusionConfig) -> tuple[Array, Array]:
    geometry, tensor = module.t.geometry, module.core.Tensor
    box = geometry.AxisAlignedBoundingBox(*(tensor(corner.astype(np.float32)) for corner in config.aabb_base))
    parts = []
    for view in views:
        image = geometry.RGBDImage(
            geometry.Image(tensor(view.rgb)), geometry.Image(tensor(np.nan_to_num(view.depth_m)))
        )
        K, T_camera_base = tensor(view.K - _OPTICAL_CENTRE), tensor(se3.inverse(view.T_base_camera))
        part = geometry.PointCloud.create_from_rgbd_image(
            image, K, T_camera_base, depth_scale=1.0, depth_max=config.max_depth_m
        )
        parts.append(part.crop(box))
    cloud = parts[0]
    for part in parts[1:]:
        cloud += part
    cloud = cloud.voxel_down_sample(config.voxel_m)
    return cloud.point.positions.numpy(), cloud.point.colors.numpy()
