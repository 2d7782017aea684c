"""The sets of tasks that an evaluation can name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dynarend_core.errors import ConfigurationError

FOUR = ("push_buttons", "open_drawer", "slide_block_to_color_target", "meat_off_grill")
"""The tasks of the shipped policy."""

RLBENCH18 = (
    "close_jar", "insert_onto_square_peg", "light_bulb_in", "meat_off_grill", "open_drawer", "place_cups",
    "place_shape_in_shape_sorter", "place_wine_at_rack_location", "push_buttons", "put_groceries_in_cupboard",
    "put_item_in_drawer", "put_money_in_safe", "reach_and_drag", "slide_block_to_color_target", "stack_blocks",
    "stack_cups", "sweep_to_dustpan_of_size", "turn_tap",
)  # fmt: skip
"""The eighteen tasks of PerAct and RVT (method.md 2.5), whether they stand here or not."""

SUITES = {
    "four": "the tasks of the shipped policy",
    "rlbench18": "those of RLBench's eighteen tasks that are here",
    "colosseum": "the same tasks, undisturbed and under each perturbation that applies to them, and under all",
}


@dataclass(frozen=True)
class TaskList:
    """The tasks of an evaluation.

    Attributes:
        names: In the order they are run.
        missing: Those of the suite that are not here yet.
    """

    names: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people, e.g. ``17 of 18 tasks (missing: place_cups)``."""
        if not self.missing:
            return "1 task" if len(self.names) == 1 else f"{len(self.names)} tasks"
        absent = ", ".join(self.missing)
        return f"{len(self.names)} of {len(self.names) + len(self.missing)} tasks (missing: {absent})"


def choose_tasks(named: str | None, suite: str | None, policy: Path | None) -> TaskList:
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
    names = named.split(",") if named else FOUR if suite == "four" else RLBENCH18 if suite else _trained_tasks(policy)
    names = tuple(dict.fromkeys(names))
    missing = tuple(name for name in names if name not in TASKS)
    if missing and (named or suite is None):
        raise ConfigurationError(f"unknown tasks {list(missing)}; there are {sorted(TASKS)}")
    return TaskList(tuple(name for name in names if name in TASKS), missing)


def _trained_tasks(policy: Path | None) -> Sequence[str]:
    from dynarend_core.networks.checkpoint import load_info

    if policy is None:
        raise ConfigurationError("this policy does not say which tasks it is for; name some with --tasks or --suite")
    names = load_info(policy).tasks
    if not names:
        raise ConfigurationError(f"{policy} does not say which tasks it was trained on; name some with --tasks")
    return names
