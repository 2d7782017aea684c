"""``dynarend evaluate`` end to end, with a stand-in for the simulator."""

import argparse
import html.parser
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dynarend_core.commands import evaluate
from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.mujoco_stage import MujocoStage
from dynarend_core.evaluation.parallel import Stage
from dynarend_core.types import FailureReason, GripperState, Keyframe, Observation, Prediction, StepResult

TASKS = ("--tasks", "open_drawer,turn_tap")


class Environment:
    """Odd seeds drop the object, and so does every perturbed scene."""

    played = 0

    def reset(self, task, variation, seed, phrasing=None, perturbation="none"):
        Environment.played += 1
        self.drop = seed % 2 or perturbation != "none"
        self.observation = Observation((), GripperState(np.eye(4), True), f"do {task}")
        return self.observation

    def step(self, keyframe):
        reason = FailureReason.DROPPED if self.drop else FailureReason.NONE
        return StepResult(self.observation, reason is FailureReason.NONE, reason, "fell")

    def close(self):
        pass


def stage(self):
    policy = SimpleNamespace(act=lambda observation: Prediction(Keyframe(np.eye(4), True), 1.0, ()))
    return Stage(Environment(), policy, lambda: np.full((32, 32, 3), 90, np.uint8), self.pictures)


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    monkeypatch.setattr(MujocoStage, "__call__", stage)
    monkeypatch.setattr(Environment, "played", 0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    policy = tmp_path / "policy"
    policy.mkdir()
    parser = argparse.ArgumentParser()
    evaluate.register(parser.add_subparsers())
    return lambda *extra: parser.parse_args(["evaluate", "--policy", str(policy), "--workers", "1", *TASKS, *extra])


def test_report_and_pictures_of_every_episode(arguments, tmp_path, capsys):
    report, pictures = tmp_path / "runs" / "report.json", tmp_path / "pictures"
    args = arguments("--episodes", "4", "--json", str(report), "--filmstrips", str(pictures))
    assert args.run(args) == 0
    data = json.loads(report.read_text())
    assert data["mean_success"] == 0.5
    assert data["tasks"]["turn_tap"]["failures"] == {"dropped": 2}
    assert {episode["seed"] for episode in data["episodes"]} == {100_000, 100_001, 100_002, 100_003}
    names = sorted(path.name for path in pictures.iterdir())
    assert names == sorted(
        f"{task}_{100_000 + i}_{'dropped' if i % 2 else 'success'}.jpg"
        for task in ("open_drawer", "turn_tap")
        for i in range(4)
    )
    assert cv2.imread(str(pictures / names[0])).shape[2] == 3
    assert "50.0%" in capsys.readouterr().out


def test_a_run_is_kept_continued_and_reported(arguments, tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    args = arguments("--episodes", "2", "--repeats", "2", "--perturbations", "light_color", "--out", str(run))
    assert args.run(args) == 0
    assert Environment.played == 16
    lines = (run / "episodes.jsonl").read_text().splitlines()
    (run / "episodes.jsonl").write_text("\n".join(lines[:10]) + "\n" + lines[10][:30])
    assert args.run(args) == 0
    assert Environment.played == 16 + 6
    assert args.run(args) == 0
    assert Environment.played == 16 + 6
    data = json.loads((run / "report.json").read_text())
    assert len(data["episodes"]) == 16
    assert data["repeats"]["rates"] == [0.5, 0.5]
    assert data["perturbations"]["light_color"]["change_points"] == -50.0
    assert data["settings"]["episodes"] == 2
    assert sorted(path.name for path in (run / "pictures").iterdir()) == sorted(
        f"{task}_{seed}{name}_dropped.jpg"
        for task in ("open_drawer", "turn_tap")
        for seed, name in [(100_001, ""), (100_003, ""), (100_000, "_light_color"), (100_001, "_light_color")]
    )
    html.parser.HTMLParser().feed((run / "report.html").read_text())
    assert "light_color" in capsys.readouterr().out
    other = arguments("--episodes", "3", "--out", str(run))
    with pytest.raises(ConfigurationError, match="episodes: 2 there, 3 now"):
        other.run(other)


def test_suites_say_how_many_tasks_stand(arguments, capsys):
    args = arguments("--suite", "rlbench18", "--episodes", "1")
    args.tasks = None
    assert args.run(args) == 0
    assert f"{Environment.played} episodes" in capsys.readouterr().out
    assert Environment.played >= 17


def test_mistakes_of_the_caller_stop_the_run(arguments, tmp_path):
    for args, error in [
        (arguments("--workers", "0"), ConfigurationError),
        (arguments("--episodes", "0"), ConfigurationError),
        (arguments("--repeats", "0"), ConfigurationError),
        (arguments("--seed-start", "3"), ConfigurationError),
        (arguments("--perturbations", "earthquake"), ConfigurationError),
        (arguments("--engine", "dask"), ConfigurationError),
        (arguments("--scheduler", "tcp://127.0.0.1:1"), ConfigurationError),
        (arguments("--policy", "nowhere.py:make"), ConfigurationError),
        (arguments("--policy", str(tmp_path / "missing")), CheckpointError),
    ]:
        with pytest.raises(error):
            args.run(args)


KILLED = """
    import sys, time
    from types import SimpleNamespace
    import numpy as np
    from dynarend_core.commands.__main__ import main
    from dynarend_core.evaluation.mujoco_stage import MujocoStage
    from dynarend_core.evaluation.parallel import Stage
    from dynarend_core.types import GripperState, Keyframe, Observation, Prediction, StepResult
    class Environment:
        def reset(self, task, variation, seed, phrasing=None, perturbation="none"):
            return Observation((), GripperState(np.eye(4), True), f"do {task}")
        def step(self, keyframe):
            time.sleep(0.02)
            print("stepped", flush=True)
            return StepResult(None, True)
        def close(self):
            pass
    policy = SimpleNamespace(act=lambda observation: Prediction(Keyframe(np.eye(4), True), 1.0, ()))
    MujocoStage.__call__ = lambda self: Stage(Environment(), policy)
    main(sys.argv[1:])
"""


def test_a_killed_evaluation_loses_at_most_the_episode_under_way(arguments, tmp_path):
    run = tmp_path / "run"
    options = ["--policy", str(tmp_path / "policy"), *TASKS, "--episodes", "500", "--out", str(run), "--workers", "1"]
    words = [sys.executable, "-c", textwrap.dedent(KILLED), "evaluate", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        steps = 0
        while steps < 6:
            steps += process.stdout.readline().startswith("stepped")
        time.sleep(0.013)
        process.send_signal(signal.SIGKILL)
        steps += process.stdout.read().count("stepped")
    kept = len((run / "episodes.jsonl").read_text().splitlines())
    assert steps - 1 <= kept <= steps
    args = arguments("--episodes", "500", "--out", str(run))
    assert args.run(args) == 0
    assert Environment.played in (1000 - kept, 1000 - kept + 1)
