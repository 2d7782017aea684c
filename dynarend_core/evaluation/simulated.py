"""The episodes that ``dynarend evaluate`` and ``dynarend demo`` run in MuJoCo: the same schedule for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.evaluation.schedule import schedule_episodes
from dynarend_core.sim.environment import EVALUATION_SEED_START


def simulator_episodes(
    tasks: str | None, policy: Path, episodes: int, seed_start: int = EVALUATION_SEED_START
) -> list[EpisodeSpec]:
    """List the episodes.

    Args:
        tasks: Comma-separated task names; None means those that the policy was trained on.
        policy: The policy's folder.
        episodes: Episodes a task.
        seed_start: Seed of each task's first episode.

    Raises:
        CheckpointError: no tasks given, and the folder is missing or damaged.
        ConfigurationError: unknown task, or numbers that make no sense.
    """
    from dynarend_core.sim.mujoco.tasks import TASKS

    names = tasks.split(",") if tasks else _trained_tasks(policy)
    unknown = [name for name in names if name not in TASKS]
    if unknown:
        raise ConfigurationError(f"unknown tasks {unknown}; there are {sorted(TASKS)}")
    return schedule_episodes(
        names,
        episodes,
        variation_count=lambda task: TASKS[task].variation_count,
        phrasing_count=lambda task, variation: len(TASKS[task](variation, np.random.default_rng(0)).instructions()),
        seed_start=seed_start,
    )


def _trained_tasks(policy: Path) -> list[str]:
    from dynarend_core.networks.checkpoint import load_info

    names = load_info(policy).tasks
    if not names:
        raise ConfigurationError(f"{policy} does not say which tasks it was trained on; name some with --tasks")
    return names
