"""One goal of an action at a time: start, wait with a deadline, cancel; safe to use from several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.node import Node


def action_client(node: Node, kind: Any, name: str) -> Any:
    """An action client; the one place where rclpy's actions are imported."""
    from rclpy.action import ActionClient

    return ActionClient(node, kind, name)


class ActionCall:
    """Keeps the state of the goal sent last; what is heard of earlier goals is ignored.

    Args:
        client: An rclpy action client.
        name: Its name, for messages.
        too_late: Called when a goal is accepted that was given up before. It is cancelled, too, but a server may begin
            with it only after it has dealt with the cancellation.
    """

    def __init__(self, client: Any, name: str, too_late: Callable[[], None] = lambda: None) -> None:
        self._too_late = too_late
        self._client = client
        self._name = name
        self._changed = threading.Condition()
        self._goal = 0
        self._handle: Any = None
        self._refusal: str | None = None
        self._result: Any = None
        self._cancelled = False

    def start(self, goal: Any) -> None:
        """Send a goal; returns at once."""
        with self._changed:
            self._goal += 1
            number = self._goal
            self._handle = self._refusal = self._result = None
            self._cancelled = False
        if not self._client.server_is_ready():
            self._set(number, "_refusal", f"action {self._name} has no server")
            return
        future = self._client.send_goal_async(goal)
        future.add_done_callback(lambda done: self._answered(number, done))

    def refusal(self) -> str | None:
        """Why the goal was not accepted; None if it was, or nothing is known yet."""
        return self._refusal

    def outcome(self) -> Any:
        """The result with its ``status``; None while there is none."""
        return self._result

    def pending(self) -> bool:
        """Whether a goal was sent of which neither refusal nor outcome is known."""
        with self._changed:
            return self._goal > 0 and self._refusal is None and self._result is None

    def wait(self, timeout_s: float) -> Any:
        """The result with its ``status``; None if the goal was refused or nothing came in time."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._result is None and self._refusal is None:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0.0:
                    break
                self._changed.wait(left_s)
            return self._result

    def cancel(self) -> None:
        """Cancel the goal, also one that is not accepted yet; returns at once."""
        with self._changed:
            self._cancelled, handle = True, self._handle
        if handle is not None and self._result is None:
            handle.cancel_goal_async()

    def _answered(self, number: int, done: Any) -> None:
        handle = done.result()
        if handle is None or not handle.accepted:
            self._set(number, "_refusal", f"action {self._name} refused the goal")
            return
        with self._changed:
            current = number == self._goal
            if current:
                self._handle = handle
            cancelled = self._cancelled or not current
        if cancelled:
            handle.cancel_goal_async()
            self._too_late()
        handle.get_result_async().add_done_callback(lambda result: self._set(number, "_result", result.result()))

    def _set(self, number: int, name: str, value: Any) -> None:
        with self._changed:
            if number == self._goal:
                setattr(self, name, value)
                self._changed.notify_all()


def status_name(status: int) -> str:
    """Name of a goal status, for messages."""
    names = {
        GoalStatus.STATUS_SUCCEEDED: "succeeded",
        GoalStatus.STATUS_CANCELED: "cancelled",
        GoalStatus.STATUS_ABORTED: "aborted",
    }
    return names.get(status, f"status {status}")
