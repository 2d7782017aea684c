"""Bags on disks that are full or slow, and beside what an interrupted recording left."""

import pytest
from rclpy.serialization import serialize_message
from std_msgs.msg import String

from dynarend_core.errors import DatasetError
from dynarend_ros.bag_writer import BagWriter


@pytest.mark.parametrize("during", ["write", "close"])
def test_a_full_disk_is_said_and_the_file_given_back(tmp_path, monkeypatch, during):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    bag = BagWriter(tmp_path / "a")
    file = bag._writer.storage.bio
    monkeypatch.setattr(bag._writer, during, full)
    bag.write("/words", "std_msgs/msg/String", 1, serialize_message(String(data="x")))
    with pytest.raises(DatasetError, match="No space left"):
        bag.finish({})
    assert file.closed
    assert not (tmp_path / "a").exists()


def test_what_the_disk_is_too_slow_for_is_counted(tmp_path):
    bag = BagWriter(tmp_path / "a", max_waiting_bytes=10)
    bag.write("/words", "std_msgs/msg/String", 1, serialize_message(String(data="longer than that")))
    folder = bag.finish({})
    assert "dropped_messages: '1'" in (folder / "metadata.yaml").read_text()
