"""What the limiter answers: a motion that may run, or the first rule it breaks with its numbers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from dynarend_core.planning.trajectory import JointTrajectory


class Rule(str, enum.Enum):
    """The rules of :class:`dynarend_core.planning.limiter.TrajectoryLimiter`."""

    SHAPE = "shape"
    NON_FINITE = "non_finite"
    TIMES = "times"
    DURATION = "duration"
    STATE_AGE = "state_age"
    START_STATE = "start_state"
    REST = "rest"
    JOINT_MARGIN = "joint_margin"
    JOINT_JUMP = "joint_jump"
    WORKSPACE = "workspace"
    KEEP_OUT = "keep_out"


@dataclass(frozen=True)
class MeasuredState:
    """Where the arm is now.

    Attributes:
        q: ``(7,)`` measured joint positions [rad].
        age_s: Time since they arrived, on a steady clock [s].
    """

    q: np.ndarray
    age_s: float


@dataclass(frozen=True)
class Violation:
    """The first rule a trajectory breaks.

    Attributes:
        rule: Which.
        waypoint: Index of the waypoint; what happens between two waypoints is charged to the later one.
        value: What was found, in the unit of the limit [rad, m, s, rad/s].
        limit: What is allowed.
        message: One sentence with both, for people.
    """

    rule: Rule
    waypoint: int
    value: float
    limit: float
    message: str


@dataclass(frozen=True)
class LimiterOutcome:
    """Answer to one trajectory.

    Attributes:
        trajectory: What may be sent, slowed down where needed; None if refused.
        violation: Why it was refused; None if it may run.
        slowdown: How many times longer the motion takes than asked, at least 1.
    """

    trajectory: JointTrajectory | None
    violation: Violation | None
    slowdown: float = 1.0
