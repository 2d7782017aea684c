"""Rendered boards lie where the truth says, and a session with the noise of real instruments meets the tolerance."""

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_angle
from dynarend_core.perception.calibration.boards import Board, BoardConfig, BoardKind
from dynarend_core.perception.calibration.calibrator import calibrate, find_boards
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.sim.mujoco.calibration_session import InstrumentNoise, SimulatedSession, SimulatedSessionConfig

PERFECT = InstrumentNoise(*[0.0] * 10)


def record(config):
    session = SimulatedSession(config)
    views = list(session)
    session.close()
    return session, views


@pytest.mark.parametrize(("set_up", "kind"), [("eye-in-hand", "charuco"), ("eye-to-hand", "apriltag")])
def test_without_noise_corners_are_where_the_truth_projects_them(set_up, kind):
    config = SimulatedSessionConfig(SetUp(set_up), BoardConfig(BoardKind(kind)), poses=3, noise=PERFECT)
    session, views = record(config)
    for view in views:
        found = Board(config.board).find(view.rgb[..., 0].copy())
        assert len(found.ids) > 10
        M = view.T_base_gripper if set_up == "eye-to-hand" else se3.inverse(view.T_base_gripper)
        camera = se3.apply(se3.inverse(session.T_parent_camera) @ M @ session.T_carrier_board, found.points_board)
        uv = (camera @ view.K.T)[:, :2] / camera[:, 2:]
        assert np.median(np.abs(uv - found.pixels)) < 0.15


@pytest.mark.parametrize("set_up", list(SetUp))
def test_fifteen_noisy_poses_meet_the_tolerance(set_up):
    session, views = record(SimulatedSessionConfig(set_up, poses=15, seed=3))
    report = calibrate(*find_boards(views, Board()), set_up)
    assert report.ok
    assert 1e3 * np.linalg.norm(report.T_parent_camera[:3, 3] - session.T_parent_camera[:3, 3]) < 2.0
    assert np.degrees(rotation_angle(report.T_parent_camera[:3, :3], session.T_parent_camera[:3, :3])) < 0.2
    assert report.depth_ratio == pytest.approx(1.0, abs=0.015)


def test_equal_seeds_give_equal_sessions():
    config = SimulatedSessionConfig(poses=3, seed=5)
    _, first = record(config)
    _, second = record(config)
    np.testing.assert_array_equal(first[2].rgb, second[2].rgb)
    np.testing.assert_array_equal(first[2].T_base_gripper, second[2].T_base_gripper)
