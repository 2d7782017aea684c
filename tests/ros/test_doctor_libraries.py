"""ROS's own libraries as witnesses of our conversions. Here they are fakes, written from the documented signatures."""

import struct
import sys
import types
from importlib import util

import numpy as np
import pytest

from dynarend_core.commands.finding import DoctorOptions, Level
from dynarend_ros.commands.doctor_libraries import check_libraries


def read_points(cloud, field_names=None, skip_nans=False, uvs=None, reshape_organized_cloud=False):
    """``sensor_msgs_py.point_cloud2.read_points`` for little-endian float32 fields: a structured array."""
    rows = []
    for start in range(0, len(cloud.data), cloud.point_step):
        data = bytes(cloud.data[start : start + cloud.point_step])
        rows.append(tuple(struct.unpack_from("<f", data, f.offset)[0] for f in cloud.fields))
    return np.array(rows, dtype=[(f.name, np.float32) for f in cloud.fields])


def quaternion_matrix(quaternion):
    """``tf_transformations.quaternion_matrix``: ``(4, 4)`` from x, y, z, w."""
    x, y, z, w = quaternion
    T = np.eye(4)
    T[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return T


@pytest.fixture
def install(monkeypatch):
    def install(read=read_points, matrix=quaternion_matrix):
        package, clouds = types.ModuleType("sensor_msgs_py"), types.ModuleType("sensor_msgs_py.point_cloud2")
        rotations = types.ModuleType("tf_transformations")
        clouds.read_points, rotations.quaternion_matrix = read, matrix
        for module in (package, clouds, rotations):
            module.__spec__ = types.SimpleNamespace(name=module.__name__)
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return install


@pytest.fixture
def options(tmp_path):
    return DoctorOptions(tmp_path, tmp_path, 1.0, "panda_link0")


@pytest.mark.skipif(util.find_spec("tf_transformations") is not None, reason="here ROS's libraries are installed")
def test_without_the_libraries_nothing_is_claimed(options):
    assert all("not installed" in f.words and f.level is Level.OK for f in check_libraries(options))


def test_libraries_that_agree_are_named(options, install):
    install()
    findings = list(check_libraries(options))
    assert [f.level for f in findings] == [Level.OK, Level.OK]
    assert [f.words.split()[0] for f in findings] == ["sensor_msgs_py", "tf_transformations"]
    assert not any("not installed" in f.words for f in findings)


def test_another_order_of_the_quaternion_or_of_colours_is_found(options, install):
    def swapped(cloud):
        points = read_points(cloud)
        points["rgb"] = points["rgb"][::-1]
        return points

    install(swapped, lambda q: quaternion_matrix(np.roll(q, 1)))
    clouds, rotations = check_libraries(options)
    assert clouds.level is rotations.level is Level.FAIL
    assert "colours" in clouds.words
    assert "quaternion" in rotations.words
    assert clouds.remedy
