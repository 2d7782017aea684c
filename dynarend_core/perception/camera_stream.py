"""Keeps one camera streaming, whatever happens to its cable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dynarend_core.errors import CameraError
from dynarend_core.perception.realsense import RealSenseCamera
from dynarend_core.perception.realsense_config import RealSenseConfig
from dynarend_core.perception.realsense_sources import DeviceSource
from dynarend_core.perception.rgbd_frame import RgbdFrame


@dataclass
class StreamStatus:
    """What became of one camera so far.

    Attributes:
        problem: Why there are no images now; empty while there are.
        frames: Frames delivered.
        lost: Frames whose numbers are missing: lost between camera and computer.
        partial: Sets in which colour or depth was missing.
        starts: How often it was opened.
        last_frame_s: Steady time of the newest frame [s]; None before the first.
        skew_ms: Depth exposure after colour exposure, newest frame [ms].
        clock: Where stamps come from.
        info: Model, serial, firmware, USB type.
    """

    problem: str = "not opened yet"
    frames: int = 0
    lost: int = 0
    partial: int = 0
    starts: int = 0
    last_frame_s: float | None = None
    skew_ms: float = 0.0
    clock: str = ""
    info: dict[str, str] = field(default_factory=dict)


class StartGate:
    """Lets cameras start one after the other: all at once, they overload the USB controller."""

    def __init__(self, stagger_s: float) -> None:
        self._lock = threading.Lock()
        self._stagger_s = stagger_s

    def open(self, config: RealSenseConfig, device: Any, restamp: bool, closed: threading.Event) -> RealSenseCamera:
        """Open a camera, alone, and wait before the next one may; raises what :class:`RealSenseCamera` raises."""
        with self._lock:
            camera = RealSenseCamera(config, device, restamp)
            closed.wait(self._stagger_s)
            return camera


class CameraStream:
    """A thread that waits for its camera, opens it, delivers frames, and begins anew when they stop.

    Args:
        config: The camera.
        source: Where it is found.
        deliver: Called with every frame, on this camera's thread.
        gate: Shared by all cameras of the process.
        retry_s: Look again after this time, or as soon as devices changed [s].
    """

    def __init__(
        self,
        config: RealSenseConfig,
        source: DeviceSource,
        deliver: Callable[[RgbdFrame], None],
        gate: StartGate,
        retry_s: float = 2.0,
    ) -> None:
        self.config = config
        self.status = StreamStatus()
        self._source, self._deliver, self._gate, self._retry_s = source, deliver, gate, retry_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {config.name}", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop the camera and end the thread."""
        self._closed.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._stream_once()
            except CameraError as error:
                self.status.problem = str(error)
            except Exception as error:  # one camera's defect must not take the others' process down
                self.status.problem = f"{type(error).__name__}: {error}"
            if not self._closed.is_set():
                self._source.wait_for_change(self._retry_s)

    def _stream_once(self) -> None:
        """From finding the camera to losing it.

        Raises:
            CameraError: not connected, cannot be opened, or went silent.
        """
        device = self._source.find(self.config.serial)
        if device is None:
            raise CameraError(f"camera {self.config.name!r} (serial {self.config.serial or 'any'}) is not connected")
        camera = self._gate.open(self.config, device, self._source.restamp, self._closed)
        self.status.starts += 1
        self.status.info = camera.info()
        try:
            self._pump(camera)
        finally:
            camera.close()

    def _pump(self, camera: RealSenseCamera) -> None:
        status, number, last_s = self.status, None, time.monotonic()
        before = status.partial
        while not self._closed.is_set():
            frame = camera.read(0.2)
            status.partial = before + camera.partial_sets
            now_s = time.monotonic()
            if frame is None:
                if camera.ended:
                    return
                if not camera.device.is_connected():
                    raise CameraError(f"camera {self.config.name!r} was unplugged")
                if now_s - last_s > self.config.silence_s:
                    self._give_up(camera)
                continue
            status.lost += 0 if number is None else max(frame.number - number - 1, 0)
            number, last_s = frame.number, now_s
            status.frames += 1
            status.last_frame_s, status.skew_ms, status.clock, status.problem = now_s, frame.skew_ms, frame.clock, ""
            self._deliver(frame)

    def _give_up(self, camera: RealSenseCamera) -> None:
        reset = ""
        if self.config.reset_when_silent and camera.device.is_connected():
            camera.device.hardware_reset()
            reset = ", and was reset"
        raise CameraError(f"camera {self.config.name!r} gave no frame for {self.config.silence_s:g} s{reset}")
