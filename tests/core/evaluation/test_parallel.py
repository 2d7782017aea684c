"""Worker processes give the same results as one process, report errors, and survive their own death."""

import dataclasses
import functools
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from dynarend_core.errors import CheckpointError
from dynarend_core.evaluation.parallel import run_episodes
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.types import FailureReason

SPECS = [EpisodeSpec("task", variation, 100_000 + variation, 0) for variation in range(5)]


ORPHANS = """
    import multiprocessing, time
    import evaluation_fakes
    from dynarend_core.evaluation.parallel import run_episodes
    from dynarend_core.evaluation.rollout import EpisodeSpec
    if __name__ == "__main__":
        specs = [EpisodeSpec("task", 0, seed) for seed in range(2000)]
        for _ in run_episodes(specs, evaluation_fakes.stage, workers=2):
            workers = multiprocessing.active_children()
            if len(workers) == 2:
                print(*(worker.pid for worker in workers), flush=True)
                time.sleep(60)
"""


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def outcome(results):
    return {r.spec: (r.success, r.failure_reason, r.instruction, r.steps) for r in results}


def test_two_workers_find_what_one_process_finds(fakes):
    alone = outcome(run_episodes(SPECS, fakes.stage))
    assert alone == outcome(run_episodes(SPECS, fakes.stage, workers=2))
    assert [alone[spec][0] for spec in SPECS] == [True, True, True, False, True]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stage_that_cannot_be_built_is_an_error_not_a_failed_episode(fakes, workers):
    with pytest.raises(CheckpointError, match="damaged"):
        list(run_episodes(SPECS, fakes.broken_stage, workers=workers))


def test_dying_workers_are_replaced_and_the_deadly_episode_becomes_a_failure(fakes):
    specs = [dataclasses.replace(SPECS[0], seed=SPECS[0].seed + i) for i in range(9)]
    specs.insert(4, dataclasses.replace(SPECS[2], seed=SPECS[2].seed + 10))
    results = outcome(run_episodes(specs, functools.partial(fakes.deadly_stage), workers=2))
    assert set(results) == set(specs)
    assert results.pop(specs[4])[:2] == (False, FailureReason.SIMULATOR)
    assert all(success for success, *_ in results.values())


def test_workers_end_when_their_parent_is_killed(fakes):
    words = [sys.executable, "-c", textwrap.dedent(ORPHANS)]
    path = os.pathsep.join([os.path.dirname(fakes.__file__), *sys.path])
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as process:
        workers = [int(word) for word in process.stdout.readline().split()]
        process.kill()
    assert len(workers) == 2
    deadline = time.monotonic() + 30.0
    while any(running(pid) for pid in workers):
        assert time.monotonic() < deadline, "the workers live on"
        time.sleep(0.05)
