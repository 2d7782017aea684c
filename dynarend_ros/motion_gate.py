"""Between plan and motion: the limiter, the safety node's permission, dry run and the operator's confirmation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dynarend_core.errors import ObservationError
from dynarend_core.planning.limiter import TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import LimiterOutcome, MeasuredState, Rule
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason
from dynarend_ros.arm_state import ArmState
from dynarend_ros.execution_limits import ExecutionError


@dataclass(frozen=True)
class GateRules:
    """What a motion needs before it starts.

    Attributes:
        require_safety: A fresh permission of the safety node.
        permission_max_age_s: How old that may be [s, steady clock].
        dry_run: Nothing moves; plans are made, judged and shown.
        confirm: An operator's confirmation of each motion.
        confirm_timeout_s: How long it is waited for [s].
    """

    require_safety: bool = True
    permission_max_age_s: float = 0.25
    dry_run: bool = True
    confirm: bool = True
    confirm_timeout_s: float = 60.0


class MotionGate:
    """Lets a planned motion through, slowed down where needed, or says why not."""

    POLL_S = 0.05

    def __init__(
        self,
        limiter: TrajectoryLimiter,
        arm: ArmState,
        rules: GateRules,
        show: Callable[[JointTrajectory], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limiter = limiter
        self._arm = arm
        self._rules = rules
        self._show = show
        self._clock = clock
        self._permission: tuple[bool, str, float] = (False, "no safety_state yet", clock())
        self._confirmed = threading.Event()
        self.waiting = False

    def update_permission(self, allowed: bool, text: str) -> None:
        """What the safety node says now."""
        self._permission = (allowed, text, self._clock())

    def forbidden(self) -> str | None:
        """Why the arm must not move now; None if it may."""
        if self._rules.dry_run or not self._rules.require_safety:
            return None
        allowed, text, since_s = self._permission
        age_s = self._clock() - since_s
        if not allowed:
            return f"safety: {text}"
        if age_s > self._rules.permission_max_age_s:
            return f"safety_state is {age_s:.2f} s old, limit {self._rules.permission_max_age_s:.2f} s"
        return None

    def confirm(self) -> tuple[bool, str]:
        """The operator confirms the motion that waits; a confirmation ahead of time does not count."""
        if not self.waiting:
            return False, "no motion waits for confirmation"
        self._confirmed.set()
        return True, "confirmed"

    def pass_through(
        self, trajectory: JointTrajectory, check_cancelled: Callable[[], None], look_again: Callable[[], None]
    ) -> JointTrajectory:
        """The motion that may be sent now.

        Args:
            trajectory: As planned.
            check_cancelled: Called while a confirmation is waited for; raises when nobody wants the motion any more.
            look_again: Called after it; raises when something has come into the way.

        Raises:
            ExecutionError: refused by the limiter (``limits``), not permitted, not confirmed, or a dry run.
        """
        allowed = self._judge(trajectory)
        self._confirmed.clear()
        self.waiting = self._rules.confirm and not self._rules.dry_run  # before it is shown: who sees it may confirm it
        try:
            self._show(allowed)
            if self._rules.dry_run:
                text = f"dry run: planned {allowed.duration_s:.2f} s, {len(allowed.times_s)} waypoints; nothing moved"
                raise ExecutionError(text, FailureReason.STOPPED, cancelled=True)
            if self._rules.confirm:
                self._await_confirmation(check_cancelled)
                look_again()
                allowed = self._judge(trajectory)  # the arm may have been moved while somebody thought
        finally:
            self.waiting = False
        reason = self.forbidden()
        if reason is not None:
            raise ExecutionError(reason, FailureReason.STOPPED, cancelled=True)
        return allowed

    def _judge(self, trajectory: JointTrajectory) -> JointTrajectory:
        try:
            _, q, _ = self._arm.latest()
        except ObservationError as error:
            raise ExecutionError(str(error), FailureReason.START_STATE) from error
        outcome: LimiterOutcome = self._limiter.check(trajectory, MeasuredState(q, self._arm.age_s()))
        if outcome.trajectory is None:
            assert outcome.violation is not None
            starts = outcome.violation.rule in (Rule.START_STATE, Rule.STATE_AGE)
            reason = FailureReason.START_STATE if starts else FailureReason.LIMITS
            raise ExecutionError(outcome.violation.message, reason)
        return outcome.trajectory

    def _await_confirmation(self, check_cancelled: Callable[[], None]) -> None:
        deadline_s = time.monotonic() + self._rules.confirm_timeout_s
        while not self._confirmed.wait(self.POLL_S):
            check_cancelled()
            if time.monotonic() > deadline_s:
                text = f"not confirmed within {self._rules.confirm_timeout_s:.0f} s"
                raise ExecutionError(text, FailureReason.STOPPED, cancelled=True)
