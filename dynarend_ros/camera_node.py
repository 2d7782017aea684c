"""RealSense cameras, their recordings, or software stand-ins, under the names of realsense-ros; N in one process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from geometry_msgs.msg import TransformStamped

from dynarend_core.geometry import se3
from dynarend_core.perception.camera_stream import CameraStream, StartGate
from dynarend_core.perception.realsense_config import Profile
from dynarend_core.perception.realsense_sources import DeviceSource, Recordings, UsbDevices
from dynarend_core.perception.rgbd_frame import RgbdFrame
from dynarend_core.perception.software_cameras import SoftwareCameras
from dynarend_core.types import CameraView
from dynarend_ros import diagnostics, qos, runtime, software_scene, topics, transforms
from dynarend_ros.camera_parameters import CameraParameters
from dynarend_ros.camera_publisher import T_BODY_OPTICAL, CameraPublisher, frames_of
from dynarend_ros.conversions import transform_to_message
from dynarend_ros.parameters import NodeParameters
from dynarend_ros.rate_meter import RateMeter


class CameraNode(runtime.SpinningNode):
    """Publishes each camera from a thread of its own; one that is unplugged is waited for while the others go on."""

    def __init__(self) -> None:
        super().__init__("camera_node")
        p = NodeParameters(self, CameraParameters, self._on_change).values
        self._p = p
        self._logged: dict[str, str] = {}
        self._framed: set[str] = set()
        self._rates = {name: RateMeter() for name in p.cameras}
        self._outputs = {n: CameraPublisher(self, n, p.image_reliability, p.align) for n in p.cameras}
        self._broadcaster = transforms.TransformBroadcaster(self) if transforms.available() else None
        if p.record_folder:
            Path(p.record_folder).mkdir(parents=True, exist_ok=True)
        self._source = self._open_source()
        gate = StartGate(p.start_stagger_s if p.source == "realsense" else 0.0)
        self._streams = {c.name: CameraStream(c, self._source, self._deliver, gate, p.reconnect_s) for c in p.configs()}
        diagnostics.DiagnosticsPublisher(self, self._describe)
        self.get_logger().info(f"{len(p.cameras)} cameras from {p.source}")

    def on_shutdown(self) -> None:
        """Stop the cameras: one that is not closed may be busy for the next program."""
        for stream in self._streams.values():
            stream.close()
        if isinstance(self._source, SoftwareCameras):
            self._source.close()

    def tick(self) -> float:
        """Log what became of each camera, once."""
        for name, stream in self._streams.items():
            problem = stream.status.problem
            if problem != self._logged.get(name):
                self._logged[name] = problem
                if problem:  # two lines: rclpy allows each one severity only
                    self.get_logger().warning(problem)
                else:
                    self.get_logger().info(f"{name}: streaming ({', '.join(stream.status.info.values())})")
        return 0.1

    def _open_source(self) -> DeviceSource:
        p = self._p
        if p.source == "realsense":
            return UsbDevices()
        if p.source == "recording":
            return Recordings(dict(zip(p.cameras, p.recordings, strict=True)))
        self._poses = {
            name: self.create_publisher(TransformStamped, topics.camera_transform(name), qos.POSES)
            for name in p.cameras
        }
        profile = p.configs()[0].color_profile or Profile(640, 480, 30)
        scene = software_scene.open_scene(p.scene, p.cameras, profile, p.scene_task)
        return SoftwareCameras(scene, profile.fps, self._send_truth)

    def _on_change(self, values: CameraParameters) -> None:
        if isinstance(self._source, SoftwareCameras):
            self._source.set_plugged(set(values.cameras) - set(values.unplugged))

    def _send_truth(self, views: Sequence[CameraView], stamp_ns: int) -> None:
        """Poses of software cameras: with every set, as a moving camera's would be; before the images."""
        moving: list[TransformStamped] = []
        fixed: list[TransformStamped] = []
        for view in views:
            frame, base = topics.optical_frame(view.name), self._p.base_frame
            self._poses[view.name].publish(transform_to_message(view.T_base_camera, base, frame, stamp_ns))
            T_base_link = view.T_base_camera @ se3.inverse(T_BODY_OPTICAL)
            message = transform_to_message(T_base_link, base, topics.link_frame(view.name), stamp_ns)
            (moving if view.name in software_scene.MOVING else fixed).append(message)
        if self._broadcaster is not None:
            self._broadcaster.send(moving)
            if "truth" not in self._framed:
                self._framed.add("truth")
                self._broadcaster.send_static(fixed)

    def _deliver(self, frame: RgbdFrame) -> None:
        """Runs on the camera's thread."""
        if frame.camera not in self._framed and self._broadcaster is not None:
            self._framed.add(frame.camera)
            self._broadcaster.send_static(frames_of(frame.camera, frame.T_color_depth, frame.stamp_ns))
        self._outputs[frame.camera].publish(frame)
        self._rates[frame.camera].add(time.monotonic())

    def _describe(self) -> diagnostics.NodeStatus:
        parts = {name: self._describe_camera(name) for name in self._streams}
        bad = [name for name, part in parts.items() if part.level != diagnostics.OK]
        level = diagnostics.WARN if bad else diagnostics.OK
        return diagnostics.NodeStatus(f"no images from {', '.join(bad)}" if bad else "ok", level, {}, parts)

    def _describe_camera(self, name: str) -> diagnostics.NodeStatus:
        status, now_s = self._streams[name].status, time.monotonic()
        values: dict[str, object] = {
            "rate_hz": round(self._rates[name].rate_hz(now_s), 2),
            "age_ms": "never" if status.last_frame_s is None else round(1e3 * (now_s - status.last_frame_s), 1),
            "frames": status.frames,
            "lost_before_us": status.lost,
            "partial_sets": status.partial,
            "starts": status.starts,
            "depth_after_colour_ms": round(status.skew_ms, 2),
            "stamp_clock": status.clock,
            **status.info,
        }
        level = diagnostics.ERROR if status.problem else diagnostics.OK
        return diagnostics.NodeStatus(status.problem or "ok", level, values)


def main() -> int:
    """Console script."""
    return runtime.run(CameraNode)


if __name__ == "__main__":
    raise SystemExit(main())
