"""The protocol every simulator (and any test double of a robot) fulfils."""

from __future__ import annotations

from typing import Protocol

from dynarend_core.types import Keyframe, Observation, StepResult

EVALUATION_SEED_START = 100_000
"""Scenes of training and evaluation never share a seed: demonstrations have smaller ones, evaluations these and up."""

UNDISTURBED = "none"
"""The perturbation of usual scenes."""


class Environment(Protocol):
    """A manipulation task that is advanced one keyframe at a time."""

    def reset(
        self, task: str, variation: int, seed: int, phrasing: int | None = None, *, perturbation: str = UNDISTURBED
    ) -> Observation:
        """Build the scene of ``task`` and return the first observation.

        Args:
            task: Task name, e.g. ``"open_drawer"``.
            variation: Variation index in ``[0, variation_count(task))``.
            seed: Seed of object placement; equal seeds give equal scenes.
            phrasing: Which of the task's phrasings to use; None draws one from the seed.
            perturbation: How the scene differs from the usual one; ``"none"`` is the usual one (docs/tasks.md).

        Raises:
            ConfigurationError: unknown task, variation or perturbation, or one that makes no sense for the task.
            SimulationError: no valid placement found.
        """
        ...

    def step(self, keyframe: Keyframe) -> StepResult:
        """Plan to the keyframe, execute the motion in physics, apply the gripper, and look again."""
        ...

    def close(self) -> None:
        """Release renderers and other resources; safe to call twice."""
        ...
