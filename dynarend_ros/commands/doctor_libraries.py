"""Where ROS's own libraries are installed: do they read our messages as we mean them?

Clouds and rotations are converted by our own functions, which are fast, check what they are given, and run where no ROS
is installed. ``sensor_msgs_py`` and ``tf_transformations`` are the independent witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module, util

import numpy as np

from dynarend_core.commands.finding import DoctorOptions, Finding, Level
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_x, rotation_z
from dynarend_core.types import PointCloud
from dynarend_ros.conversions import cloud_to_message

_TOLERANCE = 1e-6


def check_libraries(options: DoctorOptions) -> Iterator[Finding]:
    """Do ``sensor_msgs_py`` and ``tf_transformations``, where they are installed, agree with our conversions?"""
    witnesses: dict[str, Callable[[], str]] = {
        "sensor_msgs_py": _disagreement_on_clouds,
        "tf_transformations": _disagreement_on_rotations,
    }
    for name, disagreement in witnesses.items():
        if util.find_spec(name) is None:
            yield Finding(f"{name} is not installed: it cannot vouch for our conversions")
        elif problem := disagreement():
            remedy = f"another release of {name}? Do not run the arm; report both versions"
            yield Finding(f"{name} {problem}", Level.FAIL, remedy)
        else:
            yield Finding(f"{name} reads what we write")


def _disagreement_on_clouds() -> str:
    rng = np.random.default_rng(0)
    cloud = PointCloud(rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 256, (50, 3), dtype=np.uint8))
    read = import_module("sensor_msgs_py.point_cloud2").read_points(cloud_to_message(cloud, "base"))
    for axis, name in enumerate("xyz"):
        if not np.array_equal(np.asarray(read[name]).ravel(), cloud.xyz[:, axis]):
            return f"reads other values of {name} from a cloud of ours"
    # The colour is 0x00RRGGBB, bit-cast to float32.
    packed = np.ascontiguousarray(np.asarray(read["rgb"]).ravel()).view(np.uint32)
    seen = np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=1)
    return "" if np.array_equal(seen, cloud.rgb) else "reads other colours from a cloud of ours"


def _disagreement_on_rotations() -> str:
    theirs = import_module("tf_transformations")
    for angle in np.linspace(-3.0, 3.0, 7):
        T = se3.make(rotation_z(angle) @ rotation_x(0.7 * angle))
        quat_xyzw = se3.to_pose(T)[1]
        if not np.allclose(theirs.quaternion_matrix(quat_xyzw), T, atol=_TOLERANCE):
            return f"makes another rotation of the quaternion (x, y, z, w) {np.round(quat_xyzw, 3).tolist()}"
    return ""
