"""Demonstrations: into a bag over DDS, read by a reader of other authors, and turned into an episode."""

import json
import time

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import TransformStamped
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_ros import qos, topics
from dynarend_ros.bag_episode import BagConversion, episode_from_bag
from dynarend_ros.bag_reader import BagReader
from dynarend_ros.bag_writer import BagWriter, header_stamp_ns
from dynarend_ros.commands import import_bags
from dynarend_ros.conversions import (
    camera_info_to_message,
    depth_to_message,
    joint_state_to_message,
    rgb_to_message,
    transform_to_message,
)
from dynarend_ros.robots import find_robot

ROBOT = find_robot("panda")
NAMES = (*ROBOT.joints, *ROBOT.gripper.joints)
MS = 1_000_000
KINDS = {
    JointState: "sensor_msgs/msg/JointState",
    Image: "sensor_msgs/msg/Image",
    CameraInfo: "sensor_msgs/msg/CameraInfo",
    TransformStamped: "geometry_msgs/msg/TransformStamped",
    String: "std_msgs/msg/String",
}
K = np.array([[20.0, 0.0, 8.0], [0.0, 20.0, 6.0], [0.0, 0.0, 1.0]])
T_CAMERA = se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.0, 1.0]))


def arm_at(seconds):
    """A demonstration: 1 s of motion, 1 s of rest, the gripper closes, 1 s of motion back. Joints and opening."""
    way = np.clip(seconds, 0.0, 1.0) - np.clip(seconds - 3.0, 0.0, 1.0)
    is_open = seconds < 2.5
    return ROBOT.home + 0.4 * way, ROBOT.gripper.position(is_open)


def picture(camera, stamp_ns):
    value = (stamp_ns // (100 * MS) + 50 * (camera == "wrist")) % 251
    return np.full((12, 16, 3), value, np.uint8), np.full((12, 16), 0.5 + 0.001 * value, np.float32)


def messages(camera, stamp_ns):
    rgb, depth = picture(camera, stamp_ns)
    frame = topics.optical_frame(camera)
    return {
        topics.colour(camera): rgb_to_message(rgb, frame, stamp_ns),
        topics.depth(camera): depth_to_message(depth, frame, stamp_ns),
        topics.camera_info(camera): camera_info_to_message(K, 16, 12, frame, stamp_ns),
    }


def wrist_at(seconds):
    return se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.1 * seconds, 1.0]))


def write_demonstration(folder, cameras=("front", "wrist"), shift_ms=7, wrist_poses=None, **notes):
    """Four seconds: joints at 50 Hz, cameras at 10 Hz, the second one ``shift_ms`` later.

    ``wrist_poses(put, begin_ns)`` writes the wrist's own poses; without it, it stands still.
    """
    bag, begin_ns = BagWriter(folder), 1_700_000_000_000_000_000

    def put(topic, message, ns):
        kind = KINDS.get(type(message), "tf2_msgs/msg/TFMessage")
        bag.write("/" + topic, kind, ns, serialize_message(message))

    for camera in cameras:
        if camera == "wrist" and wrist_poses is not None:
            wrist_poses(put, begin_ns)
            continue
        put(topics.camera_transform(camera), transform_to_message(T_CAMERA, "panda_link0", camera, begin_ns), begin_ns)
    for i in range(205):
        ns = begin_ns + 20 * i * MS
        q, finger = arm_at(0.02 * i)
        put(topics.JOINT_STATES, joint_state_to_message(NAMES, [*q, finger, finger], np.zeros(9), ns), ns)
        for k, camera in enumerate(cameras if i % 5 == 0 else ()):
            for topic, message in messages(camera, ns + k * shift_ms * MS).items():
                put(topic, message, ns)
    return bag.finish(notes)


def test_an_independent_reader_finds_what_was_written(tmp_path):
    from mcap_ros2.reader import read_ros2_messages

    folder = write_demonstration(tmp_path / "episode", task="turn", instruction="turn it")
    found = list(read_ros2_messages(str(folder / "episode.mcap")))
    joints = [m for m in found if m.channel.topic == "/joint_states"]
    assert len(joints) == 205
    np.testing.assert_allclose(joints[100].ros_msg.position[:7], arm_at(2.0)[0])
    assert joints[0].log_time_ns == 1_700_000_000_000_000_000
    image = next(m.ros_msg for m in found if m.channel.topic == "/front/color/image_raw")
    assert (image.height, image.width, image.encoding) == (12, 16, "rgb8")
    assert bytes(image.data) == picture("front", 1_700_000_000_000_000_000)[0].tobytes()
    information = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert information["version"] == 8  # what Humble can read
    assert information["message_count"] == len(found)
    assert information["relative_file_paths"] == ["episode.mcap"]
    assert information["custom_data"] == {"task": "turn", "instruction": "turn it", "dropped_messages": "0"}


