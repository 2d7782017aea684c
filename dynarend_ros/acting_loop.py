"""When the policy is asked and what its answers lead to: the state behind the policy node. Knows no ROS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Turn:
    """One question to the policy.

    Attributes:
        instruction: What is wanted.
        step: Keyframes done since it was given.
        epoch: Tells whether its answer is still wanted when it comes.
        task: Counts the instructions received, also those with the same words.
    """

    instruction: str
    step: int
    epoch: int
    task: int = 0


@dataclass(frozen=True)
class ActingLimits:
    """When to give up.

    Attributes:
        max_keyframes: Keyframes of one instruction.
        max_failures: Failures in a row.
        cloud_max_age_s: A cloud that arrived longer ago leads to no motion [s].
        execution_timeout_s: No answer of the executor for so long is a failure [s].
        step_patience_s: A requested step that found no fresh cloud or no executor is forgotten after so long [s]: an
            arm must not start to move when the cameras come back minutes later.
    """

    max_keyframes: int = 25
    max_failures: int = 3
    cloud_max_age_s: float = 1.0
    execution_timeout_s: float = 120.0
    step_patience_s: float = 5.0


class ActingLoop:
    """State of the loop cloud -> keyframe -> execution -> newer cloud; safe to use from two threads.

    Args:
        limits: When to give up.
        running: Act as soon as there is an instruction.
        on_change: Called with the new reason, and whether it is a problem, whenever something changed.
    """

    def __init__(self, limits: ActingLimits, running: bool, on_change: Callable[[str, bool], None]) -> None:
        self._limits = limits
        self._on_change = on_change
        self._lock = threading.RLock()
        self._running = running
        self._step_until_s: float | None = None
        self._instruction, self._tasks = "", 0
        self._step, self._failures = 0, 0
        self._epoch, self._busy = 0, False
        self._awaiting: tuple[int, float] | None = None
        self._not_before_ns = 0
        self.reason = "waiting for an instruction"

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def status(self) -> dict[str, Any]:
        """What ``policy_status`` says; ``tasks`` counts the instructions received."""
        with self._lock:
            return {
                "running": self._running,
                "instruction": self._instruction,
                "tasks": self._tasks,
                "step": self._step,
                "failures": self._failures,
                "reason": self.reason,
            }

    def start_task(self, instruction: str, seen_ns: int) -> None:
        """A new task, also with the same words; what was seen up to ``seen_ns`` belongs to the old one."""
        with self._lock:
            self._instruction, self._tasks = instruction, self._tasks + 1
            self._step, self._failures = 0, 0
            self._forget_turn()
            self._not_before_ns = seen_ns
            self._say("acting" if self._running else "waiting for run or step")

    def set_running(self, running: bool) -> None:
        """Act, or pause: an answer that is still being thought out is then dropped."""
        with self._lock:
            self._running, self._failures = running, 0
            if not running:
                self._epoch += 1
                self._step_until_s = None
            self._say("acting" if running else "paused")

    def request_step(self, now_s: float) -> tuple[bool, str]:
        """Ask for one keyframe; says whether it will be tried."""
        with self._lock:
            if not self._instruction or self._busy or self._awaiting is not None:
                return False, "no instruction yet, or a keyframe is under way"
            self._step_until_s = now_s + self._limits.step_patience_s
            return True, "one keyframe"

    def halt(self, seen_ns: int) -> None:
        """Somebody stopped the arm: nothing moves until somebody wants it again, and then on a newer cloud."""
        with self._lock:
            self._running = False
            self._forget_turn()
            self._not_before_ns = seen_ns
            self._say("paused: the arm was stopped", problem=True)

    def take_turn(
        self, cloud_stamp_ns: int, cloud_age_s: float, now_s: float, has_executor: Callable[[], bool]
    ) -> Turn | None:
        """The question to ask about this cloud now, if any; the loop is then busy until it was answered.

        ``has_executor`` (would somebody carry the answer out?) is asked last, only where nothing else is missing.
        """
        with self._lock:
            stepping = self._step_until_s is not None and now_s <= self._step_until_s
            wanted = (self._running or stepping) and bool(self._instruction)
            if not wanted or self._busy or self._awaiting is not None:
                return None
            if cloud_stamp_ns <= self._not_before_ns or cloud_age_s > self._limits.cloud_max_age_s:
                return None
            if not has_executor():
                return None
            self._busy, self._step_until_s = True, None
            return Turn(self._instruction, self._step, self._epoch, self._tasks)

    def answer(self, turn: Turn, stamp_ns: int, now_s: float, send: Callable[[], None]) -> bool:
        """The policy answered: ``send`` is called if the answer is still wanted; returns whether it was."""
        with self._lock:
            self._busy = False
            if turn.epoch != self._epoch:
                return False
            self._awaiting = (stamp_ns, now_s)
            send()
            return True

    def turn_failed(self, turn: Turn, reason: str, seen_ns: int) -> None:
        """The policy could not answer; the next try needs a newer cloud."""
        with self._lock:
            self._busy = False
            if turn.epoch == self._epoch:
                self._not_before_ns = seen_ns
                self._count_failure(reason)

    def execution_ended(self, stamp_ns: int, succeeded: bool, seen_ns: int) -> None:
        """The executor is done with the keyframe of that stamp; others are ignored."""
        with self._lock:
            if self._awaiting is None or stamp_ns != self._awaiting[0]:
                return
            self._awaiting = None
            self._not_before_ns = seen_ns
            self._step += 1
            if succeeded:
                self._failures = 0
            else:
                self._count_failure("the executor did not reach the keyframe")
            if self._running and self._step >= self._limits.max_keyframes:
                self._stop(f"stopped: {self._step} keyframes, the limit")

    def awaits(self, stamp_ns: int) -> bool:
        """Whether the keyframe of that stamp is under way."""
        with self._lock:
            return self._awaiting is not None and self._awaiting[0] == stamp_ns

    def check_timeouts(self, now_s: float) -> None:
        """Give up waiting for an executor that does not answer, and on a step for which no cloud came."""
        with self._lock:
            if self._awaiting is not None and now_s - self._awaiting[1] > self._limits.execution_timeout_s:
                self._awaiting = None
                self._count_failure(f"no answer of the executor for {self._limits.execution_timeout_s:.0f} s")
            if self._step_until_s is not None and now_s > self._step_until_s:
                self._step_until_s = None
                self._say(
                    f"step dropped: no new cloud, or no executor, within {self._limits.step_patience_s:.0f} s",
                    problem=True,
                )

    def _forget_turn(self) -> None:
        self._epoch += 1
        self._awaiting = None
        self._step_until_s = None

    def _count_failure(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= self._limits.max_failures:
            self._stop(f"stopped after {self._failures} failures in a row: {reason}")
        else:
            again = "trying again" if self._running else "failed"
            self._say(f"{again} ({self._failures} of {self._limits.max_failures} in a row): {reason}", problem=True)

    def _stop(self, reason: str) -> None:
        self._running = False
        self._say(reason, problem=True)

    def _say(self, reason: str, problem: bool = False) -> None:
        self.reason = reason
        self._on_change(reason, problem)
