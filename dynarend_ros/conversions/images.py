"""Colour and depth images, camera intrinsics."""

from __future__ import annotations

import sys

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.errors import InvalidInputError
from dynarend_ros.conversions.stamps import byte_array, stamp_from_ns

Array = np.ndarray

_COLOUR = {"rgb8": (3, slice(0, 3)), "bgr8": (3, slice(2, None, -1)), "rgba8": (4, slice(0, 3)), "mono8": (1, None)}
_DEPTH = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}


def _rows(message: Image, dtype: np.dtype, channels: int) -> Array:
    """``(h, w, channels)`` view of the image data; honours row padding (``step``) and byte order."""
    item = np.dtype(dtype).itemsize
    width_bytes = message.width * channels * item
    if message.height == 0 or message.width == 0:
        raise InvalidInputError(f"image of {message.width} x {message.height} pixels is empty")
    if message.step < width_bytes or len(message.data) < message.step * message.height:
        raise InvalidInputError(
            f"{message.encoding} image {message.width} x {message.height}: {len(message.data)} bytes in rows of "
            f"{message.step}, needs rows of at least {width_bytes}"
        )
    raw = np.frombuffer(message.data, dtype=np.uint8, count=message.step * message.height)
    rows = raw.reshape(message.height, message.step)[:, :width_bytes]
    order = np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")
    return np.ascontiguousarray(rows).view(order).reshape(message.height, message.width, channels)


def rgb_from_message(message: Image) -> Array:
    """``(h, w, 3)`` uint8 from rgb8, bgr8, rgba8 or mono8.

    Raises:
        InvalidInputError: another encoding, or fewer bytes than the size says.
    """
    if message.encoding not in _COLOUR:
        raise InvalidInputError(f"colour encoding {message.encoding!r} is not one of {', '.join(_COLOUR)}")
    channels, pick = _COLOUR[message.encoding]
    image = _rows(message, np.dtype(np.uint8), channels)
    return np.repeat(image, 3, axis=2) if pick is None else np.ascontiguousarray(image[:, :, pick])


def depth_from_message(message: Image) -> Array:
    """``(h, w)`` float32 depth [m], NaN where invalid, from 16UC1 [mm, 0 invalid] or 32FC1 [m, NaN invalid].

    Raises:
        InvalidInputError: another encoding, or fewer bytes than the size says.
    """
    if message.encoding not in _DEPTH:
        raise InvalidInputError(f"depth encoding {message.encoding!r} is not one of {', '.join(_DEPTH)}")
    raw = _rows(message, np.dtype(_DEPTH[message.encoding]), 1)[:, :, 0]
    depth_m = raw.astype(np.float32)
    if raw.dtype.kind == "u":
        depth_m *= np.float32(0.001)
    with np.errstate(invalid="ignore"):
        depth_m[~(np.isfinite(depth_m) & (depth_m > 0))] = np.nan
    return depth_m


def _image(pixels: Array, encoding: str, frame_id: str, stamp_ns: int) -> Image:
    message = Image()
    message.header.frame_id = frame_id
    message.header.stamp = stamp_from_ns(stamp_ns)
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels.nbytes // message.height
    message.data = byte_array(pixels)
    return message


def rgb_to_message(rgb: Array, frame_id: str, stamp_ns: int) -> Image:
    """``(h, w, 3)`` uint8 to an rgb8 image."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InvalidInputError(f"rgb must be (h, w, 3) uint8, got {rgb.shape} {rgb.dtype}")
    return _image(rgb, "rgb8", frame_id, stamp_ns)


def depth_to_message(depth_m: Array, frame_id: str, stamp_ns: int, encoding: str = "16UC1") -> Image:
    """``(h, w)`` depth [m] to a depth image: 16UC1 in mm (0 where invalid or beyond 65.5 m) or 32FC1 in m."""
    if encoding == "32FC1":
        return _image(depth_m.astype(np.float32), encoding, frame_id, stamp_ns)
    if encoding != "16UC1":
        raise InvalidInputError(f"depth encoding {encoding!r} is not one of 16UC1, 32FC1")
    with np.errstate(invalid="ignore"):
        mm = np.rint(depth_m * 1000.0)
        valid = np.isfinite(mm) & (mm > 0) & (mm <= np.iinfo(np.uint16).max)
    return _image(np.where(valid, mm, 0).astype(np.uint16), encoding, frame_id, stamp_ns)


def depth_mm_to_message(depth_mm: Array, frame_id: str, stamp_ns: int) -> Image:
    """``(h, w)`` uint16 depth [mm], 0 where invalid, to a 16UC1 image."""
    if depth_mm.ndim != 2 or depth_mm.dtype != np.uint16:
        raise InvalidInputError(f"depth_mm must be (h, w) uint16, got {depth_mm.shape} {depth_mm.dtype}")
    return _image(depth_mm, "16UC1", frame_id, stamp_ns)


def camera_info_to_message(K: Array, width: int, height: int, frame_id: str, stamp_ns: int) -> CameraInfo:
    """Intrinsics of an undistorted camera.

    Core puts pixel centres at +0.5 (first pixel's centre is 0.5); ROS and OpenCV put them at integers, so the
    principal point moves by half a pixel.
    """
    message = CameraInfo()
    message.header.frame_id = frame_id
    message.header.stamp = stamp_from_ns(stamp_ns)
    message.width, message.height = width, height
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    ros = np.array(K, dtype=np.float64)
    ros[:2, 2] -= 0.5
    message.k = ros.reshape(-1).tolist()
    message.r = np.eye(3).reshape(-1).tolist()
    message.p = np.hstack([ros, np.zeros((3, 1))]).reshape(-1).tolist()
    return message


def intrinsics_from_message(message: CameraInfo) -> Array:
    """``(3, 3)`` pinhole matrix [px] in core's convention (pixel centres at +0.5).

    Raises:
        InvalidInputError: focal lengths are zero (uncalibrated camera) or not finite, or the images are distorted.
    """
    K = np.array(message.k, dtype=np.float64).reshape(3, 3)
    if not np.isfinite(K).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
        raise InvalidInputError(f"camera_info of {message.header.frame_id!r} is not calibrated: K = {K.tolist()}")
    if np.any(message.d):
        raise InvalidInputError(
            f"camera_info of {message.header.frame_id!r} has distortion, d = {np.round(message.d, 4).tolist()}: "
            "rectify colour and depth (image_proc) and send a camera_info without d, or take rectified topics"
        )
    K[:2, 2] += 0.5
    return K
