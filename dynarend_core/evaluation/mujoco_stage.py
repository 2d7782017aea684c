"""Simulator, policy and camera of one process of an evaluation."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from dynarend_core.errors import CheckpointError, MissingDependencyError
from dynarend_core.evaluation.parallel import Pictures, Stage
from dynarend_core.evaluation.policy_source import PolicySource
from dynarend_core.sim.environment import EVALUATION_SEED_START
from dynarend_core.types import Array

_LOG = logging.getLogger(__name__)

CAMERAS = ("front", "left_shoulder")
SIZE = (256, 256)


@dataclass(frozen=True)
class MujocoStage:
    """Builds a :class:`Stage` in MuJoCo; travels to worker processes and other machines.

    Attributes:
        policy: What acts.
        pictures: Which episodes to photograph.
        fingerprint: Of the policy that is meant: the one found here must have the same. Empty: whichever it is.
        perfect_executor: Reach keyframes without a planner (docs/evaluation.md).
    """

    policy: PolicySource
    pictures: Pictures = Pictures.NONE
    fingerprint: str = ""
    perfect_executor: bool = False

    def __call__(self) -> Stage:
        """Load everything, with one thread: episodes run side by side.

        Raises:
            CheckpointError: another policy lies at this place on this machine.
            DynaRendError: the policy cannot be loaded.
            MissingDependencyError: this machine lacks OpenGL or a package.
        """
        if self.fingerprint and self.policy.fingerprint() != self.fingerprint:
            raise CheckpointError(
                f"{self.policy.name} is not here what it was where the evaluation began; copy it anew"
            )
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import numpy as np
        import torch

        from dynarend_core.sim.mujoco.environment import MujocoEnvironment

        torch.set_num_threads(1)
        environment = MujocoEnvironment(perfect_executor=self.perfect_executor)

        def snapshot() -> Array:
            return np.vstack([view.rgb for view in environment.world.views(CAMERAS, size=SIZE)])

        policy = self.policy.load()
        try:
            policy.act(environment.reset(environment.task_names()[0], 0, EVALUATION_SEED_START))
        except MissingDependencyError:
            raise
        except Exception as error:  # in an episode it is counted; here only compilation is to be over
            _LOG.debug("warming up failed: %s", error)
        return Stage(environment, policy, snapshot, self.pictures)
