"""``dynarend tasks``: what there is to do in the simulator, in words or as a contact sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.errors import ConfigurationError, DynaRendError

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.environment import MujocoEnvironment
    from dynarend_core.types import Array

PICTURE = (320, 320)
FRAME_WIDTH = 190
COLUMNS = 6
SEEDS = range(40)
PERTURBED, PERTURBED_SEED, PERTURBED_COLUMNS = ("meat_off_grill", "reach_and_drag"), 1, 8
"""Pictured with --perturbations: two tasks that know every factor, so that two rows show one of them."""

DESCRIPTION = """\
List the tasks of the simulator: name, number of variations, and what the instruction of one variation says. The last
phrasing of every list is never trained on (docs/tasks.md says how each task is judged).

With --sheet, the scripted expert solves one scene of each task, and a picture shows its start and its end. With
--perturbations, a picture shows one scene under every perturbation that applies, of two tasks or those of --tasks.

examples:
  dynarend tasks
  dynarend tasks --tasks close_jar,turn_tap --variation 1
  dynarend tasks --sheet docs/images/tasks.png
  dynarend tasks --perturbations docs/images/perturbations.png"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "tasks", help="list the simulator's tasks, or picture them", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    p.add_argument("--tasks", help="comma-separated task names (default: all)")
    p.add_argument("--variation", type=int, default=0, help="whose instructions to list (default: %(default)s)")
    p.add_argument("--sheet", type=Path, metavar="FILE", help="write a picture of every task's start and success here")
    p.add_argument("--perturbations", type=Path, metavar="FILE", help="write a picture of perturbed scenes here")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List or picture.

    Raises:
        ConfigurationError: unknown task or variation.
        DynaRendError: the expert solved none of the scenes tried.
    """
    from dynarend_core.sim.mujoco.tasks import TASKS

    names = sorted(args.tasks.split(",") if args.tasks else TASKS)
    unknown = [name for name in names if name not in TASKS]
    if unknown:
        raise ConfigurationError(f"unknown tasks {unknown}; there are {sorted(TASKS)}")
    if args.sheet is not None:
        _draw_sheet(names, args.sheet)
    if args.perturbations is not None:
        _draw_perturbations(names if args.tasks else list(PERTURBED), args.variation, args.perturbations)
    if args.sheet is None and args.perturbations is None:
        _list(names, args.variation)
    return 0


def _list(names: list[str], variation: int) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from dynarend_core.sim.mujoco.tasks import TASKS

    table = Table(title=f"{len(names)} tasks")
    table.add_column("task", no_wrap=True)
    table.add_column("variations", justify="right")
    table.add_column("instructions (the last is held out of training)")
    for name in names:
        task = TASKS[name](variation, np.random.default_rng(0))
        table.add_row(name, str(task.variation_count), "\n".join(task.instructions()), end_section=True)
    Console().print(table)


def _draw_perturbations(names: list[str], variation: int, path: Path) -> None:
    """One scene of each task under ``none`` and every perturbation that applies."""
    from rich.progress import track

    from dynarend_core.sim.environment import UNDISTURBED
    from dynarend_core.sim.mujoco.perturbations.catalogue import applicable
    from dynarend_core.sim.mujoco.world import MujocoWorld

    world = MujocoWorld()
    frames, captions = [], []
    try:
        pairs = [(name, perturbation) for name in names for perturbation in (UNDISTURBED, *applicable(name))]
        for name, perturbation in track(pairs, description="drawing"):
            world.reset(name, variation, PERTURBED_SEED, perturbation=perturbation)
            frames.append(world.views(("front",), size=PICTURE)[0].rgb)
            captions.append(f"{name}: none" if perturbation == UNDISTURBED else perturbation)
    finally:
        world.close()
    _write(frames, captions, PERTURBED_COLUMNS, path)


def _write(frames: list[Array], captions: list[str], columns: int, path: Path) -> None:
    import cv2

    from dynarend_core.visualization.filmstrip import filmstrip

    path.parent.mkdir(parents=True, exist_ok=True)
    image = filmstrip(frames, captions, columns=columns, frame_width=FRAME_WIDTH)
    cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _draw_sheet(names: list[str], path: Path) -> None:
    from rich.progress import track

    from dynarend_core.sim.mujoco.environment import MujocoEnvironment

    environment = MujocoEnvironment()
    frames, captions = [], []
    try:
        for name in track(names, description="solving"):
            start, end, words = _solved(environment, name)
            frames += [start, end]
            captions += [f"{name}: {words}", "solved"]
    finally:
        environment.close()
    _write(frames, captions, COLUMNS, path)


def _solved(environment: MujocoEnvironment, name: str) -> tuple[Array, Array, str]:
    """Pictures before and after, and the instruction, of the first scene that the expert solves."""
    world = environment.world
    for seed in SEEDS:
        observation = environment.reset(name, seed % environment.variation_count(name), seed, phrasing=0)
        start = world.views(("front",), size=PICTURE, visual=True)[0].rgb
        for target in world.task.waypoints(world):
            observation = environment.step(target, observation).observation
        if world.success():
            end = world.views(("front",), size=PICTURE, visual=True)[0].rgb
            return start, end, observation.instruction
    raise DynaRendError(f"{name}: the expert solved none of the scenes {SEEDS.start} to {SEEDS.stop - 1}")
