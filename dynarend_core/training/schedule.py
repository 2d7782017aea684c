"""Learning rate over a run that ends after a number of steps or at a time limit, whichever comes first."""

from __future__ import annotations

import math


def progress(step: int, steps: int, elapsed_s: float, limit_s: float | None) -> float:
    """How much of the run is done, in [0, 1]. The schedule anneals to the end of a time limit, too."""
    done = step / steps
    if limit_s is not None:
        done = max(done, elapsed_s / limit_s)
    return min(1.0, done)


def learning_rate(peak: float, step: int, warmup_steps: int, done: float) -> float:
    """Linear warm-up, then cosine to one hundredth of the peak."""
    warm = min(1.0, (step + 1) / max(1, warmup_steps))
    return peak * warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))
