"""Did every camera frame the simulator published arrive?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dynarend_core.errors import DynaRendError
from dynarend_ros.graph_client import GraphClient


class FrameCount:
    """Compares the simulator's counters with the fusion node's.

    Both are read while the cameras stand still: a frame in flight is not a lost one, and frames from before the two
    had found each other do not count.
    """

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._rate_hz = client.get_parameter("sim_node", "camera_rate_hz")
        self._start = self._read()

    def since_start(self) -> tuple[int, int]:
        """Frames published since the start, and how many of them did not arrive."""
        now = self._read()
        published = sum(now[0].values()) - sum(self._start[0].values())
        received = sum(now[1].values()) - sum(self._start[1].values())
        return published, published - received

    def _read(self) -> tuple[dict[str, int], dict[str, int]]:
        self._client.set_parameters("sim_node", {"camera_rate_hz": 0.0})
        published = self._settled(self._published, "task_status")
        received = self._settled(self._received, "/diagnostics fusion_node")
        self._client.set_parameters("sim_node", {"camera_rate_hz": self._rate_hz})
        return published, received

    def _settled(self, read: Callable[[], dict[str, int]], source: str) -> dict[str, int]:
        """What ``read`` says once two messages in a row say the same."""
        for _ in range(20):
            before, awaited = read(), self._client.message_count(source) + 2
            if not self._client.wait_for(partial(self._reached, source, awaited), 10.0):
                break
            if read() == before:
                return before
        raise DynaRendError(f"{source} does not come to rest although the cameras are off")

    def _reached(self, source: str, count: int) -> bool:
        return self._client.message_count(source) >= count

    def _published(self) -> dict[str, int]:
        return dict(self._client.task_status["frames_published"])

    def _received(self) -> dict[str, int]:
        values = self._client.counters.get("fusion_node", {})
        return {key.split("/")[0]: int(value) for key, value in values.items() if key.endswith("/received")}
