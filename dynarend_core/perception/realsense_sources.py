"""Where RealSense devices come from: the USB bus, or recordings of the SDK."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dynarend_core.errors import CameraError
from dynarend_core.perception.realsense import sdk


class DeviceSource(Protocol):
    """Finds devices, and knows when to look again."""

    restamp: bool

    def find(self, serial: str) -> Any | None:
        """Device of that serial number (empty: the only one), or None while it is not there.

        Raises:
            CameraError: it can never be found, or the serial number is ambiguous.
        """

    def wait_for_change(self, timeout_s: float) -> None:
        """Block until devices came or went, or for ``timeout_s``."""


class UsbDevices:
    """Cameras on this computer; plugging and unplugging is noticed at once."""

    restamp = False

    def __init__(self) -> None:
        self._context = sdk().context()
        self._changed = threading.Condition()
        self._context.set_devices_changed_callback(self._on_change)

    def _on_change(self, _info: Any) -> None:
        with self._changed:
            self._changed.notify_all()

    def find(self, serial: str) -> Any | None:
        """See :class:`DeviceSource`."""
        devices = {d.get_info(sdk().camera_info.serial_number): d for d in self._context.query_devices()}
        if serial:
            return devices.get(serial)
        if len(devices) > 1:
            raise CameraError(
                f"{len(devices)} cameras are connected: name one of {', '.join(sorted(devices))} as serial"
            )
        return next(iter(devices.values()), None)

    def wait_for_change(self, timeout_s: float) -> None:
        """See :class:`DeviceSource`."""
        with self._changed:
            self._changed.wait(timeout_s)


class Recordings:
    """Files of the SDK's recorder, by serial number (any text); played at their own pace, again and again."""

    restamp = True

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._context = sdk().context()
        for file in self._files.values():
            if not Path(file).is_file():
                raise CameraError(
                    f"no recording {file}; make one with the parameter record_folder or the SDK's recorder"
                )

    def find(self, serial: str) -> Any | None:
        """See :class:`DeviceSource`."""
        if serial not in self._files:
            raise CameraError(f"no recording for camera {serial!r}; there are {', '.join(self._files)}")
        try:
            return self._context.load_device(self._files[serial])
        except RuntimeError as error:
            raise CameraError(f"{self._files[serial]} cannot be played: {error}") from error

    def wait_for_change(self, timeout_s: float) -> None:
        """See :class:`DeviceSource`."""
        threading.Event().wait(min(timeout_s, 0.2))  # files do not come and go: play again
