"""A planner call on a thread of its own: one that never returns costs a keyframe, not the node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dynarend_core.errors import PlanningError
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason
from dynarend_ros.backends.interface import MotionBackend, MotionRequest


@dataclass
class _Answer:
    trajectory: JointTrajectory | None = None
    error: Exception | None = None


class DeadlinePlanner:
    """Calls ``backend.plan`` with a deadline. What a late call answers is dropped.

    Args:
        backend: The backend.
        grace_s: Time allowed beyond the request's own timeout [s].
    """

    MAX_STUCK = 3
    POLL_S = 0.02

    def __init__(self, backend: MotionBackend, grace_s: float = 1.0) -> None:
        self._backend = backend
        self._grace_s = grace_s
        self._stuck: list[threading.Thread] = []

    def plan(self, request: MotionRequest, check_cancelled: Callable[[], None]) -> JointTrajectory:
        """The planned motion.

        Args:
            request: What to plan.
            check_cancelled: Called while the planner works; raises when nobody wants the answer any more.

        Raises:
            PlanningError: as the backend raises; cause ``timeout`` when it does not return in time.
        """
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if len(self._stuck) >= self.MAX_STUCK:
            raise PlanningError(
                f"{len(self._stuck)} calls of the planner never returned; restart the executor",
                FailureReason.TIMEOUT.value,
            )
        answer = _Answer()
        thread = threading.Thread(target=self._call, args=(request, answer), name="planning", daemon=True)
        thread.start()
        deadline_s = time.monotonic() + request.timeout_s + self._grace_s
        try:
            while thread.is_alive():
                thread.join(self.POLL_S)
                check_cancelled()
                if thread.is_alive() and time.monotonic() > deadline_s:
                    text = f"the planner did not return within {request.timeout_s + self._grace_s:.1f} s"
                    raise PlanningError(text, FailureReason.TIMEOUT.value)
        finally:
            if thread.is_alive():
                self._stuck.append(thread)
        if answer.error is not None:
            raise answer.error
        assert answer.trajectory is not None
        return answer.trajectory

    def _call(self, request: MotionRequest, answer: _Answer) -> None:
        try:
            answer.trajectory = self._backend.plan(request)
        except Exception as error:  # raised again on the thread that waits
            answer.error = error
