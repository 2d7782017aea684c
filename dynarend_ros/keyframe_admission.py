"""Which keyframes may move the arm: not those of another frame, from before a stop, sent twice, or without eyes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import PointCloud2

from dynarend_core.types import FailureReason, PointCloud
from dynarend_ros.conversions import cloud_from_message, stamp_to_ns
from dynarend_ros.execution_limits import ExecutionError


@dataclass(frozen=True)
class AdmissionLimits:
    """What is admitted.

    Attributes:
        base_frame: Frame of keyframes and clouds.
        cloud_max_age_s: Longest time since a cloud arrived [s, steady]; 0: none is needed.
    """

    base_frame: str
    cloud_max_age_s: float


class KeyframeAdmission:
    """Keeps the latest cloud and judges keyframes by frame and stamp. A stamp of 0 means "now"."""

    JUMP_BACK_NS = 1_000_000_000

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._cloud: tuple[PointCloud2, float] | None = None
        self._newest_ns = self._stopped_ns = self._accepted_ns = 0

    def add_cloud(self, message: PointCloud2) -> None:
        """Keep a cloud; one of another frame is left out."""
        if message.header.frame_id != self._limits.base_frame:
            return
        stamp_ns = stamp_to_ns(message.header.stamp)
        if stamp_ns < self._newest_ns - self.JUMP_BACK_NS:  # a restarted simulator, a bag that loops
            self._newest_ns = self._stopped_ns = self._accepted_ns = 0
        self._newest_ns = max(self._newest_ns, stamp_ns)
        self._cloud = (message, time.monotonic())

    def is_repetition(self, stamp_ns: int) -> bool:
        """Whether the keyframe last accepted had this stamp; the stamp is a keyframe's identity."""
        return stamp_ns != 0 and stamp_ns == self._accepted_ns

    def accepted(self, stamp_ns: int) -> None:
        """Remember the keyframe that is carried out."""
        self._accepted_ns = stamp_ns

    def stop(self) -> None:
        """Refuse keyframes thought out from anything seen up to now."""
        self._stopped_ns = self._newest_ns

    def check(self, frame_id: str, stamp_ns: int) -> None:
        """Judge a keyframe.

        Raises:
            ExecutionError: another frame, from before a stop, or no recent cloud.
        """
        if frame_id != self._limits.base_frame:
            text = f"it is in frame {frame_id!r}, the arm's base is {self._limits.base_frame!r}"
            raise ExecutionError(text, FailureReason.LIMITS)
        if 0 < stamp_ns <= self._stopped_ns:
            raise ExecutionError("it was thought out before stop was called", FailureReason.STOPPED)
        self._newest()

    def blind(self) -> str:
        """Why no keyframe would be admitted now for want of a cloud; empty if it would be."""
        try:
            self._newest()
        except ExecutionError as error:
            return str(error)
        return ""

    def cloud(self) -> PointCloud | None:
        """The cloud to plan around: the newest, not the keyframe's own. What came since then is in the way, too.

        Raises:
            ExecutionError: there is none, or it is too old.
        """
        message = self._newest()
        return None if message is None else cloud_from_message(message)

    def _newest(self) -> PointCloud2 | None:
        newest = self._cloud
        if self._limits.cloud_max_age_s == 0.0:
            return None if newest is None else newest[0]
        age_s = np.inf if newest is None else time.monotonic() - newest[1]
        if newest is None or age_s > self._limits.cloud_max_age_s:
            seen = "none arrived yet" if newest is None else f"the last one came {age_s:.1f} s ago"
            text = f"no recent cloud to plan around: {seen}, limit {self._limits.cloud_max_age_s:.1f} s"
            raise ExecutionError(text, FailureReason.LIMITS)
        return newest[0]
