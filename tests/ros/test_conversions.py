"""Core types survive the trip through ROS messages, whatever the sender's layout."""

import array
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image, JointState, PointCloud2, PointField
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe, PointCloud, Prediction, ValueMap
from dynarend_ros import conversions as ros

seeds = st.integers(0, 2**32 - 1)
stamps = st.integers(0, 2**31 * 10**9 - 1)


def random_transform(rng):
    rotvec = rng.normal(size=3)
    return se3.make(rotations.matrix_from_rotation_vector(rotvec), rng.uniform(-2, 2, 3))


@given(stamps)
def test_stamps_keep_every_nanosecond(stamp_ns):
    assert ros.stamp_to_ns(ros.stamp_from_ns(stamp_ns)) == stamp_ns


@given(seeds, st.integers(1, 40), st.integers(1, 40), stamps)
@settings(max_examples=30, deadline=None)
def test_rgb_round_trip(seed, h, w, stamp_ns):
    rgb = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    message = ros.rgb_to_message(rgb, "camera", stamp_ns)
    assert isinstance(message.data, array.array)
    assert (ros.rgb_from_message(message) == rgb).all()


@given(seeds, st.sampled_from(["16UC1", "32FC1"]))
@settings(max_examples=30, deadline=None)
def test_depth_round_trip_keeps_metres_and_invalid_pixels(seed, encoding):
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.1, 5.0, (7, 9)).astype(np.float32)
    invalid = rng.random((7, 9)) < 0.3
    depth_m[invalid] = np.nan
    back = ros.depth_from_message(ros.depth_to_message(depth_m, "camera", 1, encoding))
    assert (np.isnan(back) == invalid).all()
    tolerance = 0.5001e-3 if encoding == "16UC1" else 0.0
    assert np.abs(back - depth_m)[~invalid].max(initial=0.0) <= tolerance


def test_depth_beyond_16_bits_and_negative_is_invalid():
    message = ros.depth_to_message(np.array([[66.0, -1.0, np.inf, 1.0]], dtype=np.float32), "c", 0)
    assert np.isnan(ros.depth_from_message(message)[0, :3]).all()
    message = ros.depth_to_message(np.array([[-1.0, np.inf, 0.0, 1.0]], dtype=np.float32), "c", 0, "32FC1")
    assert np.isnan(ros.depth_from_message(message)[0, :3]).all()


def test_image_rows_may_be_padded_and_big_endian():
    message = Image(height=2, width=2, encoding="16UC1", step=6, is_bigendian=1)
    message.data = array.array("B", struct.pack(">HHHHHH", 1000, 2000, 9, 3000, 4000, 9))
    np.testing.assert_allclose(ros.depth_from_message(message), [[1.0, 2.0], [3.0, 4.0]])


def test_bgr_and_rgba_become_rgb():
    message = Image(height=1, width=1, encoding="bgr8", step=3, data=array.array("B", [3, 2, 1]))
    assert ros.rgb_from_message(message).tolist() == [[[1, 2, 3]]]
    message = Image(height=1, width=1, encoding="rgba8", step=4, data=array.array("B", [1, 2, 3, 99]))
    assert ros.rgb_from_message(message).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    "broken",
    [
        Image(height=2, width=2, encoding="rgb8", step=6, data=array.array("B", [0] * 11)),
        Image(height=2, width=2, encoding="rgb8", step=5, data=array.array("B", [0] * 12)),
        Image(height=0, width=2, encoding="rgb8", step=6),
        Image(height=1, width=1, encoding="yuv422", step=2, data=array.array("B", [0, 0])),
    ],
    ids=["short", "narrow", "empty", "encoding"],
)
def test_damaged_images_are_refused(broken):
    with pytest.raises(InvalidInputError):
        ros.rgb_from_message(broken)


def test_intrinsics_round_trip_and_use_ros_pixel_centres():
    K = np.array([[100.0, 0, 64.0], [0, 110.0, 63.0], [0, 0, 1]])
    message = ros.camera_info_to_message(K, 128, 126, "camera", 5)
    assert message.k[2] == 63.5
    np.testing.assert_allclose(ros.intrinsics_from_message(message), K)
    message.k = [0.0] * 9
    with pytest.raises(InvalidInputError, match="not calibrated"):
        ros.intrinsics_from_message(message)


@given(seeds, st.integers(0, 50), stamps)
@settings(max_examples=30, deadline=None)
def test_cloud_round_trip_is_exact(seed, n, stamp_ns):
    rng = np.random.default_rng(seed)
    cloud = PointCloud(
        rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 256, (n, 3), dtype=np.uint8), stamp_ns
    )
    message = ros.cloud_to_message(cloud, "base")
    assert message.point_step == 16
    back = ros.cloud_from_message(message)
    assert back.stamp_ns == stamp_ns
    assert (back.xyz == cloud.xyz).all()
    assert (back.rgb == cloud.rgb).all()