def test_a_bag_appears_whole_or_not_at_all_and_never_over_another(tmp_path):
    bag = BagWriter(tmp_path / "a")
    bag.write("/words", "std_msgs/msg/String", 1, serialize_message(String(data="x")))
    assert not (tmp_path / "a").exists()
    bag.discard()
    assert list(tmp_path.rglob("*.mcap")) == []
    write_demonstration(tmp_path / "a")
    with pytest.raises(DatasetError, match="never overwritten"):
        BagWriter(tmp_path / "a")


def test_the_stamp_is_read_off_the_wire():
    stamp_ns = 1_700_000_000_123_456_789
    assert (
        header_stamp_ns(serialize_message(joint_state_to_message(NAMES, np.zeros(9), np.zeros(9), stamp_ns)))
        == stamp_ns
    )


def test_a_bag_becomes_an_episode_of_its_start_and_its_keyframes(tmp_path):
    folder = write_demonstration(tmp_path / "a", task="turn", instruction="turn it")
    episode = episode_from_bag(folder, ROBOT, BagConversion(("front", "wrist")))
    assert (episode.task, episode.instruction_used) == ("turn", "turn it")
    seconds = [1e-9 * (f.stamp_ns - 1_700_000_000_000_000_000) for f in episode.frames]
    assert seconds[0] == 0.0
    assert any(0.9 < s < 1.3 for s in seconds)  # it stopped
    assert any(2.4 < s < 2.7 for s in seconds)  # the gripper closed
    assert seconds[-1] == pytest.approx(4.0, abs=0.15)  # the end
    for frame, t in zip(episode.frames, seconds, strict=True):
        np.testing.assert_allclose(frame.q, arm_at(t)[0], atol=1e-9)
        np.testing.assert_allclose(frame.gripper.T_base_gripper, ROBOT.forward(frame.q), atol=1e-9)
        assert frame.gripper.is_open == (t < 2.5)
        front, wrist = frame.views
        assert wrist.stamp_ns - front.stamp_ns == 7 * MS
        for view in frame.views:
            rgb, depth = picture(view.name, view.stamp_ns)
            np.testing.assert_array_equal(view.rgb, rgb)
            np.testing.assert_allclose(view.depth_m, depth, atol=1e-3)
            np.testing.assert_allclose(view.T_base_camera, T_CAMERA, atol=1e-12)
            np.testing.assert_allclose(view.K, K)
    last = episode.transitions[-1].keyframe
    assert not last.gripper_open
    np.testing.assert_allclose(last.T_base_gripper, episode.frames[-1].gripper.T_base_gripper)


def on_tf(put, begin_ns):
    """At 50 Hz, the first 50 ms after the wrist's first image."""
    tf2 = pytest.importorskip("tf2_msgs.msg")
    for i in range(205):
        ns = begin_ns + (57 + 20 * i) * MS
        link = transform_to_message(wrist_at(1e-9 * (ns - begin_ns)), "panda_link0", topics.optical_frame("wrist"), ns)
        put("tf", tf2.TFMessage(transforms=[link]), ns)


def on_its_topic(put, begin_ns):
    """At 50 Hz, but for half of the third second."""
    for i in (i for i in range(205) if not 100 <= i < 125):
        ns = begin_ns + 20 * i * MS
        put(topics.camera_transform("wrist"), transform_to_message(wrist_at(0.02 * i), "panda_link0", "wrist", ns), ns)


def test_images_older_than_the_first_transform_are_left_out_and_the_rest_is_used(tmp_path):
    folder = write_demonstration(tmp_path / "a", wrist_poses=on_tf, task="turn", instruction="turn it")
    content = BagReader(folder, ("front", "wrist"), ROBOT).content
    begin_ns = 1_700_000_000_000_000_000
    assert content.stamps_ns["front"][0] == begin_ns
    assert content.stamps_ns["wrist"][0] == begin_ns + 107 * MS
    frame = episode_from_bag(folder, ROBOT, BagConversion(("front", "wrist"))).frames[0]
    assert frame.stamp_ns == begin_ns + 100 * MS
    np.testing.assert_allclose(frame.views[1].T_base_camera, wrist_at(0.107), atol=1e-9)


def test_a_moving_cameras_image_far_from_any_pose_is_left_out(tmp_path):
    folder = write_demonstration(tmp_path / "a", wrist_poses=on_its_topic, task="turn", instruction="turn it")
    stamps = np.array(BagReader(folder, ("wrist",), ROBOT).content.stamps_ns["wrist"])
    seconds = 1e-9 * (stamps - 1_700_000_000_000_000_000)
    assert len(stamps) == 37  # of 41: those at 2.1, 2.2, 2.3 and 2.4 s have no pose within 50 ms
    assert not ((seconds > 2.05) & (seconds < 2.45)).any()


