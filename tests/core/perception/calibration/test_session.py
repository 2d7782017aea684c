"""A session says the same after a round trip; damage is named."""

import json

import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.boards import BoardConfig
from dynarend_core.perception.calibration.session import SESSION_FILE, SessionInfo, SessionWriter, read_session
from dynarend_core.perception.calibration.sighting import CalibrationView
from dynarend_core.perception.camera_file import SetUp


def some_view(seed, depth=True):
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.3, 1.0, (6, 8)).astype(np.float32)
    depth_m[0, 0] = np.nan
    T = se3.make(t=rng.normal(size=3))
    rgb = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8)
    return CalibrationView(rgb, depth_m if depth else None, np.diag([9.0, 9, 1]), T, rng.normal(size=7), 5 + seed)


def test_round_trip(tmp_path):
    info = SessionInfo(SetUp.EYE_TO_HAND, "front", BoardConfig("apriltag", 6, 4, 0.05, 0.04), T_link_optical=np.eye(4))
    writer = SessionWriter(tmp_path / "s", info)
    views = [some_view(0), some_view(1, depth=False)]
    for view in views:
        writer.add(view)
    read_info, read = read_session(tmp_path / "s")
    assert (read_info.set_up, read_info.camera, read_info.board) == (info.set_up, "front", info.board)
    for a, b in zip(views, read, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.T_base_gripper, b.T_base_gripper)
        np.testing.assert_array_equal(a.q, b.q)
        assert a.stamp_ns == b.stamp_ns
    np.testing.assert_allclose(read[0].depth_m, views[0].depth_m, atol=5.1e-4)
    assert read[1].depth_m is None


def test_an_existing_session_is_not_overwritten(tmp_path):
    SessionWriter(tmp_path, SessionInfo(SetUp.EYE_IN_HAND)).add(some_view(0))
    with pytest.raises(ConfigurationError, match="already holds"):
        SessionWriter(tmp_path, SessionInfo(SetUp.EYE_IN_HAND))


def test_damage_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="holds no session"):
        read_session(tmp_path)
    SessionWriter(tmp_path, SessionInfo(SetUp.EYE_IN_HAND)).add(some_view(0))
    (tmp_path / "view_000.png").unlink()
    with pytest.raises(ConfigurationError, match="view_000"):
        read_session(tmp_path)
    content = json.loads((tmp_path / SESSION_FILE).read_text())
    del content["board"]
    (tmp_path / SESSION_FILE).write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match="board"):
        read_session(tmp_path)
