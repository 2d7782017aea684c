"""Puts the messages of one camera together: colour, aligned depth, intrinsics, pose."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.errors import ObservationError
from dynarend_core.types import CameraView
from dynarend_ros.conversions import (
    depth_from_message,
    intrinsics_from_message,
    rgb_from_message,
    stamp_to_ns,
    transform_from_message,
)


@dataclass(frozen=True)
class RawFrame:
    """Messages of one exposure, not yet decoded (decoding belongs on the worker thread)."""

    camera: str
    stamp_ns: int
    colour: Image
    depth: Image
    info: CameraInfo
    transform: TransformStamped

    def decode(self, min_valid_fraction: float) -> CameraView:
        """Calibrated view.

        Raises:
            InvalidInputError: an encoding, a size or the calibration cannot be used.
            ObservationError: fewer pixels than ``min_valid_fraction`` have depth.
        """
        depth_m = depth_from_message(self.depth)
        valid = float(np.isfinite(depth_m).mean())
        if valid < min_valid_fraction:
            raise ObservationError(f"only {100 * valid:.1f} % of the depth pixels are valid")
        K = intrinsics_from_message(self.info)
        T = transform_from_message(self.transform)
        return CameraView(self.camera, rgb_from_message(self.colour), depth_m, K, T, self.stamp_ns)


class CameraAssembler:
    """Pairs colour and depth by equal stamps and adds intrinsics and pose.

    Intrinsics, and the pose of a fixed camera, are the newest ones known. A moving camera (wrist) needs a pose
    whose stamp is within ``pose_tolerance_ns`` of the image's.
    """

    MAX_WAITING = 16

    def __init__(self, camera: str, moving: bool, pose_tolerance_ns: int) -> None:
        self.camera = camera
        self._moving = moving
        self._tolerance_ns = pose_tolerance_ns
        self._info: CameraInfo | None = None
        self._poses: deque[TransformStamped] = deque(maxlen=64)
        self._colour: dict[int, Image] = {}
        self._depth: dict[int, Image] = {}

    def add_colour(self, message: Image) -> list[RawFrame]:
        """Add a colour image; returns the frames that are complete now."""
        return self._add(self._colour, message)

    def add_depth(self, message: Image) -> list[RawFrame]:
        """Add a depth image; returns the frames that are complete now."""
        return self._add(self._depth, message)

    def add_info(self, message: CameraInfo) -> list[RawFrame]:
        """Set the intrinsics; returns the frames that are complete now."""
        self._info = message
        return self._complete()

    def add_pose(self, message: TransformStamped) -> list[RawFrame]:
        """Add a pose of the optical frame in the base frame; returns the frames that are complete now."""
        self._poses.append(message)
        return self._complete()

    def missing(self) -> str:
        """What keeps the camera from giving frames; empty if nothing does."""
        parts = []
        if self._info is None:
            parts.append("no camera_info")
        if not self._poses:
            parts.append("no transform")
        if self._colour and not self._depth:
            parts.append("no depth images with the stamps of the colour images")
        if self._depth and not self._colour:
            parts.append("no colour images with the stamps of the depth images")
        return ", ".join(parts)

    def _add(self, store: dict[int, Image], message: Image) -> list[RawFrame]:
        store[stamp_to_ns(message.header.stamp)] = message
        for old in list(store)[: -self.MAX_WAITING]:
            del store[old]
        return self._complete()

    def _pose_at(self, stamp_ns: int) -> TransformStamped | None:
        if not self._poses or not self._moving:
            return self._poses[-1] if self._poses else None
        nearest = min(self._poses, key=lambda p: abs(stamp_to_ns(p.header.stamp) - stamp_ns))
        return nearest if abs(stamp_to_ns(nearest.header.stamp) - stamp_ns) <= self._tolerance_ns else None

    def _complete(self) -> list[RawFrame]:
        frames = []
        for stamp_ns in sorted(self._colour.keys() & self._depth.keys()):
            pose = self._pose_at(stamp_ns)
            if self._info is None or pose is None:
                continue
            colour, depth = self._colour.pop(stamp_ns), self._depth.pop(stamp_ns)
            frames.append(RawFrame(self.camera, stamp_ns, colour, depth, self._info, pose))
        return frames
