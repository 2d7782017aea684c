"""Where a camera's optical frame was when it exposed: from its own topic, or from TF."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from geometry_msgs.msg import TransformStamped

from dynarend_core.geometry.transform_tree import TransformError
from dynarend_ros.conversions import stamp_to_ns, transform_to_message
from dynarend_ros.transforms import Transforms


class CameraPoses(Protocol):
    """Gives poses of one camera. ``problem`` says why the last question had no answer; empty if it had one."""

    problem: str

    def at(self, optical_frame: str, stamp_ns: int) -> TransformStamped | None:
        """Pose of the optical frame in the base frame at that time; None if it is not known, perhaps not yet."""


class TopicPoses:
    """From ``<camera>/transform``. A fixed camera's newest pose holds; a moving one's needs (nearly) the same stamp."""

    def __init__(self, moving: bool, tolerance_ns: int) -> None:
        self.problem = "no transform"
        self._moving, self._tolerance_ns = moving, tolerance_ns
        self._poses: deque[TransformStamped] = deque(maxlen=64)

    def add(self, message: TransformStamped) -> None:
        """Remember a pose."""
        self._poses.append(message)

    def at(self, optical_frame: str, stamp_ns: int) -> TransformStamped | None:
        """See :class:`CameraPoses`."""
        if not self._poses:
            return None
        nearest = self._poses[-1]
        if self._moving:
            nearest = min(self._poses, key=lambda pose: abs(stamp_to_ns(pose.header.stamp) - stamp_ns))
            if abs(stamp_to_ns(nearest.header.stamp) - stamp_ns) > self._tolerance_ns:
                self.problem = "no transform of the images' time"
                return None
        self.problem = ""
        return nearest


class TfPoses:
    """From ``/tf``. A camera whose chain moves is looked up at the image's stamp, never extrapolated, named or not.

    A fixed camera's chain of static links is looked up anew only every ``REFRESH_NS`` of its stamps: a new calibration
    is noticed, and a look-up for each image is saved.

    Args:
        transforms: The node's listener.
        base_frame: Frame the poses are given in.
        moving: The camera is known to move, also while its chain is not complete.
    """

    REFRESH_NS = 1_000_000_000

    def __init__(self, transforms: Transforms, base_frame: str, moving: bool) -> None:
        self.problem = "no transform"
        self._transforms, self._base, self._moving = transforms, base_frame, moving
        self._cached: TransformStamped | None = None

    def at(self, optical_frame: str, stamp_ns: int) -> TransformStamped | None:
        """See :class:`CameraPoses`."""
        if self._cached is not None and self._is_fresh(self._cached, optical_frame, stamp_ns):
            return self._cached
        moving = self._moving or self._transforms.moves(self._base, optical_frame)
        try:
            T = self._transforms.lookup(self._base, optical_frame, stamp_ns if moving else None)
        except TransformError as error:
            self.problem, self._cached = f"TF: {error}", None
            return None
        self.problem = ""
        pose = transform_to_message(T, self._base, optical_frame, stamp_ns)
        self._cached = None if moving else pose
        return pose

    def _is_fresh(self, pose: TransformStamped, optical_frame: str, stamp_ns: int) -> bool:
        age_ns = abs(stamp_ns - stamp_to_ns(pose.header.stamp))
        return pose.child_frame_id == optical_frame and age_ns < self.REFRESH_NS
