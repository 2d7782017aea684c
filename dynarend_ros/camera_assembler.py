"""Puts the messages of one camera together: colour, aligned depth, intrinsics, pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.errors import ObservationError
from dynarend_core.types import CameraView
from dynarend_ros.camera_poses import CameraPoses
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
    """Pairs colour and depth by equal stamps and adds intrinsics (the newest known) and the pose of that time."""

    MAX_WAITING = 16

    def __init__(self, camera: str, poses: CameraPoses) -> None:
        self.camera = camera
        self._poses = poses
        self._info: CameraInfo | None = None
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
        return self.complete()

    def missing(self) -> str:
        """What keeps the camera from giving frames; empty if nothing does."""
        parts = []
        if self._info is None:
            parts.append("no camera_info")
        if self._poses.problem:
            parts.append(self._poses.problem)
        if self._colour and not self._depth:
            parts.append("no depth images with the stamps of the colour images")
        if self._depth and not self._colour:
            parts.append("no colour images with the stamps of the depth images")
        return ", ".join(parts)

    def complete(self) -> list[RawFrame]:
        """Frames that have all they need; call it also when poses came."""
        if self._info is None:
            return []
        frames = []
        for stamp_ns in sorted(self._colour.keys() & self._depth.keys()):
            pose = self._poses.at(self._colour[stamp_ns].header.frame_id, stamp_ns)
            if pose is None:
                continue
            colour, depth = self._colour.pop(stamp_ns), self._depth.pop(stamp_ns)
            frames.append(RawFrame(self.camera, stamp_ns, colour, depth, self._info, pose))
        return frames

    def _add(self, store: dict[int, Image], message: Image) -> list[RawFrame]:
        store[stamp_to_ns(message.header.stamp)] = message
        for old in list(store)[: -self.MAX_WAITING]:
            del store[old]
        return self.complete()
