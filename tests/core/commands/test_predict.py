"""``dynarend predict`` measures a policy against a demonstration; the policy here is made of known errors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dynarend_core.commands import predict
from dynarend_core.datasets.store import DemonstrationStore, EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.geometry import aabb, rotations, se3
from dynarend_core.geometry.cameras import intrinsics_from_fov
from dynarend_core.types import CameraView, GripperState, Keyframe, Observation, Prediction, ValueMap

REAL = Path(__file__).parents[3] / ".." / "shared/data/rlbench_real/open_drawer/all_variations/episodes"
TARGET = se3.make(rotations.rotation_x(np.pi), np.array([0.5, 0.1, 0.2]))


class OffByKnownAmounts:
    """Answers the target, 2 cm to the side, turned by 180 + 10 degrees about the approach axis, gripper closed."""

    def __init__(self, target: np.ndarray) -> None:
        self.target = target
        self.asked: list[Observation] = []

    def act(self, observation: Observation) -> Prediction:
        self.asked.append(observation)
        T = self.target @ se3.make(rotations.rotation_z(np.deg2rad(190)), np.array([0.02, 0.0, 0.0]))
        grid = np.full((8, 8, 8), 1 / 512, dtype=np.float32)
        maps = (ValueMap(grid, aabb.cube(T[:3, 3], 1.0)), ValueMap(grid, aabb.cube(T[:3, 3], 0.3)))
        return Prediction(Keyframe(T, False), 0.5, maps, 0.01)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    predict.register(parser.add_subparsers())
    return parser.parse_args(["predict", *words])


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Two steps and a displaced copy, seen by one camera that looks down on a table."""
    T = se3.make(rotations.rotation_x(np.pi), np.array([0.5, 0.1, 1.0]))
    view = CameraView(
        "front",
        np.full((32, 32, 3), 90, np.uint8),
        np.full((32, 32), 1.0, np.float32),
        intrinsics_from_fov(32, 32, 0.7),
        T,
    )
    kinds = ("start", "keyframe", "keyframe", "displaced")
    frames = tuple(FrameRecord((view,), GripperState(TARGET, True), np.zeros(7), i, k) for i, k in enumerate(kinds))
    transitions = tuple(
        Transition(frame, target, Keyframe(TARGET, is_open), step)
        for frame, target, is_open, step in ((0, 1, True, 0), (1, 2, False, 1), (3, 2, False, 1))
    )
    episode = EpisodeRecord("t", 0, 0, ("press", "push it"), "press", frames, transitions)
    return DemonstrationStore(tmp_path).write("t", 0, episode)


def test_errors_steps_and_pictures_of_a_stored_episode(stored, tmp_path, monkeypatch, capsys):
    policy = OffByKnownAmounts(TARGET)
    monkeypatch.setattr(predict, "load_policy", lambda path, device: policy)
    out, file = tmp_path / "pictures", tmp_path / "deep" / "predict.json"
    args = arguments("--episode", str(stored), "--cameras", "front", "--out", str(out), "--json", str(file))
    assert args.run(args) == 0
    report = json.loads(file.read_text())
    assert report["instruction"] == "press"
    assert [k["frame"] for k in report["keyframes"]] == [1, 2]  # the displaced copy is no step of the demonstration
    assert [k["gripper_correct"] for k in report["keyframes"]] == [False, True]
    for k in report["keyframes"]:
        assert k["position_error_cm"] == pytest.approx(2.0)
        assert k["rotation_error_deg"] == pytest.approx(10.0, abs=1e-4)
        assert cv2.imread(k["picture"]).shape == (700, 900, 3)
    assert report["mean"]["gripper_correct"] == 0.5
    assert [o.step for o in policy.asked] == [0, 1]
    assert "2.0 cm" in capsys.readouterr().out


def test_other_words_replace_the_instruction(stored):
    steps = predict.load_steps(stored, ("front",), "push it hard")
    assert {s.observation.instruction for s in steps} == {"push it hard"}


def test_a_camera_that_was_not_recorded_is_named(stored):
    with pytest.raises(DatasetError, match="no camera wrist; it has front"):
        predict.load_steps(stored, ("front", "wrist"), None)


def test_a_missing_episode_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nothing"):
        predict.load_steps(tmp_path / "nothing", ("front",), None)
    with pytest.raises(DatasetError, match=r"nothing\.npz"):
        predict.load_steps(tmp_path / "nothing.npz", ("front",), None)


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded RLBench episodes (../shared) are not here")
def test_a_real_episode_is_seen_from_the_keyframe_before():
    steps = predict.load_steps(REAL / "episode1", ("front", "wrist"), None)
    assert [(s.observed_frame, s.frame) for s in steps] == [(0, 64), (64, 77), (77, 107)]
    assert [s.observation.step for s in steps] == [0, 1, 2]
    assert [v.name for v in steps[0].observation.views] == ["front", "wrist"]
    assert steps[0].observation.instruction == "open the middle drawer"
    np.testing.assert_allclose(steps[1].observation.gripper.T_base_gripper, steps[0].keyframe.T_base_gripper)


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_named(tmp_path, device):
    with pytest.raises(ConfigurationError, match=device):
        predict.load_policy(tmp_path, device)
