"""`dynarend collect`: scripted demonstrations in the simulator, in parallel."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from dynarend_core.commands.collect_jobs import Job, Outcome, attempt
from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError, SimulationError
from dynarend_core.sim.environment import EVALUATION_SEED_START

NUMBERS = {"plain": 0, "recovery": 1_000_000, "policy": 2_000_000}
"""Episode numbers start here, by who drives; after it comes the seed."""

DESCRIPTION = """\
Solve tasks with the scripted expert in the MuJoCo simulator and store its keyframe demonstrations, one .npz an episode
(docs/data.md). Scenes that the expert fails are left out and counted by cause.

Episode i shows the scene of seed (seed-start + i); equal seeds give equal files. Episodes that are already
stored are skipped, so an interrupted run continues. Seeds from 100000 on are for evaluation and refused.

examples:
  dynarend collect --out data/train --episodes 100                 100 demonstrations of every task
  dynarend collect --out data/val --episodes 20 --seed-start 50000 other scenes, for validation
  dynarend collect --out data/pre --target-views 4                 with extra views to pretrain on
  dynarend collect --out data/train --recoveries --episodes 50     missed grasps, dropped and moved things, made good
  dynarend collect --out data/train --policy DIR --episodes 50     the policy drives, the expert labels every state
  dynarend collect --verify --episodes 50 --json runs/expert.json  only count how often the expert succeeds
  dynarend collect --verify --from-disturbed --episodes 100        the same after one or two mishaps
  dynarend collect --verify --perturbation mass --episodes 5       the same in perturbed scenes (docs/tasks.md)"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "collect", help="record scripted demonstrations in the simulator", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="store to write (a folder); needed unless --verify")
    parser.add_argument("--tasks", help="comma-separated task names (default: all; an unknown name lists them)")
    parser.add_argument("--episodes", type=int, default=100, help="demonstrations a task (default: %(default)s)")
    parser.add_argument("--seed-start", type=int, default=0, help="seed of episode 0 (default: %(default)s)")
    parser.add_argument(
        "--displaced", type=int, default=1,
        help="copies of each observation with the arm displaced, same label (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--target-views", type=int, default=0, metavar="K",
        help="extra views a frame to learn rendering from, each up to 30 degrees beside a fixed camera; policies never "
        "see them (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="solve and count, store nothing; exit code 1 if a task is below 95 %% (place_cups, stack_cups and "
        "place_shape_in_shape_sorter: 90 %%)",
    )
    parser.add_argument(
        "--perturbation", default="none", metavar="NAME",
        help="with --verify: solve perturbed scenes, of the tasks it applies to; an unknown name lists all",
    )  # fmt: skip
    _add_driving_options(parser)
    add_json_option(parser, "counts, failures by cause and timings")
    parser.set_defaults(run=run)


def _add_driving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recoveries", action="store_true",
        help="with mishaps made on purpose: missed grasps, dropped and moved things, which the expert makes good; "
        "episode numbers are 1000000 and the seed, so that they may lie in the store of the plain demonstrations",
    )  # fmt: skip
    parser.add_argument(
        "--policy", metavar="P",
        help="this policy drives (as of `dynarend evaluate`), the expert says in every state what to do next; episode "
        "numbers are 2000000 and the seed",
    )  # fmt: skip
    parser.add_argument(
        "--share-of-policy", type=float, default=1.0, metavar="S",
        help="with --policy: share of the keyframes that it drives, the expert the others (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--executor", choices=("planner", "perfect"), default="planner",
        help="with --policy: how keyframes are executed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--from-disturbed", action="store_true", help="with --verify: count successes after one or two mishaps"
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Collect or verify; exit code 1 if any task falls below its floor under --verify."""
    tasks = _checked_tasks(args)
    jobs = [_job(args, task, i) for i in range(args.episodes) for task in tasks]
    jobs = [job for job in jobs if not _stored(job)]
    started = time.perf_counter()
    outcomes = sorted(
        _run_jobs(jobs, args.workers, skipped=len(tasks) * args.episodes - len(jobs)), key=lambda o: (o.task, o.episode)
    )
    summary = summarise(outcomes, time.perf_counter() - started)
    _print_summary(summary)
    write_json(args.json, summary)
    below = any(task["below_floor"] for task in summary["tasks"].values())
    return 1 if below and args.verify and not args.from_disturbed else 0


def _job(args: argparse.Namespace, task: str, i: int) -> Job:
    from dynarend_core.evaluation.policy_source import PolicySource

    origin = "policy" if args.policy else "recovery" if args.recoveries or args.from_disturbed else "plain"
    seed = args.seed_start + i
    return Job(
        root=None if args.verify else str(args.out),
        task=task,
        episode=NUMBERS[origin] + seed if NUMBERS[origin] else i,
        seed=seed,
        displaced=args.displaced,
        target_views=args.target_views,
        perturbation=args.perturbation,
        origin=origin,
        policy=PolicySource(args.policy).resolved().name if args.policy else "",
        share=args.share_of_policy,
        perfect_executor=args.executor == "perfect",
    )


def _check_driving(args: argparse.Namespace) -> None:
    """Refuse combinations of who drives that make no sense."""
    from dynarend_core.evaluation.policy_source import PolicySource
    from dynarend_core.sim.environment import UNDISTURBED

    if args.policy and (args.recoveries or args.verify):
        raise ConfigurationError("--policy goes with neither --recoveries nor --verify: say who drives")
    if args.from_disturbed and not args.verify:
        raise ConfigurationError("--from-disturbed goes with --verify; record with --recoveries")
    if args.from_disturbed and args.perturbation != UNDISTURBED:
        raise ConfigurationError("--from-disturbed goes with usual scenes, not with --perturbation")
    if not 0.0 < args.share_of_policy <= 1.0:
        raise ConfigurationError(f"--share-of-policy must be in (0, 1], got {args.share_of_policy}")
    if args.policy:
        PolicySource(args.policy).check()


def _checked_tasks(args: argparse.Namespace) -> list[str]:
    """The tasks to collect.

    Raises:
        ConfigurationError: an unknown task, or options that make no sense.
    """
    from dynarend_core.sim.environment import UNDISTURBED
    from dynarend_core.sim.mujoco.perturbations.catalogue import factors_of, tasks_with

    _check_driving(args)
    if args.perturbation != UNDISTURBED and not args.verify:
        raise ConfigurationError("--perturbation goes with --verify: demonstrations are recorded in usual scenes")
    tasks = args.tasks.split(",") if args.tasks else tasks_with(args.perturbation)
    for task in tasks:
        factors_of(task, args.perturbation)
    if args.out is None and not args.verify:
        raise ConfigurationError("say where to store demonstrations with --out DIR, or only count with --verify")
    if args.workers < 1 or args.displaced < 0 or args.target_views < 0:
        raise ConfigurationError(
            f"--workers must be at least 1, --displaced and --target-views at least 0, "
            f"got {args.workers}, {args.displaced} and {args.target_views}"
        )
    if args.episodes < 1 or args.seed_start < 0 or args.seed_start + args.episodes > EVALUATION_SEED_START:
        raise ConfigurationError(
            f"seeds {args.seed_start} to {args.seed_start + args.episodes - 1} leave the training range "
            f"0 to {EVALUATION_SEED_START - 1}; later seeds are for evaluation"
        )
    return tasks


def summarise(outcomes: list[Outcome], seconds: float) -> dict:
    """Counts by task and cause, the rate and the stored bytes, as plain JSON."""
    from dynarend_core.sim.mujoco.tasks import TASKS

    tasks = {}
    for name in sorted({o.task for o in outcomes}):
        mine = [o for o in outcomes if o.task == name]
        solved = [o for o in mine if not o.failure]
        tasks[name] = {
            "episodes": len(mine),
            "successes": len(solved),
            "success_rate": len(solved) / len(mine),
            "below_floor": len(solved) / len(mine) < TASKS[name].expert_floor,
            "failures": dict(Counter(o.failure for o in mine if o.failure)),
            "failed": [{"episode": o.episode, "cause": o.failure, "message": o.message} for o in mine if o.failure],
            "keyframes_per_episode": sum(o.keyframes for o in solved) / max(len(solved), 1),
            "frames_per_episode": sum(o.frames for o in solved) / max(len(solved), 1),
            "megabytes": sum(o.megabytes for o in solved),
            "seconds_per_episode": sum(o.seconds for o in mine) / len(mine),
            "task_solved": sum(o.task_solved for o in mine),
            "without_way": sum(o.without_way for o in mine),
            "mishaps": dict(Counter(kind for o in mine for kind in o.mishaps)),
        }
    summary = {"tasks": tasks, "seconds": seconds, "demonstrations_per_second": len(outcomes) / max(seconds, 1e-9)}
    stored = [o for o in outcomes if o.megabytes]
    if stored:
        total = 1e6 * sum(o.megabytes for o in stored)
        summary["store"] = {
            "bytes_per_keyframe": total / sum(o.keyframes for o in stored),
            "bytes_per_frame": total / sum(o.frames for o in stored),
        }
    return summary


def _stored(job: Job) -> bool:
    """Whether the episode is there already.

    Raises:
        ConfigurationError: it is, of another seed or with another number of target views.
    """
    from dynarend_core.datasets.store import DemonstrationStore

    if job.root is None:
        return False
    store = DemonstrationStore(job.root)
    if not store.path(job.task, job.episode).exists():
        return False
    views = len(store.target_cameras(job.task, job.episode))
    if views != job.target_views:
        raise ConfigurationError(
            f"{store.path(job.task, job.episode)} is stored with {views} target views, not {job.target_views}; choose "
            f"another --out, give --target-views {views}, or delete it to have it recorded again"
        )
    seed = store.seed(job.task, job.episode)
    if seed != job.seed:
        raise ConfigurationError(
            f"{store.path(job.task, job.episode)} shows the scene of seed {seed}, not {job.seed}: this store was begun "
            f"with --seed-start {seed - job.episode}; give that, or choose another --out"
        )
    return True


def _run_jobs(jobs: list[Job], workers: int, skipped: int) -> Iterator[Outcome]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool, Progress(*columns) as progress:
        bar = progress.add_task("demonstrations", total=len(jobs) + skipped, completed=skipped)
        futures = [pool.submit(attempt, job) for job in jobs]
        failures = 0
        for future in as_completed(futures):
            try:
                outcome = future.result()
            except BrokenProcessPool as error:
                raise SimulationError(
                    "a worker process died: out of memory, or a crashed graphics driver? Run the same command again "
                    "(it goes on after the stored episodes), perhaps with --workers 1 or MUJOCO_GL=osmesa"
                ) from error
            failures += bool(outcome.failure)
            progress.update(bar, advance=1, description=f"demonstrations ({failures} failed)")
            yield outcome


def _print_summary(summary: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="scripted expert")
    for column in ("task", "recorded", "task solved", "no way on", "failures", "keyframes", "s", "MB"):
        table.add_column(column)
    for name, task in summary["tasks"].items():
        causes = ", ".join(f"{cause} {n}" for cause, n in task["failures"].items()) or "-"
        counts = (task["task_solved"], task["without_way"], causes)
        means = (task["keyframes_per_episode"], task["seconds_per_episode"], task["megabytes"])
        table.add_row(
            name, f"{task['successes']} / {task['episodes']}", *map(str, counts), *(f"{mean:.1f}" for mean in means)
        )
    console = Console()
    console.print(table)
    console.print(f"{summary['demonstrations_per_second']:.2f} demonstrations/s, {summary['seconds']:.0f} s")
