import threading
import time

import numpy as np
import pytest

from dynarend_core.errors import ObservationError
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason, Keyframe
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.keyframe_execution import ExecutionError, ExecutionLimits, Hands, KeyframeExecution

FINGERS = ("left", "right")
KEYFRAME = Keyframe(np.eye(4), gripper_open=True)
MS = 1_000_000


def joints(stamp_ns, q=HOME_Q, fingers=True):
    positions = dict(zip(JOINT_NAMES, q, strict=True)) | (dict.fromkeys(FINGERS, 0.04) if fingers else {})
    return Joints(positions, stamp_ns)


def arm_state(max_age_s=5.0):
    return ArmState(JOINT_NAMES, FINGERS, max_age_s)


class Planner:
    """Plans half a second of standing still; ``gate`` keeps it planning."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def plan(self, q, keyframe, points):
        self.gate.wait(5.0)
        return JointTrajectory(np.array([0.0, 0.5]), np.stack([q, q]), np.zeros((2, 7)))


class Rig:
    def __init__(self):
        self.arm, self.planner, self.did = arm_state(), Planner(), []
        hands = Hands(
            lambda _t: self.did.append("follow"), lambda _o: self.did.append("grip"), lambda: self.did.append("hold")
        )
        self.execution = KeyframeExecution(
            self.planner, self.arm, hands, ExecutionLimits(), gate=lambda trajectory, _check: trajectory
        )
        self.arm.update(joints(10_000 * MS))

    def begin(self):
        assert self.execution.reserve()
        self.outcome = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            self.outcome.append(self.execution.run(KEYFRAME, None))
        except ExecutionError as error:
            self.outcome.append(error)
        finally:
            self.execution.release()

    def feed(self, start_ms, count=2000):
        for i in range(count):
            if self.outcome:
                break
            self.arm.update(joints((start_ms + 20 * i) * MS))
            time.sleep(0.001)
        self.thread.join(5.0)
        return self.outcome[0]


def test_a_motion_and_a_grip_in_the_time_of_the_stamps():
    rig = Rig()
    rig.begin()
    assert not rig.execution.reserve()
    assert rig.feed(10_020) == "reached in 0.50 s"
    assert rig.did == ["follow", "grip"]
    assert rig.execution.reserve()


def test_a_stop_while_planning_means_that_nothing_is_sent():
    rig = Rig()
    rig.planner.gate.clear()
    rig.begin()
    assert rig.execution.cancel("stop was called")
    rig.planner.gate.set()
    rig.thread.join(5.0)
    assert rig.outcome[0].cancelled
    assert "follow" not in rig.did


def test_a_stop_between_arrival_and_start_is_not_lost():
    rig = Rig()
    assert rig.execution.reserve()
    assert rig.execution.cancel("stop was called")
    with pytest.raises(ExecutionError, match="stop was called"):
        rig.execution.run(KEYFRAME, None)
    assert rig.did == []


def test_stamps_that_jump_back_end_the_motion():
    rig = Rig()
    rig.begin()
    while "follow" not in rig.did:
        time.sleep(0.005)
    error = rig.feed(1_000)
    assert "jumped back" in str(error)
    assert error.reason is FailureReason.CONTROLLER
    assert not error.cancelled
    assert rig.did == ["follow", "hold"]


def test_joint_states_that_repeat_their_stamp_grow_stale():
    arm = arm_state(max_age_s=0.05)
    arm.update(joints(0))
    for _ in range(10):
        time.sleep(0.01)
        arm.update(joints(0))
    with pytest.raises(ObservationError, match="stale"):
        arm.latest()


@pytest.mark.parametrize("rate_hz", [25, 1000])
def test_rest_is_seen_at_any_rate_of_joint_states(rate_hz):
    arm = arm_state()
    for i in range(rate_hz):
        arm.update(joints(int(1e9 * i / rate_hz), HOME_Q + 0.001 * max(rate_hz // 2 - i, 0)))
    assert arm.at_rest(0.1, 0.002)
    arm.update(joints(10**9, HOME_Q + 0.01))
    assert not arm.at_rest(0.1, 0.002)


def test_fingers_may_come_in_messages_of_their_own():
    arm = arm_state()
    arm.update(joints(1, fingers=False))
    assert np.isnan(arm.latest()[2])
    arm.update(Joints(dict.fromkeys(FINGERS, 0.03), 2))
    arm.update(joints(3, fingers=False))
    assert arm.latest()[2] == pytest.approx(0.06)
