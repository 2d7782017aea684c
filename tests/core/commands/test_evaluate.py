"""``dynarend evaluate`` end to end, with a stand-in for the simulator."""

import argparse
import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dynarend_core.commands import evaluate
from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation import simulated
from dynarend_core.evaluation.parallel import Stage
from dynarend_core.evaluation.schedule import schedule_episodes
from dynarend_core.types import FailureReason, GripperState, Keyframe, Observation, Prediction, StepResult


class Environment:
    """Odd seeds drop the object."""

    def reset(self, task, variation, seed, phrasing=None, perturbation="none"):
        self.seed, self.observation = seed, Observation((), GripperState(np.eye(4), True), f"do {task}")
        return self.observation

    def step(self, keyframe):
        reason = FailureReason.DROPPED if self.seed % 2 else FailureReason.NONE
        return StepResult(self.observation, reason is FailureReason.NONE, reason, "fell")

    def close(self):
        pass


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    def specs(tasks, policy, episodes, seed_start):
        return schedule_episodes(["a", "b"], episodes, lambda task: 3, lambda task, v: 2, seed_start)

    def make_stage(policy_folder, with_pictures):
        policy = SimpleNamespace(act=lambda observation: Prediction(Keyframe(np.eye(4), True), 1.0, ()))
        return Stage(Environment(), policy, (lambda: np.full((32, 32, 3), 90, np.uint8)) if with_pictures else None)

    monkeypatch.setattr(simulated, "simulator_episodes", specs)
    monkeypatch.setattr(evaluate, "make_mujoco_stage", make_stage)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser()
    evaluate.register(parser.add_subparsers())
    return lambda *extra: parser.parse_args(["evaluate", "--policy", str(tmp_path), "--workers", "1", *extra])


def test_report_and_pictures_of_every_episode(arguments, tmp_path, capsys):
    report, pictures = tmp_path / "runs" / "report.json", tmp_path / "pictures"
    args = arguments("--episodes", "4", "--json", str(report), "--filmstrips", str(pictures))
    assert args.run(args) == 0
    data = json.loads(report.read_text())
    assert data["mean_success"] == 0.5
    assert data["tasks"]["a"]["failures"] == {"dropped": 2}
    assert {episode["seed"] for episode in data["episodes"]} == {100_000, 100_001, 100_002, 100_003}
    names = sorted(path.name for path in pictures.iterdir())
    assert names == sorted(
        f"{task}_{100_000 + i}_{'dropped' if i % 2 else 'success'}.png" for task in "ab" for i in range(4)
    )
    assert cv2.imread(str(pictures / names[0])).shape[2] == 3
    assert "50.0%" in capsys.readouterr().out


def test_mistakes_of_the_caller_stop_the_run(arguments, tmp_path):
    for args, error in [
        (arguments("--workers", "0"), ConfigurationError),
        (arguments("--episodes", "0"), ConfigurationError),
        (arguments("--seed-start", "3"), ConfigurationError),
        (arguments("--policy", str(tmp_path / "missing")), CheckpointError),
    ]:
        with pytest.raises(error):
            args.run(args)
