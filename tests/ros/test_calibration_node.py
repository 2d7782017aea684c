"""The node records views, advises, solves, and publishes the driver's root frame only after a good solution."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dynarend_core.errors import ConfigurationError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.session import read_session
from dynarend_core.perception.calibration.sighting import CalibrationView
from dynarend_core.perception.camera_file import CameraFile, SetUp
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.sim.mujoco.calibration_session import SimulatedSession, SimulatedSessionConfig
from dynarend_ros import topics
from dynarend_ros.calibration_parameters import CalibrationParameters
from dynarend_ros.conversions import (
    camera_info_to_message,
    depth_to_message,
    rgb_to_message,
    transform_from_message,
)
from dynarend_ros.parameters import build

OPTICAL = "front_color_optical_frame"


@pytest.fixture
def node(client, tmp_path, monkeypatch):
    """The node with its default parameters; what it publishes is kept in ``node.sent``."""
    from dynarend_ros.calibration_node import CalibrationNode

    monkeypatch.chdir(tmp_path)
    node = CalibrationNode()
    node.sent = []
    monkeypatch.setattr(node._transform, "publish", node.sent.append)
    yield node
    node.destroy_node()


def test_folder_file_and_frame_are_the_cameras_own_unless_said():
    p = build(CalibrationParameters, {"camera": "side"})
    assert (p.session, p.camera_file, p.link_frame) == (
        "runs/calibration/side", "config/cameras/side.yaml", "side_link",
    )  # fmt: skip
    assert build(CalibrationParameters, {"camera": "side", "link_frame": "mount"}).link_frame == "mount"


def boardless(q):
    """A view that shows no board."""
    K = np.array([[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]])
    depth_m = np.full((48, 64), 0.8, np.float32)
    return CalibrationView(np.full((48, 64, 3), 90, np.uint8), depth_m, K, np.eye(4), q, 5)


def test_a_snapshot_needs_no_board_and_joints_that_are_not_numbers_are_no_joints(node):
    q = np.array([0.0, -0.5, 0.0, -2.0, 0.0, 1.5, 0.8])
    show(node, boardless(q))
    assert not node.capture()[0]
    show(node, boardless(q))
    node.take_joints(JointState(name=list(JOINT_NAMES), position=[np.nan] * 7))
    answer = node._answer(node.snapshot, Trigger.Request(), Trigger.Response())
    assert answer.success, answer.message
    (view,) = read_session(Path("runs/calibration/front"))[1]
    np.testing.assert_allclose(view.q, q)
    np.testing.assert_allclose(view.depth_m, 0.8, atol=1e-3)


def test_whatever_fails_is_an_answer_and_the_node_goes_on(node):
    def defect():
        raise ZeroDivisionError("of some library")

    answer = node._answer(defect, Trigger.Request(), Trigger.Response())
    assert (answer.success, answer.message) == (False, "ZeroDivisionError: of some library")


def show(node, view, moving=0.0):
    """What camera driver and arm publish at one pose."""
    h, w = view.depth_m.shape
    node.take(topics.colour("front"), rgb_to_message(view.rgb, OPTICAL, view.stamp_ns))
    node.take(topics.depth("front"), depth_to_message(view.depth_m, OPTICAL, view.stamp_ns))
    node.take(topics.camera_info("front"), camera_info_to_message(view.K, w, h, OPTICAL, view.stamp_ns))
    node._joints.clear()
    for q in (view.q, view.q + moving):
        node.take_joints(JointState(name=list(JOINT_NAMES), position=q.tolist()))


def test_from_views_to_a_published_transform(node):
    session = SimulatedSession(SimulatedSessionConfig(SetUp.EYE_TO_HAND, poses=8))
    views = list(session)
    session.close()
    with pytest.raises(ObservationError, match="joint_states"):
        node.capture()
    show(node, views[0], moving=0.05)
    with pytest.raises(ObservationError, match="still moves"):
        node.capture()
    for view in views:
        show(node, view)
        done, message = node.capture()
        assert done, message
    assert "next: " in message
    assert node.sent == []  # not before it is solved and saved
    done, message = node.solve()
    assert done, message
    camera = CameraFile.load(Path("config/cameras/front.yaml"))
    (sent,) = node.sent
    assert (sent.header.frame_id, sent.child_frame_id) == ("panda_link0", "front_link")
    assert camera.optical_frame == OPTICAL
    optical = transform_from_message(sent) @ camera.T_link_optical
    assert np.linalg.norm(optical[:3, 3] - session.T_parent_camera[:3, 3]) < 4e-3
    dataclasses.replace(camera, camera="side").save(Path("config/cameras/front.yaml"))
    with pytest.raises(ConfigurationError, match="is the file of camera 'side', not of 'front'"):
        node.solve()
    info, recorded = read_session(Path("runs/calibration/front"))
    assert (len(recorded), info.gripper_frame) == (8, "panda_hand")
    np.testing.assert_allclose(se3.check(recorded[0].T_base_gripper)[3], [0, 0, 0, 1])
