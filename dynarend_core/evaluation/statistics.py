"""The few statistics that success rates and latencies need."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dynarend_core.errors import InvalidInputError

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a success rate; ``(0, 1)`` without trials.

    Unlike the textbook interval it stays within [0, 1] and is honest at 0 % and 100 %
    (E. B. Wilson, 1927; Brown, Cai and DasGupta, 2001).

    Raises:
        InvalidInputError: ``successes`` is not in ``[0, trials]``.
    """
    if not 0 <= successes <= trials:
        raise InvalidInputError(f"successes must lie in [0, trials], got {successes} of {trials}")
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    shrink = 1.0 + z * z / trials
    center = (rate + z * z / (2.0 * trials)) / shrink
    half = z / shrink * math.sqrt(rate * (1.0 - rate) / trials + z * z / (4.0 * trials * trials))
    # at the ends the bound is exact, but floating point may miss it by an ulp
    low = 0.0 if successes == 0 else max(0.0, center - half)
    high = 1.0 if successes == trials else min(1.0, center + half)
    return low, high


def percentiles(values: Sequence[float], ranks: Sequence[int] = (50, 90, 99)) -> dict[str, float]:
    """Percentiles by name, e.g. ``{"p50": ..., "p90": ...}``, linearly interpolated; empty without values."""
    if len(values) == 0:
        return {}
    found = np.percentile(np.asarray(values, dtype=np.float64), list(ranks))
    return {f"p{rank}": float(value) for rank, value in zip(ranks, found, strict=True)}
