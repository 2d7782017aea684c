"""The examples run as they stand, headless."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dynarend_core.commands.__main__ import main
from dynarend_core.policy import Policy

EXAMPLES = Path(__file__).parents[2] / "examples"
needs_panda = pytest.mark.skipif(
    importlib.util.find_spec("mujoco_controllers") is None, reason="the Panda model is not installed"
)


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_explains_itself(monkeypatch, capsys):
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert [s.name[:3] for s in scripts] == ["00_", "01_", "02_"]
    for script in scripts:
        monkeypatch.setattr(sys, "argv", [script.name, "--help"])
        with pytest.raises(SystemExit) as exit_info:
            load(script.stem).main()
        assert exit_info.value.code == 0
        assert f"python examples/{script.name}" in capsys.readouterr().out


@needs_panda
def test_00_a_policy_acts_in_the_simulator(debug_network, debug_info, encoder, capsys):
    policy = Policy(debug_network, debug_info, encoder=encoder)
    assert load("00_policy_in_simulation").run(policy, "open_drawer", 2, 100_000, max_keyframes=1) is False
    said = capsys.readouterr().out.splitlines()
    assert "top" in said[0]
    assert said[1].startswith("keyframe 1: (")


def test_01_the_saved_cloud_holds_table_and_box(tmp_path, monkeypatch, capsys):
    path = tmp_path / "cloud.ply"
    monkeypatch.setattr(sys, "argv", ["01_fuse_views.py", "--out", str(path)])
    load("01_fuse_views").main()
    header, body = path.read_bytes().split(b"end_header\n", 1)
    points = np.frombuffer(body, dtype=[("xyz", "<f4", (3,)), ("rgb", "u1", (3,))])
    assert f"element vertex {len(points)}\n".encode() in header
    assert f"{len(points)} points" in capsys.readouterr().out
    heights = points["xyz"][:, 2]
    on_table, on_box = np.abs(heights) < 0.003, np.abs(heights - 0.10) < 0.003
    assert (on_table | on_box).all()
    assert on_box.sum() > 100


@needs_panda
def test_02_the_evaluation_finds_the_policy_by_the_name_of_its_factory(tmp_path):
    report = tmp_path / "report.json"
    policy = f"{EXAMPLES / '02_your_own_policy.py'}:make"
    options = ["--tasks", "push_buttons", "--episodes", "1", "--workers", "1", "--json", str(report)]
    assert main(["evaluate", "--policy", policy, *options]) == 0
    assert json.loads(report.read_text())["mean_success"] == 1.0


@needs_panda
def test_02_a_policy_without_training_solves_a_task():
    results = load("02_your_own_policy").evaluate(1)
    assert [r.success for r in results] == [True]
