"""Worker processes give the same results as one process, report errors, and survive their own death."""

import dataclasses
import functools

import pytest

from dynarend_core.errors import CheckpointError
from dynarend_core.evaluation.parallel import run_episodes
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.types import FailureReason

SPECS = [EpisodeSpec("task", variation, 100_000 + variation, 0) for variation in range(5)]


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
    specs = [dataclasses.replace(spec, seed=spec.seed + 10) for spec in SPECS]
    results = outcome(run_episodes(specs, functools.partial(fakes.deadly_stage), workers=2))
    assert set(results) == set(specs)
    assert results[specs[2]][:2] == (False, FailureReason.SIMULATOR)
    assert results[specs[0]][0]
