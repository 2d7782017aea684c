"""What the record node keeps for the next start, and how it names what it saves."""

import numpy as np
import pytest
import rclpy
import yaml
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import Reader

from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_ros.bag_writer import BagWriter, decode
from dynarend_ros.conversions import transform_to_message
from dynarend_ros.record_node import RecordNode, next_episode
from dynarend_ros.record_streams import streams_to_record


@pytest.fixture
def recorder(ros_domain, tmp_path):
    """The node in this process."""
    words = ["-p", f"folder:={tmp_path}", "-p", "task:=turn", "-p", "instruction:=turn it", "-p", "cameras:=[front]"]
    rclpy.init(args=["--ros-args", *words, "-r", "/tf_static:=/lab/tf_static"])
    node = RecordNode()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def say(recorder, **values):
    assert all(r.successful for r in recorder.set_parameters([Parameter(n, value=v) for n, v in values.items()]))


def test_static_transforms_of_several_senders_are_kept_once_each_the_newest_last(recorder, tmp_path):
    tf2 = pytest.importorskip("tf2_msgs.msg")
    stream = streams_to_record((), "arm", "best_effort")["/tf_static"]

    def send(*frames_x):
        links = []
        for k, (frame, x) in enumerate(frames_x):
            T = se3.make(np.eye(3), np.array([x, 0.0, 0.0]))
            links.append(transform_to_message(T, "panda_link0", frame, recorder.get_clock().now().nanoseconds + k))
        data = serialize_message(tf2.TFMessage(transforms=links))
        recorder._take(recorder.resolve_topic_name("/tf_static"), stream, data)

    for _ in range(50):
        send(("front", 1.0))
        send(("front", 2.0), ("wrist", 3.0))
        send(("front", 1.0))
    assert recorder.start()[0]
    send(("side", 4.0))
    assert recorder.finish("saved")[0]
    with Reader(tmp_path / "turn" / "episode_000000") as bag:
        found = [decode(data, c.msgtype) for c, _, data in bag.messages() if c.topic == "/lab/tf_static"]
    at = [{link.child_frame_id: link.transform.translation.x for link in message.transforms} for message in found]
    assert at == [{"front": 1.0, "wrist": 3.0}, {"front": 1.0, "wrist": 3.0, "side": 4.0}]


def test_what_tf_said_in_the_second_before_the_start_is_recorded(recorder, tmp_path, monkeypatch):
    tf2 = pytest.importorskip("tf2_msgs.msg")
    stream = streams_to_record((), "arm", "best_effort")["/tf"]
    now_ns = 1_700_000_000_000_000_000
    for age_ms in (1500, 900, 100):
        monkeypatch.setattr("time.time_ns", lambda age_ms=age_ms: now_ns - age_ms * 1_000_000)
        link = transform_to_message(se3.make(t=np.array([float(age_ms), 0.0, 0.0])), "panda_link0", "hand", now_ns)
        recorder._take("/tf", stream, serialize_message(tf2.TFMessage(transforms=[link])))
    monkeypatch.setattr("time.time_ns", lambda: now_ns)
    assert recorder.start()[0]
    assert recorder.finish("saved")[0]
    with Reader(tmp_path / "turn" / "episode_000000") as bag:
        found = [decode(data, c.msgtype) for c, _, data in bag.messages() if c.topic == "/tf"]
    assert [message.transforms[0].transform.translation.x for message in found] == [900.0, 100.0]


def test_the_next_task_may_be_said_before_this_one_is_saved(recorder, tmp_path):
    assert recorder.start()[0]
    say(recorder, task="open", instruction="open it")
    assert recorder.finish("saved")[0]
    content = yaml.safe_load((tmp_path / "turn" / "episode_000000" / "metadata.yaml").read_text())
    notes = content["rosbag2_bagfile_information"]["custom_data"]
    assert (notes["task"], notes["instruction"], notes["outcome"]) == ("turn", "turn it", "saved")
    assert recorder.start()[1].endswith("open/episode_000000")


def test_a_recording_that_cannot_be_kept_does_not_keep_the_node_from_ending(recorder, tmp_path):
    assert recorder.start()[0]
    (tmp_path / "turn" / "episode_000000").mkdir()
    (tmp_path / "turn" / "episode_000000" / "mine").write_text("not a bag of this node")
    recorder.on_shutdown()
    assert recorder._bag is None
    assert (tmp_path / "turn" / ".partial" / "episode_000000").is_dir()


def test_what_an_interrupted_recording_left_is_neither_deleted_nor_numbered_again(tmp_path):
    (tmp_path / "episode_000001").mkdir()
    left = tmp_path / ".partial" / "episode_000004" / "episode_000004.mcap"
    left.parent.mkdir(parents=True)
    left.write_text("an hour's work")
    assert next_episode(tmp_path) == tmp_path / "episode_000005"
    with pytest.raises(DatasetError, match="never overwritten"):
        BagWriter(tmp_path / "episode_000004")
    assert left.read_text() == "an hour's work"
