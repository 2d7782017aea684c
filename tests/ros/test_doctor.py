"""The doctor hears a graph that runs: stamps, TF chain, what nodes report; and says so where none runs."""

import os

import pytest

from dynarend_core.commands.finding import DoctorOptions, Level
from dynarend_ros import transforms
from dynarend_ros.commands import doctor_checks

CAMERAS = ["front", "wrist"]


@pytest.fixture
def options(tmp_path, ros_domain):
    return DoctorOptions(tmp_path, tmp_path, 3.0, "panda_link0")


def test_packages_middleware_and_silence(options):
    findings = [*doctor_checks.check_packages(options), *doctor_checks.check_middleware(options)]
    assert all(f.level is not Level.FAIL for f in findings)
    assert any("rmw_" in f.words and os.environ["ROS_DOMAIN_ID"] in f.words for f in findings)
    (finding,) = doctor_checks.check_graph(options)
    assert finding.level is Level.OK
    assert "none runs in ROS domain" in finding.words


@pytest.mark.skipif(not transforms.available(), reason="no tf2_msgs: `make setup` could not generate it")
def test_a_running_graph_is_heard_with_its_ages_its_chain_and_its_faults(options, start, client):
    settings = {"source": "software", "scene": "raycast", "cameras": CAMERAS, "serials": [""]}
    profiles = {"color_profiles": ["64x48x10"], "depth_profiles": ["64x48x10"], "silence_s": 0.5}
    start(start.node("camera_node", config="cameras.yaml", **settings, **profiles))
    assert client.wait_for(lambda: client.is_up("camera_node"), 60.0)
    client.set_parameters("camera_node", {"unplugged": ["wrist"]})
    assert client.wait_for(
        lambda: "not connected" in client.counters.get("camera_node: wrist", {}).get("message", ""), 60.0
    )
    levels: dict[str, Level] = {}
    for _ in range(5):  # a busy machine may need longer to find and to hear everybody
        findings = list(doctor_checks.check_graph(options))
        levels = {finding.words: finding.level for finding in findings}
        chain_and_report = ("TF leads from", "camera_node: wrist reports")
        if all(any(words.startswith(begin) for words in levels) for begin in chain_and_report):
            break
    assert any("camera_node" in words and "heard" in words for words in levels)
    assert levels["TF leads from panda_link0 to front_color_optical_frame"] is Level.OK
    assert any(words.startswith("/front/color/camera_info: ") and "ms old" in words for words in levels)
    assert levels["/wrist/color/camera_info: nothing in 3 s"] is Level.FAIL
    assert any("camera_node: wrist reports" in words and level is not Level.OK for words, level in levels.items())
    assert all(f.remedy for f in findings if f.level is not Level.OK)


def test_complaints_are_told_once_by_who_is_nearest_to_the_fault():
    reports = {
        "fusion_node": (Level.WARN, "wrist: no frame"),
        "fusion_node: wrist": (Level.WARN, "no frame"),
        "fusion_node: front": (Level.OK, "ok"),
        "safety_node": (Level.FAIL, "fault"),
    }
    said = [(f.words, f.level) for f in doctor_checks.judge_reports(reports)]
    assert said == [("fusion_node: wrist reports: no frame", Level.WARN), ("safety_node reports: fault", Level.FAIL)]


def test_a_broken_chain_fails_with_tf_s_own_words():
    finding = doctor_checks.judge_chain("base", "front_color_optical_frame", "no chain joins them")
    assert (finding.level, "no chain joins them" in finding.words) == (Level.FAIL, True)
    assert "calibrate" in finding.remedy


@pytest.mark.parametrize(
    ("ages", "level", "says"),
    [
        ([0.02, 0.05], Level.OK, "20 to 50 ms old"),
        ([], Level.FAIL, "nothing in 2 s"),
        ([-5.0, -4.9], Level.FAIL, "future"),
        ([3.0, 3.1], Level.FAIL, "too old"),
        ([0.02, 1.5], Level.WARN, "some late"),
    ],
)
def test_stamps_are_judged_by_their_age(ages, level, says):
    finding = doctor_checks.judge_stamps("/front/color/camera_info", ages, 2.0)
    assert finding.level is level
    assert says in finding.words
