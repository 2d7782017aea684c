"""Episodes over several processes, each with its own simulator and policy."""

from __future__ import annotations

import enum
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

from dynarend_core.evaluation.rollout import MAX_KEYFRAMES, Actor, EpisodeResult, EpisodeSpec, run_episode
from dynarend_core.sim.environment import Environment
from dynarend_core.types import Array, FailureReason

MAX_RESTARTS = 2
"""How often an episode whose process died (a crashed driver, the memory killer) is tried again, alone."""


class Pictures(enum.Enum):
    """Of which episodes pictures are kept."""

    NONE = "none"
    FAILURES = "failures"
    ALL = "all"


@dataclass
class Stage:
    """What a worker needs: an environment, a policy, and optionally a camera for pictures."""

    environment: Environment
    policy: Actor
    snapshot: Callable[[], Array] | None = None
    pictures: Pictures = Pictures.NONE

    def play(self, spec: EpisodeSpec, max_keyframes: int) -> EpisodeResult:
        """Run one episode on this stage."""
        snapshot = None if self.pictures is Pictures.NONE else self.snapshot
        result = run_episode(self.environment, self.policy, spec, max_keyframes, snapshot)
        wanted = self.pictures is Pictures.ALL or not result.success
        return replace(result, frames=result.frames if wanted else ())


def run_episodes(
    specs: Sequence[EpisodeSpec],
    make_stage: Callable[[], Stage],
    workers: int = 1,
    max_keyframes: int = MAX_KEYFRAMES,
) -> Iterator[EpisodeResult]:
    """Run episodes and yield results as they come, in any order.

    Args:
        specs: What to run.
        make_stage: Builds environment and policy, once a worker; must be picklable if ``workers`` > 1.
        workers: Processes, spawned; 1 stays in this process.
        max_keyframes: See :func:`run_episode`.

    Raises:
        DynaRendError: whatever ``make_stage`` raises, e.g. for a damaged checkpoint.
    """
    if not specs:
        return
    if workers > 1:
        yield from _run_in_workers(specs, make_stage, workers, max_keyframes)
        return
    stage = make_stage()
    try:
        for spec in specs:
            yield stage.play(spec, max_keyframes)
    finally:
        stage.environment.close()


def _run_in_workers(
    specs: Sequence[EpisodeSpec], make_stage: Callable[[], Stage], workers: int, max_keyframes: int
) -> Iterator[EpisodeResult]:
    remaining = list(specs)
    while remaining:
        try:
            for result in _in_pool(remaining, make_stage, workers, max_keyframes):
                remaining.remove(result.spec)
                yield result
        except BrokenProcessPool:
            # Work is handed out in order: one of the first has killed its process, and only it may fail for that.
            suspects, remaining = remaining[:workers], remaining[workers:]
            for spec in suspects:
                yield _alone(spec, make_stage, max_keyframes)


def _in_pool(
    specs: Sequence[EpisodeSpec], make_stage: Callable[[], Stage], workers: int, max_keyframes: int
) -> Iterator[EpisodeResult]:
    context = multiprocessing.get_context("spawn")  # fork would copy GL contexts and thread locks
    with ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(make_stage,)) as pool:
        futures = {pool.submit(_play, spec, max_keyframes) for spec in specs}
        try:
            for future in as_completed(futures):
                futures.remove(future)  # it would keep its pictures until all episodes are over
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _alone(spec: EpisodeSpec, make_stage: Callable[[], Stage], max_keyframes: int) -> EpisodeResult:
    """Run one episode in a process of its own, and again if that dies."""
    for _ in range(1 + MAX_RESTARTS):
        try:
            (result,) = _in_pool([spec], make_stage, 1, max_keyframes)
        except BrokenProcessPool:
            continue
        return result
    return lost_episode(spec, f"its process died {1 + MAX_RESTARTS} times, in which nothing else ran")


def lost_episode(spec: EpisodeSpec, message: str) -> EpisodeResult:
    """The result of an episode whose process died."""
    return EpisodeResult(spec, False, FailureReason.SIMULATOR, message, "", 0, 0.0)


_make_stage: Callable[[], Stage] | None = None
_stage: Stage | None = None


def _start_worker(make_stage: Callable[[], Stage]) -> None:
    global _make_stage
    _make_stage = make_stage
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers, and they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _play(spec: EpisodeSpec, max_keyframes: int) -> EpisodeResult:
    global _stage
    if _stage is None:
        assert _make_stage is not None
        _stage = _make_stage()  # here and not in _start_worker: what it raises then reaches the caller
    return _stage.play(spec, max_keyframes)
