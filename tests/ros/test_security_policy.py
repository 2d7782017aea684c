"""Who may drive the arm: what the SROS2 policy grants, and that services are the only way to arm and run."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest

from dynarend_ros import topics
from dynarend_ros.robots import find_robot, robot_names
from dynarend_ros.security_policy import OPERATED, OPERATOR, permissions, policy_document

CAMERAS = ("front", "wrist")


@pytest.fixture(params=robot_names())
def granted(request):
    return permissions(find_robot(request.param), CAMERAS)


def test_only_the_policy_sends_keyframes_and_only_executor_and_safety_node_move_the_arm(granted):
    topics_said = {topic for p in granted.values() for topic in p.publish}
    publishers = {topic: {name for name, p in granted.items() if topic in p.publish} for topic in topics_said}
    arm = next(t for t in granted["safety_node"].publish if t.endswith("joint_trajectory"))
    assert publishers[topics.KEYFRAME] == {"policy_node"}
    assert publishers[arm] == {"executor_node", "safety_node"}
    assert publishers[topics.SAFETY_STATE] == {"safety_node"}
    assert publishers[topics.HEARTBEAT] == {OPERATOR}


def test_only_the_operator_arms_steps_and_confirms(granted):
    for service in (topics.ARM, topics.STEP, topics.CONFIRM, topics.RESET_FAULT):
        assert {n for n, p in granted.items() if service in p.request} == {OPERATOR}
        assert sum(service in p.reply for p in granted.values()) == 1
    assert {n for n, p in granted.items() if topics.RUN in p.request} == {OPERATOR, "evaluation_node"}


def test_nobody_hears_of_arming_or_running_by_a_topic(granted):
    """Arm, run, step and confirm are services: a message on a topic of that name reaches nobody."""
    for node, p in granted.items():
        if node != OPERATOR:
            assert not set(OPERATED) & set(p.subscribe), node


def test_the_document_names_every_enclave_in_the_given_namespace(granted):
    root = ElementTree.fromstring(policy_document(granted, "/cell1/"))
    assert root.get("version") == "0.2.0"
    assert {e.get("path") for e in root.iter("enclave")} == {f"/dynarend_ros/{name}" for name in granted}
    assert {p.get("ns") for p in root.iter("profile")} == {"/cell1"}


def test_the_command_writes_it(tmp_path):
    file = tmp_path / "dynarend.policy.xml"
    command = [sys.executable, "-m", "dynarend_core.commands", "security", "--cameras", "side", "--out", str(file)]
    assert subprocess.run(command, timeout=300).returncode == 0
    assert any(t.text == "side/color/image_raw" for t in ElementTree.parse(file).getroot().iter("topic"))
