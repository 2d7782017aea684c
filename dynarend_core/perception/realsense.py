"""One RealSense camera through pyrealsense2: open, configure, read. Real devices, recordings and software devices."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from dynarend_core.errors import CameraError, MissingDependencyError
from dynarend_core.geometry import se3
from dynarend_core.perception.realsense_config import SYNC_MODES, Profile, RealSenseConfig
from dynarend_core.perception.realsense_filters import DepthFilters
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
        CameraError: no such profile, a setting is refused, or the camera is in use by another program.
    """

    def __init__(self, config: RealSenseConfig, device: Any, restamp: bool = False) -> None:
        self._rs = sdk()
        self.config = config
        self.device = device
        self.partial_sets = 0
        self._restamp = restamp
        self._offset_ms: float | None = None
        self._geometry: tuple[Array, Array, Array] | None = None
        self._running: list[Any] = []
        self._syncer = self._rs.syncer(4)
        self._align: Any = None
        source = self._rs.recorder(config.record_to, device) if config.record_to else device
        try:
            self._start(list(source.query_sensors()))
        except RuntimeError as error:  # everything the SDK refuses
            self.close()
            raise CameraError(f"camera {config.name!r}: {error}") from error
        except CameraError:
            self.close()
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

    def _start(self, sensors: list[Any]) -> None:
        rs, config = self._rs, self.config
        depth = _select(sensors, rs.stream.depth, rs.format.z16, config.depth_profile, config.name)
        color = _select(sensors, rs.stream.color, rs.format.rgb8, config.color_profile, config.name)
        for sensor in sensors:
            self._configure(sensor)
        self._filters = DepthFilters(rs, config.filters, depth[0].supports(rs.option.stereo_baseline))
        registered = "decimation" not in config.filters and _same_image(color[1], depth[1])
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
        raw_depth = frames.get_depth_frame()
        skew_ms = raw_depth.get_timestamp() - frames.get_color_frame().get_timestamp()
        frames = self._filters.process(frames)
        if self._align is not None:
            frames = self._align.process(frames)
        color, depth = frames.get_color_frame(), frames.get_depth_frame()
        if self._geometry is None:
            self._geometry = _geometry(color.profile, depth.profile, raw_depth.profile)
        domain = color.get_frame_timestamp_domain()
        return RgbdFrame(
            self.config.name, self._stamp_ns(color.get_timestamp(), domain), np.array(color.get_data(), copy=True),
            _millimetres(np.asanyarray(depth.get_data()), depth.get_units()), *self._geometry,
            self.config.align_to_color, color.get_frame_number(), skew_ms, domain.name,
        )  # fmt: skip

    def _stamp_ns(self, timestamp_ms: float, domain: Any) -> int:
        """Host time. A hardware clock starts anywhere: its first frame is taken to be of now."""
        if self._offset_ms is None:
            foreign = self._restamp or domain == self._rs.timestamp_domain.hardware_clock
            self._offset_ms = 1e3 * time.time() - timestamp_ms if foreign else 0.0
        return round((timestamp_ms + self._offset_ms) * 1e3) * 1000  # microseconds are what a double can hold


def _select(sensors: list[Any], stream: Any, fmt: Any, wanted: Profile | None, camera: str) -> tuple[Any, Any]:
    """Sensor and profile of a stream.

    Raises:
        CameraError: not offered; lists what is.
    """
    offered = []
    for sensor in sensors:
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() != stream or profile.format() != fmt:
                continue
            video = profile.as_video_stream_profile()
            found = Profile(video.width(), video.height(), profile.fps())
            if wanted is None or found == wanted:
                return sensor, profile
            offered.append(str(found))
    raise CameraError(
        f"camera {camera!r} has no {stream.name} profile {wanted or fmt.name}; it offers "
        f"{', '.join(offered) or 'none'}. A camera on USB 2 offers fewer: use a USB 3 port and cable"
    )


def _same_image(color: Any, depth: Any) -> bool:
    """Whether both streams show the same pixels from the same place."""
    K_color, K_depth, T_color_depth = _geometry(color, depth, depth)
    sizes = [(p.width(), p.height()) for p in (color.as_video_stream_profile(), depth.as_video_stream_profile())]
    return sizes[0] == sizes[1] and np.array_equal(K_color, K_depth) and np.array_equal(T_color_depth, np.eye(4))


def _geometry(color: Any, depth: Any, raw_depth: Any) -> tuple[Array, Array, Array]:
    """Pinhole matrices of both images, and the pose of the depth sensor in the colour sensor's frame."""
    extrinsics = raw_depth.get_extrinsics_to(color)
    T_color_depth = se3.make(np.array(extrinsics.rotation).reshape(3, 3).T, np.array(extrinsics.translation))
    return _pinhole(color), _pinhole(depth), T_color_depth


def _pinhole(profile: Any) -> Array:
    """``(3, 3)``; the SDK puts pixel centres at whole numbers, the core at + 0.5."""
    i = profile.as_video_stream_profile().get_intrinsics()
    return np.array([[i.fx, 0.0, i.ppx + 0.5], [0.0, i.fy, i.ppy + 0.5], [0.0, 0.0, 1.0]])


def _millimetres(raw: Array, units_m: float) -> Array:
    """Depth in mm, as realsense-ros publishes it also for cameras that count in other units."""
    if abs(units_m - 0.001) < 1e-7:
        return raw.copy()
    mm = np.rint(raw * (units_m * 1e3))
    return np.where(mm <= np.iinfo(np.uint16).max, mm, 0).astype(np.uint16)
