"""``dynarend demo``: the whole ROS graph against the simulator, closed loop, judged, with pictures."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.errors import CheckpointError, ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from dynarend_core.evaluation.rollout import EpisodeSpec
    from dynarend_ros.demo_report import DemoReport
    from dynarend_ros.episode_runner import EpisodeRunner, Recording

DEFAULT_POLICY = Path("models/policies/small")

DESCRIPTION = """\
Run the main job: sim_node (MuJoCo) -> fusion_node -> policy_node -> executor_node -> sim_node, every node a process
of its own, talking over DDS, on scenes that training never saw.

Ends with a table, and writes report.json, logs of every node, and for every task a filmstrip of an episode and the
fused cloud with value map and predicted gripper at each keyframe.

examples:
  dynarend demo
  dynarend demo --tasks open_drawer,push_buttons --episodes 5 --out runs/two_tasks
  dynarend demo --real-time-factor 1 --domain-id 7      (and look on with RViz in domain 7)"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "demo",
        help="the whole ROS graph against the simulator, with a table and pictures",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--policy", type=Path, default=DEFAULT_POLICY, help=f"policy folder (default: {DEFAULT_POLICY})")
    p.add_argument("--episodes", type=int, default=3, help="episodes a task (default: 3)")
    p.add_argument("--tasks", help="comma-separated task names (default: all)")
    p.add_argument("--out", type=Path, default=Path("runs/demo"), help="report, pictures, logs (default: runs/demo)")
    p.add_argument("--json", type=Path, metavar="FILE", help="where the report goes (default: OUT/report.json)")
    p.add_argument(
        "--real-time-factor", type=float, default=5.0, help="simulation speed while the arm moves (default: 5)"
    )
    p.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: one of this process's own)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns 0 however many episodes succeeded."""
    from rich.console import Console

    from dynarend_ros import demo_report
    from dynarend_ros.graph import environment

    if not args.policy.is_dir():
        raise CheckpointError(f"no policy folder {args.policy}; train one with `dynarend finetune` or give --policy")
    domain_id = args.domain_id if args.domain_id is not None else os.getpid() % 100 + 1
    os.environ.update(environment(domain_id))  # before DDS starts in this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    specs = episode_specs(args.tasks, args.episodes)
    report, recordings = _run_graph(args, specs, domain_id, console)
    path = args.json or args.out / "report.json"
    report.write(path)
    pictures = demo_report.save_pictures(recordings, args.out)
    console.print(demo_report.table(report))
    console.print(f"report: {path}   {len(pictures)} pictures and logs: {args.out}", highlight=False)
    return 0


def episode_specs(tasks: str | None, episodes: int) -> list[EpisodeSpec]:
    """The same schedule as ``dynarend evaluate``.

    Raises:
        ConfigurationError: unknown task.
    """
    import numpy as np

    from dynarend_core.evaluation.schedule import schedule_episodes
    from dynarend_core.sim.mujoco.tasks import TASKS

    names = tasks.split(",") if tasks else list(TASKS)
    unknown = [name for name in names if name not in TASKS]
    if unknown:
        raise ConfigurationError(f"unknown tasks {unknown}; there are {sorted(TASKS)}")
    return schedule_episodes(
        names,
        episodes,
        variation_count=lambda task: TASKS[task].variation_count,
        phrasing_count=lambda task, variation: len(TASKS[task](variation, np.random.default_rng(0)).instructions()),
    )


def _run_graph(
    args: argparse.Namespace, specs: list[EpisodeSpec], domain_id: int, console: Console
) -> tuple[DemoReport, list[Recording]]:
    """Start the graph, run the episodes, end the graph; the report holds the exit codes, so it comes last."""
    from dynarend_core.evaluation.report import summarise
    from dynarend_ros.demo_report import DemoReport, latency_percentiles
    from dynarend_ros.episode_runner import EpisodeRunner
    from dynarend_ros.frame_count import FrameCount
    from dynarend_ros.graph import graph
    from dynarend_ros.graph_client import GraphClient, GraphError
    from dynarend_ros.log_files import LogFiles
    from dynarend_ros.process_runner import ProcessRunner

    start_s = time.monotonic()
    parameters = {
        "sim_node": {"real_time_factor": args.real_time_factor},
        "policy_node": {"policy": str(args.policy.resolve()), "autorun": False},
    }
    with LogFiles(args.out / "logs") as logs, ProcessRunner(graph("sim", parameters), domain_id, logs.write) as runner:
        client = GraphClient()
        try:
            console.print(f"starting {len(runner.nodes)} processes (ROS_DOMAIN_ID {domain_id}) ...", highlight=False)
            episodes = EpisodeRunner(client, runner.check)
            episodes.wait_until_ready()
            start_up_s = time.monotonic() - start_s
            frames = FrameCount(client)
            client.clear_latencies()
            recordings = _play(episodes, specs, console)
            published, lost = frames.since_start()
        except GraphError:
            runner.check()  # a node that died is a better answer than one that does not answer
            raise
        finally:
            client.close()
    report = DemoReport(
        evaluation=summarise([r.result for r in recordings], shlex.join(["dynarend", *sys.argv[1:]])),
        latency_ms=latency_percentiles(client.latency_ms),
        frames_published=published,
        frames_lost=lost,
        processes=[{"name": n.spec.name, "pid": n.process.pid, "exit_code": n.exit_code} for n in runner.nodes],
        seconds=round(time.monotonic() - start_s, 1),
        start_up_seconds=round(start_up_s, 1),
    )
    return report, recordings


def _play(episodes: EpisodeRunner, specs: list[EpisodeSpec], console: Console) -> list[Recording]:
    """Run the episodes under a live progress line; failures are named as they happen."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    recordings: list[Recording] = []
    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(specs))
        for spec in specs:
            shown = not any(r.pictures and r.result.success for r in recordings if r.result.spec.task == spec.task)
            recording = episodes.run(spec, lambda text: progress.update(bar, description=text), draw=shown)
            recordings.append(recording)
            result = recording.result
            progress.advance(bar)
            mark = "[green]success[/green]" if result.success else f"[red]{result.failure_reason.value}[/red]"
            words = f'{mark:28s} {spec.task}: "{result.instruction}" in {result.steps} keyframes, {result.wall_s:.1f} s'
            console.print(words, highlight=False)
            if result.message:
                console.print(f"        {result.message}", style="dim", highlight=False)
    return recordings
