"""The episodes that ``dynarend evaluate`` and ``dynarend demo`` run in MuJoCo: the same schedule for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.evaluation.schedule import schedule_episodes
from dynarend_core.sim.environment import EVALUATION_SEED_START


def simulator_episodes(
    tasks: Sequence[str],
    episodes: int,
    seed_start: int = EVALUATION_SEED_START,
    repeats: int = 1,
    perturbations: Sequence[str] = (),
) -> list[EpisodeSpec]:
    """List the episodes; each scene undisturbed first, then under every perturbation that applies to its task.

    Args:
        tasks: Task names, known ones.
        episodes: Episodes a task and repeat.
        seed_start: Seed of each task's first episode.
        repeats: Evaluations of so many episodes, each with scenes of its own.
        perturbations: Names, besides ``none``.

    Raises:
        ConfigurationError: numbers that make no sense, or a perturbation that applies to none of the tasks.
    """
    from dynarend_core.sim.mujoco.perturbations.catalogue import applicable
    from dynarend_core.sim.mujoco.tasks import TASKS

    usual = schedule_episodes(
        tasks,
        episodes,
        variation_count=lambda task: TASKS[task].variation_count,
        phrasing_count=lambda task, variation: len(TASKS[task](variation, np.random.default_rng(0)).instructions()),
        seed_start=seed_start,
        repeats=repeats,
    )
    wanted = {task: [name for name in perturbations if name in applicable(task)] for task in tasks}
    if idle := [name for name in perturbations if not any(name in names for names in wanted.values())]:
        raise ConfigurationError(f"perturbations that apply to none of the tasks: {', '.join(idle)}")
    return [
        dataclasses.replace(spec, perturbation=name) if name else spec
        for spec in usual
        for name in (None, *wanted[spec.task])
    ]


def choose_perturbations(named: str | None, suite: str | None, tasks: Sequence[str]) -> tuple[str, ...]:
    """The perturbations to run besides ``none``: those named, else the suite's.

    Raises:
        ConfigurationError: unknown perturbation.
    """
    from dynarend_core.sim.environment import UNDISTURBED
    from dynarend_core.sim.mujoco.perturbations.catalogue import PERTURBATIONS, applicable

    if named is None and suite == "colosseum":
        return tuple(name for name in PERTURBATIONS if any(name in applicable(task) for task in tasks))
    names = [name for name in dict.fromkeys(named.split(",") if named else []) if name != UNDISTURBED]
    if unknown := [name for name in names if name not in PERTURBATIONS]:
        raise ConfigurationError(f"unknown perturbations {unknown}; choose from {', '.join(PERTURBATIONS)}")
    return tuple(names)
