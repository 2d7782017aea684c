"""Recent latencies of one step of the road."""

from __future__ import annotations

from collections import deque

import numpy as np


class LatencyWindow:
    """The last ``size`` samples [ms] and their percentiles."""

    def __init__(self, size: int = 500) -> None:
        self._samples: deque[float] = deque(maxlen=size)

    def add(self, milliseconds: float) -> None:
        """Add a sample [ms]."""
        self._samples.append(milliseconds)

    def summary(self) -> str:
        """``"p50 12.1 ms, p99 30.5 ms"``, or ``"none yet"``."""
        if not self._samples:
            return "none yet"
        p50, p99 = np.percentile(np.fromiter(self._samples, dtype=np.float64), [50, 99])
        return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
