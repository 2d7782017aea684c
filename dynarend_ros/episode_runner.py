"""Episodes through the running graph: new scene, run the policy, judge, keep pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from dynarend_core.errors import DynaRendError
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import Array, FailureReason
from dynarend_ros import topics
from dynarend_ros.graph_client import GraphClient

_NODES = ("sim_node", "fusion_node", "policy_node", "executor_node")


@dataclass
class Recording:
    """An episode and what was seen of it.

    Attributes:
        result: How it went; ``result.frames`` holds overview pictures: start, then after each keyframe.
        captions: One for each frame.
        pictures: Drawings of cloud, value map and predicted gripper, one a keyframe.
    """

    result: EpisodeResult
    captions: list[str] = field(default_factory=list)
    pictures: list[Array] = field(default_factory=list)


class EpisodeRunner:
    """Runs one episode after the other.

    Args:
        client: Connected to the graph ``sim``.
        check: Raises if a process of the graph is gone; called while waiting.
        timeout_s: Longest episode, wall time [s].
    """

    def __init__(self, client: GraphClient, check: Callable[[], None], timeout_s: float = 60.0) -> None:
        self._client = client
        self._check = check
        self._timeout_s = timeout_s
        self._frames: list[Array] = []
        self._captions: list[str] = []

    def wait_until_ready(self, timeout_s: float = 120.0) -> None:
        """Block until every node reports; then pause the policy.

        Raises:
            DynaRendError: a process died or something never came up.
        """
        client = self._client
        deadline = time.monotonic() + timeout_s
        while missing := [name for name in _NODES if not client.is_up(name)]:
            self._check()
            if time.monotonic() > deadline:
                raise DynaRendError(f"not up after {timeout_s:.0f} s: {', '.join(missing)}")
            client.wait_for(lambda: all(map(client.is_up, _NODES)), 0.5)
        client.call(topics.RUN, False)

    def run(
        self, spec: EpisodeSpec, progress: Callable[[str], None] = lambda _text: None, draw: bool = False
    ) -> Recording:
        """Run one episode to success, failure, giving up or timeout; with ``draw`` also get the policy's pictures.

        Raises:
            DynaRendError: a process died or a node does not answer.
        """
        self._check()
        start_s = time.monotonic()
        instruction = self._reset(spec)
        policy_calls = len(self._client.latency_ms["policy"])
        progress(f"{spec.task}: {instruction}")
        self._client.call(topics.RUN, True)
        try:
            timed_out = self._watch(start_s + self._timeout_s, lambda n: progress(f"{spec.task}: {instruction} ({n})"))
            reason, message = self._judge(timed_out)
        finally:
            steps = len(self._client.executions)
            self._halt()
        self._snap("success" if reason is FailureReason.NONE else reason.value)
        result = EpisodeResult(
            spec=spec,
            success=reason is FailureReason.NONE,
            failure_reason=reason,
            message=message,
            instruction=instruction,
            steps=steps,
            wall_s=time.monotonic() - start_s,
            latencies_ms=tuple(self._client.latency_ms["policy"][policy_calls:]),
            frames=tuple(self._frames),
        )
        return Recording(result, self._captions, self._draw() if draw else [])

    def _reset(self, spec: EpisodeSpec) -> str:
        """Build the scene; returns the instruction. Leaves the first overview picture."""
        client = self._client
        before, tasks = client.task_status.get("episode", 0), client.policy_status.get("tasks", 0)
        phrasing = -1 if spec.phrasing is None else spec.phrasing
        scene = {
            "task": spec.task, "variation": spec.variation, "seed": spec.seed, "phrasing": phrasing,
            "perturbation": spec.perturbation,
        }  # fmt: skip
        client.set_parameters("sim_node", scene)
        instruction = client.call(topics.RESET)
        if not client.wait_for(lambda: client.task_status.get("episode", 0) > before, 5.0):
            raise DynaRendError(f"the simulator did not report the new scene of {spec.task}")
        # Told to run before it has the new instruction, the policy would go on with the old one.
        if not client.wait_for(lambda: client.policy_status.get("tasks", 0) > tasks, 10.0):
            self._check()
            raise DynaRendError(f"the policy node did not take the instruction; its status: {client.policy_status}")
        client.clear()
        self._frames, self._captions = [], []
        client.wait_for(lambda: client.overview is not None, 1.0)
        self._snap("start")
        return instruction

    def _halt(self) -> None:
        """Pause the policy, stop the arm, and wait until the keyframe under way has been answered."""
        client, before = self._client, len(self._client.executions)
        client.call(topics.RUN, False)
        if "cancelled" in client.call(topics.STOP):
            client.wait_for(lambda: len(client.executions) > before, 5.0)

    def _watch(self, deadline: float, progress: Callable[[int], None]) -> bool:
        """Follow the episode until it is decided, taking pictures; returns whether time ran out instead."""
        client, seen = self._client, 0
        while not self._decided():
            self._check()
            if time.monotonic() > deadline:
                return True
            client.wait_for(partial(self._news, seen), 0.5)
            if len(client.executions) > seen:
                seen = len(client.executions)
                outcome = client.executions[-1].split(":")
                self._snap(f"{seen}" if outcome[0] == "succeeded" else f"{seen}:{outcome[1]}")
                progress(seen)
        client.wait_for(partial(self._executed, seen), 0.5)  # success may be seen before the executor reports
        return False

    def _executed(self, seen: int) -> bool:
        return len(self._client.executions) > seen

    def _news(self, seen: int) -> bool:
        return self._decided() or self._executed(seen)

    def _decided(self) -> bool:
        status = self._client.task_status
        gave_up = str(self._client.policy_status.get("reason", "")).startswith("stopped")
        return bool(status.get("success")) or status.get("failure", "none") != FailureReason.NONE.value or gave_up

    def _judge(self, timed_out: bool) -> tuple[FailureReason, str]:
        status, client = self._client.task_status, self._client
        if status.get("success"):
            return FailureReason.NONE, ""
        judged = FailureReason(status.get("failure", "none"))
        if judged is not FailureReason.NONE:
            return judged, "judged by the simulator"
        reason = str(client.policy_status.get("reason", ""))
        failures = [text for text in client.executions if not text.startswith("succeeded")]
        if timed_out or "the limit" in reason:
            return FailureReason.TIMEOUT, reason
        if failures:
            causes = {r.value: r for r in FailureReason}
            return causes.get(failures[-1].split(":")[1].strip(), FailureReason.CONTROLLER), failures[-1]
        return FailureReason.POLICY, reason

    def _draw(self) -> list[Array]:
        """Pictures of what the policy thought at each keyframe; drawn now, so that drawing delays no keyframe."""
        count = int(self._client.call(topics.DRAW, timeout_s=60.0))
        self._client.wait_for(lambda: len(self._client.pictures) >= count, 5.0)
        return list(self._client.pictures)

    def _snap(self, caption: str) -> None:
        """Keep the overview that shows the present: the simulator sends one whenever the arm comes to rest."""
        if self._client.overview is not None:
            self._frames.append(self._client.overview)
            self._captions.append(caption)
