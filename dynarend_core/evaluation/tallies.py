"""Counts of episodes: successes, intervals, causes, by whatever the episodes are grouped by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dynarend_core.evaluation.rollout import EpisodeResult
from dynarend_core.evaluation.statistics import wilson_interval

Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class Tally:
    """Successes out of episodes."""

    episodes: int
    successes: int


@dataclass(frozen=True)
class RepeatStatistics:
    """Several evaluations of equally many episodes, each with scenes of its own, as papers report them.

    Attributes:
        count: Evaluations.
        rates: Success of each, mean over tasks.
        mean: Of the rates.
        std: Of the rates (sample standard deviation); None of a single one.
    """

    count: int
    rates: list[float]
    mean: float
    std: float | None


@dataclass(frozen=True)
class PerturbationReport:
    """One perturbation's outcome.

    Attributes:
        episodes: Episodes run.
        successes: Episodes solved.
        mean_success: Mean over the tasks it applies to.
        wilson_low: Lower end of the 95 % interval over all its episodes.
        wilson_high: Upper end.
        change_points: Its mean less that of the same tasks undisturbed [percentage points]; None without those.
        failures: Number of failures by cause.
        tasks: Per task.
    """

    episodes: int
    successes: int
    mean_success: float
    wilson_low: float
    wilson_high: float
    change_points: float | None
    failures: dict[str, int]
    tasks: dict[str, Tally]


def tally(results: Sequence[EpisodeResult]) -> Tally:
    """Count."""
    return Tally(len(results), sum(r.success for r in results))


def group(results: Sequence[EpisodeResult], key: Callable[[EpisodeResult], Key]) -> dict[Key, list[EpisodeResult]]:
    """Results by a key, keys in order, results in theirs."""
    keys = sorted({key(r) for r in results})
    return {k: [r for r in results if key(r) == k] for k in keys}


def failures(results: Sequence[EpisodeResult]) -> dict[str, int]:
    """Number of failures by cause, most frequent first."""
    return dict(Counter(r.failure_reason.value for r in results if not r.success).most_common())


def mean_over_tasks(results: Sequence[EpisodeResult]) -> float:
    """Mean over tasks of the success rate; NaN without results."""
    rates = [np.mean([r.success for r in rows]) for rows in group(results, lambda r: r.spec.task).values()]
    return float(np.mean(rates)) if rates else float("nan")


def repeat_statistics(results: Sequence[EpisodeResult]) -> RepeatStatistics:
    """Mean and spread of the repeats."""
    rates = [mean_over_tasks(rows) for rows in group(results, lambda r: r.spec.repeat).values()]
    std = float(np.std(rates, ddof=1)) if len(rates) > 1 else None
    return RepeatStatistics(len(rates), rates, float(np.mean(rates)), std)


def perturbation_report(results: Sequence[EpisodeResult], undisturbed: Sequence[EpisodeResult]) -> PerturbationReport:
    """One perturbation's episodes, beside the undisturbed ones of the same tasks."""
    by_task = group(results, lambda r: r.spec.task)
    counts, mean = tally(results), mean_over_tasks(results)
    low, high = wilson_interval(counts.successes, counts.episodes)
    usual = [r for r in undisturbed if r.spec.task in by_task]
    return PerturbationReport(
        episodes=counts.episodes,
        successes=counts.successes,
        mean_success=mean,
        wilson_low=low,
        wilson_high=high,
        change_points=100.0 * (mean - mean_over_tasks(usual)) if usual else None,
        failures=failures(results),
        tasks={task: tally(rows) for task, rows in by_task.items()},
    )
