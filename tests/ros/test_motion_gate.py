"""What stands between a plan and a motion."""

import threading
import time

import numpy as np
import pytest

from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import joint_state_from_message, joint_state_to_message
from dynarend_ros.execution_limits import ExecutionError
from dynarend_ros.motion_gate import GateRules, MotionGate


def never_cancelled():
    return None


def nothing_new():
    return None


def motion(step=0.02, seconds=4.0):
    q = HOME_Q + step * np.arange(5)[:, None] * np.ones(7) / 5
    return JointTrajectory(np.linspace(0.0, seconds, 5), q, np.zeros((5, 7)))


RELAXED = {"require_safety": False, "dry_run": False, "confirm": False}


class Setup:
    def __init__(self, **rules):
        self.arm = ArmState(JOINT_NAMES, ("finger",), 0.5)
        self.shown = []
        self.stamp_ns = 0
        limiter = TrajectoryLimiter(LimiterConfig(max_state_age_s=0.5))
        limiter.check(motion(), MeasuredState(HOME_Q, 0.0))  # compiling takes longer than a state stays fresh
        self.gate = MotionGate(limiter, self.arm, GateRules(**{**RELAXED, **rules}), self.shown.append)
        self.stand_at(HOME_Q)

    def stand_at(self, q):
        self.stamp_ns += 10_000_000  # a state with an old stamp is no news
        self.arm.update(joint_state_from_message(joint_state_to_message(JOINT_NAMES, q, np.zeros(7), self.stamp_ns)))

    def passes(self, trajectory):
        return self.gate.pass_through(trajectory, never_cancelled, nothing_new)

    def refusal(self, trajectory):
        with pytest.raises(ExecutionError) as caught:
            self.passes(trajectory)
        return caught.value


def test_a_legal_motion_passes_and_a_fast_one_is_slowed():
    setup = Setup()
    assert setup.passes(motion()).duration_s == 4.0
    assert setup.passes(motion(seconds=0.01)).duration_s > 0.05
    assert len(setup.shown) == 2


def test_an_illegal_motion_is_refused_with_the_limits_own_words():
    setup = Setup()
    error = setup.refusal(motion(step=3.0))
    assert error.reason is FailureReason.LIMITS
    assert "joint_jump" in str(error)
    setup.stand_at(HOME_Q + 0.1)
    assert "start_state" in str(setup.refusal(motion()))


def test_without_permission_nothing_moves():
    setup = Setup(require_safety=True, permission_max_age_s=0.1)
    assert "no safety_state yet" in str(setup.refusal(motion()))
    setup.gate.update_permission(False, "FAULT: cloud is old")
    assert "cloud is old" in str(setup.refusal(motion()))
    setup.gate.update_permission(True, "ARMED: ")
    assert setup.passes(motion()).duration_s == 4.0
    time.sleep(0.15)
    assert "safety_state is" in str(setup.refusal(motion()))  # the safety node has gone silent


def test_a_dry_run_shows_the_plan_and_moves_nothing():
    setup = Setup(dry_run=True, require_safety=True)
    error = setup.refusal(motion())
    assert error.cancelled
    assert "dry run" in str(error)
    assert len(setup.shown) == 1


def test_a_motion_waits_for_its_own_confirmation():
    setup = Setup(confirm=True)
    assert not setup.gate.confirm()[0]  # ahead of time: does not count
    done = []
    thread = threading.Thread(target=lambda: done.append(setup.passes(motion())))
    thread.start()
    time.sleep(0.15)
    assert not done
    setup.stand_at(HOME_Q)
    assert setup.gate.confirm()[0]
    thread.join(2.0)
    assert len(done) == 1
    assert not setup.gate.waiting


def test_an_arm_that_was_moved_before_the_confirmation_is_not_driven_from_the_old_start():
    setup = Setup(confirm=True)
    errors = []
    thread = threading.Thread(target=lambda: errors.append(setup.refusal(motion())))
    thread.start()
    time.sleep(0.15)
    setup.stand_at(HOME_Q + 0.05)
    setup.gate.confirm()
    thread.join(2.0)
    assert "start_state" in str(errors[0])


def test_what_came_into_the_way_before_the_confirmation_refuses_the_motion():
    def look_again():
        setup.looked = setup.gate._confirmed.is_set()
        raise ExecutionError("something came into the way", FailureReason.PLANNING)

    setup = Setup(confirm=True, confirm_timeout_s=5.0)
    setup.gate._show = lambda _: setup.gate.confirm()
    with pytest.raises(ExecutionError, match="came into the way"):
        setup.gate.pass_through(motion(), never_cancelled, look_again)
    assert setup.looked


def test_waiting_ends_with_the_timeout_or_a_stop():
    assert "not confirmed within" in str(Setup(confirm=True, confirm_timeout_s=0.1).refusal(motion()))
    setup = Setup(confirm=True)

    def cancelled():
        raise ExecutionError("stop was called", FailureReason.STOPPED, cancelled=True)

    with pytest.raises(ExecutionError, match="stop was called"):
        setup.gate.pass_through(motion(), cancelled, nothing_new)
    assert not setup.gate.waiting


def test_who_sees_a_motion_may_confirm_it_at_once():
    setup = Setup(confirm=True, confirm_timeout_s=5.0)
    setup.gate._show = lambda _: setup.shown.append(setup.gate.confirm())
    assert setup.passes(motion()).duration_s == 4.0
    assert setup.shown == [(True, "confirmed")]
    assert not setup.gate.confirm()[0]
