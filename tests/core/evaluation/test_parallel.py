"""Worker processes give the same results as one process, report errors, and survive their own death."""

import dataclasses
import functools
import textwrap

import pytest

from dynarend_core.errors import CheckpointError
from dynarend_core.evaluation.parallel import run_episodes
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.types import FailureReason

SPECS = [EpisodeSpec("task", variation, 100_000 + variation, 0) for variation in range(5)]

STAGE = """
    import os
    import numpy as np
    from dynarend_core.errors import CheckpointError
    from dynarend_core.evaluation.parallel import Stage
    from dynarend_core.types import FailureReason, GripperState, Keyframe, Observation, Prediction, StepResult

    class Environment:
        def reset(self, task, variation, seed, phrasing=None, perturbation="none"):
            self.observation = Observation((), GripperState(np.eye(4), True), f"variation {variation}")
            self.variation = variation
            return self.observation
        def step(self, keyframe):
            if self.variation == 3:
                return StepResult(self.observation, False, FailureReason.DROPPED)
            return StepResult(self.observation, True)
        def close(self):
            pass

    class Policy:
        def act(self, observation):
            return Prediction(Keyframe(np.eye(4), True), 1.0, ())

    class DeadlyPolicy(Policy):
        def act(self, observation):
            if observation.instruction == "variation 2":
                os._exit(1)
            return super().act(observation)

    def stage():
        return Stage(Environment(), Policy())

    def deadly_stage():
        return Stage(Environment(), DeadlyPolicy())

    def broken_stage():
        raise CheckpointError("damaged")
"""


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """A module that spawned processes can import too: spawn hands sys.path down."""
    (tmp_path / "evaluation_fakes.py").write_text(textwrap.dedent(STAGE))
    monkeypatch.syspath_prepend(tmp_path)
    import evaluation_fakes

    return evaluation_fakes


def test_a_stage_passes_the_perturbation_on(fakes):
    spec = dataclasses.replace(SPECS[0], perturbation="mass")
    stage = fakes.stage()
    assert stage.play(spec, 3).spec == spec


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
