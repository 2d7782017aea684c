"""Judges one camera's frames: what is wrong with them is said in words, and they do not reach the cloud."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import ObservationError
from dynarend_core.types import CameraView
from dynarend_ros.camera_assembler import RawFrame


@dataclass(frozen=True)
class FrameLimits:
    """What is accepted; 0 switches a check off.

    Attributes:
        max_age_s: Age of a stamp at arrival [s].
        max_future_s: How far a stamp may lie ahead of the clock [s].
        min_brightness: Mean of a colour image, 0 to 255.
        detect_frozen: Refuse a depth image that repeats the last one bit by bit, whatever colour does: no real sensor
            gives the same noise twice.
        min_valid_fraction: Share of pixels that must have depth.
    """

    max_age_s: float = 0.0
    max_future_s: float = 0.0
    min_brightness: float = 0.0
    detect_frozen: bool = False
    min_valid_fraction: float = 0.02


class FrameChecks:
    """Remembers what one camera sent before. ``valid_share`` is the newest image's share of pixels with depth."""

    def __init__(self, limits: FrameLimits) -> None:
        self._limits = limits
        self._K: list[float] | None = None
        self._size: tuple[int, int] = (0, 0)
        self._fingerprint, self._depth_repeats = (-1, -1), 0
        self.valid_share = 0.0

    def check_stamp(self, stamp_ns: int, now_ns: int) -> str:
        """What is wrong with the stamp of an image that has just arrived; empty if nothing is.

        A stamp from the future must not reach the synchroniser: every image after it would count as late.
        """
        age_s = (now_ns - stamp_ns) / 1e9
        if self._limits.max_future_s and -age_s > self._limits.max_future_s:
            return f"its stamps lie {-age_s:.2f} s in the future; synchronise the clocks (chrony), or use global time"
        if self._limits.max_age_s and age_s > self._limits.max_age_s:
            return f"its images arrive {age_s:.2f} s old, {self._limits.max_age_s:g} s are allowed"
        return ""

    def view(self, frame: RawFrame) -> CameraView:
        """The calibrated view, if all is well.

        Raises:
            InvalidInputError: an encoding, a size or the calibration cannot be used.
            ObservationError: another check failed.
        """
        self._check_info(frame)
        view = frame.decode(self._limits.min_valid_fraction)
        self._check_frozen(frame)
        self.valid_share = float(np.isfinite(view.depth_m).mean())
        if view.rgb[::4, ::4].mean() < self._limits.min_brightness:
            raise ObservationError("its colour image is black; is the lens covered, or the exposure off?")
        return view

    def _check_info(self, frame: RawFrame) -> None:
        info, image = frame.info, frame.colour
        if (info.width, info.height) != (image.width, image.height):
            raise ObservationError(
                f"its camera_info is for {info.width}x{info.height} images, they are {image.width}x{image.height}"
            )
        K, size = [float(k) for k in info.k], (image.width, image.height)
        if not (0 < K[2] < image.width and 0 < K[5] < image.height):
            raise ObservationError(
                f"its camera_info has the principal point ({K[2]:.0f}, {K[5]:.0f}) outside the image"
            )
        if self._size != size:  # the first image, or another profile: new intrinsics are to be expected
            self._K, self._size = K, size
        if self._K is not None and not np.allclose(K, self._K, rtol=1e-3, atol=1e-3):
            raise ObservationError(
                f"its camera_info changed while it ran (fx {self._K[0]:.1f} to {K[0]:.1f}); "
                "restart this node if it is right"
            )

    def _check_frozen(self, frame: RawFrame) -> None:
        if not self._limits.detect_frozen:
            return
        before, now = self._fingerprint, (zlib.crc32(frame.depth.data), zlib.crc32(frame.colour.data))
        self._fingerprint = now
        self._depth_repeats = self._depth_repeats + 1 if before[0] == now[0] else 0
        # Where one depth image was lost, the camera's own matching gives two colour images the same one.
        if before == now or self._depth_repeats > 1:
            raise ObservationError("it repeats the same depth image under new stamps: frozen; unplug it, or reset it")
