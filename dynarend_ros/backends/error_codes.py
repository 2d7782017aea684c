"""MoveIt's error codes as causes."""

from __future__ import annotations

from dynarend_core.errors import PlanningError
from dynarend_core.types import FailureReason

SUCCESS = 1

_CODES: dict[int, tuple[str, FailureReason]] = {
    99999: ("FAILURE", FailureReason.PLANNING),
    0: ("UNDEFINED", FailureReason.PLANNING),
    -1: ("PLANNING_FAILED", FailureReason.PLANNING),
    -2: ("INVALID_MOTION_PLAN", FailureReason.PLANNING),
    -3: ("MOTION_PLAN_INVALIDATED_BY_ENVIRONMENT_CHANGE", FailureReason.PLANNING),
    -4: ("CONTROL_FAILED", FailureReason.CONTROLLER),
    -5: ("UNABLE_TO_AQUIRE_SENSOR_DATA", FailureReason.START_STATE),
    -6: ("TIMED_OUT", FailureReason.PLANNING),  # OMPL's word for: found no way in the time it was given
    -7: ("PREEMPTED", FailureReason.STOPPED),
    -10: ("START_STATE_IN_COLLISION", FailureReason.START_STATE),
    -11: ("START_STATE_VIOLATES_PATH_CONSTRAINTS", FailureReason.START_STATE),
    -12: ("GOAL_IN_COLLISION", FailureReason.PLANNING),
    -13: ("GOAL_VIOLATES_PATH_CONSTRAINTS", FailureReason.PLANNING),
    -14: ("GOAL_CONSTRAINTS_VIOLATED", FailureReason.PLANNING),
    -15: ("INVALID_GROUP_NAME", FailureReason.CONTROLLER),
    -16: ("INVALID_GOAL_CONSTRAINTS", FailureReason.PLANNING),
    -17: ("INVALID_ROBOT_STATE", FailureReason.START_STATE),
    -18: ("INVALID_LINK_NAME", FailureReason.CONTROLLER),
    -19: ("INVALID_OBJECT_NAME", FailureReason.CONTROLLER),
    -21: ("FRAME_TRANSFORM_FAILURE", FailureReason.CONTROLLER),
    -22: ("COLLISION_CHECKING_UNAVAILABLE", FailureReason.CONTROLLER),
    -23: ("ROBOT_STATE_STALE", FailureReason.START_STATE),
    -24: ("SENSOR_INFO_STALE", FailureReason.START_STATE),
    -25: ("COMMUNICATION_FAILURE", FailureReason.CONTROLLER),
    -26: ("START_STATE_INVALID", FailureReason.START_STATE),
    -27: ("GOAL_STATE_INVALID", FailureReason.IK),
    -28: ("UNRECOGNIZED_GOAL_TYPE", FailureReason.CONTROLLER),
    -29: ("CRASH", FailureReason.CONTROLLER),
    -30: ("ABORT", FailureReason.CONTROLLER),
    -31: ("NO_IK_SOLUTION", FailureReason.IK),
}


def error_name(code: int) -> str:
    """Name of a code, for messages."""
    return _CODES.get(code, (f"error code {code}", FailureReason.PLANNING))[0]


def check_code(code: int, what: str) -> None:
    """Refuse every code but success.

    Raises:
        PlanningError: with the cause that the code means.
    """
    if code != SUCCESS:
        reason = _CODES.get(code, ("", FailureReason.PLANNING))[1]
        raise PlanningError(f"{what}: MoveIt answers {error_name(code)}", reason.value)
