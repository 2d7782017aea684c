"""``dynarend demo``: the whole ROS graph against the simulator, closed loop, judged, with pictures."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_core.errors import CheckpointError, ConfigurationError, DynaRendError

if TYPE_CHECKING:
    from rich.console import Console

    from dynarend_core.evaluation.rollout import EpisodeSpec
    from dynarend_ros.demo_report import DemoReport
    from dynarend_ros.episode_runner import EpisodeRunner, Recording
    from dynarend_ros.graph_client import GraphClient
    from dynarend_ros.process_runner import ProcessRunner

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
    p.add_argument("--tasks", help="comma-separated task names (default: those the policy was trained on)")
    p.add_argument("--out", type=Path, default=Path("runs/demo"), help="report, pictures, logs (default: runs/demo)")
    p.add_argument("--json", type=Path, metavar="FILE", help="where the report goes (default: OUT/report.json)")
    p.add_argument(
        "--real-time-factor", type=float, default=5.0, help="simulation speed while the arm moves (default: 5)"
    )
    p.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: a free one)")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns 0 however many episodes succeeded.

    Raises:
        DynaRendError: the run was cut short; what was done until then is in the report, with the reason.
    """
    from rich.console import Console

    from dynarend_core.evaluation.simulated import simulator_episodes
    from dynarend_core.evaluation.suites import choose_tasks
    from dynarend_ros import demo_report
    from dynarend_ros.domain import free_domain_id
    from dynarend_ros.graph import environment

    if not args.policy.is_dir():
        raise CheckpointError(f"no policy folder {args.policy}; train one with `dynarend finetune` or give --policy")
    if args.episodes < 1:
        raise ConfigurationError(f"--episodes must be at least 1, got {args.episodes}")
    start_s = time.monotonic()
    domain_id = args.domain_id if args.domain_id is not None else free_domain_id()
    os.environ.update(environment(domain_id))  # before DDS starts in this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    specs = simulator_episodes(choose_tasks(args.tasks, None, args.policy), args.episodes)
    outcome = _run_graph(args, specs, domain_id, console)
    if outcome.error is not None and not outcome.recordings:
        raise outcome.error
    report = _report(outcome, time.monotonic() - start_s)
    path = args.json or args.out / "report.json"
    report.write(path)
    pictures = demo_report.save_pictures(outcome.recordings, args.out)
    console.print(demo_report.table(report))
    console.print(f"report: {path}   {len(pictures)} pictures and logs: {args.out}", highlight=False)
    if outcome.error is not None:
        raise outcome.error
    return 0


@dataclass
class _Outcome:
    """What the run left, also when it was cut short by ``error``."""

    recordings: list[Recording] = field(default_factory=list)
    latency_ms: dict[str, list[float]] = field(default_factory=dict)
    frames: tuple[int, int] | None = None
    start_up_s: float = 0.0
    processes: list[dict[str, Any]] = field(default_factory=list)
    error: DynaRendError | None = None


def _run_graph(args: argparse.Namespace, specs: list[EpisodeSpec], domain_id: int, console: Console) -> _Outcome:
    """Start the graph, run the episodes, end the graph; the exit codes come last."""
    from dynarend_ros.graph import graph
    from dynarend_ros.graph_client import GraphClient, GraphError
    from dynarend_ros.log_files import LogFiles
    from dynarend_ros.process_runner import ProcessRunner
    from dynarend_ros.shared_memory import shortage

    outcome = _Outcome()
    parameters = {
        "sim_node": {"real_time_factor": args.real_time_factor},
        "policy_node": {"policy": str(args.policy.resolve()), "autorun": False},
    }
    with LogFiles(args.out / "logs") as logs, ProcessRunner(graph("sim", parameters), domain_id, logs.write) as runner:
        if warning := shortage(len(runner.nodes) + 1):
            console.print(f"[yellow]warning:[/yellow] {warning}", highlight=False)
        console.print(f"starting {len(runner.nodes)} processes (ROS_DOMAIN_ID {domain_id}) ...", highlight=False)
        client = GraphClient()
        outcome.latency_ms = client.latency_ms
        try:
            try:
                _drive(client, runner, specs, console, outcome)
            except GraphError:
                runner.check()  # a node that died is a better answer than one that does not answer
                raise
        except DynaRendError as error:
            outcome.error = error
        finally:
            client.close()
    outcome.processes = [{"name": n.spec.name, "pid": n.process.pid, "exit_code": n.exit_code} for n in runner.nodes]
    return outcome


def _drive(
    client: GraphClient, runner: ProcessRunner, specs: list[EpisodeSpec], console: Console, outcome: _Outcome
) -> None:
    from dynarend_ros.episode_runner import EpisodeRunner
    from dynarend_ros.frame_count import FrameCount

    start_s = time.monotonic()
    episodes = EpisodeRunner(client, runner.check)
    episodes.wait_until_ready()
    outcome.start_up_s = time.monotonic() - start_s
    frames = FrameCount(client)
    client.clear_latencies()
    _play(episodes, specs, console, outcome.recordings)
    outcome.frames = frames.since_start()


def _report(outcome: _Outcome, seconds: float) -> DemoReport:
    from dynarend_core.evaluation.report import summarise
    from dynarend_ros.demo_report import DemoReport, latency_percentiles

    published, lost = outcome.frames or (None, None)
    return DemoReport(
        evaluation=summarise([r.result for r in outcome.recordings], shlex.join(["dynarend", *sys.argv[1:]])),
        latency_ms=latency_percentiles(outcome.latency_ms),
        frames_published=published,
        frames_lost=lost,
        processes=outcome.processes,
        seconds=round(seconds, 1),
        start_up_seconds=round(outcome.start_up_s, 1),
        error=str(outcome.error or ""),
    )


def _play(episodes: EpisodeRunner, specs: list[EpisodeSpec], console: Console, recordings: list[Recording]) -> None:
    """Run the episodes under a live progress line, adding to ``recordings``; failures are named as they happen."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

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
