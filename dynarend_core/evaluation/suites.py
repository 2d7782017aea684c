"""The sets of tasks that an evaluation can name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dynarend_core.errors import ConfigurationError

FOUR = ("push_buttons", "open_drawer", "slide_block_to_color_target", "meat_off_grill")
"""The tasks of the shipped policy."""

SUITES = {
    "four": "the tasks of the shipped policy",
    "rlbench18": "the eighteen tasks of PerAct and RVT, which are all there are",
    "colosseum": "the same tasks, undisturbed and under each perturbation that applies to them, and under all",
}


def choose_tasks(named: str | None, suite: str | None, policy: Path | None) -> tuple[str, ...]:
    """The tasks to run: those named, else the suite's, else those that the policy was trained on.

    Args:
        named: Comma-separated task names, or None.
        suite: One of ``SUITES``, or None.
        policy: The policy's folder; None for one that does not come from a folder.

    Raises:
        CheckpointError: the policy's folder is asked, and is missing or damaged.
        ConfigurationError: unknown task or suite, or nothing says which tasks to run.
    """
    from dynarend_core.sim.mujoco.tasks import TASKS

    if suite is not None and suite not in SUITES:
        raise ConfigurationError(f"unknown suite {suite!r}; choose from {', '.join(SUITES)}")
    every = sorted(TASKS)
    names = named.split(",") if named else FOUR if suite == "four" else every if suite else _trained_tasks(policy)
    if unknown := [name for name in names if name not in TASKS]:
        raise ConfigurationError(f"unknown tasks {unknown}; there are {every}")
    return tuple(dict.fromkeys(names))


def _trained_tasks(policy: Path | None) -> Sequence[str]:
    from dynarend_core.networks.checkpoint import load_info

    if policy is None:
        raise ConfigurationError("this policy does not say which tasks it is for; name some with --tasks or --suite")
    names = load_info(policy).tasks
    if not names:
        raise ConfigurationError(f"{policy} does not say which tasks it was trained on; name some with --tasks")
    return names
