"""RealSense cameras without hardware: the SDK's software devices, fed with rendered views."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from dynarend_core.perception.realsense import sdk
from dynarend_core.types import Array, CameraView

Scene = Callable[[], Sequence[CameraView]]


class _SoftwareDevice:
    """One ``pyrealsense2.software_device`` with a depth and a colour sensor in one place."""

    def __init__(self, view: CameraView, fps: int) -> None:
        rs = self._rs = sdk()
        self.device = rs.software_device()
        for field, value in ((rs.camera_info.serial_number, view.name), (rs.camera_info.name, "software camera")):
            self.device.register_info(field, value)
        self._depth = self.device.add_sensor("Stereo Module")
        self._depth.add_read_only_option(rs.option.depth_units, 0.001)
        self._color = self.device.add_sensor("RGB Camera")
        self._depth_profile = rs.video_stream_profile(
            self._depth.add_video_stream(self._stream(view, fps, rs.stream.depth, rs.format.z16, 0, 2))
        )
        self._color_profile = rs.video_stream_profile(
            self._color.add_video_stream(self._stream(view, fps, rs.stream.color, rs.format.rgb8, 1, 3))
        )
        same_place = rs.extrinsics()
        same_place.rotation, same_place.translation = [1.0, 0, 0, 0, 1, 0, 0, 0, 1], [0.0, 0, 0]
        self._depth_profile.register_extrinsics_to(self._color_profile, same_place)
        self.device.create_matcher(rs.matchers.default)
        self._number = 0

    def _stream(self, view: CameraView, fps: int, kind: Any, fmt: Any, uid: int, bytes_a_pixel: int) -> Any:
        rs = self._rs
        stream = rs.video_stream()
        h, w = view.depth_m.shape
        stream.type, stream.fmt, stream.index, stream.uid = kind, fmt, 0, uid
        stream.width, stream.height, stream.fps, stream.bpp = w, h, fps, bytes_a_pixel
        intrinsics = rs.intrinsics()
        intrinsics.width, intrinsics.height = w, h
        intrinsics.fx, intrinsics.fy = float(view.K[0, 0]), float(view.K[1, 1])
        intrinsics.ppx, intrinsics.ppy = float(view.K[0, 2]) - 0.5, float(view.K[1, 2]) - 0.5
        intrinsics.model, intrinsics.coeffs = rs.distortion.none, [0.0] * 5
        stream.intrinsics = intrinsics
        return stream

    def push(self, view: CameraView, timestamp_ms: float) -> None:
        with np.errstate(invalid="ignore"):
            mm = np.nan_to_num(np.rint(view.depth_m * 1e3), nan=0.0, posinf=0.0, neginf=0.0)
        depth = np.where((mm > 0) & (mm < 65536), mm, 0).astype(np.uint16)
        self._push(self._depth, self._depth_profile, depth, timestamp_ms)
        self._push(self._color, self._color_profile, np.ascontiguousarray(view.rgb), timestamp_ms)
        self._number += 1

    def _push(self, sensor: Any, profile: Any, pixels: Array, timestamp_ms: float) -> None:
        rs = self._rs
        frame = rs.software_video_frame()
        frame.bpp = pixels.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
        frame.pixels, frame.stride, frame.profile = pixels, pixels.shape[1] * frame.bpp, profile
        frame.timestamp, frame.domain, frame.frame_number = timestamp_ms, rs.timestamp_domain.global_time, self._number
        if profile is self._depth_profile:
            frame.depth_units = 0.001
        sensor.on_video_frame(frame)


class SoftwareCameras:
    """A :class:`~dynarend_core.perception.realsense_sources.DeviceSource` whose cameras look at a scene.

    Serial numbers are the views' names. ``unplug`` and ``plug`` do what a hand at the cable does.

    Args:
        open_scene: Returns a function that gives the views of the moment, always of the same cameras. Both run on one
            thread of this object's own, because OpenGL contexts belong to a thread.
        fps: Frames a second.
        on_set: Called with the views and their common stamp [ns] before they are given to the devices.

    Raises:
        Exception: what ``open_scene`` raises.
    """

    restamp = False

    def __init__(
        self,
        open_scene: Callable[[], Scene],
        fps: int,
        on_set: Callable[[Sequence[CameraView], int], None] | None = None,
    ) -> None:
        self._open_scene, self._fps, self._on_set = open_scene, fps, on_set
        self._changed = threading.Condition()
        self._models: dict[str, CameraView] = {}
        self._devices: dict[str, _SoftwareDevice] = {}
        self._failure: Exception | None = None
        self._ready, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="software_cameras", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def find(self, serial: str) -> Any | None:
        """See :class:`~dynarend_core.perception.realsense_sources.DeviceSource`."""
        with self._changed:
            return self._devices[serial].device if serial in self._devices else None

    def wait_for_change(self, timeout_s: float) -> None:
        """See :class:`~dynarend_core.perception.realsense_sources.DeviceSource`."""
        with self._changed:
            self._changed.wait(timeout_s)

    def set_plugged(self, serials: Collection[str]) -> None:
        """Leave exactly these cameras plugged in; one that comes back is a new device, as on a bus."""
        with self._changed:
            for name, model in self._models.items():
                if name not in serials:
                    self._devices.pop(name, None)
                elif name not in self._devices:
                    self._devices[name] = _SoftwareDevice(model, self._fps)
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread that renders."""
        self._closed.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            scene = self._open_scene()
            self._models = {view.name: view for view in scene()}
            self.set_plugged(self._models)
        except Exception as error:  # raised again where the object is made
            self._failure = error
            return
        finally:
            self._ready.set()
        due_s = time.monotonic()
        while not self._closed.wait(max(due_s - time.monotonic(), 0.0)):
            due_s = max(due_s + 1.0 / self._fps, time.monotonic() - 1.0 / self._fps)
            views, stamp_ns = scene(), time.time_ns() // 1000 * 1000
            if self._on_set is not None:
                self._on_set(views, stamp_ns)
            with self._changed:
                targets = [(self._devices[v.name], v) for v in views if v.name in self._devices]
            for device, view in targets:
                device.push(view, stamp_ns / 1e6)
