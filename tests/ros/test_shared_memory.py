import shutil
from collections import namedtuple

from dynarend_ros.shared_memory import shortage

Usage = namedtuple("Usage", "total used free")


def test_a_shortage_is_told_in_megabytes(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(64 << 20, 0, 64 << 20))
    assert "has 64 MB free, 4 processes want 256 MB" in shortage(4, tmp_path)
    assert shortage(1, tmp_path) == ""
    assert shortage(4, tmp_path / "missing") == ""
