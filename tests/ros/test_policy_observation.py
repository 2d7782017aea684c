"""What the policy is shown of the arm: nothing that is not known."""

import numpy as np
import pytest

from dynarend_core.errors import ObservationError
from dynarend_core.types import PointCloud
from dynarend_ros.acting_loop import Turn
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.policy_observation import made_up, observe
from dynarend_ros.robots import find_robot

CLOUD = PointCloud(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8), 7)
ROBOT = find_robot("panda")
ARM = dict(zip(ROBOT.joints, ROBOT.home, strict=True))


@pytest.fixture
def arm():
    return ArmState(ROBOT.joints, ROBOT.gripper.joints, 0.5, ROBOT.gripper.width)


def see(arm):
    return observe(CLOUD, arm, ROBOT, 0.9, Turn("go", 3, 0))


def test_pose_fingers_words_and_step_are_those_of_now(arm):
    for stamp_ns, finger_m, is_open in ((1, 0.04, True), (2, 0.01, False)):
        arm.update(Joints({**ARM, **dict.fromkeys(ROBOT.gripper.joints, finger_m)}, stamp_ns))
        seen = see(arm)
        np.testing.assert_allclose(seen.gripper.T_base_gripper, ROBOT.forward(ROBOT.home))
        assert seen.gripper.is_open is is_open
        assert seen.gripper.width_m == pytest.approx(2 * finger_m)
        assert (seen.instruction, seen.step, seen.stamp_ns) == ("go", 3, 7)
        assert seen.cloud is CLOUD


def test_a_dead_gripper_driver_is_named(arm):
    arm.update(Joints(ARM, 1))
    with pytest.raises(ObservationError, match=r"no position of the fingers .* in the last 1\.0 s"):
        see(arm)


def test_an_arm_never_heard_of_is_not_shown(arm):
    with pytest.raises(ObservationError, match="none arrived yet"):
        see(arm)


def test_what_the_policy_is_warmed_up_with_is_a_whole_observation():
    seen = made_up(ROBOT)
    assert len(seen.cloud) == 2000
    np.testing.assert_allclose(seen.gripper.T_base_gripper, ROBOT.forward(seen.q))
