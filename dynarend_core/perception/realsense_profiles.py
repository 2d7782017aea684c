"""Stream profiles of a RealSense camera: which are offered, and the geometry they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from dynarend_core.errors import CameraError
from dynarend_core.geometry import se3
from dynarend_core.perception.realsense_config import Profile
from dynarend_core.perception.realsense_rectification import is_distorted
from dynarend_core.types import Array


def select(sensors: list[Any], stream: Any, fmt: Any, wanted: Profile | None, camera: str) -> tuple[Any, Any]:
    """Sensor and profile of a stream.

    Raises:
        CameraError: not offered; lists what is.
    """
    offered = []
    for sensor in sensors:
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() != stream or profile.format() != fmt:
                continue
            video = profile.as_video_stream_profile()
            found = Profile(video.width(), video.height(), profile.fps())
            if wanted is None or found == wanted:
                return sensor, profile
            offered.append(str(found))
    raise CameraError(
        f"camera {camera!r} has no {stream.name} profile {wanted or fmt.name}; it offers "
        f"{', '.join(offered) or 'none'}. A camera on USB 2 offers fewer: use a USB 3 port and cable"
    )


def same_image(color: Any, depth: Any) -> bool:
    """Whether both streams show the same pixels from the same place."""
    K_color, K_depth, T_color_depth = geometry(color, depth, depth)
    own = [intrinsics(profile) for profile in (color, depth)]
    return (
        (own[0].width, own[0].height) == (own[1].width, own[1].height)
        and not any(is_distorted(i) for i in own)
        and np.array_equal(K_color, K_depth)
        and np.array_equal(T_color_depth, np.eye(4))
    )


def geometry(color: Any, depth: Any, raw_depth: Any) -> tuple[Array, Array, Array]:
    """Pinhole matrices of both images, and the pose of the depth sensor in the colour sensor's frame."""
    extrinsics = raw_depth.get_extrinsics_to(color)
    T_color_depth = se3.make(np.array(extrinsics.rotation).reshape(3, 3).T, np.array(extrinsics.translation))
    return _pinhole(color), _pinhole(depth), T_color_depth


def intrinsics(profile: Any) -> Any:
    """``pyrealsense2.intrinsics`` of a stream; pixel centres at whole numbers."""
    return profile.as_video_stream_profile().get_intrinsics()


def _pinhole(profile: Any) -> Array:
    """``(3, 3)``; the SDK puts pixel centres at whole numbers, the core at + 0.5."""
    i = intrinsics(profile)
    return np.array([[i.fx, 0.0, i.ppx + 0.5], [0.0, i.fy, i.ppy + 0.5], [0.0, 0.0, 1.0]])
