"""Cameras to cloud: synchronises N RGB-D cameras by stamp and publishes their fused cloud in the base frame."""

from __future__ import annotations

import time

import numpy as np
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Float32

from dynarend_core.errors import DynaRendError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.perception.fusers import create_fuser
from dynarend_core.perception.synchronizer import FrameSet, FrameSynchronizer
from dynarend_core.types import CameraView
from dynarend_ros import diagnostics, qos, runtime, topics, transforms
from dynarend_ros.calibrated_frames import CalibratedFrames
from dynarend_ros.camera_assembler import RawFrame
from dynarend_ros.camera_input import CameraInput
from dynarend_ros.conversions import cloud_to_message
from dynarend_ros.fusion_parameters import FusionParameters
from dynarend_ros.latency import LatencyWindow
from dynarend_ros.parameters import NodeParameters
from dynarend_ros.self_filter import SelfFilter
from dynarend_ros.worker import Worker

LOOK_ANYWAY_S = 1.0
"""Without a subscriber images are still looked at this often, so that diagnostics stay true [s]."""


class FusionNode(runtime.SpinningNode):
    """Synchronises, decodes, fuses, publishes; the last two on a worker thread, newest set first."""

    def __init__(self) -> None:
        super().__init__("fusion_node")
        p = self._p = NodeParameters(self, FusionParameters).values
        self._sync: FrameSynchronizer[RawFrame] = FrameSynchronizer(
            p.cameras, round(p.sync_slop_s * 1e9), p.camera_timeout_s, p.min_cameras
        )
        self._fuser = create_fuser(p.fusion(), p.device)
        self._warm_up()
        self._latency, self._age = LatencyWindow(), LatencyWindow()
        self._trouble = ""
        self._clouds = self._unwanted = self._looked = 0
        self._last_cloud_s: float | None = None
        self._last_look_s = -np.inf
        self._due_s = -np.inf
        self._cloud = self.create_publisher(PointCloud2, topics.CLOUD, qos.RELIABLE)
        self._latency_topic = self.create_publisher(Float32, topics.FUSION_LATENCY, qos.RELIABLE)
        self._worker = Worker("fusion", self._fuse, self._failed)
        self._self_filter = SelfFilter(self, p.self_filter_margin_m) if p.self_filter_margin_m >= 0 else None
        self._cameras: dict[str, CameraInput] = {}
        tf = transforms.listen(self, self._on_transforms) if p.extrinsics == "tf" else None
        self._cameras = {name: CameraInput(self, name, p, tf, self._receive) for name in p.cameras}
        self._frames = CalibratedFrames(self, p.camera_files, tf)
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

    def _on_transforms(self) -> None:
        for camera in self._cameras.values():
            camera.retry()

    def _receive(self, frame: RawFrame) -> None:
        now_s = time.monotonic()
        self._submit(self._sync.add(frame.camera, frame.stamp_ns, frame, now_s), now_s)

    def _poll(self) -> None:
        now_s = time.monotonic()
        self._submit(self._sync.poll(now_s), now_s)
        for name, counter in self._sync.counters.items():
            last_s = counter.last_arrival_s
            if last_s is not None and now_s - last_s > self._p.camera_timeout_s and not self._cameras[name].problem:
                self._note(name, "no frame")

    def _submit(self, frames: FrameSet[RawFrame] | None, now_s: float) -> None:
        if frames is None:
            return
        wanted = self._cloud.get_subscription_count() > 0 and now_s >= self._due_s
        if not wanted and now_s - self._last_look_s < LOOK_ANYWAY_S:
            self._unwanted += 1
            return
        self._last_look_s = now_s
        if self._p.max_rate_hz:
            # From the last due time, not from now: else a limit just above the cameras' rate would halve it.
            period_s = 1.0 / self._p.max_rate_hz
            self._due_s = max(self._due_s + period_s, now_s - 0.5 * period_s)
        self._worker.submit((frames, now_s))

    def _fuse(self, item: tuple[FrameSet[RawFrame], float]) -> None:
        frames, arrival_s = item
        views = [v for v in (self._view(f) for f in frames.frames.values()) if v is not None]
        if len(views) < self._p.min_cameras:
            raise ObservationError(
                f"{len(views)} of {len(self._p.cameras)} cameras ({', '.join(self._p.cameras)}) gave a usable image, "
                f"min_cameras is {self._p.min_cameras}"
            )
        if self._cloud.get_subscription_count():
            self._publish(views, arrival_s)
        else:
            self._looked += 1
        self._trouble = ""

    def _publish(self, views: list[CameraView], arrival_s: float) -> None:
        robot = None if self._self_filter is None else self._self_filter.spheres()
        if self._self_filter is not None and robot is None:
            raise ObservationError("the robot cannot be cut out of the cloud: no recent joint_states")
        cloud = self._fuser.fuse(views, robot)
        self._cloud.publish(cloud_to_message(cloud, self._p.base_frame))
        self._last_cloud_s = time.monotonic()
        milliseconds = 1e3 * (self._last_cloud_s - arrival_s)
        self._latency.add(milliseconds)
        self._age.add(1e-6 * (self.get_clock().now().nanoseconds - cloud.stamp_ns))
        self._latency_topic.publish(Float32(data=milliseconds))
        self._clouds += 1

    def _view(self, frame: RawFrame) -> CameraView | None:
        try:
            view = self._cameras[frame.camera].view(frame)
        except DynaRendError as error:
            self._note(frame.camera, str(error))
            return None
        self._note(frame.camera, "")
        return view

    def _failed(self, error: Exception) -> None:
        trouble = f"{type(error).__name__}: {error}"
        if not self._trouble:
            self.get_logger().warning(f"no cloud: {trouble}")
        self._trouble = trouble

    def _note(self, name: str, problem: str) -> None:
        """Log a problem when it appears and when it is over, not with every frame."""
        camera = self._cameras[name]
        if problem and not camera.problem:
            self.get_logger().warning(f"{name}: {problem}; going on with the other cameras")
        elif camera.problem and not problem:
            self.get_logger().info(f"{name}: back")
        camera.problem = problem

    def _describe(self) -> diagnostics.NodeStatus:
        now_s = time.monotonic()
        fastest_hz = max(camera.rate.rate_hz(now_s) for camera in self._cameras.values())
        counters = self._sync.counters
        parts = {name: c.describe(counters[name], fastest_hz, now_s) for name, c in self._cameras.items()}
        problems = [f"fusion: {self._trouble}"] if self._trouble else []
        problems += [f"calibration of {name}: {problem}" for name, problem in self._frames.problems.items()]
        problems += [f"{name}: {part.message}" for name, part in parts.items() if part.level != diagnostics.OK]
        values: dict[str, object] = {
            "clouds": self._clouds,
            "sets_skipped": self._worker.skipped,
            "sets_not_wanted": self._unwanted + self._looked,
            "latency": self._latency.summary(),
            "stamp_to_cloud": self._age.summary(),
            "cloud_age_ms": "never" if self._last_cloud_s is None else round(1e3 * (now_s - self._last_cloud_s), 1),
        }
        for name, part in parts.items():
            values |= {f"{name}/{key}": part.values[key] for key in ("received", "lost", "late", "age_ms")}
        level = diagnostics.WARN if problems else diagnostics.OK
        return diagnostics.NodeStatus("; ".join(problems) or "ok", level, values, parts)


def main() -> int:
    """Console script."""
    return runtime.run(FusionNode)


if __name__ == "__main__":
    raise SystemExit(main())
