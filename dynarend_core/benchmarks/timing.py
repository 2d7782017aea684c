"""How anything is timed here, and on what machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Timing:
    """Wall times of one function [ms].

    Attributes:
        median_ms: Median.
        p10_ms: 10th percentile.
        p90_ms: 90th percentile.
        repeats: Number of timed calls.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    repeats: int

    def fields(self, prefix: str) -> dict[str, float]:
        """Flat JSON fields ``<prefix>_ms``, ``<prefix>_p10_ms``, ``<prefix>_p90_ms``, ``<prefix>_repeats``."""
        return {
            f"{prefix}_ms": round(self.median_ms, 3),
            f"{prefix}_p10_ms": round(self.p10_ms, 3),
            f"{prefix}_p90_ms": round(self.p90_ms, 3),
            f"{prefix}_repeats": self.repeats,
        }


def measure(function: Callable[[], object], repeats: int = 20, warm_up: int = 3, budget_s: float = 30.0) -> Timing:
    """Time ``repeats`` calls after ``warm_up`` untimed ones (compilation, caches).

    Args:
        function: What is timed.
        repeats: Timed calls.
        warm_up: Untimed calls before.
        budget_s: Stop early after this time, but not before three timed calls [s].
    """
    return measure_in_turn((function,), repeats, warm_up, budget_s)[0]


def measure_in_turn(
    functions: Sequence[Callable[[], object]], repeats: int = 20, warm_up: int = 3, budget_s: float = 30.0
) -> tuple[Timing, ...]:
    """Time several functions that are to be compared: call after call in turn, so that a busy minute hits all alike.

    Arguments as for :func:`measure`, the budget for all together.
    """
    deadline = time.perf_counter() + budget_s
    for index in range(warm_up):
        if index == 0 or time.perf_counter() < deadline:
            for function in functions:
                function()
    rounds: list[list[float]] = []
    while len(rounds) < repeats and (len(rounds) < 3 or time.perf_counter() < deadline):
        rounds.append([_call_ms(function) for function in functions])
    return tuple(timing(times) for times in zip(*rounds, strict=True))


def timing(times_ms: Sequence[float] | np.ndarray) -> Timing:
    """What single times [ms] come to."""
    p10, median, p90 = np.percentile(times_ms, [10, 50, 90])
    return Timing(float(median), float(p10), float(p90), len(times_ms))


def _call_ms(function: Callable[[], object]) -> float:
    """Wall time of one call [ms]."""
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1e3


def free_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, object]:
    """Processor, cores, load and versions: what a timing means nothing without."""
    import torch

    return {
        "cpu": _cpu_name(),
        "cores": free_cores(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