def test_a_cloud_with_normals_carries_them_and_others_read_it_without():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(5, 3)).astype(np.float32)
    normals[2] = np.nan  # has no normal, is a point nevertheless
    rgb = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    cloud = PointCloud(rng.normal(size=(5, 3)).astype(np.float32), rgb, 7, normals)
    message = ros.cloud_to_message(cloud, "base")
    assert [(f.name, f.offset) for f in message.fields[4:]] == [("normal_x", 16), ("normal_y", 20), ("normal_z", 24)]
    assert (message.point_step, message.row_step, message.is_dense) == (28, 140, False)
    back = ros.cloud_from_message(message)
    np.testing.assert_array_equal(back.normals, normals)
    np.testing.assert_array_equal(back.xyz, cloud.xyz)
    np.testing.assert_array_equal(back.rgb, rgb)
    message.fields = message.fields[:-1]
    assert ros.cloud_from_message(message).normals is None


@pytest.mark.parametrize("point_step", [20, 32])
def test_cloud_of_other_layouts_is_read_by_its_offsets(point_step):
    """RealSense (20 bytes) and depth_image_proc (32) put the colour at 16, and colours may spell NaN."""
    buffer = bytearray(point_step * 2)
    struct.pack_into("<fff", buffer, 0, 1.0, 2.0, 3.0)
    struct.pack_into("<I", buffer, 16, 0x00FFC0FE)
    struct.pack_into("<fff", buffer, point_step, np.nan, 0.0, 0.0)
    fields = [PointField(name=f, offset=o, datatype=7, count=1) for f, o in (("x", 0), ("y", 4), ("z", 8), ("rgb", 16))]
    message = PointCloud2(height=1, width=2, point_step=point_step, row_step=2 * point_step, fields=fields)
    message.data = array.array("B", bytes(buffer))
    cloud = ros.cloud_from_message(message)
    assert cloud.xyz.tolist() == [[1.0, 2.0, 3.0]]
    assert cloud.rgb.tolist() == [[0xFF, 0xC0, 0xFE]]


def test_cloud_without_z_or_too_short_is_refused():
    message = ros.cloud_to_message(PointCloud(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.uint8)), "base")
    message.data = message.data[:-1]
    with pytest.raises(InvalidInputError, match="47 bytes"):
        ros.cloud_from_message(message)
    message.fields = message.fields[:2]
    with pytest.raises(InvalidInputError, match="'z'"):
        ros.cloud_from_message(message)


@given(seeds, stamps)
@settings(max_examples=30, deadline=None)
def test_transform_round_trip(seed, stamp_ns):
    T = random_transform(np.random.default_rng(seed))
    message = ros.transform_to_message(T, "base", "camera", stamp_ns)
    np.testing.assert_allclose(ros.transform_from_message(message), T, atol=1e-12)
    assert (message.header.frame_id, message.child_frame_id) == ("base", "camera")


def test_transform_without_rotation_is_refused():
    message = ros.transform_to_message(np.eye(4), "base", "camera", 0)
    message.transform.rotation.w = 0.0
    with pytest.raises(InvalidInputError, match="norm"):
        ros.transform_from_message(message)


@given(seeds, st.booleans(), st.booleans(), stamps)
@settings(max_examples=30, deadline=None)
def test_keyframe_round_trip(seed, gripper_open, ignore_collisions, stamp_ns):
    keyframe = Keyframe(random_transform(np.random.default_rng(seed)), gripper_open, ignore_collisions)
    message = ros.keyframe_to_message(keyframe, "base", stamp_ns)
    back = ros.keyframe_from_message(message)
    np.testing.assert_allclose(back.T_base_gripper, keyframe.T_base_gripper, atol=1e-9)
    assert (back.gripper_open, back.ignore_collisions) == (gripper_open, ignore_collisions)
    assert ros.stamp_to_ns(message.header.stamp) == stamp_ns


def test_keyframes_that_are_not_finite_or_not_whole_are_refused():
    message = ros.keyframe_to_message(Keyframe(np.eye(4), True), "base", 1)
    message.points[0].transforms[0].translation.x = np.nan
    with pytest.raises(InvalidInputError, match="non-finite"):
        ros.keyframe_from_message(message)
    message.joint_names = message.joint_names[:2]
    with pytest.raises(InvalidInputError, match="ignore_collisions"):
        ros.keyframe_from_message(message)


