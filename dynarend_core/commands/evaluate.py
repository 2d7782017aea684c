"""``dynarend evaluate``: success of a policy on unseen scenes, in process and without ROS."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.commands.json_report import add_json_option
from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.rollout import MAX_KEYFRAMES
from dynarend_core.evaluation.suites import SUITES
from dynarend_core.sim.environment import EVALUATION_SEED_START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from dynarend_core.evaluation.mujoco_stage import MujocoStage
    from dynarend_core.evaluation.policy_source import PolicySource
    from dynarend_core.evaluation.report import EvaluationReport
    from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
    from dynarend_core.evaluation.run_folder import EvaluationSettings, RunFolder

FOUR_TASK_POLICY, ALL_TASK_POLICY = "models/policies/small", "models/policies/tasks18"
DEFAULT_WORKERS = 2
EXECUTORS = ("planner", "perfect")
ENGINES = ("local", "dask")

DESCRIPTION = """\
Run a policy in the MuJoCo simulator, closed loop, and count successes.

Every episode has a seed that training never saw (100000 and above); variations cycle; the instruction's phrasing is
drawn from all phrasings of the task, the held-out one included, whose successes are also reported on their own.
What goes wrong is counted by cause: ik, planning, timeout, wrong_object, dropped, policy, simulator, ...

With --out, results are kept in a folder as they come: after an interruption the same command goes on. The folder ends
with report.json and report.html (docs/evaluation.md).

