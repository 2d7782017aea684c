"""Starts the policy on a task. An instruction (topic) and `run` (service) may arrive in any order; here they do not."""

from __future__ import annotations

import json
import time
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import SetBool

from dynarend_ros import qos, topics
from dynarend_ros.conversions import stamp_to_ns


class PolicyStart:
    """Says an instruction, and calls `run` only when the policy's status shows that it has taken it.

    Args:
        node: Owner of publisher, client, subscription and timer.
        patience_s: How long the policy may take to begin [s, steady].
    """

    def __init__(self, node: Node, patience_s: float = 10.0) -> None:
        self._patience_s, self._until_s = patience_s, 0.0
        self._status: dict[str, Any] = {}
        self._outcome: Future | None = None
        self._text, self._tasks, self._asked = "", 0, False
        self._instruction = node.create_publisher(String, topics.INSTRUCTION, qos.LATCHED)
        self._run = node.create_client(SetBool, topics.RUN)
        node.create_subscription(String, topics.POLICY_STATUS, self._on_status, qos.LATCHED)
        node.create_subscription(GoalStatus, topics.EXECUTION_STATUS, self._on_execution, qos.EXECUTION_STATUS)
        node.create_timer(0.2, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def is_there(self) -> bool:
        """Whether the policy node has been heard of."""
        return bool(self._status) and self._run.service_is_ready()

    async def begin(self, instruction: str) -> str:
        """Returns when the policy runs: nothing; or when it does not: why.

        To be awaited by a callback in a group of its own: one that is waiting keeps its group from hearing the answer.
        """
        self._outcome, self._text, self._asked = Future(), instruction.strip(), False
        self._tasks, self._until_s = self._status.get("tasks", 0), time.monotonic() + self._patience_s
        self._instruction.publish(String(data=instruction))
        return str(await self._outcome)

    def pause(self) -> None:
        """The policy does nothing any more."""
        self._run.call_async(SetBool.Request(data=False))

    def _on_status(self, message: String) -> None:
        self._status = json.loads(message.data)
        taken = self._status["tasks"] > self._tasks and self._status["instruction"] == self._text
        if self._outcome is not None and taken and not self._asked:
            self._asked = True
            self._run.call_async(SetBool.Request(data=True)).add_done_callback(self._on_answer)

    def _on_execution(self, message: GoalStatus) -> None:
        """A stop (stamp 0) ends what has not begun: nobody may call `run` after it but a person."""
        stopped = message.status == GoalStatus.STATUS_CANCELED and stamp_to_ns(message.goal_info.stamp) == 0
        if self._outcome is None or not stopped:
            return
        if self._asked:
            self.pause()
        self._end("`stop` was called")

    def _on_answer(self, future: Future) -> None:
        answer = future.result()
        self._end("" if answer.success else answer.message)

    def _look(self) -> None:
        if self._outcome is None or time.monotonic() < self._until_s:
            return
        if self._asked:
            self.pause()  # the answer may be lost, and the policy run
        what = "answer `run`" if self._asked else "take the instruction"
        self._end(f"policy_node did not {what} within {self._patience_s:.0f} s; its status: {self._status}")

    def _end(self, refusal: str) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.set_result(refusal)
