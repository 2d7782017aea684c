"""One RealSense camera through pyrealsense2: open, configure, read. Real devices, recordings and software devices."""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.errors import CameraError, MissingDependencyError
from dynarend_core.perception.clock_offset import ClockOffset
from dynarend_core.perception.realsense_config import SYNC_MODES, RealSenseConfig
from dynarend_core.perception.realsense_filters import DepthFilters
from dynarend_core.perception.realsense_profiles import geometry, intrinsics, same_image, select
from dynarend_core.perception.realsense_rectification import Rectification
from dynarend_core.perception.rgbd_frame import RgbdFrame
from dynarend_core.types import Array


def sdk() -> Any:
    """The module ``pyrealsense2``.

    Raises:
        MissingDependencyError: it cannot be imported.
    """
    try:
        import pyrealsense2
    except ImportError as error:
        raise MissingDependencyError(
            f"pyrealsense2 cannot be imported ({error}): pip install pyrealsense2; it needs libusb-1.0-0 (apt-get)"
        ) from error
    return pyrealsense2


class RealSenseCamera:
    """An open camera. Works on the sensors, not on a pipeline: pipelines refuse software devices.

    Args:
        config: What is asked of it.
        device: ``pyrealsense2.device``.
        restamp: Give stamps of arrival to a recording, whose own lie in the past.

    Raises:
        CameraError: no such profile, a setting is refused, the camera is in use by another program, or its recording
            cannot be written.
    """

    def __init__(self, config: RealSenseConfig, device: Any, restamp: bool = False) -> None:
        self._rs = sdk()
        self.config = config
        self.device = device
        self.partial_sets = 0
        self._restamp = restamp
        self._offset = ClockOffset()
        self._drained = False
        self._recording: Path | None = None
        self._rectify_color: Rectification | None = None
        self._rectify_depth: Rectification | None = None
        self._geometry: tuple[Array, Array, Array] | None = None
        self._running: list[Any] = []
        self._syncer = self._rs.syncer(4)
        self._align: Any = None
        try:
            source = self._recorded(device) if config.record_to else device
            self._start(list(source.query_sensors()))
        except RuntimeError as error:  # everything the SDK refuses
            self._give_up()
            raise CameraError(f"camera {config.name!r}: {error}") from error
        except CameraError:
            self._give_up()
            raise

    def info(self) -> dict[str, str]:
        """Model, serial, firmware and USB type, as far as the device tells."""
        wanted = {
            "model": "name",
            "serial": "serial_number",
            "firmware": "firmware_version",
            "usb": "usb_type_descriptor",
        }
        fields = {key: getattr(self._rs.camera_info, name) for key, name in wanted.items()}
        return {key: self.device.get_info(f) for key, f in fields.items() if self.device.supports(f)}

    @property
    def ended(self) -> bool:
        """A recording that was played to its end."""
        rs = self._rs
        return self.device.is_playback() and rs.playback(self.device).current_status() == rs.playback_status.stopped

    def read(self, timeout_s: float) -> RgbdFrame | None:
        """The next pair of colour and depth; None if none came in time.

        Raises:
            CameraError: the SDK failed, as it does when a camera is pulled out.
        """
        deadline = time.monotonic() + timeout_s
        try:
            self._drain()
            while (left_s := deadline - time.monotonic()) > 0:
                arrived, frames = self._syncer.try_wait_for_frames(max(int(1e3 * left_s), 1))
                if not arrived:
                    break
                if frames.get_depth_frame() and frames.get_color_frame():
                    return self._convert(frames)
                self.partial_sets += 1
        except RuntimeError as error:
            raise CameraError(f"camera {self.config.name!r}: {error}") from error
        return None

    def close(self) -> None:
        """Stop the streams; a device that is gone already is no error."""
        for sensor in self._running:
            for step in (sensor.stop, sensor.close):
                with contextlib.suppress(RuntimeError):
                    step()
        self._running = []

    def _recorded(self, device: Any) -> Any:
        """The device, recorded into a file of its own: the SDK would delete one that is there.

        Raises:
            CameraError: the file cannot be written.
        """
        wanted = Path(self.config.record_to)
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
            file = _unused(wanted)
            recorder = self._rs.recorder(str(file), device)
        except (RuntimeError, OSError) as error:
            raise CameraError(
                f"camera {self.config.name!r} cannot be recorded into {wanted}: {error}; name a folder that can be "
                "written, or leave record_folder empty"
            ) from error
        self._recording = file
        return recorder

    def _give_up(self) -> None:
        """Leave nothing behind, no empty recording either: opening is tried again every few seconds."""
        self.close()
        if self._recording is not None:
            self._recording.unlink(missing_ok=True)

    def _drain(self) -> None:
        """Before the first frame: what waited since the start is old."""
        while not self._drained and self._syncer.poll_for_frames():
            pass
        self._drained = True

    def _start(self, sensors: list[Any]) -> None:
        rs, config = self._rs, self.config
        depth = select(sensors, rs.stream.depth, rs.format.z16, config.depth_profile, config.name)
        color = select(sensors, rs.stream.color, rs.format.rgb8, config.color_profile, config.name)
        for sensor in sensors:
            self._configure(sensor)
        self._filters = DepthFilters(rs, config.filters, depth[0].supports(rs.option.stereo_baseline))
        registered = "decimation" not in config.filters and same_image(color[1], depth[1])
        if config.align_to_color and not registered:  # it leaves holes even where there is nothing to do
            self._align = rs.align(rs.stream.color)
        for sensor in sensors:
            profiles = [profile for owner, profile in (depth, color) if owner is sensor]
            if profiles:
                sensor.open(profiles)
                self._running.append(sensor)
                sensor.start(self._syncer)

    def _configure(self, sensor: Any) -> None:
        """Options that must be set before streaming."""
        rs, config = self._rs, self.config
        if sensor.supports(rs.option.global_time_enabled):
            sensor.set_option(rs.option.global_time_enabled, float(config.global_time))
        if config.sync_mode == "none":
            return
        if sensor.is_depth_sensor():
            if not sensor.supports(rs.option.inter_cam_sync_mode):
                model = self.info().get("model", "this model")
                raise CameraError(
                    f"camera {config.name!r}: {model} has no hardware synchronisation; use sync mode none"
                )
            sensor.set_option(rs.option.inter_cam_sync_mode, float(SYNC_MODES[config.sync_mode]))
        elif sensor.supports(rs.option.auto_exposure_priority):
            sensor.set_option(rs.option.auto_exposure_priority, 0.0)  # it would lengthen exposures beyond the period

    def _convert(self, frames: Any) -> RgbdFrame:
        arrival_ms = 1e3 * time.time()
        raw_depth = frames.get_depth_frame()
        skew_ms = raw_depth.get_timestamp() - frames.get_color_frame().get_timestamp()
        frames = self._filters.process(frames)
        if self._align is not None:
            frames = self._align.process(frames)
        color, depth = frames.get_color_frame(), frames.get_depth_frame()
        if self._geometry is None:
            self._geometry = geometry(color.profile, depth.profile, raw_depth.profile)
            self._rectify_color = Rectification.of(self._rs, intrinsics(color.profile), smooth=True)
            self._rectify_depth = Rectification.of(self._rs, intrinsics(depth.profile), smooth=False)
        rgb, raw = np.asanyarray(color.get_data()), np.asanyarray(depth.get_data())
        domain = color.get_frame_timestamp_domain()
        return RgbdFrame(
            self.config.name, self._stamp_ns(color.get_timestamp(), domain, arrival_ms),
            rgb.copy() if self._rectify_color is None else self._rectify_color.apply(rgb),
            _millimetres(raw if self._rectify_depth is None else self._rectify_depth.apply(raw), depth.get_units()),
            *self._geometry,
            self.config.align_to_color, color.get_frame_number(), skew_ms, domain.name,
        )  # fmt: skip

    def _stamp_ns(self, timestamp_ms: float, domain: Any, arrival_ms: float) -> int:
        """Host time [ns]. A hardware clock starts anywhere and runs at a pace of its own; so does a recording."""
        foreign = self._restamp or domain == self._rs.timestamp_domain.hardware_clock
        offset_ms = self._offset.update(timestamp_ms, arrival_ms) if foreign else 0.0
        return round((timestamp_ms + offset_ms) * 1e3) * 1000  # microseconds are what a double can hold


def _unused(file: Path) -> Path:
    """The file, or the first of ``<stem>_001``, ``<stem>_002``, ... that is not there yet."""
    numbered = (file.with_name(f"{file.stem}_{i:03d}{file.suffix}") for i in itertools.count(1))
    return next(path for path in itertools.chain([file], numbered) if not path.exists())


def _millimetres(raw: Array, units_m: float) -> Array:
    """Depth in mm, as realsense-ros publishes it also for cameras that count in other units."""
    if abs(units_m - 0.001) < 1e-7:
        return raw.copy()
    mm = np.rint(raw * (units_m * 1e3))
    return np.where(mm <= np.iinfo(np.uint16).max, mm, 0).astype(np.uint16)
