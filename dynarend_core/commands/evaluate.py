"""``dynarend evaluate``: success of a policy on unseen scenes, in process and without ROS."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.commands.json_report import add_json_option
from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.rollout import MAX_KEYFRAMES
from dynarend_core.sim.environment import EVALUATION_SEED_START

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from dynarend_core.evaluation.parallel import Stage
    from dynarend_core.evaluation.rollout import EpisodeResult
    from dynarend_core.types import Array

DEFAULT_POLICY = Path("models/policies/small")
DEFAULT_WORKERS = 2
FILMSTRIP_CAMERAS = ("front", "left_shoulder")
FILMSTRIP_SIZE = (256, 256)

DESCRIPTION = """\
Run a policy in the MuJoCo simulator, closed loop, and count successes.

Every episode has a seed that training never saw (100000 and above); variations cycle; the instruction's phrasing is
drawn from all phrasings of the task, the held-out one included, whose successes are also reported on their own.
What goes wrong is counted by cause: ik, planning, timeout, wrong_object, dropped, policy, simulator, ...

examples:
  dynarend evaluate --policy models/policies/small --episodes 25 --json runs/evaluate.json
  dynarend evaluate --tasks open_drawer --episodes 5 --filmstrips runs/pictures"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "evaluate",
        help="success of a policy on unseen scenes, with confidence intervals",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--policy", type=Path, default=DEFAULT_POLICY, help=f"policy folder (default: {DEFAULT_POLICY})")
    p.add_argument(
        "--tasks",
        help="comma-separated task names (default: those the policy was trained on; `dynarend tasks` lists all)",
    )
    p.add_argument("--episodes", type=int, default=25, help="episodes a task (default: 25)")
    p.add_argument("--workers", type=int, default=DEFAULT_WORKERS, help=f"processes (default: {DEFAULT_WORKERS})")
    p.add_argument("--seed-start", type=int, default=EVALUATION_SEED_START,
                   help="seed of each task's first episode (default: %(default)s, the least allowed)")  # fmt: skip
    p.add_argument("--max-keyframes", type=int, default=MAX_KEYFRAMES,
                   help="keyframes until an episode counts as timed out (default: %(default)s)")  # fmt: skip
    add_json_option(p, "counts, causes, intervals, latencies and every episode")
    p.add_argument("--filmstrips", type=Path, metavar="DIR", help="save a picture of every episode here")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; returns 0 however well the policy does."""
    # before torch and the workers load: episodes run side by side, so each gets one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from rich.console import Console

    from dynarend_core.evaluation import report
    from dynarend_core.evaluation.parallel import run_episodes
    from dynarend_core.evaluation.simulated import simulator_episodes

    if args.workers < 1:
        raise ConfigurationError(f"--workers must be at least 1, got {args.workers}")
    if args.max_keyframes < 1:
        raise ConfigurationError(f"--max-keyframes must be at least 1, got {args.max_keyframes}")
    if not args.policy.is_dir():
        raise CheckpointError(f"no policy folder {args.policy}; train one with `dynarend finetune` or give --policy")
    specs = simulator_episodes(args.tasks, args.policy, args.episodes, args.seed_start)
    make_stage = functools.partial(make_mujoco_stage, args.policy, args.filmstrips is not None)
    console = Console()
    results = run_episodes(specs, make_stage, min(args.workers, len(specs)), args.max_keyframes)
    collected = _collect(results, len(specs), args.filmstrips, console)
    summary = report.summarise(collected, command=shlex.join(["dynarend", *sys.argv[1:]]))
    console.print(report.table(summary))
    if args.json is not None:
        summary.write(args.json)
        console.print(f"report: {args.json}")
    return 0


def make_mujoco_stage(policy_folder: Path, with_pictures: bool) -> Stage:
    """Simulator and policy of one process, one torch thread."""
    import numpy as np
    import torch

    from dynarend_core.evaluation.parallel import Stage
    from dynarend_core.policy import Policy
    from dynarend_core.sim.mujoco.environment import MujocoEnvironment

    torch.set_num_threads(1)
    environment = MujocoEnvironment()

    def snapshot() -> Array:
        views = environment.world.views(FILMSTRIP_CAMERAS, size=FILMSTRIP_SIZE)
        return np.vstack([view.rgb for view in views])

    policy = Policy.from_checkpoint(policy_folder)
    with contextlib.suppress(Exception):  # in an episode it would be counted; here only compilation is to be over
        policy.act(environment.reset(environment.task_names()[0], 0, EVALUATION_SEED_START))
    return Stage(environment, policy, snapshot if with_pictures else None)


def _collect(
    results: Iterable[EpisodeResult], total: int, filmstrips: Path | None, console: Console
) -> list[EpisodeResult]:
    """Gather results under a live progress line; write a filmstrip as soon as its episode ends."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    collected: list[EpisodeResult] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting", total=total)
        for result in results:
            collected.append(result)
            successes = sum(r.success for r in collected)
            progress.update(bar, advance=1, description=f"{successes}/{len(collected)} solved")
            if not result.success:
                spec = result.spec
                progress.console.print(
                    f"{spec.task} seed {spec.seed}: {result.failure_reason.value} ({result.message})", markup=False
                )
            if filmstrips is not None and result.frames:
                write_filmstrip(filmstrips, result)
    return collected


def write_filmstrip(folder: Path, result: EpisodeResult) -> Path:
    """Save the pictures of an episode as ``<task>_<seed>_<outcome>.png``; returns the path."""
    import cv2

    from dynarend_core.visualization.filmstrip import filmstrip

    outcome = "success" if result.success else result.failure_reason.value
    captions = ["start", *(f"keyframe {i}" for i in range(1, len(result.frames)))]
    image = filmstrip(result.frames, captions, title=result.instruction, success=result.success, outcome=outcome)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.spec.task}_{result.spec.seed}_{outcome}.png"
    cv2.imwrite(str(path), image[..., ::-1])
    return path
