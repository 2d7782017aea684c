"""Which episodes an evaluation runs: unseen seeds, all variations, phrasings drawn by the seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.sim.environment import EVALUATION_SEED_START


def schedule_episodes(
    tasks: Sequence[str],
    episodes: int,
    variation_count: Callable[[str], int],
    phrasing_count: Callable[[str, int], int],
    seed_start: int = EVALUATION_SEED_START,
    repeats: int = 1,
) -> list[EpisodeSpec]:
    """List ``episodes`` episodes a task, tasks interleaved.

    Variations cycle; if a task has more than ``episodes``, they are spread evenly over all of them. The phrasing is
    drawn by task and seed from all phrasings; the last is the one held out of training. Every repeat has scenes of its
    own: simulator and planner draw nothing by chance, so the same scenes would give the same results again.

    Raises:
        ConfigurationError: a seed that training may have seen, or no episodes.
    """
    if seed_start < EVALUATION_SEED_START:
        raise ConfigurationError(f"evaluation seeds start at {EVALUATION_SEED_START} or above, got {seed_start}")
    if episodes < 1:
        raise ConfigurationError(f"episodes must be at least 1, got {episodes}")
    if repeats < 1:
        raise ConfigurationError(f"repeats must be at least 1, got {repeats}")
    specs = []
    for number in range(episodes * repeats):
        repeat, index = divmod(number, episodes)
        for task in tasks:
            count = variation_count(task)
            spread = (index * repeats + repeat) * count // (episodes * repeats)
            variation = number % count if count <= episodes else spread
            seed = seed_start + number
            phrasings = phrasing_count(task, variation)
            # crc32, not hash(): the draw must be the same in every process
            phrasing = int(np.random.default_rng([seed, zlib.crc32(task.encode())]).integers(phrasings))
            held_out = phrasing == phrasings - 1
            specs.append(EpisodeSpec(task, variation, seed, phrasing, held_out, repeat=repeat))
    return specs
