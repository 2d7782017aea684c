"""Camera files become transforms: the chain leads to the measured optical frame, and no frame gets two parents."""

import dataclasses
import os

import numpy as np
import pytest

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.transform_tree import TransformTree
from dynarend_core.perception.camera_file import CameraFile, SetUp
from dynarend_ros import topics, transforms
from dynarend_ros.calibrated_frames import CalibratedFrames
from dynarend_ros.conversions import transform_from_message, transform_to_message
from dynarend_ros.graph_arguments import arranged_graph

BASE, LINK, OPTICAL = "panda_link0", "front_link", "front_color_optical_frame"
T_BASE_OPTICAL = se3.make(rotations.rotation_x(np.pi), np.array([0.4, 0.1, 0.9]))
T_LINK_OPTICAL = se3.make(rotations.rotation_z(0.5), np.array([0.0, 0.015, 0.0]))
CAMERA = CameraFile(
    "front", SetUp.EYE_TO_HAND, BASE, OPTICAL, T_BASE_OPTICAL, LINK, T_LINK_OPTICAL,
    np.diag([600.0, 600.0, 1.0]), (640, 480),
)  # fmt: skip
needs_tf = pytest.mark.skipif(not transforms.available(), reason="no tf2_msgs: `make setup` could not generate it")


class Listener:
    """A tree that the test fills."""

    def __init__(self):
        self.tree = TransformTree()
        self.lookup = self.tree.lookup


@pytest.fixture
def frames(client, tmp_path, monkeypatch):
    """The class on the client's node, with what it publishes in ``frames.sent``."""
    sent = []
    fake = type(
        "Broadcaster", (), {"__init__": lambda self, _node: None, "send_static": lambda self, m: sent.extend(m)}
    )
    monkeypatch.setattr(transforms, "TransformBroadcaster", fake)
    frames = CalibratedFrames(client.node, [str(tmp_path)], Listener())
    frames.sent, frames.folder = sent, tmp_path
    return frames


def test_the_chain_leads_to_the_measured_optical_frame_and_only_the_link_gets_a_parent(frames):
    frames.update()
    assert frames.sent == []  # the folder is empty: nothing is calibrated yet
    CAMERA.save(frames.folder / "front.yaml")
    frames.update()
    frames.update()
    (message,) = frames.sent  # once
    assert (message.header.frame_id, message.child_frame_id) == (BASE, LINK)
    np.testing.assert_allclose(transform_from_message(message) @ T_LINK_OPTICAL, T_BASE_OPTICAL, atol=1e-9)
    assert frames.problems == {}


def test_a_new_calibration_is_published_while_the_node_runs(frames):
    path = frames.folder / "front.yaml"
    CAMERA.save(path)
    frames.update()
    moved = dataclasses.replace(CAMERA, T_parent_optical=se3.make(t=np.array([0.0, 0.0, 0.1])) @ T_BASE_OPTICAL)
    moved.save(path)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    frames.update()
    assert len(frames.sent) == 2
    np.testing.assert_allclose(
        transform_from_message(frames.sent[1])[2, 3] - transform_from_message(frames.sent[0])[2, 3], 0.1
    )


def test_the_drivers_own_frames_are_believed_over_those_in_the_file(frames):
    CAMERA.save(frames.folder / "front.yaml")
    driver = se3.make(rotations.rotation_z(0.5), np.array([0.0, 0.059, 0.0]))
    frames._tf.tree.set(LINK, OPTICAL, driver, 0, static=True)
    frames.update()
    np.testing.assert_allclose(transform_from_message(frames.sent[0]) @ driver, T_BASE_OPTICAL, atol=1e-9)


@pytest.mark.parametrize(("parent", "shift"), [("tripod", 0.0), (BASE, 0.01)])
def test_a_camera_that_somebody_else_places_is_left_alone_and_named(frames, parent, shift):
    CAMERA.save(frames.folder / "front.yaml")
    T = CAMERA.T_parent_link.copy()
    T[0, 3] += shift
    frames.on_static([transform_to_message(T, parent, LINK, 0)])
    frames.update()
    assert frames.sent == []
    assert f"somebody else places {LINK} in {parent!r}" in frames.problems["front"]


