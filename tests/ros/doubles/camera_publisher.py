"""A process that publishes RGB-D cameras like a driver does, with faults on request."""

import time
from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov
from dynarend_core.types import CameraView
from dynarend_ros import runtime
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.sim_cameras import SimCameras

LOOKING_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Parameters:
    cameras: tuple[str, ...] = parameter(("front", "left_shoulder", "right_shoulder", "wrist"), "Cameras.")
    width: int = parameter(640, "Width.")
    height: int = parameter(480, "Height.")
    sets: int = parameter(40, "Sets to publish.")
    rate_hz: float = parameter(15.0, "Rate.")
    fault: str = parameter("none", "What goes wrong.", choices=("none", "wrist_stops", "front_nan"))
    fault_after: int = parameter(0, "Sets before the fault.")


class CameraPublisher(runtime.SpinningNode):
    def __init__(self):
        super().__init__("camera_publisher")
        self.p = NodeParameters(self, Parameters).values
        self.cameras = SimCameras(self, self.p.cameras, "panda_link0")
        self.sent = 0
        self.views = [self.view(name, i) for i, name in enumerate(self.p.cameras)]
        self.start = None

    def view(self, name, index):
        h, w = self.p.height, self.p.width
        T = se3.make(LOOKING_DOWN, np.array([0.5 + 0.02 * index, 0.0, 0.9]))
        rgb = np.random.default_rng(index).integers(0, 256, (h, w, 3), dtype=np.uint8)
        return CameraView(name, rgb, np.full((h, w), 0.9, np.float32), intrinsics_from_fov(w, h, 0.8), T)

    def faulty(self, view):
        if self.sent < self.p.fault_after or self.p.fault == "none":
            return view
        if self.p.fault == "wrist_stops":
            return None if view.name == "wrist" else view
        if view.name != "front":
            return view
        depth = np.full_like(view.depth_m, np.nan)
        return CameraView(view.name, view.rgb, depth, view.K, view.T_base_camera)

    def tick(self):
        if not self.matched() or self.sent >= self.p.sets:
            return 0.05
        if self.start is None:
            self.start = time.monotonic() + 0.5
        due = self.start + self.sent / self.p.rate_hz
        if time.monotonic() >= due:
            views = [v for v in map(self.faulty, self.views) if v is not None]
            self.cameras.publish(views, time.time_ns())
            self.sent += 1
        return max(due - time.monotonic(), 0.001)

    def matched(self):
        publishers = [p for group in (self.cameras._colour, self.cameras._depth) for p in group.values()]
        return all(p.get_subscription_count() for p in publishers)


if __name__ == "__main__":
    raise SystemExit(runtime.run(CameraPublisher))
