"""The page of results holds the reports' numbers, the commands that made them, and what was written by hand."""

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from dynarend_core.commands.json_report import write_json
from dynarend_core.evaluation.report import summarise
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason

SCRIPT = Path(__file__).parents[3] / "benchmarks/tasks_table.py"
NONE, IK = FailureReason.NONE, FailureReason.IK


def report(path, command, outcomes, **settings):
    """``outcomes``: (task, perturbation, repeat) to reasons."""
    results = []
    for (task, perturbation, repeat), reasons in outcomes.items():
        for seed, reason in enumerate(reasons, start=100 * repeat):
            spec = EpisodeSpec(task, 0, seed, 0, False, perturbation, repeat)
            results.append(EpisodeResult(spec, reason is NONE, reason, "", "do", 3, 30.0))
    defaults = {
        "policy": "models/p", "fingerprint": "ab", "suite": "rlbench18", "executor": "planner", "episodes": 2,
        "repeats": 2, "tasks": ["close_jar", "turn_tap"],
    }  # fmt: skip
    write_json(path, asdict(summarise(results, command, {**defaults, **settings})))
    return str(path)


@pytest.fixture
def files(tmp_path):
    usual = {
        ("close_jar", "none", 0): [NONE, NONE], ("close_jar", "none", 1): [NONE, IK],
        ("turn_tap", "none", 0): [IK, IK], ("turn_tap", "none", 1): [IK, FailureReason.TIMEOUT],
    }  # fmt: skip
    perfect = {("close_jar", "none", 0): [NONE, NONE], ("turn_tap", "none", 0): [NONE, IK]}
    perturbed = {("close_jar", "none", 0): [NONE, NONE], ("close_jar", "all", 0): [NONE, IK]}
    return {
        "--rlbench18": report(tmp_path / "a.json", "dynarend evaluate --suite rlbench18", usual),
        "--perfect": report(tmp_path / "b.json", "dynarend evaluate --executor perfect", perfect, executor="perfect"),
        "--colosseum": report(tmp_path / "c.json", "dynarend evaluate --suite colosseum", perturbed, suite="colosseum"),
        "--out": str(tmp_path / "docs" / "tasks.md"),
    }


def run(files, monkeypatch):
    spec = importlib.util.spec_from_file_location("tasks_table", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["tasks_table", *(word for pair in files.items() for word in pair)])
    module.main()
    return Path(files["--out"]).read_text()


def test_numbers_and_commands_come_from_the_files(files, monkeypatch):
    text = run(files, monkeypatch)
    assert "| close_jar | 3 / 4 | 75.0 % ± 35.4 | 30 to 95 % | 100.0 % | - | 3.0 | ik 1 |" in text
    assert "| **mean** |  | **37.5 %** ± 17.7 | 14 to 69 % | **75.0 %** | - |  | ik 4, timeout 1 |" in text
    assert "Below 20%: turn_tap (ik 3, timeout 1)." in text
    assert "| all | 1 | 1 / 2 | 50.0 % | 9 to 91 % | -50.0 | ik 1 |" in text
    for command in ("--suite rlbench18", "--executor perfect", "--suite colosseum"):
        assert f"`dynarend evaluate {command}`" in text
    assert "2 tasks" in text
    assert "8 episodes took 4 minutes" in text


def test_every_row_of_a_table_has_its_heads_columns(files, monkeypatch):
    widths = [[line.count("|") for line in block.splitlines() if line.startswith("|")]
              for block in run(files, monkeypatch).split("\n\n")]  # fmt: skip
    assert [len(set(width)) for width in widths if width] == [1, 1]


def test_what_was_written_by_hand_stays(files, monkeypatch):
    del files["--perfect"], files["--colosseum"]
    text = run(files, monkeypatch)
    assert "perfect" not in text
    Path(files["--out"]).write_text(text + "\nWhy turn_tap fails: ...\n")
    again = run(files, monkeypatch)
    assert again.endswith("\nWhy turn_tap fails: ...\n")
    assert again.count("## Tasks") == 1


@pytest.mark.parametrize(
    ("option", "other", "words"),
    [
        ("--rlbench18", "--perfect", "executor"),
        ("--colosseum", "--rlbench18", "suite"),
        ("--perfect", "--out", "report"),
    ],
)
def test_other_files_are_refused(files, monkeypatch, capsys, option, other, words):
    with pytest.raises(SystemExit):
        run({**files, option: files[other]}, monkeypatch)
    assert words in capsys.readouterr().err