def test_who_says_the_same_is_no_second_parent(frames):
    CAMERA.save(frames.folder / "front.yaml")
    frames.on_static([transform_to_message(CAMERA.T_parent_link, BASE, LINK, 0)])
    frames.update()
    frames.on_static(frames.sent)
    frames.update()
    assert len(frames.sent) == 1
    assert frames.problems == {}


def test_a_broken_file_is_named_and_the_others_are_published(frames):
    CAMERA.save(frames.folder / "front.yaml")
    (frames.folder / "left.yaml").write_text("schema: 9")
    frames.update()
    assert len(frames.sent) == 1
    assert any("schema 9" in problem for problem in frames.problems.values())


def test_two_files_of_one_link_are_named_and_neither_is_published(frames):
    moved = dataclasses.replace(CAMERA, camera="side", T_parent_optical=se3.make(t=np.array([0.0, 0.0, 0.1])))
    CAMERA.save(frames.folder / "front.yaml")
    moved.save(frames.folder / "side.yaml")
    frames.update()
    assert frames.sent == []
    problem = frames.problems[LINK]
    assert "front.yaml (camera 'front')" in problem
    assert "side.yaml (camera 'side')" in problem
    (frames.folder / "side.yaml").unlink()
    frames.update()
    assert frames.problems == {}
    np.testing.assert_allclose(transform_from_message(frames.sent[0]), CAMERA.T_parent_link, atol=1e-9)


def test_without_tf_fixed_cameras_come_on_their_topic_and_a_hand_camera_asks_for_tf(client, tmp_path):
    from geometry_msgs.msg import TransformStamped

    from dynarend_ros import qos

    CAMERA.save(tmp_path / "front.yaml")
    dataclasses.replace(CAMERA, camera="wrist", set_up=SetUp.EYE_IN_HAND).save(tmp_path / "wrist.yaml")
    got = []
    client.node.create_subscription(TransformStamped, topics.camera_transform("front"), got.append, qos.POSES)
    frames = CalibratedFrames(client.node, [str(tmp_path)], None)
    frames.update()
    assert client.wait_for(lambda: bool(got), 20.0)
    assert (got[0].header.frame_id, got[0].child_frame_id) == (BASE, OPTICAL)
    np.testing.assert_allclose(transform_from_message(got[0]), T_BASE_OPTICAL, atol=1e-9)
    assert "set extrinsics to tf" in frames.problems["wrist"]


@needs_tf
def test_the_file_of_calibrate_places_a_camera_of_the_cameras_graph(start, client, tmp_path):
    """What camera_node's driver frames and the file together give, heard by another participant."""
    CAMERA.save(tmp_path / "front.yaml")
    listener = transforms.TransformListener(client.node, lambda: None)
    fusion = {"cameras": ["front"], "extrinsics": "tf", "camera_files": [str(tmp_path)]}
    start(start.node("fusion_node", config="cameras.yaml", **fusion))
    assert client.wait_for(lambda: LINK in listener.tree._frames, 60.0)
    np.testing.assert_allclose(listener.lookup(BASE, LINK), CAMERA.T_parent_link, atol=1e-9)


def test_the_argument_reaches_the_node_and_rendered_cameras_have_none():
    def fusion(graph, **values):
        spec = next(s for s in arranged_graph(graph, values) if s.name == "fusion_node")
        return {**spec.adjustments, **spec.parameters}

    for graph in ("cameras", "policy"):
        assert fusion(graph, camera_files="[a.yaml, b]")["camera_files"] == ["a.yaml", "b"]
    assert "camera_files" not in fusion("cameras", source="realsense")  # the parameter file's folder
    assert fusion("cameras", source="software")["camera_files"] == [""]
    assert fusion("policy", simulate="true")["camera_files"] == [""]
