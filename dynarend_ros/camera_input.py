"""One camera as the fusion node sees it: subscriptions, checks, counters, what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from dynarend_core.errors import DynaRendError, ObservationError
from dynarend_core.perception.synchronizer import CameraCounters
from dynarend_core.types import CameraView
from dynarend_ros import diagnostics, qos, topics
from dynarend_ros.camera_assembler import CameraAssembler, RawFrame
from dynarend_ros.camera_poses import CameraPoses, TfPoses, TopicPoses
from dynarend_ros.conversions import stamp_to_ns
from dynarend_ros.frame_checks import FrameChecks
from dynarend_ros.fusion_parameters import FusionParameters
from dynarend_ros.rate_meter import RateMeter
from dynarend_ros.transforms import Transforms


class CameraInput:
    """Listens to one camera and hands on complete frames.

    Args:
        node: The node.
        name: Camera name.
        p: Its parameters.
        transforms: TF, if poses come from there.
        deliver: Called with every complete frame.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        p: FusionParameters,
        transforms: Transforms | None,
        deliver: Callable[[RawFrame], None],
    ) -> None:
        self.name, self.problem, self.refused = name, "", 0
        self.rate = RateMeter()
        self._p, self._node, self._deliver = p, node, deliver
        self._checks = FrameChecks(p.limits())
        moving = name in p.moving_cameras
        topic_poses = TopicPoses(moving, round(p.pose_tolerance_s * 1e9))
        poses: CameraPoses = topic_poses if transforms is None else TfPoses(transforms, p.base_frame, moving)
        self._assembler = CameraAssembler(name, poses)
        images = qos.images(p.image_reliability)
        listen = node.create_subscription
        listen(Image, topics.colour(name), partial(self._on_image, self._assembler.add_colour, True), images)
        listen(Image, topics.depth(name), partial(self._on_image, self._assembler.add_depth, False), images)
        listen(CameraInfo, topics.camera_info(name), lambda m: self._hand_on(self._assembler.add_info(m)), images)
        if transforms is None:

            def on_pose(message: TransformStamped) -> None:
                topic_poses.add(message)
                self.retry()

            listen(TransformStamped, topics.camera_transform(name), on_pose, qos.POSES)

    def retry(self) -> None:
        """Hand on what waited for a pose."""
        self._hand_on(self._assembler.complete())

    def view(self, frame: RawFrame) -> CameraView:
        """The calibrated view; for the worker thread.

        Raises:
            DynaRendError: it cannot be used, and why; the caller notes it.
        """
        parent = frame.transform.header.frame_id
        if parent != self._p.base_frame:
            raise ObservationError(f"its transform's parent is {parent!r}, base_frame is {self._p.base_frame!r}")
        try:
            return self._checks.view(frame)
        except DynaRendError:
            self.refused += 1
            raise

    def describe(self, counter: CameraCounters, fastest_hz: float, now_s: float) -> diagnostics.NodeStatus:
        """Rate, age, skew, drops, share of valid depth, and what is wrong."""
        age_s = None if counter.last_arrival_s is None else now_s - counter.last_arrival_s
        rate_hz = self.rate.rate_hz(now_s)
        values: dict[str, object] = {
            "rate_hz": round(rate_hz, 2),
            "age_ms": "never" if age_s is None else round(1e3 * age_s, 1),
            "skew_ms": round(counter.skew_ns / 1e6, 2),
            "received": counter.received,
            "lost": counter.lost,
            "late": counter.late,
            "refused": self.refused,
            "valid_depth_share": round(self._checks.valid_share, 3),
        }
        problem = self._problem(age_s, rate_hz, fastest_hz)
        return diagnostics.NodeStatus(problem or "ok", diagnostics.WARN if problem else diagnostics.OK, values)

    def _problem(self, age_s: float | None, rate_hz: float, fastest_hz: float) -> str:
        if age_s is None or age_s > self._p.camera_timeout_s:
            # What is missing may only be the last exposure's other half: that the camera is silent is said anyway.
            causes = (self._assembler.missing(), "" if self.problem == "no frame" else self.problem)
            silence = "no frame yet" if age_s is None else f"no frame for {age_s:.1f} s"
            return "; ".join(filter(None, (silence, *causes)))
        if self.problem:
            return self.problem
        if rate_hz < 0.75 * fastest_hz:
            return (
                f"{rate_hz:.1f} Hz, others give {fastest_hz:.1f} Hz; USB bandwidth, or exposure longer than the period?"
            )
        return ""

    def _on_image(self, add: Callable[[Image], list[RawFrame]], is_colour: bool, message: Image) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        wrong = self._checks.check_stamp(stamp_to_ns(message.header.stamp), now_ns)
        if is_colour:
            self.rate.add(time.monotonic())
            if wrong or self.problem.startswith(("its stamps", "its images arrive")):
                self.problem = wrong
            self.refused += bool(wrong)
        if not wrong:
            self._hand_on(add(message))

    def _hand_on(self, frames: list[RawFrame]) -> None:
        for frame in frames:
            self._deliver(frame)
