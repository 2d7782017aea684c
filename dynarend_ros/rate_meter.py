"""How often something happens."""

from __future__ import annotations

from collections import deque


class RateMeter:
    """Rate over the last ``window_s`` seconds of the clock that is passed in."""

    def __init__(self, window_s: float = 3.0) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque()
        self._first_s: float | None = None

    def add(self, now_s: float) -> None:
        """Count one event."""
        self._first_s = now_s if self._first_s is None else self._first_s
        self._times.append(now_s)
        self._forget(now_s)

    def rate_hz(self, now_s: float) -> float:
        """Events a second; 0 before the second event and after a window of silence."""
        self._forget(now_s)
        if self._first_s is None or len(self._times) < 2:
            return 0.0
        if now_s - self._first_s >= self._window_s:
            return len(self._times) / self._window_s
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def _forget(self, now_s: float) -> None:
        while self._times and self._times[0] <= now_s - self._window_s:
            self._times.popleft()
