"""What to add to a foreign clock's stamps to get host time, while that clock drifts and frames arrive late."""

from __future__ import annotations


class ClockOffset:
    """The smallest of (arrival - stamp) lately: the frame that was delayed least tells the offset best.

    The minimum is over the present half of the window and the one before it, so a delay is forgotten after
    ``window_s`` at the latest. Stamps that rise and arrive in order still rise afterwards, and none lies after its
    arrival.

    Args:
        window_s: Time after which a delay is forgotten [s of arrival]. A drift of 100 ppm makes 3 ms in 30 s.
    """

    def __init__(self, window_s: float = 30.0) -> None:
        self._half_ms = 0.5e3 * window_s
        self._since_ms = float("-inf")
        self._before_ms = self._least_ms = float("inf")

    def update(self, stamp_ms: float, arrival_ms: float) -> float:
        """Take note of a frame; returns the offset [ms] to be added to its stamp.

        Args:
            stamp_ms: Its stamp on the foreign clock [ms].
            arrival_ms: Host time at which it arrived [ms].
        """
        if arrival_ms - self._since_ms > self._half_ms:
            self._before_ms, self._least_ms, self._since_ms = self._least_ms, float("inf"), arrival_ms
        self._least_ms = min(self._least_ms, arrival_ms - stamp_ms)
        return min(self._least_ms, self._before_ms)
