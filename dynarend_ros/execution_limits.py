"""When a keyframe counts as carried out, and the error of one that was not."""

from __future__ import annotations

from dataclasses import dataclass

from dynarend_core.types import FailureReason


class ExecutionError(Exception):
    """The motion was begun or refused and did not end well; ``reason`` says why, ``cancelled`` who wanted it."""

    def __init__(self, message: str, reason: FailureReason, cancelled: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.cancelled = cancelled


@dataclass(frozen=True)
class ExecutionLimits:
    """When a motion counts as finished or failed.

    Attributes:
        goal_tolerance_rad: Joint error at the end of a free motion [rad].
        contact_tolerance_rad: The same for keyframes that ignore collisions: pressing stops short of the goal [rad].
        rest_window_s: The arm must stand still that long [s of joint-state stamps].
        rest_tolerance_rad: What counts as still [rad].
        overtime_s: Allowed time beyond the planned duration [s of stamps].
        gripper_timeout_s: Allowed time for the gripper to come to rest and its action to end [s of stamps].
        plan_timeout_s: Allowed time for one try of the planner [s].
        plan_attempts: Tries, each with another seed.
        approach_m: Last stretch of a free motion, straight along the tool's axis [m]; 0: none.
        retreat_m: First stretch back after the gripper acted [m]; 0: none.
    """

    goal_tolerance_rad: float = 0.05
    contact_tolerance_rad: float = 0.35
    rest_window_s: float = 0.1
    rest_tolerance_rad: float = 0.002
    overtime_s: float = 3.0
    gripper_timeout_s: float = 5.0
    plan_timeout_s: float = 10.0
    plan_attempts: int = 1
    approach_m: float = 0.0
    retreat_m: float = 0.0