@pytest.mark.parametrize(
    ("cameras", "notes", "message"),
    [
        (("front", "side"), {"task": "t", "instruction": "i"}, "side: no colour and depth"),
        (("front", "wrist"), {"task": "t"}, "does not say its instruction; give it with --instruction"),
        (("front", "wrist"), {"instruction": "i"}, "does not say its task"),
    ],
)
def test_a_bag_that_lacks_something_is_refused_with_what(tmp_path, cameras, notes, message):
    folder = write_demonstration(tmp_path / "a", **notes)
    with pytest.raises(DatasetError, match=message):
        episode_from_bag(folder, ROBOT, BagConversion(cameras))


def test_cameras_too_far_apart_in_time_make_no_moment(tmp_path):
    folder = write_demonstration(tmp_path / "a", shift_ms=45, task="t", instruction="i")
    with pytest.raises(DatasetError, match="0 moments"):
        episode_from_bag(folder, ROBOT, BagConversion(("front", "wrist"), slop_s=0.03))


def test_a_folder_of_bags_is_imported_and_the_bad_ones_named(tmp_path, capsys):
    import argparse

    parser = argparse.ArgumentParser()
    import_bags.register(parser.add_subparsers())
    write_demonstration(tmp_path / "bags" / "a", task="turn", instruction="turn it")
    write_demonstration(tmp_path / "bags" / "b", cameras=("front",), task="turn", instruction="turn it")
    words = [str(tmp_path / "bags"), "--out", str(tmp_path / "store"), "--cameras", "front,wrist"]
    args = parser.parse_args(["import-bags", *words, "--json", str(tmp_path / "report.json")])
    assert args.run(args) == 1
    assert "1 of 2 bags converted" in capsys.readouterr().out
    first, second = json.loads((tmp_path / "report.json").read_text())
    assert first["keyframes"] >= 3
    assert "wrist: no colour" in second["problem"]
    assert DemonstrationStore(tmp_path / "store").read("turn", 0).instruction_used == "turn it"


def test_the_node_records_what_is_on_the_wire_when_told_to(start, client, tmp_path):
    node, camera = client.node, "front"
    kinds = {topics.colour: Image, topics.depth: Image, topics.camera_info: CameraInfo}
    images = {name(camera): node.create_publisher(kind, name(camera), qos.RELIABLE) for name, kind in kinds.items()}
    pose = node.create_publisher(TransformStamped, topics.camera_transform(camera), qos.POSES)
    joints = node.create_publisher(JointState, topics.JOINT_STATES, qos.RELIABLE)
    words = node.create_publisher(String, topics.INSTRUCTION, qos.LATCHED)
    pose.publish(transform_to_message(T_CAMERA, "panda_link0", topics.optical_frame(camera), 1))
    words.publish(String(data="turn it"))
    settings = {"cameras": [camera], "folder": str(tmp_path), "task": "turn", "image_reliability": "reliable"}
    runner = start(start.node("record_node", config="record.yaml", **settings))
    services = {n: node.create_client(Trigger, n) for n in (topics.RECORD_START, topics.RECORD_SAVE)}

    def call(name):
        assert services[name].wait_for_service(30.0)
        future = services[name].call_async(Trigger.Request())
        assert client.wait_for(future.done, 10.0)
        return future.result()

    assert not call(topics.RECORD_SAVE).success
    assert client.wait_for(lambda: all(p.get_subscription_count() for p in [*images.values(), joints]), 10.0)
    time.sleep(0.5)  # what is latched must have arrived
    assert call(topics.RECORD_START).success
    assert "save or discard it first" in call(topics.RECORD_START).message
    begin_ns = 2_000_000_000
    for i in range(60):  # three seconds of the demonstration, images at 20 Hz
        ns = begin_ns + 50 * i * MS
        q, finger = arm_at(0.05 * i)
        joints.publish(joint_state_to_message(NAMES, [*q, finger, finger], np.zeros(9), ns))
        for topic, message in messages(camera, ns).items():
            images[topic].publish(message)
        time.sleep(0.02)
    time.sleep(0.3)
    answer = call(topics.RECORD_SAVE)
    assert answer.success
    assert "0 dropped" in answer.message
    episode = episode_from_bag(tmp_path / "turn" / "episode_000000", ROBOT, BagConversion((camera,)))
    assert episode.instruction_used == "turn it"
    assert len(episode.transitions) >= 2
    assert call(topics.RECORD_START).success
    runner.stop()  # a recording cut short is kept
    notes = yaml.safe_load((tmp_path / "turn" / "episode_000001" / "metadata.yaml").read_text())
    assert notes["rosbag2_bagfile_information"]["custom_data"]["outcome"] == "unfinished"
