"""How long a width of the gripper stays known."""

import numpy as np
import pytest

from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints

ARM = dict(zip(JOINT_NAMES, HOME_Q, strict=True))
FINGERS = {"left": 0.03, "right": 0.03}


@pytest.mark.parametrize(("max_age_s", "known_s"), [(0.2, 1.0), (5.0, 5.0)])
def test_the_width_of_a_gripper_that_fell_silent_is_forgotten(max_age_s, known_s):
    now = [10.0]
    arm = ArmState(JOINT_NAMES, tuple(FINGERS), max_age_s, clock=lambda: now[0])
    arm.update(Joints(ARM, 1))
    assert np.isnan(arm.latest()[2])
    arm.update(Joints(FINGERS, 2))  # a driver of its own
    arm.update(Joints(ARM, 3))
    assert arm.latest()[2] == pytest.approx(0.06)
    now[0] += known_s - 0.01
    arm.update(Joints(ARM, 4))
    assert arm.latest()[2] == pytest.approx(0.06)
    now[0] += 0.02
    arm.update(Joints(ARM, 5))
    assert np.isnan(arm.latest()[2])
    arm.update(Joints(FINGERS, 6))
    arm.update(Joints(ARM, 7))
    assert arm.latest()[2] == pytest.approx(0.06)
