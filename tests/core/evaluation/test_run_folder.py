"""A killed evaluation goes on where it was, and never mixes results of different settings."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.evaluation.run_folder import EPISODES, EvaluationSettings, open_run
from dynarend_core.types import FailureReason

SETTINGS = EvaluationSettings(
    policy="models/p", fingerprint="ab" * 32, suite="", tasks=("a", "b"), perturbations=("none",), episodes=2,
    repeats=1, seed_start=100_000, max_keyframes=25, executor="planner", code="cd" * 32,
)  # fmt: skip


def result(seed, reason=FailureReason.NONE):
    spec = EpisodeSpec("a", 1, seed, 2, True, "light_color", 3)
    solved = reason is FailureReason.NONE
    return EpisodeResult(spec, solved, reason, "" if solved else "why ü", "do it", 4, 1.234, (10.25, 11.0))


def test_what_is_written_is_read_back(tmp_path):
    written = [result(100_000), result(100_001, FailureReason.DROPPED)]
    with open_run(tmp_path / "new" / "run", SETTINGS) as run:
        assert run.results == []
        for one in written:
            run.append(one)
    with open_run(tmp_path / "new" / "run", SETTINGS) as run:
        assert run.results == written


def test_a_torn_last_line_is_cut_off_and_written_again(tmp_path):
    with open_run(tmp_path, SETTINGS) as run:
        run.append(result(100_000))
        run.append(result(100_001, FailureReason.IK))
    file = tmp_path / EPISODES
    whole = file.read_bytes()
    for missing in (1, 2, 40):
        file.write_bytes(whole[:-missing])
        with open_run(tmp_path, SETTINGS) as run:
            assert run.results == [result(100_000)]
            run.append(result(100_001, FailureReason.IK))
        assert file.read_bytes() == whole


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    with open_run(tmp_path, SETTINGS) as run:
        run.append(result(100_000))
    file = tmp_path / EPISODES
    file.write_text('{"task": "a"}\n' + file.read_text())
    with pytest.raises(DatasetError, match=r"line 1: .*delete that line"), open_run(tmp_path, SETTINGS):
        pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"executor": "perfect"}, "executor: planner there, perfect now"),
        ({"tasks": ("a", "c")}, r"tasks: 2 \(a, b\) there, 2 \(a, c\) now"),
        ({"fingerprint": "cd" * 32}, "fingerprint: abab.* there, cdcd.* now"),
    ],
)
def test_other_settings_are_refused_and_named(tmp_path, change, words):
    with open_run(tmp_path, SETTINGS) as run:
        run.append(result(100_000))
    with pytest.raises(ConfigurationError, match=words), open_run(tmp_path, dataclasses.replace(SETTINGS, **change)):
        pass
    with open_run(tmp_path, SETTINGS) as run:
        assert len(run.results) == 1


def test_two_evaluations_never_write_to_one_folder(tmp_path):
    refused = pytest.raises(ConfigurationError, match="another evaluation")
    with open_run(tmp_path, SETTINGS), refused, open_run(tmp_path, SETTINGS):
        pass


SLOW = """
    import sys, time
    from pathlib import Path
    from test_run_folder import SETTINGS, result
    from dynarend_core.evaluation.run_folder import open_run
    with open_run(Path(sys.argv[1]), SETTINGS) as run:
        for seed in range(100_000, 200_000):
            run.append(result(seed))
            print(seed, flush=True)
            time.sleep(0.01)
"""


def test_a_killed_process_loses_nothing_that_was_done(tmp_path):
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    words = [sys.executable, "-c", textwrap.dedent(SLOW), str(tmp_path / "run")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as process:
        for _ in range(5):
            last = int(process.stdout.readline())
        time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    reported = int(rest[-1]) if rest else last
    with open_run(tmp_path / "run", SETTINGS) as run:
        seeds = [r.spec.seed for r in run.results]
    assert seeds == list(range(100_000, 100_000 + len(seeds)))
    assert reported <= seeds[-1] <= reported + 1
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["episodes"] == 2
