"""``dynarend collect`` end to end: what it writes, that it continues, that equal seeds give equal files."""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from dynarend_core.commands import collect
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import demonstrate

if importlib.util.find_spec("mujoco_controllers") is None:
    pytest.skip("the Panda model is not installed", allow_module_level=True)

TASK = "slide_block_to_color_target"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    collect.register(parser.add_subparsers())
    args = parser.parse_args(["collect", *arguments])
    return args.run(args)


def test_writes_reports_continues_and_repeats_itself(tmp_path: Path) -> None:
    store, report = DemonstrationStore(tmp_path / "a"), tmp_path / "report.json"
    common = ("--out", str(store.root), "--tasks", TASK, "--seed-start", "7")
    assert run(*common, "--episodes", "1", "--workers", "1") == 0
    written = store.path(TASK, 0).stat().st_mtime_ns
    assert run(*common, "--episodes", "3", "--workers", "2", "--json", str(report)) == 0
    assert store.path(TASK, 0).stat().st_mtime_ns == written, "a stored episode was recorded again"
    assert store.episodes(TASK) == [0, 1, 2]
    summary = json.loads(report.read_text())["tasks"][TASK]
    assert (summary["episodes"], summary["successes"], summary["failures"]) == (2, 2, {})
    stored_bytes = sum(store.path(TASK, i).stat().st_size for i in (1, 2))
    per_keyframe = json.loads(report.read_text())["store"]["bytes_per_keyframe"]
    assert per_keyframe == pytest.approx(stored_bytes / 4)  # two keyframes each
    environment = MujocoEnvironment()
    for episode in (0, 2):
        stored, again = store.read(TASK, episode), demonstrate(environment, TASK, 7 + episode).episode
        assert again is not None
        assert stored.instructions == again.instructions
        for frame, other in zip(stored.frames, again.frames, strict=True):
            np.testing.assert_array_equal(frame.q, other.q)
            np.testing.assert_array_equal(frame.views[0].rgb, other.views[0].rgb)
    environment.close()


def test_target_views_are_recorded_the_same_each_time_and_not_mixed(tmp_path: Path) -> None:
    common = ("--out", str(tmp_path / "a"), "--tasks", TASK, "--seed-start", "7", "--episodes", "1", "--workers", "1")
    assert run(*common, "--displaced", "0", "--target-views", "2") == 0
    written, environment = DemonstrationStore(tmp_path / "a"), MujocoEnvironment()
    again = demonstrate(environment, TASK, 7, displaced=0, target_views=2).episode
    environment.close()
    assert again is not None
    copy = DemonstrationStore(tmp_path / "b").write(TASK, 0, again)
    assert copy.read_bytes() == written.path(TASK, 0).read_bytes()
    assert written.target_cameras(TASK, 0) == ("orbit0", "orbit1")
    with pytest.raises(ConfigurationError, match="2 target views, not 0"):
        run(*common)
    assert written.seed(TASK, 0) == 7
    with pytest.raises(ConfigurationError, match="--seed-start 7"):
        run(*(word.replace("7", "8") for word in common), "--target-views", "2")


def test_recoveries_lie_beside_plain_demonstrations_and_are_marked(tmp_path: Path) -> None:
    store, report = DemonstrationStore(tmp_path / "a"), tmp_path / "report.json"
    common = ("--out", str(store.root), "--tasks", TASK, "--episodes", "2", "--workers", "1", "--seed-start", "7")
    assert run(*common) == 0
    assert run(*common, "--recoveries", "--json", str(report)) == 0
    assert store.episodes(TASK)[:3] == [0, 1, 1_000_007]
    assert [store.read(TASK, i).origin for i in (0, 1_000_007)] == ["plain", "recovery"]
    summary = json.loads(report.read_text())["tasks"][TASK]
    assert sum(summary["mishaps"].values()) >= summary["task_solved"] >= 1
    assert run("--verify", "--from-disturbed", *common[2:], "--json", str(report)) == 0
    assert json.loads(report.read_text())["tasks"][TASK]["successes"] == summary["task_solved"]


def test_verify_asks_less_of_the_experts_of_the_hardest_tasks() -> None:
    outcomes = [
        collect.Outcome(task, i, "timeout" if i < 2 else "", "", 5, 6, 0.0)
        for task, n in (("stack_cups", 20), ("open_drawer", 20), ("turn_tap", 50), ("place_cups", 10))
        for i in range(n)
    ]
    tasks = collect.summarise(outcomes, 10.0)["tasks"]
    assert {name for name, task in tasks.items() if task["below_floor"]} == {"open_drawer", "place_cups"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--verify", "--tasks", "fold_laundry"), "open_drawer"),
        (("--episodes", "1"), "--out"),
        (("--verify", "--seed-start", "99999", "--episodes", "2"), "evaluation"),
        (("--verify", "--workers", "0"), "workers"),
        (("--verify", "--target-views", "-1"), "target-views"),
        (("--out", "x", "--from-disturbed"), "--recoveries"),
        (("--out", "x", "--policy", "m:f", "--recoveries"), "say who drives"),
        (("--out", "x", "--policy", "m:f", "--share-of-policy", "0"), "share-of-policy"),
        (("--verify", "--from-disturbed", "--perturbation", "light_color"), "usual scenes"),
    ],
)
def test_refuses_what_makes_no_sense(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        run(*arguments)
