"""Many episodes in one JSON file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.evaluation.records import to_record
from dynarend_core.evaluation.rollout import EpisodeResult
from dynarend_core.evaluation.statistics import percentiles, wilson_interval
from dynarend_core.evaluation.tallies import (
    PerturbationReport,
    RepeatStatistics,
    Tally,
    failures,
    group,
    mean_over_tasks,
    perturbation_report,
    repeat_statistics,
    tally,
)
from dynarend_core.sim.environment import UNDISTURBED


@dataclass(frozen=True)
class TaskReport:
    """One task's outcome.

    Attributes:
        episodes: Episodes run.
        successes: Episodes solved.
        failures: Number of failures by cause.
        held_out_phrasing: Of these, the episodes whose phrasing was kept out of training.
        wilson_low: Lower end of the 95 % interval of the success rate.
        wilson_high: Upper end.
        keyframes_mean: Mean number of keyframes of solved episodes; None if none was solved.
        wall_s_mean: Mean wall time of an episode [s].
        repeats: The same task in each of several evaluations.
        variations: By variation index, as text.
    """

    episodes: int
    successes: int
    failures: dict[str, int]
    held_out_phrasing: Tally
    wilson_low: float
    wilson_high: float
    keyframes_mean: float | None
    wall_s_mean: float
    repeats: RepeatStatistics
    variations: dict[str, Tally]


@dataclass(frozen=True)
class EvaluationReport:
    """The outcome over all tasks. All but ``perturbations`` and ``episodes`` speaks of undisturbed scenes.

    Attributes:
        tasks: Per task.
        mean_success: Mean over tasks of the success rate.
        wilson_low: Lower end of the 95 % interval over all episodes together.
        wilson_high: Upper end.
        failures: Number of failures by cause.
        held_out_phrasing: Episodes with the held-out phrasing, all tasks together.
        repeats: Mean and spread of the repeats.
        perturbations: By name, if any were asked for; ``none`` holds the undisturbed scenes.
        latency_ms: Percentiles of one policy call [ms].
        command: The command that repeats this.
        episodes: One record an episode, ordered by task and seed.
        settings: What was asked, and how many of the suite's tasks there are; empty where nothing says.
        elapsed_s: Wall time of the call that ended it [s]; None where nobody measured it.
    """

    tasks: dict[str, TaskReport]
    mean_success: float
    wilson_low: float
    wilson_high: float
    failures: dict[str, int]
    held_out_phrasing: Tally
    repeats: RepeatStatistics
    perturbations: dict[str, PerturbationReport]
    latency_ms: dict[str, float]
    command: str
    episodes: list[dict[str, Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    elapsed_s: float | None = None

    def write(self, path: Path) -> None:
        """Write as JSON, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")


def summarise(
    results: Sequence[EpisodeResult],
    command: str,
    settings: dict[str, Any] | None = None,
    elapsed_s: float | None = None,
) -> EvaluationReport:
    """Aggregate episodes, undisturbed ones among them; arguments as the report's attributes.

    Raises:
        InvalidInputError: no undisturbed episodes.
    """
    ordered = sorted(results, key=lambda r: (r.spec.task, r.spec.seed, r.spec.perturbation))
    usual = [r for r in ordered if r.spec.perturbation == UNDISTURBED]
    if not usual:
        raise InvalidInputError("no undisturbed episodes to summarise")
    counts = tally(usual)
    low, high = wilson_interval(counts.successes, counts.episodes)
    perturbed = dict(sorted(group(ordered, lambda r: r.spec.perturbation).items(), key=lambda item: _rank(item[0])))
    return EvaluationReport(
        tasks={name: _task_report(rows) for name, rows in group(usual, lambda r: r.spec.task).items()},
        mean_success=mean_over_tasks(usual),
        wilson_low=low,
        wilson_high=high,
        failures=failures(usual),
        held_out_phrasing=tally([r for r in usual if r.spec.held_out]),
        repeats=repeat_statistics(usual),
        perturbations={k: perturbation_report(v, usual) for k, v in perturbed.items()} if len(perturbed) > 1 else {},
        latency_ms=percentiles([ms for r in ordered for ms in r.latencies_ms]),
        command=command,
        episodes=[to_record(r) for r in ordered],
        settings=settings or {},
        elapsed_s=elapsed_s,
    )


def _rank(perturbation: str) -> tuple[bool, bool, str]:
    """Undisturbed scenes first, all perturbations at once last."""
    return perturbation != UNDISTURBED, perturbation == "all", perturbation


def _task_report(results: list[EpisodeResult]) -> TaskReport:
    counts = tally(results)
    low, high = wilson_interval(counts.successes, counts.episodes)
    return TaskReport(
        episodes=counts.episodes,
        successes=counts.successes,
        failures=failures(results),
        held_out_phrasing=tally([r for r in results if r.spec.held_out]),
        wilson_low=low,
        wilson_high=high,
        keyframes_mean=float(np.mean([r.steps for r in results if r.success])) if counts.successes else None,
        wall_s_mean=float(np.mean([r.wall_s for r in results])),
        repeats=repeat_statistics(results),
        variations={str(k): tally(rows) for k, rows in group(results, lambda r: r.spec.variation).items()},
    )
