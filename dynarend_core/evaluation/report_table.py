"""An evaluation's report as tables for the terminal."""

from __future__ import annotations

from rich.table import Table

from dynarend_core.evaluation.report import EvaluationReport
from dynarend_core.evaluation.tallies import RepeatStatistics


def task_table(report: EvaluationReport) -> Table:
    """Success by task."""
    view = Table(title="Success on unseen seeds", caption=_caption(report))
    for column in ("task", "success", "95 % interval", "held-out phrasing", "keyframes", "failures by cause"):
        text = column in ("task", "failures by cause")
        view.add_column(column, justify="left" if text else "right", no_wrap=column == "task")
    for name, task in report.tasks.items():
        view.add_row(
            name,
            _rate(task.successes, task.episodes) + spread(task.repeats),
            f"{task.wilson_low:.0%} to {task.wilson_high:.0%}",
            _rate(task.held_out_phrasing.successes, task.held_out_phrasing.episodes),
            "-" if task.keyframes_mean is None else f"{task.keyframes_mean:.1f}",
            causes(task.failures),
        )
    held_out = report.held_out_phrasing
    interval = f"{report.wilson_low:.0%} to {report.wilson_high:.0%}"
    mean = f"[bold]{report.mean_success:.1%}[/bold]{spread(report.repeats)}"
    view.add_section()
    view.add_row("mean", mean, interval, _rate(held_out.successes, held_out.episodes), "", causes(report.failures))
    return view


def perturbation_table(report: EvaluationReport) -> Table:
    """Success by perturbation, and what it costs."""
    view = Table(title="Success under perturbations")
    for column in ("perturbation", "tasks", "success", "95 % interval", "points against none", "failures by cause"):
        text = column in ("perturbation", "failures by cause")
        view.add_column(column, justify="left" if text else "right", no_wrap=column == "perturbation")
    for name, row in report.perturbations.items():
        view.add_row(
            name,
            str(len(row.tasks)),
            f"{row.mean_success:.1%}",
            f"{row.wilson_low:.0%} to {row.wilson_high:.0%}",
            "-" if row.change_points is None else f"{row.change_points:+.1f}",
            causes(row.failures),
        )
    return view


def causes(failures: dict[str, int]) -> str:
    """Failures in words, e.g. ``ik 2, timeout 1``."""
    return ", ".join(f"{cause} {count}" for cause, count in failures.items()) or "-"


def spread(repeats: RepeatStatistics) -> str:
    """Standard deviation over repeats in points, or nothing for a single one."""
    return "" if repeats.std is None else f" ±{100 * repeats.std:.1f}"


def _rate(successes: int, episodes: int) -> str:
    return f"{successes}/{episodes} {successes / episodes:.0%}" if episodes else "-"


def _caption(report: EvaluationReport) -> str:
    latency = ", ".join(f"{name} {ms:.1f} ms" for name, ms in report.latency_ms.items())
    repeats = f"; ± over {report.repeats.count} repeats" if report.repeats.count > 1 else ""
    return f"policy latency: {latency}{repeats}"
