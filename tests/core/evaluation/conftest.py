"""Simulators and policies for tests that start processes."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterator
from types import ModuleType

import pytest

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


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that spawned processes can import too: spawn hands sys.path down."""
    folder = tmp_path_factory.mktemp("fakes")
    (folder / "evaluation_fakes.py").write_text(textwrap.dedent(STAGE))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("evaluation_fakes")