@given(seeds, st.integers(2, 20))
@settings(max_examples=20, deadline=None)
def test_trajectory_round_trip_in_any_joint_order(seed, n):
    rng = np.random.default_rng(seed)
    times = np.arange(n) * 0.1
    trajectory = JointTrajectory(times, rng.normal(size=(n, 7)), rng.normal(size=(n, 7)))
    message = ros.trajectory_to_message(trajectory, JOINT_NAMES)
    order = rng.permutation(7)
    message.joint_names = [JOINT_NAMES[i] for i in order]
    for point in message.points:
        point.positions = np.array(point.positions)[order].tolist()
        point.velocities = np.array(point.velocities)[order].tolist()
    back = ros.trajectory_from_message(message, JOINT_NAMES)
    np.testing.assert_allclose(back.times_s, times, atol=1e-9)
    np.testing.assert_array_equal(back.positions, trajectory.positions)
    np.testing.assert_array_equal(back.velocities, trajectory.velocities)


def test_trajectories_without_points_give_none_and_bad_ones_are_refused():
    message = JointTrajectoryMessage(joint_names=list(JOINT_NAMES))
    assert ros.trajectory_from_message(message, JOINT_NAMES) is None
    message.points = [JointTrajectoryPoint(positions=[0.0] * 6)]
    with pytest.raises(InvalidInputError, match="7 positions"):
        ros.trajectory_from_message(message, JOINT_NAMES)
    message.points = [JointTrajectoryPoint(positions=[0.0] * 7), JointTrajectoryPoint(positions=[0.0] * 7)]
    with pytest.raises(InvalidInputError, match="increase"):
        ros.trajectory_from_message(message, JOINT_NAMES)
    message.joint_names = ["elbow"]
    with pytest.raises(InvalidInputError, match="elbow"):
        ros.trajectory_from_message(message, JOINT_NAMES)


def test_joint_states_are_selected_by_name():
    message = ros.joint_state_to_message(["b", "a"], np.array([2.0, 1.0]), np.zeros(2), 7)
    joints = ros.joint_state_from_message(message)
    assert joints.select(["a", "b"]).tolist() == [1.0, 2.0]
    assert joints.stamp_ns == 7
    with pytest.raises(InvalidInputError, match="c"):
        joints.select(["c"])
    with pytest.raises(InvalidInputError, match="non-finite"):
        ros.joint_state_from_message(JointState(name=["a"], position=[np.inf])).select(["a"])


@given(stamps)
def test_goal_status_is_identified_by_the_keyframe_stamp(stamp_ns):
    message = ros.goal_status_to_message(4, stamp_ns)
    assert ros.stamp_to_ns(message.goal_info.stamp) == stamp_ns
    assert int.from_bytes(bytes(message.goal_info.goal_id.uuid), "big") == stamp_ns


def test_heat_map_is_hottest_where_the_value_is():
    probability = np.zeros((4, 4, 4), dtype=np.float32)
    probability[3, 0, 1] = 1.0  # largest x, smallest y: top right seen from above, x up and y to the left
    tile = ros.value_heat_map([ValueMap(probability, np.array([[0, 0, 0], [1, 1, 1.0]]))], size=4)[:, :4]
    assert np.unravel_index(tile.sum(axis=2).argmax(), (4, 4)) == (0, 3)


def test_markers_show_the_gripper_axes():
    T = random_transform(np.random.default_rng(0))
    message = ros.markers_to_message(Prediction(Keyframe(T, False, True), 0.5, ()), "base", 3)
    x_arrow = message.markers[0]
    tip = np.array([x_arrow.points[1].x, x_arrow.points[1].y, x_arrow.points[1].z])
    np.testing.assert_allclose((tip - T[:3, 3]) / 0.1, T[:3, 0], atol=1e-9)
    assert message.markers[3].text == "close, contact allowed, 50 %"


def test_workspace_and_keep_out_boxes_are_drawn_to_size():
    from dynarend_ros.conversions import boxes_to_message

    workspace, keep_out = np.array([[0.0, -1, 0], [1, 1, 0.5]]), np.array([[[0.1, 0.1, 0], [0.3, 0.5, 0.2]]])
    edges, block = boxes_to_message(workspace, keep_out, "base").markers
    points = np.array([[p.x, p.y, p.z] for p in edges.points]).reshape(12, 2, 3)
    lengths = np.linalg.norm(points[:, 0] - points[:, 1], axis=1)
    np.testing.assert_allclose(sorted(lengths), [0.5] * 4 + [1.0] * 4 + [2.0] * 4)
    assert (points.min(axis=(0, 1)) == workspace[0]).all()
    np.testing.assert_allclose([block.scale.x, block.scale.y, block.scale.z], [0.2, 0.4, 0.2])
    assert {edges.header.frame_id, block.header.frame_id} == {"base"}
