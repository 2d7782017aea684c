"""Many episodes in one table and one JSON file."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from dynarend_core.errors import InvalidInputError
from dynarend_core.evaluation.rollout import EpisodeResult
from dynarend_core.evaluation.statistics import percentiles, wilson_interval


@dataclass(frozen=True)
class Tally:
    """Successes out of episodes."""

    episodes: int
    successes: int


@dataclass(frozen=True)
class TaskReport:
    """One task's outcome.

    Attributes:
        episodes: Episodes run.
        successes: Episodes solved.
        failures: Number of failures by cause.
        held_out_phrasing: The same, of the episodes whose phrasing was kept out of training.
        wilson_low: Lower end of the 95 % interval of the success rate.
        wilson_high: Upper end.
        keyframes_mean: Mean number of keyframes of solved episodes; None if none was solved.
        wall_s_mean: Mean wall time of an episode [s].
    """

    episodes: int
    successes: int
    failures: dict[str, int]
    held_out_phrasing: Tally
    wilson_low: float
    wilson_high: float
    keyframes_mean: float | None
    wall_s_mean: float


@dataclass(frozen=True)
class EvaluationReport:
    """The outcome over all tasks.

    Attributes:
        tasks: Per task.
        mean_success: Mean over tasks of the success rate.
        wilson_low: Lower end of the 95 % interval over all episodes together.
        wilson_high: Upper end.
        held_out_phrasing: Episodes with the held-out phrasing, all tasks together.
        latency_ms: Percentiles of one policy call [ms].
        command: The command that repeats this.
        episodes: One record an episode, ordered by task and seed.
    """

    tasks: dict[str, TaskReport]
    mean_success: float
    wilson_low: float
    wilson_high: float
    held_out_phrasing: Tally
    latency_ms: dict[str, float]
    command: str
    episodes: list[dict[str, Any]]

    def write(self, path: Path) -> None:
        """Write as JSON, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")


def summarise(results: Sequence[EpisodeResult], command: str) -> EvaluationReport:
    """Aggregate episodes.

    Raises:
        InvalidInputError: no episodes.
    """
    if not results:
        raise InvalidInputError("no episodes to summarise")
    ordered = sorted(results, key=lambda result: (result.spec.task, result.spec.seed))
    names = sorted({result.spec.task for result in ordered})
    tasks = {name: _task_report([r for r in ordered if r.spec.task == name]) for name in names}
    low, high = wilson_interval(sum(r.success for r in ordered), len(ordered))
    return EvaluationReport(
        tasks=tasks,
        mean_success=float(np.mean([task.successes / task.episodes for task in tasks.values()])),
        wilson_low=low,
        wilson_high=high,
        held_out_phrasing=_tally([r for r in ordered if r.spec.held_out]),
        latency_ms=percentiles([ms for r in ordered for ms in r.latencies_ms]),
        command=command,
        episodes=[_record(r) for r in ordered],
    )


def _task_report(results: list[EpisodeResult]) -> TaskReport:
    tally = _tally(results)
    low, high = wilson_interval(tally.successes, tally.episodes)
    return TaskReport(
        episodes=tally.episodes,
        successes=tally.successes,
        failures=dict(Counter(r.failure_reason.value for r in results if not r.success).most_common()),
        held_out_phrasing=_tally([r for r in results if r.spec.held_out]),
        wilson_low=low,
        wilson_high=high,
        keyframes_mean=float(np.mean([r.steps for r in results if r.success])) if tally.successes else None,
        wall_s_mean=float(np.mean([r.wall_s for r in results])),
    )


def _tally(results: list[EpisodeResult]) -> Tally:
    return Tally(len(results), sum(r.success for r in results))


def _record(result: EpisodeResult) -> dict[str, Any]:
    return {
        **dataclasses.asdict(result.spec),
        "instruction": result.instruction,
        "success": result.success,
        "failure": result.failure_reason.value,
        "message": result.message,
        "keyframes": result.steps,
        "wall_s": round(result.wall_s, 3),
    }


def table(report: EvaluationReport) -> Table:
    """The report as a table for the terminal."""
    view = Table(title="Success on unseen seeds", caption=_caption(report))
    for column in ("task", "success", "95 % interval", "held-out phrasing", "keyframes", "failures by cause"):
        text = column in ("task", "failures by cause")
        view.add_column(column, justify="left" if text else "right", no_wrap=column == "task")
    for name, task in report.tasks.items():
        view.add_row(
            name,
            _rate(task.successes, task.episodes),
            f"{task.wilson_low:.0%} to {task.wilson_high:.0%}",
            _rate(task.held_out_phrasing.successes, task.held_out_phrasing.episodes),
            "-" if task.keyframes_mean is None else f"{task.keyframes_mean:.1f}",
            ", ".join(f"{cause} {count}" for cause, count in task.failures.items()) or "-",
        )
    held_out = report.held_out_phrasing
    interval = f"{report.wilson_low:.0%} to {report.wilson_high:.0%}"
    mean = f"[bold]{report.mean_success:.1%}[/bold]"
    view.add_section()
    view.add_row("mean", mean, interval, _rate(held_out.successes, held_out.episodes), "", "")
    return view


def _rate(successes: int, episodes: int) -> str:
    return f"{successes}/{episodes} {successes / episodes:.0%}" if episodes else "-"


def _caption(report: EvaluationReport) -> str:
    return "policy latency: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in report.latency_ms.items())
