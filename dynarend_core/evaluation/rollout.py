"""One episode: observe, act, move, until success, failure or the keyframe limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dynarend_core.errors import ConfigurationError, MissingDependencyError, PlanningError
from dynarend_core.geometry import se3
from dynarend_core.sim.environment import UNDISTURBED, Environment
from dynarend_core.types import Array, EpisodeMemory, FailureReason, Keyframe, Observation, Prediction, StepResult

MAX_KEYFRAMES = 25
"""RLBench's limit. The longest scripted demonstration takes 23 (stack_blocks, four blocks)."""


class Actor(Protocol):
    """What is evaluated: anything that answers an observation with the next keyframe."""

    def act(self, observation: Observation) -> Prediction:
        """Choose the next keyframe."""
        ...


@dataclass(frozen=True)
class EpisodeSpec:
    """Which episode to run.

    Attributes:
        task: Task name.
        variation: Variation index.
        seed: Seed of the scene.
        phrasing: Index of the instruction's phrasing; None lets the environment draw one.
        held_out: Whether this phrasing was kept out of training.
        perturbation: How the scene differs from the usual one (docs/tasks.md).
        repeat: Which of several evaluations it belongs to, from 0.
    """

    task: str
    variation: int
    seed: int
    phrasing: int | None = None
    held_out: bool = False
    perturbation: str = UNDISTURBED
    repeat: int = 0


@dataclass(frozen=True)
class EpisodeResult:
    """How an episode went.

    Attributes:
        spec: What was run.
        success: Whether the task's success condition was met.
        failure_reason: ``NONE`` on success.
        message: The cause in words; empty on success.
        instruction: What the policy was told.
        steps: Keyframes executed.
        wall_s: Wall time of the episode [s].
        latencies_ms: Wall time of each call of the policy [ms].
        frames: ``(h, w, 3)`` uint8 pictures, the first before the first keyframe; empty unless recorded.
    """

    spec: EpisodeSpec
    success: bool
    failure_reason: FailureReason
    message: str
    instruction: str
    steps: int
    wall_s: float
    latencies_ms: tuple[float, ...] = ()
    frames: tuple[Array, ...] = ()


def run_episode(
    environment: Environment,
    policy: Actor,
    spec: EpisodeSpec,
    max_keyframes: int = MAX_KEYFRAMES,
    snapshot: Callable[[], Array] | None = None,
) -> EpisodeResult:
    """Run one episode. What the policy or the simulator raises becomes a failure with its cause.

    Args:
        environment: Simulator or robot.
        policy: Anything with ``act(observation)``.
        spec: Task, variation, seed, phrasing and perturbation.
        max_keyframes: Keyframes after which the episode counts as timed out.
        snapshot: Takes a picture, called after the reset and after every keyframe.

    Raises:
        ConfigurationError: the task, variation, phrasing or perturbation does not exist, or the last makes no sense for
            the task.
        MissingDependencyError: simulator, planner or policy need a package or driver that this machine lacks.
    """
    return _Episode(environment, policy, spec, snapshot).run(max_keyframes)


class _EpisodeError(Exception):
    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Episode:
    """What accumulates while an episode runs."""

    def __init__(
        self, environment: Environment, policy: Actor, spec: EpisodeSpec, snapshot: Callable[[], Array] | None
    ) -> None:
        self.environment, self.policy, self.spec, self.snapshot = environment, policy, spec, snapshot
        self.instruction = ""
        self.steps = 0
        self.latencies_ms: list[float] = []
        self.frames: list[Array] = []

    def run(self, max_keyframes: int) -> EpisodeResult:
        start = time.perf_counter()
        try:
            self._play(max_keyframes)
            reason, message = FailureReason.NONE, ""
        except _EpisodeError as failure:
            reason, message = failure.reason, str(failure)
        return EpisodeResult(
            spec=self.spec,
            success=reason is FailureReason.NONE,
            failure_reason=reason,
            message=message,
            instruction=self.instruction,
            steps=self.steps,
            wall_s=time.perf_counter() - start,
            latencies_ms=tuple(self.latencies_ms),
            frames=tuple(self.frames),
        )

    def _play(self, max_keyframes: int) -> None:
        """Return on success; raise :class:`_EpisodeError` otherwise."""
        observation = self._reset()
        memory = EpisodeMemory.begin(observation)
        for _ in range(max_keyframes):
            keyframe = self._act(memory.recalled(observation))
            result = self._step(keyframe)
            self.steps += 1
            if result.success:
                return
            if result.failure_reason is not FailureReason.NONE:
                raise _EpisodeError(result.failure_reason, result.message)
            observation = result.observation
            memory = memory.after(keyframe, observation)
        raise _EpisodeError(FailureReason.TIMEOUT, f"no success after {max_keyframes} keyframes")

    def _reset(self) -> Observation:
        spec = self.spec
        try:
            observation = self.environment.reset(
                spec.task, spec.variation, spec.seed, phrasing=spec.phrasing, perturbation=spec.perturbation
            )
            self._take_picture()
        except (ConfigurationError, MissingDependencyError):
            raise  # the caller's mistake or the machine's, not the episode's
        except Exception as error:
            raise _EpisodeError(FailureReason.SIMULATOR, f"reset: {_describe(error)}") from error
        self.instruction = observation.instruction
        return observation

    def _act(self, observation: Observation) -> Keyframe:
        start = time.perf_counter()
        try:
            keyframe = self.policy.act(observation).keyframe
            self.latencies_ms.append((time.perf_counter() - start) * 1e3)
            se3.check(keyframe.T_base_gripper, "predicted T_base_gripper")
        except MissingDependencyError:
            raise
        except Exception as error:
            raise _EpisodeError(FailureReason.POLICY, f"keyframe {self.steps}: {_describe(error)}") from error
        return keyframe

    def _step(self, keyframe: Keyframe) -> StepResult:
        try:
            result = self.environment.step(keyframe)
            self._take_picture()
        except PlanningError as error:
            raise _EpisodeError(FailureReason(error.cause), f"keyframe {self.steps}: {error}") from error
        except MissingDependencyError:
            raise
        except Exception as error:
            raise _EpisodeError(FailureReason.SIMULATOR, f"keyframe {self.steps}: {_describe(error)}") from error
        return result

    def _take_picture(self) -> None:
        if self.snapshot is not None:
            self.frames.append(self.snapshot())


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
