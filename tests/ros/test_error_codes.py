"""What MoveIt's error codes mean here."""

import pytest

from dynarend_core.errors import PlanningError
from dynarend_core.types import FailureReason
from dynarend_ros.backends.error_codes import SUCCESS, check_code, error_name


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        (0, "UNDEFINED", FailureReason.PLANNING),
        (-13, "GOAL_VIOLATES_PATH_CONSTRAINTS", FailureReason.PLANNING),
        (-14, "GOAL_CONSTRAINTS_VIOLATED", FailureReason.PLANNING),
        (-19, "INVALID_OBJECT_NAME", FailureReason.CONTROLLER),
        (-22, "COLLISION_CHECKING_UNAVAILABLE", FailureReason.CONTROLLER),
        (-24, "SENSOR_INFO_STALE", FailureReason.START_STATE),
        (-28, "UNRECOGNIZED_GOAL_TYPE", FailureReason.CONTROLLER),
        (-29, "CRASH", FailureReason.CONTROLLER),
        (-30, "ABORT", FailureReason.CONTROLLER),
    ],
)
def test_a_code_has_its_name_and_its_cause(code, name, reason):
    assert error_name(code) == name
    with pytest.raises(PlanningError, match=f"no plan: MoveIt answers {name}") as error:
        check_code(code, "no plan")
    assert error.value.cause == reason.value


def test_success_is_no_error_and_a_code_of_the_future_is_named_by_its_number():
    check_code(SUCCESS, "no plan")
    with pytest.raises(PlanningError, match="error code -99"):
        check_code(-99, "no plan")
