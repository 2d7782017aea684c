"""Demonstrations in which something else than the expert drives, and the expert says in every state what to do next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord
from dynarend_core.errors import DynaRendError
from dynarend_core.sim.mujoco.alternatives import alternatives
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import FALL_S
from dynarend_core.sim.mujoco.mishaps import Mishaps
from dynarend_core.sim.mujoco.recording import Recorder
from dynarend_core.types import EpisodeMemory, FailureReason, Keyframe, Observation, Prediction, StepResult

MAX_KEYFRAMES = 35
"""Keyframes after which an episode of recovering ends."""

POLICY_KEYFRAMES = 25
"""Keyframes after which an episode that a policy drives ends."""

MOVED = (FailureReason.NONE, FailureReason.WRONG_OBJECT, FailureReason.DROPPED)
"""Outcomes of a step in which the arm has moved."""


class Actor(Protocol):
    """A policy."""

    def act(self, observation: Observation) -> Prediction:
        """Choose the next keyframe."""
        ...


class Driver(Protocol):
    """What happens in an episode beside what the expert wants."""

    def disturb(self, step: int) -> bool:
        """Change the world before a step; True if something changed."""
        ...

    def executed(self, observation: Observation, label: Keyframe, step: int) -> Keyframe | None:
        """What the arm does instead of the label; None if it does as told."""
        ...


@dataclass
class ExpertWithMishaps:
    """The expert drives; see :class:`~dynarend_core.sim.mujoco.mishaps.Mishaps`."""

    environment: MujocoEnvironment
    mishaps: Mishaps

    def disturb(self, step: int) -> bool:
        """See :class:`Driver`."""
        return self.mishaps.disturb(self.environment.world, step)

    def executed(self, observation: Observation, label: Keyframe, step: int) -> Keyframe | None:
        """See :class:`Driver`."""
        return self.mishaps.executed(self.environment.world, label, step)


@dataclass
class PolicyWithExpert:
    """The policy drives in a share of the steps, the expert in the others.

    Attributes:
        policy: Anything with ``act(observation)``.
        share: How often the policy drives, in (0, 1].
        rng: Generator of who drives.
    """

    policy: Actor
    share: float
    rng: np.random.Generator

    def disturb(self, step: int) -> bool:
        """See :class:`Driver`."""
        return False

    def executed(self, observation: Observation, label: Keyframe, step: int) -> Keyframe | None:
        """See :class:`Driver`."""
        if self.rng.random() >= self.share:
            return None
        try:
            return self.policy.act(observation).keyframe
        except DynaRendError:  # nothing to be seen in the workspace: the expert goes on
            return None


@dataclass
class DrivenResult:
    """What became of an episode.

    Attributes:
        episode: None if no state of it can be learned from.
        success: Whether the task was solved.
        failure_reason: Why not.
        message: The same in words.
        without_way: States in which the expert had no way on.
        kinds: Mishaps that befell it.
    """

    episode: EpisodeRecord | None
    success: bool
    failure_reason: FailureReason
    message: str = ""
    without_way: int = 0
    kinds: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Recording:
    """How an episode is recorded.

    Attributes:
        displaced: Displaced copies of each observation.
        target_views: Extra views a frame.
        masks: Record which object each pixel shows.
    """

    displaced: int = 1
    target_views: int = 0
    masks: bool = True


def recover(environment: MujocoEnvironment, task: str, seed: int, recording: Recording | None = None) -> DrivenResult:
    """The expert solves a scene in spite of one or two mishaps; deterministic by its arguments.

    Args:
        environment: Simulator to use.
        task: Task name.
        seed: Scene seed.
        recording: How to record; None records nothing and only tells the outcome.

    Raises:
        ConfigurationError: unknown task.
        SimulationError: no placement found.
    """
    observation = _reset(environment, task, seed)
    world, rng = environment.world, np.random.default_rng([seed, 3])
    mishaps = Mishaps(rng, len(world.task.waypoints(world)))
    driver = ExpertWithMishaps(environment, mishaps)
    result = _Drive(environment, driver, seed, recording).run(observation, MAX_KEYFRAMES, "recovery")
    episode = result.episode if result.success else None
    return replace(result, episode=episode, kinds=mishaps.kinds)


def label_policy(
    environment: MujocoEnvironment,
    policy: Actor,
    task: str,
    seed: int,
    share: float = 1.0,
    recording: Recording | None = None,
) -> DrivenResult:
    """The policy drives and the expert labels every state; deterministic by its arguments.

    Args:
        environment: Simulator to use.
        policy: Anything with ``act(observation)``.
        task: Task name.
        seed: Scene seed.
        share: In which share of the steps the policy drives.
        recording: How to record; None records nothing.

    Raises:
        ConfigurationError: unknown task.
        SimulationError: no placement found.
    """
    observation = _reset(environment, task, seed)
    driver = PolicyWithExpert(policy, share, np.random.default_rng([seed, 4]))
    return _Drive(environment, driver, seed, recording).run(observation, POLICY_KEYFRAMES, "policy")


def _reset(environment: MujocoEnvironment, task: str, seed: int) -> Observation:
    variation = seed % environment.variation_count(task)
    return environment.reset(task, variation, seed, phrasing=0, disturb_start=bool(seed % 2))


class _Drive:
    """One episode while it happens.

    Args:
        environment: Simulator, just reset.
        driver: What happens beside what the expert wants.
        seed: Scene seed.
        recording: How to record; None only finds the outcome.
    """

    def __init__(self, environment: MujocoEnvironment, driver: Driver, seed: int, recording: Recording | None) -> None:
        self.environment, self.world, self.driver, self.seed = environment, environment.world, driver, seed
        self.recording, self.displaced = recording, recording.displaced if recording else 0
        views, masks = (recording.target_views, recording.masks) if recording else (0, False)
        self.recorder = Recorder(self.world, views, masks, np.random.default_rng([seed, 2]))
        self.rng = np.random.default_rng([seed, 1])
        self.without_way = 0

    def run(self, observation: Observation, keyframes: int, origin: str) -> DrivenResult:
        """Until success, a failure that nothing can mend, or so many keyframes."""
        if self.driver.disturb(0):
            observation = self.environment.observe()
        self.recorder.add(observation.views, observation.gripper, observation.q, "start")
        self.memory = EpisodeMemory.begin(observation)
        reason, message = FailureReason.TIMEOUT, f"not solved after {keyframes} keyframes"
        for step in range(keyframes):
            result = self._step(observation, step)
            if result is None or self._is_over(result):
                reason = self.world.failure() if result is None else result.failure_reason
                message = "the expert had no way on" if result is None else result.message
                break
            observation = self.environment.observe() if self.driver.disturb(step + 1) else result.observation
        solved = self._is_solved()
        if solved:
            reason, message = FailureReason.NONE, ""
        elif reason is FailureReason.NONE:
            reason = FailureReason.TIMEOUT
        return DrivenResult(self._episode(origin), solved, reason, message, self.without_way)

    def _step(self, observation: Observation, step: int) -> StepResult | None:
        """One keyframe; None if the task is solved or the expert has no way on."""
        label = self._label()
        if label is None:
            return None
        self.recorder.begin_step(label, step, self.displaced, self.rng)
        if self.recording:
            self.recorder.note_alternatives(alternatives(self.world))
        other = self.driver.executed(self.memory.recalled(observation), label, step)
        result = self.environment.step(other or label, observation)
        if other is not None and result.failure_reason not in MOVED:
            other, result = None, self.environment.step(label, observation)
        if result.failure_reason in MOVED:
            self.recorder.end_step(result.observation, other)
            self.memory = self.memory.after(other or label, result.observation)
        return result

    def _label(self) -> Keyframe | None:
        if self._is_solved():
            return None
        label = self.world.task.next_keyframe(self.world)
        if label is None:  # something may still be falling
            self.world.advance(FALL_S)
            label = self.world.task.next_keyframe(self.world)
            self.without_way += label is None and not self._is_solved()
        return label

    def _is_solved(self) -> bool:
        return self.world.success() and self.world.failure() is FailureReason.NONE

    def _is_over(self, result: StepResult) -> bool:
        """Solved, not moved at all, or failed for good; a wrong thing in the hand can be put back."""
        failure = self.world.failure()
        mendable = failure is FailureReason.WRONG_OBJECT and self.world.held is not None
        lost = failure is not FailureReason.NONE and not mendable
        return self._is_solved() or result.failure_reason not in MOVED or lost

    def _episode(self, origin: str) -> EpisodeRecord | None:
        world, recorder = self.world, self.recorder
        if self.recording is None or not recorder.transitions:
            return None
        words = tuple(world.task.instructions()[:-1])
        kept = {t.frame_index for t in recorder.transitions}
        return EpisodeRecord(
            task=world.task.name, variation=world.task.variation, seed=self.seed, instructions=words,
            instruction_used=words[0], frames=tuple(recorder.frames), transitions=tuple(recorder.transitions),
            object_names=world.object_names, origin=origin, executed=recorder.executed,
            alternatives={i: others for i, others in recorder.alternatives.items() if i in kept},
        )  # fmt: skip