examples:
  dynarend evaluate --policy models/policies/small --episodes 25 --out runs/evaluate
  dynarend evaluate --suite rlbench18 --policy runs/mine/policy --repeats 5 --out runs/rlbench18
  dynarend evaluate --suite colosseum --episodes 5 --out runs/colosseum --json runs/colosseum.json
  dynarend evaluate --policy examples/02_your_own_policy.py:make --tasks push_buttons --episodes 5
  dynarend evaluate --tasks open_drawer --executor perfect        # are failures the planner's or the policy's?"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "evaluate",
        help="success of a policy on unseen scenes, with confidence intervals",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--policy", metavar="POLICY", help="its folder, or FILE.py:FACTORY or MODULE:FACTORY (default: "
                   f"{FOUR_TASK_POLICY}; with --suite rlbench18 or colosseum {ALL_TASK_POLICY})")  # fmt: skip
    p.add_argument("--suite", choices=list(SUITES), help="; ".join(f"{name}: {text}" for name, text in SUITES.items()))
    p.add_argument(
        "--tasks",
        help="comma-separated task names (default: the suite's, else those the policy was trained on; "
        "`dynarend tasks` lists all)",
    )
    p.add_argument("--perturbations", metavar="NAMES",
                   help="comma-separated (default: the suite's); undisturbed scenes are always run too")  # fmt: skip
    p.add_argument("--episodes", type=int, default=25, help="episodes a task (default: %(default)s)")
    p.add_argument("--repeats", type=int, default=1,
                   help="evaluations, each with other scenes: mean and deviation (default: %(default)s)")  # fmt: skip
    p.add_argument("--executor", choices=EXECUTORS, default=EXECUTORS[0],
                   help="perfect: reach every keyframe without a planner (default: %(default)s)")  # fmt: skip
    p.add_argument(
        "--out", type=Path, metavar="RUN", help="folder of results, reports and pictures; resumed if it exists"
    )
    p.add_argument("--workers", type=int, default=DEFAULT_WORKERS, help="processes here (default: %(default)s)")
    p.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="who runs episodes (default: %(default)s)")
    p.add_argument("--scheduler", metavar="ADDRESS", help="of --engine dask, e.g. tcp://10.0.0.1:8786")
    p.add_argument("--seed-start", type=int, default=EVALUATION_SEED_START,
                   help="seed of each task's first episode (default: %(default)s, the least allowed)")  # fmt: skip
    p.add_argument("--max-keyframes", type=int, default=MAX_KEYFRAMES,
                   help="keyframes until an episode counts as timed out (default: %(default)s)")  # fmt: skip
    add_json_option(p, "counts, causes, intervals, latencies and every episode")
    p.add_argument("--filmstrips", type=Path, metavar="DIR", help="save a picture of every episode here")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; returns 0 however well the policy does.

    Raises:
        ConfigurationError: options that make no sense, or a folder with another evaluation.
        CheckpointError: the policy's folder is missing or damaged.
    """
    # before torch and the workers load: episodes run side by side, so each gets one thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from rich.console import Console

    from dynarend_core.evaluation.policy_source import PolicySource
    from dynarend_core.evaluation.report import summarise
    from dynarend_core.evaluation.run_folder import open_run
    from dynarend_core.evaluation.simulated import choose_perturbations, simulator_episodes
    from dynarend_core.evaluation.suites import choose_tasks

    _check(args)
    args.policy = args.policy or (ALL_TASK_POLICY if args.suite in ("rlbench18", "colosseum") else FOUR_TASK_POLICY)
    source, console, started_s = PolicySource(args.policy), Console(), time.monotonic()
    source.check()
    tasks = choose_tasks(args.tasks, args.suite, source.folder)
    perturbations = choose_perturbations(args.perturbations, args.suite, tasks)
    specs = simulator_episodes(tasks, args.episodes, args.seed_start, args.repeats, perturbations)
    settings = _settings(args, source, tasks, perturbations)
    console.print(f"{args.policy} on {len(tasks)} tasks, {len(specs)} episodes", highlight=False)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(open_run(args.out, settings)) if args.out is not None else None
        results = _collect(args, specs, _stage(args, source), folder, console)
    report = summarise(
        results,
        command=shlex.join(["dynarend", *sys.argv[1:]]),
        settings=settings.as_json(),
        elapsed_s=round(time.monotonic() - started_s, 1),
    )
    _finish(report, results, args, console)
    return 0


def _check(args: argparse.Namespace) -> None:
    for name in ("workers", "max_keyframes"):
        if getattr(args, name) < 1:
            raise ConfigurationError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(args, name)}")
    if (args.engine == "dask") != (args.scheduler is not None):
        raise ConfigurationError("--engine dask and --scheduler ADDRESS go together; `dask scheduler` starts one")


def _settings(
    args: argparse.Namespace, source: PolicySource, tasks: tuple[str, ...], perturbations: Sequence[str]
) -> EvaluationSettings:
    from dynarend_core.evaluation.run_folder import EvaluationSettings, code_fingerprint
    from dynarend_core.sim.environment import UNDISTURBED

    return EvaluationSettings(
        policy=args.policy,
        fingerprint=source.fingerprint(),
        suite=args.suite or "",
        tasks=tasks,
        perturbations=(UNDISTURBED, *perturbations),
        episodes=args.episodes,
        repeats=args.repeats,
        seed_start=args.seed_start,
        max_keyframes=args.max_keyframes,
        executor=args.executor,
        code=code_fingerprint(),
    )


def _stage(args: argparse.Namespace, source: PolicySource) -> MujocoStage:
    from dynarend_core.evaluation.mujoco_stage import MujocoStage
    from dynarend_core.evaluation.parallel import Pictures

    pictures = Pictures.ALL if args.filmstrips else Pictures.FAILURES if args.out else Pictures.NONE
    return MujocoStage(source.resolved(), pictures, source.fingerprint(), perfect_executor=args.executor == "perfect")


def _collect(
    args: argparse.Namespace,
    specs: Sequence[EpisodeSpec],
    make_stage: MujocoStage,
    folder: RunFolder | None,
    console: Console,
) -> list[EpisodeResult]:
    """Run what is not done yet, under a live table; keep each result and its pictures as soon as it is there."""
    from dataclasses import replace

    from dynarend_core.commands.evaluate_display import EvaluationDisplay
    from dynarend_core.evaluation.pictures import FailurePictures, save_filmstrip
    from dynarend_core.evaluation.run_folder import PICTURES

    results = list(folder.results) if folder else []
    if folder and (others := {result.spec for result in results} - set(specs)):
        raise ConfigurationError(
            f"{folder.path} holds {len(others)} episodes that are not asked for, such as {next(iter(others))}: it was "
            "begun by another version of this program; give another --out"
        )
    done = {result.spec for result in results}
    failures = FailurePictures(folder.path / PICTURES, results) if folder else None
    with EvaluationDisplay(specs, results, console) as display:
        for result in _engine(args)([spec for spec in specs if spec not in done], make_stage):
            if failures is not None:
                failures.add(result)
            if folder is not None:
                folder.append(result)
            if args.filmstrips is not None and result.frames:
                save_filmstrip(args.filmstrips, result)
            results.append(replace(result, frames=()))
            display.add(result)
    return results


def _engine(
    args: argparse.Namespace,
) -> Callable[[Sequence[EpisodeSpec], MujocoStage], Iterator[EpisodeResult]]:
    from dynarend_core.evaluation.dask_engine import run_on_dask
    from dynarend_core.evaluation.parallel import run_episodes

    if args.engine == "dask":
        return lambda specs, stage: run_on_dask(specs, stage, args.scheduler, args.max_keyframes)
    return lambda specs, stage: run_episodes(specs, stage, min(args.workers, len(specs)), args.max_keyframes)


def _finish(
    report: EvaluationReport, results: Sequence[EpisodeResult], args: argparse.Namespace, console: Console
) -> None:
    """Print the tables and write the reports."""
    from dynarend_core.evaluation.html_report import write_page
    from dynarend_core.evaluation.report_table import perturbation_table, task_table
    from dynarend_core.evaluation.run_folder import PAGE, PICTURES, REPORT

    console.print(task_table(report))
    if report.perturbations:
        console.print(perturbation_table(report))
    if args.json is not None:
        report.write(args.json)
        console.print(f"report: {args.json}", highlight=False)
    if args.out is not None:
        report.write(args.out / REPORT)
        write_page(report, results, args.out / PICTURES, args.out / PAGE)
        console.print(f"report: {args.out / PAGE} and {REPORT}", highlight=False)
