"""The scripted expert: solves a task by its own keyframes and records what a policy would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import PlanningError
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.world import random_offset
from dynarend_core.types import FailureReason, Keyframe, Observation

DISPLACED_M, DISPLACED_RAD = 0.02, np.deg2rad(10.0)
"""Largest displacement of the arm in a displaced copy of an observation."""


@dataclass(frozen=True)
class ExpertResult:
    """What became of one demonstration; ``episode`` is None if the task was not solved."""

    episode: EpisodeRecord | None
    failure_reason: FailureReason
    message: str


def demonstrate(environment: MujocoEnvironment, task: str, seed: int, displaced: int = 1) -> ExpertResult:
    """Solve one scene and record it; deterministic by ``(task, seed, displaced)``.

    The variation cycles with the seed, every other demonstration starts from a disturbed arm pose, and only
    phrasings meant for training are used.

    Args:
        environment: Simulator to use.
        task: Task name.
        seed: Scene seed.
        displaced: Displaced copies per observation: the arm up to 2 cm and 10 degrees off, same label.
    """
    variation = seed % environment.variation_count(task)
    rng = np.random.default_rng([seed, 1])
    world = environment.world
    observation = environment.reset(task, variation, seed, phrasing=0, disturb_start=bool(seed % 2))
    instructions = tuple(world.task.instructions()[:-1])
    recorder = _Recorder()
    recorder.add(observation, "start")
    targets = world.task.waypoints(world)
    for step, target in enumerate(targets):
        recorder.begin_step(environment, target, step, displaced, rng)
        result = environment.step(target, observation)
        observation = result.observation
        if result.failure_reason is not FailureReason.NONE:
            return ExpertResult(None, result.failure_reason, f"keyframe {step + 1}: {result.message}")
        recorder.end_step(observation)
    if not world.success():
        return ExpertResult(None, FailureReason.TIMEOUT, "the expert's keyframes did not solve the task")
    episode = EpisodeRecord(
        task=task, variation=variation, seed=seed, instructions=instructions, instruction_used=instructions[0],
        frames=tuple(recorder.frames), transitions=tuple(recorder.transitions), object_names=world.object_names(),
    )  # fmt: skip
    return ExpertResult(episode, FailureReason.NONE, "")


class _Recorder:
    """Collects frames once each, and the transitions that point into them."""

    def __init__(self) -> None:
        self.frames: list[FrameRecord] = []
        self.transitions: list[Transition] = []
        self._pending: list[tuple[int, Keyframe, int]] = []
        self._current = 0

    def add(self, observation: Observation, kind: str) -> int:
        self.frames.append(
            FrameRecord(observation.views, observation.gripper, observation.q, observation.stamp_ns, kind)
        )
        return len(self.frames) - 1

    def begin_step(
        self, environment: MujocoEnvironment, target: Keyframe, step: int, displaced: int, rng: np.random.Generator
    ) -> None:
        """Note the observation the target follows from, and displaced copies of it."""
        self._pending = [(self._current, target, step)]
        for _ in range(displaced):
            offset = random_offset(rng, DISPLACED_M, DISPLACED_RAD)
            try:
                views, gripper, q = environment.world.displaced_views(offset)
            except PlanningError:
                continue
            stamp_ns = max(view.stamp_ns for view in views)
            self.frames.append(FrameRecord(views, gripper, q, stamp_ns, "displaced"))
            self._pending.append((len(self.frames) - 1, target, step))

    def end_step(self, observation: Observation) -> None:
        """The target is reached: close the pending transitions."""
        self._current = self.add(observation, "keyframe")
        self.transitions += [Transition(frame, self._current, target, step) for frame, target, step in self._pending]
