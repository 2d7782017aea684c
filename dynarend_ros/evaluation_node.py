"""Supervised episodes on the robot: says the instruction, lets the policy run, asks the operator how it ended, reports.

Whether the arm may move is decided elsewhere: by the safety node, dry run and confirmation, as always.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Float32, String
from std_srvs.srv import Trigger

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.report import summarise
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.policy_start import PolicyStart
from dynarend_ros.safety_state import SafetyState


@dataclass(frozen=True)
class EvaluationParameters:
    """Parameters of the evaluation node."""

    instructions: tuple[str, ...] = parameter(
        ("push the red button",), "What the policy is told; each for `episodes` episodes."
    )
    episodes: int = parameter(10, "Episodes of each instruction.", low=1, high=10_000)
    shuffle: bool = parameter(True, "In a random order, so that what drifts does not favour one of them.")
    seed: int = parameter(0, "Seed of the order.", low=0)
    timeout_s: float = parameter(180.0, "A longer episode has failed [s, steady].", low=1.0, high=3600.0)
    report: str = parameter("runs/robot_evaluation.json", "File of the report, written anew after each episode.")

    def __post_init__(self) -> None:
        if not all(text.strip() for text in self.instructions):
            raise ConfigurationError(f"instructions must not be empty, got {list(self.instructions)}")


class EvaluationNode(runtime.SpinningNode):
    """Services: `evaluation/next` begins an episode, `evaluation/success` and `evaluation/failure` end it."""

    def __init__(self) -> None:
        super().__init__("evaluation_node")
        p = self._p = NodeParameters(self, EvaluationParameters).values
        self._plan = [text for text in p.instructions for _ in range(p.episodes)]
        if p.shuffle:
            self._plan = [self._plan[i] for i in np.random.default_rng(p.seed).permutation(len(self._plan))]
        self._results: list[EpisodeResult] = []
        self._began_s: float | None = None
        self._keyframes, self._latencies_ms, self._safety, self._trouble = 0, [0.0][:0], "", ""
        self._status = self.create_publisher(String, topics.EVALUATION_STATUS, qos.LATCHED)
        self._policy = PolicyStart(self)
        self._stop = self.create_client(Trigger, topics.STOP)
        self.create_subscription(String, topics.EXECUTION_MESSAGE, self._on_execution, qos.RELIABLE)
        self.create_subscription(
            Float32, topics.POLICY_LATENCY, lambda m: self._latencies_ms.append(float(m.data)), qos.RELIABLE
        )
        self.create_subscription(DiagnosticStatus, topics.SAFETY_STATE, self._on_safety, qos.LATCHED)
        operations: dict[str, Callable[[], tuple[bool, str]]] = {
            topics.EVALUATION_SUCCESS: partial(self.end, True),
            topics.EVALUATION_FAILURE: partial(self.end, False),
        }
        for service, operation in operations.items():
            self.create_service(Trigger, service, partial(self._answer, operation))
        waiting = MutuallyExclusiveCallbackGroup()  # while it waits for the policy, the others must be heard
        self.create_service(Trigger, topics.EVALUATION_NEXT, self._on_next, callback_group=waiting)
        self.create_timer(0.2, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.DiagnosticsPublisher(self, self._describe)
        self._publish()

    async def begin(self) -> tuple[bool, str]:
        """Say the next instruction and let the policy run; if it does not, nothing has begun."""
        if self._began_s is not None:
            return False, "an episode is running: end it with evaluation/success or evaluation/failure"
        if self.left == 0:
            return False, f"all {len(self._plan)} episodes are done: {self._p.report}"
        if not (self._policy.is_there() and self._stop.service_is_ready()):
            return False, "policy_node or executor_node is not there"
        text = self._plan[len(self._results)]
        self._keyframes, self._trouble = 0, ""
        self._latencies_ms.clear()
        if refusal := await self._policy.begin(text):
            return False, f"the episode did not begin: {refusal}"
        self._began_s = time.monotonic()
        return True, f"episode {len(self._results) + 1} of {len(self._plan)}: {text}"

    def end(self, success: bool, timed_out: bool = False) -> tuple[bool, str]:
        """Stop the policy, note the verdict, write the report; a report that cannot be written costs no verdict."""
        if self._began_s is None:
            return False, "no episode is running: begin one with evaluation/next"
        seconds, self._began_s = time.monotonic() - self._began_s, None
        self._policy.pause()
        self._stop.call_async(Trigger.Request())
        reason = FailureReason.NONE if success else self._reason(timed_out)
        text = self._plan[len(self._results)]
        message = "" if success else self._trouble or "judged by the operator"
        spec = EpisodeSpec(text, 0, len(self._results))
        self._results.append(
            EpisodeResult(spec, success, reason, message, text, self._keyframes, seconds, tuple(self._latencies_ms))
        )
        verdict = "success" if success else f"failure ({reason.value})"
        noted = f"episode {len(self._results)} of {len(self._plan)}: {verdict}; {self.left} left"
        try:
            summarise(self._results, "ros2 launch dynarend_ros evaluate.launch.py").write(Path(self._p.report))
        except OSError as error:
            return False, f"{noted}; the report cannot be written, the next one will hold this episode, too: {error}"
        return True, noted

    @property
    def left(self) -> int:
        """Episodes without a verdict."""
        return len(self._plan) - len(self._results)

    def _reason(self, timed_out: bool) -> FailureReason:
        """What the graph itself said went wrong, else the policy: it did the wrong thing."""
        if timed_out:
            return FailureReason.TIMEOUT
        known = {reason.value: reason for reason in FailureReason}
        return known.get(self._trouble.split(":")[1].strip() if ":" in self._trouble else "", FailureReason.POLICY)

    def _on_execution(self, message: String) -> None:
        if self._began_s is not None:
            self._keyframes += 1
            self._trouble = "" if message.data.startswith("succeeded") else message.data

    def _on_safety(self, message: DiagnosticStatus) -> None:
        self._safety = message.message
        if message.message == SafetyState.FAULT.value and self._began_s is not None and message.values:
            self._trouble = f"FAULT: stopped: {message.values[0].value}"

    def _look(self) -> None:
        if self._began_s is not None and time.monotonic() - self._began_s > self._p.timeout_s:
            self.get_logger().warning(self.end(False, timed_out=True)[1])
        self._publish()

    def _answer(
        self, operation: Callable[[], tuple[bool, str]], _request: Trigger.Request, answer: Trigger.Response
    ) -> Trigger.Response:
        return self._say(answer, *operation())

    async def _on_next(self, _request: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        return self._say(answer, *await self.begin())

    def _say(self, answer: Trigger.Response, success: bool, message: str) -> Trigger.Response:
        answer.success, answer.message = success, message
        self.get_logger().info(message)
        self._publish()
        return answer

    def _publish(self) -> None:
        values: dict[str, Any] = {
            "running": self._began_s is not None,
            "done": len(self._results),
            "left": self.left,
            "successes": sum(r.success for r in self._results),
            "instruction": self._plan[len(self._results)] if self.left else "",
        }
        self._status.publish(String(data=json.dumps(values)))

    def _describe(self) -> diagnostics.NodeStatus:
        text = f"{len(self._results)} of {len(self._plan)} episodes done"
        return diagnostics.NodeStatus(text, diagnostics.OK, {"safety": self._safety, "left": self.left})


def main() -> int:
    """Console script."""
    return runtime.run(EvaluationNode)


if __name__ == "__main__":
    raise SystemExit(main())
