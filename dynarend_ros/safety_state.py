"""When the arm may move: the states of the safety node and what leads from one to another. Knows no ROS, no clock."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dynarend_core.errors import ConfigurationError


class SafetyState(str, enum.Enum):
    """States of :class:`SafetyMachine`; motion is allowed in ARMED and RUNNING only."""

    DISARMED = "DISARMED"
    ARMED = "ARMED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FAULT = "FAULT"

    @property
    def allows_motion(self) -> bool:
        """Whether the executor may move the arm."""
        return self in (SafetyState.ARMED, SafetyState.RUNNING)


class Outcome(enum.Enum):
    """How a keyframe ended."""

    SUCCEEDED = enum.auto()
    FAILED = enum.auto()
    CANCELLED = enum.auto()


@dataclass(frozen=True)
class SafetyLimits:
    """What the watchdog tolerates.

    Attributes:
        max_age_s: Input name to the age beyond which it is stale [s]; inputs that are not named are not watched.
        max_policy_latency_s: Longest thinking of the policy [s].
        max_failures: Keyframes that fail in a row.
        armed_timeout_s: ARMED without a keyframe for so long becomes DISARMED [s].
        nodes: Nodes that must be there.
        node_silence_s: Longest time without a sign of life of such a node [s].
    """

    max_age_s: Mapping[str, float] = field(default_factory=dict)
    max_policy_latency_s: float = 5.0
    max_failures: int = 3
    armed_timeout_s: float = 300.0
    nodes: tuple[str, ...] = ()
    node_silence_s: float = math.inf

    def __post_init__(self) -> None:
        for name, value in {**self.max_age_s, "policy latency": self.max_policy_latency_s}.items():
            if not 0.0 < value < math.inf:
                raise ConfigurationError(f"the limit of {name} must be positive and finite, got {value}")


class SafetyMachine:
    """The state machine. Every way out of ARMED or RUNNING to a state without motion calls ``stop`` exactly once.

    Args:
        limits: What is tolerated.
        clock: Steady time [s].
        stop: Stops the arm; called with the reason.
    """

    def __init__(self, limits: SafetyLimits, clock: Callable[[], float], stop: Callable[[str], None]) -> None:
        self._limits = limits
        self._clock = clock
        self._stop = stop
        self._seen_s: dict[str, float] = {}
        self._present: dict[str, float] = {}
        self._robot_problem: str | None = None
        self._keyframe: int | None = None
        self._since_s = clock()
        self.failures = 0
        self.state = SafetyState.DISARMED
        self.reason = "not armed yet"

    def arm(self) -> tuple[bool, str]:
        """Allow motion, from DISARMED or PAUSED, if every watched input is fresh."""
        if self.state.allows_motion:
            return True, f"already {self.state.value}"
        if self.state is SafetyState.FAULT:
            return False, f"FAULT is latched ({self.reason}): reset_fault first"
        problems = self.problems()
        if problems:
            return False, "not armed: " + "; ".join(problems)
        self.failures, self._keyframe = 0, None
        self._go(SafetyState.ARMED, "armed by the operator")
        return True, self.reason

    def disarm(self) -> tuple[bool, str]:
        """Forbid motion; a latched fault stays latched."""
        if self.state is SafetyState.FAULT:
            return False, f"FAULT is latched ({self.reason}): reset_fault leads to DISARMED"
        self._go(SafetyState.DISARMED, "disarmed by the operator")
        return True, self.reason

    def pause(self, reason: str) -> tuple[bool, str]:
        """Stop the arm; :meth:`arm` goes on. Stops also where nothing should move: a stop is never refused."""
        if self.state.allows_motion:
            self._go(SafetyState.PAUSED, reason)
        else:
            self._stop(reason)
        return True, f"stopped; {self.state.value}: {self.reason}"

    def reset_fault(self) -> tuple[bool, str]:
        """Leave FAULT, to DISARMED: whether the cause is gone is checked when somebody arms."""
        if self.state is not SafetyState.FAULT:
            return False, f"there is no fault: {self.state.value}"
        self._go(SafetyState.DISARMED, f"fault reset ({self.reason})")
        return True, self.reason

    def fault(self, reason: str) -> None:
        """Latch a fault. The first reason stays."""
        if self.state is not SafetyState.FAULT:
            self._go(SafetyState.FAULT, reason)

    def seen(self, name: str) -> None:
        """An input arrived."""
        self._seen_s[name] = self._clock()

    def policy_latency(self, seconds: float) -> None:
        """The policy took so long to answer."""
        if self.state.allows_motion and not seconds <= self._limits.max_policy_latency_s:
            self.fault(f"the policy took {seconds:.2f} s, limit {self._limits.max_policy_latency_s:.2f} s")

    def keyframe_began(self, keyframe: int) -> None:
        """The executor carries out a keyframe, named by its stamp."""
        if self.state is SafetyState.ARMED:
            self._keyframe = keyframe
            self._go(SafetyState.RUNNING, "a keyframe is being carried out")

    def keyframe_ended(self, keyframe: int, outcome: Outcome) -> None:
        """A keyframe ended or was refused."""
        if not self.state.allows_motion:
            return
        self.failures = {Outcome.SUCCEEDED: 0, Outcome.FAILED: self.failures + 1}.get(outcome, self.failures)
        if self.failures >= self._limits.max_failures:
            self.fault(f"{self.failures} keyframes in a row failed")
        elif self.state is SafetyState.RUNNING and keyframe == self._keyframe:
            if outcome is Outcome.CANCELLED:
                self._go(SafetyState.PAUSED, "the keyframe was cancelled")
            else:
                self._go(SafetyState.ARMED, f"keyframe {outcome.name.lower()}, waiting for the next")

    def node_present(self, name: str, present: bool) -> None:
        """A node gave a sign of life, or its process is gone: nobody does its work any more."""
        if present:
            self._present[name] = self._clock()
        else:
            self._present.pop(name, None)
        if not present and name in self._limits.nodes and self.state.allows_motion:
            self.fault(f"{name} disappeared")

    def robot_problem(self, problem: str | None) -> None:
        """What the robot's own driver says: a protective stop, a reflex; None: all is well."""
        self._robot_problem = problem
        if problem is not None and self.state.allows_motion:
            self.fault(problem)

    def tick(self) -> None:
        """Look at the clock; call it often."""
        if not self.state.allows_motion:
            return
        problems = self.problems()
        if problems:
            self.fault("; ".join(problems))
        elif self.state is SafetyState.ARMED and self._clock() - self._since_s > self._limits.armed_timeout_s:
            self._go(SafetyState.DISARMED, f"armed, but nothing to do for {self._limits.armed_timeout_s:.0f} s")

    def ages_s(self) -> dict[str, float]:
        """Seconds since each watched input; infinite before the first."""
        now = self._clock()
        return {name: now - self._seen_s.get(name, -math.inf) for name in self._limits.max_age_s}

    def problems(self) -> list[str]:
        """A sentence for every input that is too old, every node that is missing, and what the robot complains of."""
        limits, ages = self._limits.max_age_s, self.ages_s()
        now, silence_s = self._clock(), self._limits.node_silence_s
        missing = [f"{name} is not there" for name in self._limits.nodes if name not in self._present]
        missing += [
            f"{name} has been silent for {now - since_s:.2f} s, limit {silence_s:.2f} s"
            for name, since_s in self._present.items()
            if name in self._limits.nodes and now - since_s > silence_s
        ]
        robot = [] if self._robot_problem is None else [self._robot_problem]
        stale = [
            f"{name} never arrived" if math.isinf(age) else f"{name} is {age:.2f} s old, limit {limits[name]:.2f} s"
            for name, age in ages.items()
            if not age <= limits[name]
        ]
        return [*missing, *robot, *stale]

    def _go(self, state: SafetyState, reason: str) -> None:
        stops = self.state.allows_motion and not state.allows_motion
        self.state, self.reason, self._since_s = state, reason, self._clock()
        if stops:
            self._stop(reason)
