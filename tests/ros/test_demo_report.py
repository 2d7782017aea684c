import json

import numpy as np

from dynarend_core.errors import DynaRendError
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason
from dynarend_ros import demo_report
from dynarend_ros.commands.demo import _Outcome, _report
from dynarend_ros.episode_runner import Recording


def recording(success, frames=20):
    result = EpisodeResult(
        spec=EpisodeSpec("open_drawer", 0, 100_000),
        success=success,
        failure_reason=FailureReason.NONE if success else FailureReason.IK,
        message="" if success else "aborted: ik: out of reach",
        instruction="open it",
        steps=2,
        wall_s=1.0,
        latencies_ms=(5.0,),
        frames=tuple(np.zeros((8, 8, 3), np.uint8) for _ in range(frames)),
    )
    return Recording(result, [str(i) for i in range(frames)], [np.zeros((8, 8, 3), np.uint8)])


def outcome(**changes):
    latency_ms = {name: [1.0, 3.0] for name in ("fusion", "policy", "camera_to_keyframe")}
    processes = [{"name": "sim_node", "pid": 1, "exit_code": 0}]
    return _Outcome([recording(True), recording(False)], latency_ms, **{"processes": processes, **changes})


def test_the_report_holds_what_was_promised(tmp_path):
    _report(outcome(frames=(100, 1)), 9.0).write(tmp_path / "deep" / "report.json")
    report = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert report["tasks"]["open_drawer"]["failures"] == {"ik": 1}
    assert report["mean_success"] == 0.5
    assert {name: sorted(values) for name, values in report["latency_ms"].items()} == {
        name: ["p50", "p99"] for name in ("fusion", "policy", "camera_to_keyframe")
    }
    assert report["frames_lost"] == 1
    assert report["processes"][0]["name"] == "sim_node"
    assert report["error"] == ""
    assert "out of reach" in str(report["episodes"])


def test_a_run_that_was_cut_short_keeps_its_episodes_and_says_why():
    report = _report(outcome(error=DynaRendError("policy_node ended with exit code -9")), 9.0)
    assert report.as_dict()["error"] == "policy_node ended with exit code -9"
    assert report.frames_lost is None
    assert report.evaluation.tasks["open_drawer"].episodes == 2
    assert demo_report.table(report).row_count


def test_a_long_episode_gives_a_filmstrip_of_its_begin_and_its_end(tmp_path):
    strip, keyframe = demo_report.save_pictures([recording(False)], tmp_path)
    assert strip.name == "open_drawer_filmstrip.png"
    assert keyframe.name == "open_drawer_keyframe1.png"
    assert demo_report._shortened(list(range(20))) == [*range(9), 17, 18, 19]
