"""Cameras to cloud: synchronises N RGB-D cameras by stamp and publishes their fused cloud in the base frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Float32

from dynarend_core.errors import ConfigurationError, DynaRendError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import CloudFuser, FusionConfig
from dynarend_core.perception.synchronizer import FrameSet, FrameSynchronizer
from dynarend_core.types import CameraView
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.camera_assembler import CameraAssembler, RawFrame
from dynarend_ros.conversions import cloud_to_message
from dynarend_ros.latency import LatencyWindow
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.worker import Worker

_AABB = tuple(float(v) for v in SCENE_AABB_BASE.reshape(-1).round(6))


@dataclass(frozen=True)
class FusionParameters:
    """Parameters of the fusion node."""

    cameras: tuple[str, ...] = parameter(
        ("front", "left_shoulder", "right_shoulder", "wrist"), "Camera names, the prefixes of their topics."
    )
    moving_cameras: tuple[str, ...] = parameter(
        ("wrist",), "Cameras on the arm: an image needs a pose of (nearly) the same stamp."
    )
    base_frame: str = parameter("panda_link0", "Frame of the cloud; parent of the camera transforms.")
    image_reliability: str = parameter(
        "best_effort", "best_effort matches every driver.", choices=("reliable", "best_effort")
    )
    sync_slop_s: float = parameter(0.0, "Largest stamp difference within a set [s]; 0: equal.", low=0.0, high=1.0)
    camera_timeout_s: float = parameter(
        0.4, "Go on without a camera that is silent this long [s, wall time].", low=0.01, high=60.0
    )
    pose_tolerance_s: float = parameter(0.02, "Stamp difference of image and moving pose [s].", low=0.0, high=1.0)
    min_valid_fraction: float = parameter(0.02, "Share of pixels that must have depth.", low=0.0, high=1.0)
    voxel_m: float = parameter(0.005, "Edge of a voxel of the cloud [m].", low=0.001, high=0.1)
    workspace: tuple[float, ...] = parameter(_AABB, "x y z minimum, x y z maximum of the kept box, base frame [m].")
    max_depth_m: float = parameter(10.0, "Depths beyond are ignored [m].", low=0.1, high=100.0)

    def __post_init__(self) -> None:
        box = np.array(self.workspace)
        if box.shape != (6,) or (box[3:] <= box[:3]).any():
            raise ConfigurationError(f"workspace must be 6 numbers, minimum before maximum, got {self.workspace}")


class FusionNode(runtime.SpinningNode):
    """Synchronises, decodes, fuses, publishes; the last two on a worker thread, newest set first."""

    def __init__(self) -> None:
        super().__init__("fusion_node")
        p = self._p = NodeParameters(self, FusionParameters).values
        self._sync: FrameSynchronizer[RawFrame] = FrameSynchronizer(
            p.cameras, round(p.sync_slop_s * 1e9), p.camera_timeout_s
        )
        config = FusionConfig(np.array(p.workspace).reshape(2, 3), p.voxel_m, p.max_depth_m, threads=1)
        self._fuser = CloudFuser(config)
        self._warm_up()
        self._latency = LatencyWindow()
        self._problems: dict[str, str] = {}
        self._clouds = 0
        self._last_cloud_s: float | None = None
        self._cloud = self.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
        self._latency_topic = self.create_publisher(Float32, topics.FUSION_LATENCY, qos.RELIABLE)
        self._assemblers = {name: self._subscribe(name) for name in p.cameras}
        self._worker = Worker("fusion", self._fuse, self._failed)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(p.camera_timeout_s / 4, self._poll, clock=steady)
        diagnostics.DiagnosticsPublisher(self, self._describe)

    def on_shutdown(self) -> None:
        """End the worker."""
        self._worker.close()

    def _warm_up(self) -> None:
        """Compile the kernels before the first image comes: it would wait for seconds, and images be lost."""
        center = self._fuser.config.aabb_base.mean(axis=0)
        T = se3.make(t=center - [0.0, 0.0, 0.5])
        depth_m = np.full((4, 4), 0.5, dtype=np.float32)
        self._fuser.fuse([CameraView("warm_up", np.zeros((4, 4, 3), np.uint8), depth_m, np.diag([4.0, 4.0, 1.0]), T)])

    def _subscribe(self, camera: str) -> CameraAssembler:
        p = self._p
        assembler = CameraAssembler(camera, camera in p.moving_cameras, round(p.pose_tolerance_s * 1e9))
        images = qos.images(p.image_reliability)

        def listen(kind: type, topic: str, add: Callable, profile: object) -> None:
            self.create_subscription(kind, topic, partial(self._receive, add), profile)

        listen(Image, topics.colour(camera), assembler.add_colour, images)
        listen(Image, topics.depth(camera), assembler.add_depth, images)
        listen(CameraInfo, topics.camera_info(camera), assembler.add_info, images)
        listen(TransformStamped, topics.camera_transform(camera), assembler.add_pose, qos.POSES)
        return assembler

    def _receive(self, add: Callable[[object], list[RawFrame]], message: object) -> None:
        now_s = time.monotonic()
        for frame in add(message):
            self._submit(self._sync.add(frame.camera, frame.stamp_ns, frame, now_s), now_s)

    def _poll(self) -> None:
        now_s = time.monotonic()
        self._submit(self._sync.poll(now_s), now_s)

    def _submit(self, frames: FrameSet[RawFrame] | None, now_s: float) -> None:
        if frames is not None:
            self._worker.submit((frames, now_s))

    def _fuse(self, item: tuple[FrameSet[RawFrame], float]) -> None:
        frames, arrival_s = item
        views = [v for v in (self._decode(f) for f in frames.frames.values()) if v is not None]
        for name in frames.missing:
            self._note(name, "no frame")
        if not views:
            raise ObservationError(f"no camera of {', '.join(self._p.cameras)} gave a usable image")
        cloud = self._fuser.fuse(views)
        self._cloud.publish(cloud_to_message(cloud, self._p.base_frame))
        milliseconds = 1e3 * (time.monotonic() - arrival_s)
        self._latency.add(milliseconds)
        self._latency_topic.publish(Float32(data=milliseconds))
        self._clouds += 1
        self._last_cloud_s = time.monotonic()
        self._note("fusion", "")

    def _decode(self, frame: RawFrame) -> CameraView | None:
        try:
            parent = frame.transform.header.frame_id
            if parent != self._p.base_frame:
                raise ObservationError(f"its transform's parent is {parent!r}, base_frame is {self._p.base_frame!r}")
            view = frame.decode(self._p.min_valid_fraction)
        except DynaRendError as error:
            self._note(frame.camera, str(error))
            return None
        self._note(frame.camera, "")
        return view

    def _failed(self, error: Exception) -> None:
        self._note("fusion", f"{type(error).__name__}: {error}")

    def _note(self, subject: str, problem: str) -> None:
        """Log a problem when it appears and when it is over, not with every frame."""
        known = self._problems.get(subject, "")
        if problem and not known:
            self.get_logger().warning(f"{subject}: {problem}; going on with the other cameras")
        elif known and not problem:
            self.get_logger().info(f"{subject}: back")
        self._problems[subject] = problem

    def _describe(self) -> diagnostics.NodeStatus:
        now_s = time.monotonic()
        values: dict[str, object] = {"clouds": self._clouds, "sets_skipped": self._worker.skipped}
        problems = [f"{subject}: {problem}" for subject, problem in self._problems.items() if problem]
        for name, counter in self._sync.counters.items():
            age = None if counter.last_arrival_s is None else now_s - counter.last_arrival_s
            values[f"{name}/received"] = counter.received
            values[f"{name}/lost"] = counter.lost
            values[f"{name}/late"] = counter.late
            values[f"{name}/age_ms"] = "never" if age is None else round(1e3 * age, 1)
            if (age is None or age > self._p.camera_timeout_s) and not self._problems.get(name):
                waited = "no frame yet" if age is None else f"no frame for {age:.1f} s"
                problems.append(f"{name}: {self._assemblers[name].missing() or waited}")
        values["latency"] = self._latency.summary()
        values["cloud_age_ms"] = "never" if self._last_cloud_s is None else round(1e3 * (now_s - self._last_cloud_s), 1)
        level = diagnostics.WARN if problems else diagnostics.OK
        return diagnostics.NodeStatus("; ".join(problems) or "ok", level, values)


def main() -> int:
    """Console script."""
    return runtime.run(FusionNode)


if __name__ == "__main__":
    raise SystemExit(main())
