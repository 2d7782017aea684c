"""One demonstration to attempt, in a worker process of ``dynarend collect`` that keeps its simulator and its policy."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dynarend_core.errors import DynaRendError

if TYPE_CHECKING:
    from dynarend_core.datasets.records import EpisodeRecord
    from dynarend_core.evaluation.rollout import Actor
    from dynarend_core.sim.mujoco.environment import MujocoEnvironment

_environments: dict[bool, MujocoEnvironment] = {}
_policies: dict[str, Actor] = {}


@dataclass(frozen=True)
class Job:
    """One demonstration to attempt.

    Attributes:
        root: Store to write, None to write nothing.
        task: Task name.
        episode: Number of the episode in the store.
        seed: Scene seed.
        displaced: Displaced copies of each observation.
        target_views: Extra views a frame.
        perturbation: How the scene differs from the usual one.
        origin: Who drives: ``plain``, ``recovery`` or ``policy``.
        policy: Policy that drives, by name.
        share: Share of the keyframes that it drives.
        perfect_executor: Execute keyframes without planning.
    """

    root: str | None
    task: str
    episode: int
    seed: int
    displaced: int
    target_views: int
    perturbation: str
    origin: str = "plain"
    policy: str = ""
    share: float = 1.0
    perfect_executor: bool = False


@dataclass(frozen=True)
class Outcome:
    """One attempted demonstration; ``failure`` is empty if it was recorded.

    Attributes:
        task_solved: Whether the task was solved in it.
        without_way: States in which the expert had no way on.
        mishaps: What befell it.
        seconds: Wall time [s].
    """

    task: str
    episode: int
    failure: str
    message: str
    keyframes: int
    frames: int
    megabytes: float
    task_solved: bool = True
    without_way: int = 0
    mishaps: tuple[str, ...] = ()
    seconds: float = 0.0


def attempt(job: Job) -> Outcome:
    """Attempt a demonstration, and store it."""
    start = time.perf_counter()
    try:
        outcome = _plain(job) if job.origin == "plain" else _driven(job)
    except DynaRendError as error:
        outcome = Outcome(job.task, job.episode, "simulator", str(error), 0, 0, 0.0, task_solved=False)
    return replace(outcome, seconds=time.perf_counter() - start)


def _plain(job: Job) -> Outcome:
    from dynarend_core.sim.mujoco.expert import demonstrate

    extra = (job.displaced, job.target_views, True) if job.root else (0, 0, False)
    result = demonstrate(_simulator(False), job.task, job.seed, *extra, perturbation=job.perturbation)
    if result.episode is None:
        reason = result.failure_reason.value
        return Outcome(job.task, job.episode, reason, result.message, 0, 0, 0.0, task_solved=False)
    return _stored(job, result.episode)


def _driven(job: Job) -> Outcome:
    from dynarend_core.sim.mujoco.driving import Recording, label_policy, recover

    recording = Recording(job.displaced, job.target_views) if job.root else None
    environment = _simulator(job.perfect_executor)
    if job.origin == "policy":
        result = label_policy(environment, _policy(job.policy), job.task, job.seed, job.share, recording)
    else:
        result = recover(environment, job.task, job.seed, recording)
    if result.episode is not None:
        outcome = _stored(job, result.episode)
    else:
        failure = "" if job.root is None and result.success else result.failure_reason.value
        outcome = Outcome(job.task, job.episode, failure, result.message, 0, 0, 0.0)
    return replace(
        outcome, task_solved=result.success, without_way=result.without_way, mishaps=tuple(result.kinds)
    )  # fmt: skip


def _stored(job: Job, episode: EpisodeRecord) -> Outcome:
    from dynarend_core.datasets.store import DemonstrationStore

    megabytes = 0.0
    if job.root:
        path = DemonstrationStore(job.root).write(job.task, job.episode, episode)
        megabytes = path.stat().st_size / 1e6
    keyframes = sum(frame.kind == "keyframe" for frame in episode.frames)
    return Outcome(job.task, job.episode, "", "", keyframes, len(episode.frames), megabytes)


def _simulator(perfect_executor: bool) -> MujocoEnvironment:
    from dynarend_core.sim.mujoco.environment import MujocoEnvironment

    if perfect_executor not in _environments:
        _environments[perfect_executor] = MujocoEnvironment(perfect_executor=perfect_executor)
    return _environments[perfect_executor]


def _policy(name: str) -> Actor:
    from dynarend_core.evaluation.policy_source import PolicySource

    if name not in _policies:
        import torch

        torch.set_num_threads(1)  # the workers share the processor
        _policies[name] = PolicySource(name).load()
    return _policies[name]
