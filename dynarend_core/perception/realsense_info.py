"""What the connected RealSense cameras say about themselves; as a program, in JSON on its output.

A process of its own: the SDK loaded before rclpy makes a program crash at its end (seen with pyrealsense2 2.59.1 and
rclpy 9.1.2), and a camera that hangs must not hang who asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from dynarend_core.errors import CameraError
from dynarend_core.perception.realsense import sdk

FIELDS = ("name", "serial_number", "firmware_version", "recommended_firmware_version", "usb_type_descriptor")
PATIENCE_S = 60.0


def describe(device: Any) -> dict[str, str]:
    """``FIELDS`` of a ``pyrealsense2.device``, as far as it tells."""
    fields = {name: getattr(sdk().camera_info, name) for name in FIELDS}
    return {name: str(device.get_info(field)) for name, field in fields.items() if device.supports(field)}


def connected_cameras() -> list[dict[str, str]]:
    """``FIELDS`` of each camera on this computer, asked in another process.

    Raises:
        CameraError: the SDK is not installed, failed, or did not answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CameraError(f"the RealSense SDK did not list its cameras within {PATIENCE_S:.0f} s") from error
    if done.returncode != 0:
        raise CameraError((done.stderr.strip().splitlines() or [f"the SDK ended with {done.returncode}"])[-1])
    cameras: list[dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return cameras


def main() -> int:
    """Print the list."""
    print(json.dumps([describe(device) for device in sdk().context().query_devices()]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
