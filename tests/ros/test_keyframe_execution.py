import threading
import time

import numpy as np
import pytest

from dynarend_core.errors import ObservationError, PlanningError
from dynarend_core.geometry import se3
from dynarend_core.planning.braking import brake
from dynarend_core.planning.panda import ACCELERATION_LIMITS, HOME_Q, JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason, Keyframe, PointCloud
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.execution_limits import ExecutionError, ExecutionLimits
from dynarend_ros.keyframe_execution import KeyframeExecution
from dynarend_ros.motion_legs import legs
from dynarend_ros.robots import find_robot

FINGERS = ("left", "right")
KEYFRAME = Keyframe(np.eye(4), gripper_open=True)
MS = 1_000_000


def joints(stamp_ns, q=HOME_Q, fingers=True):
    positions = dict(zip(JOINT_NAMES, q, strict=True)) | (dict.fromkeys(FINGERS, 0.04) if fingers else {})
    return Joints(positions, stamp_ns)


def arm_state(max_age_s=5.0):
    return ArmState(JOINT_NAMES, FINGERS, max_age_s)


class Backend:
    """Plans half a second of standing still; ``gate`` keeps it planning; ``failures`` are raised first."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.did, self.requests, self.failures, self.trouble = [], [], [], None
        self.executes = self.obstinate = False
        self.ran_out = 0

    def plan(self, request):
        self.requests.append(request)
        self.gate.wait(5.0)
        if self.failures:
            raise self.failures.pop(0)
        q = request.q_start
        return JointTrajectory(np.array([0.0, 0.5]), np.stack([q, q]), np.zeros((2, 7)))

    def begin(self, trajectory):
        self.did.append("follow")

    def let_run_out(self):
        self.ran_out += 1

    def problem(self):
        return self.trouble if "follow" in self.did else None

    def settled(self):
        return not self.executes

    def finish(self):
        self.did.append("finish")
        self.executes = self.obstinate

    def stop(self):
        self.did.append("hold")


class Gripper:
    def __init__(self, did):
        self.did, self.trouble, self.goes_on = did, None, False

    def command(self, is_open):
        self.did.append("grip")

    def problem(self):
        return self.trouble

    def busy(self):
        return self.goes_on


def cloud(*points):
    xyz = np.array(points, np.float32).reshape(-1, 3)
    return PointCloud(xyz, np.zeros(xyz.shape, np.uint8), 1)


class Rig:
    def __init__(self, **limits):
        self.arm, self.planner, self.clouds = arm_state(), Backend(), lambda: None
        self.did, self.gripper = self.planner.did, Gripper(self.planner.did)
        robot = find_robot("panda")
        self.execution = KeyframeExecution(
            robot,
            self.planner,
            self.gripper,
            self.arm,
            ExecutionLimits(**limits),
            gate=self.judge,
        )
        self.arm.update(joints(10_000 * MS))

    def judge(self, trajectory, _check_cancelled, _look_again):
        return trajectory

    def begin(self):
        assert self.execution.reserve()
        self.outcome = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            self.outcome.append(self.execution.run(KEYFRAME, lambda: self.clouds()))
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
        rig.execution.run(KEYFRAME, rig.clouds)
    assert rig.did == []
    assert rig.planner.ran_out == 1  # before cancel returned


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


def test_a_planner_that_fails_is_asked_again_with_another_seed():
    rig = Rig(plan_attempts=3)
    rig.planner.failures = [PlanningError("no path", "planning"), PlanningError("no ik", "ik")]
    rig.begin()
    assert rig.feed(10_020) == "reached in 0.50 s"
    assert [r.seed for r in rig.planner.requests] == [0, 1, 2]


@pytest.mark.parametrize(("cause", "tries"), [("planning", 2), ("limits", 1), ("start_state", 1), ("timeout", 1)])
def test_a_planner_that_goes_on_failing_gives_its_cause_and_moves_nothing(cause, tries):
    rig = Rig(plan_attempts=2)
    rig.planner.failures = [PlanningError("no", cause)] * 5
    rig.begin()
    error = rig.feed(10_020)
    assert error.reason.value == cause
    assert len(rig.planner.requests) == tries
    assert rig.did == []


def test_a_planner_that_never_returns_is_given_up_and_the_next_keyframe_is_carried_out():
    rig = Rig(plan_timeout_s=-0.9)
    rig.planner.gate.clear()
    rig.begin()
    rig.thread.join(5.0)
    assert rig.outcome[0].reason is FailureReason.TIMEOUT
    assert rig.did == []
    rig.planner.gate.set()
    rig.begin()
    assert rig.feed(10_020) == "reached in 0.50 s"


def test_three_planner_calls_that_never_return_are_the_last():
    rig = Rig(plan_timeout_s=-0.95)
    rig.planner.gate.clear()
    for _ in range(3):
        rig.begin()
        rig.thread.join(5.0)
    rig.begin()
    rig.thread.join(5.0)
    assert "restart the executor" in str(rig.outcome[0])
    assert len(rig.planner.requests) == 3
    rig.planner.gate.set()


def test_a_stop_is_heard_while_the_planner_works():
    rig = Rig()
    rig.planner.gate.clear()
    rig.begin()
    time.sleep(0.1)
    rig.execution.cancel("stop was called")
    rig.thread.join(1.0)
    assert rig.outcome[0].cancelled
    rig.planner.gate.set()


def test_what_controller_and_gripper_complain_of_ends_the_keyframe():
    rig = Rig()
    rig.planner.trouble = "path tolerance violated"
    rig.begin()
    error = rig.feed(10_020)
    assert (error.reason, str(error)) == (FailureReason.CONTROLLER, "path tolerance violated")
    assert rig.did == ["follow", "hold"]
    rig = Rig()
    rig.gripper.trouble = "refused"
    rig.begin()
    assert rig.feed(10_020).reason is FailureReason.CONTROLLER


def test_fingers_that_rest_because_the_gripper_has_not_begun_are_waited_for():
    rig = Rig(gripper_timeout_s=1.0)
    rig.gripper.goes_on = True
    rig.begin()
    error = rig.feed(10_020)
    assert error.reason is FailureReason.CONTROLLER
    assert str(error).startswith("the gripper's action has not ended after 1.")
    rig = Rig(gripper_timeout_s=60.0)
    rig.gripper.goes_on = True
    rig.begin()
    while "grip" not in rig.did:
        rig.arm.update(joints(rig.arm.stamp_ns() + 20 * MS))
        time.sleep(0.001)
    for _ in range(100):
        rig.arm.update(joints(rig.arm.stamp_ns() + 20 * MS))
        time.sleep(0.001)
    assert not rig.outcome
    rig.gripper.goes_on = False
    assert rig.feed(rig.arm.stamp_ns() // MS + 20).startswith("reached")


def test_a_motion_that_is_executed_on_at_its_goal_is_ended_before_the_gripper_acts():
    rig = Rig()
    rig.planner.executes = True
    rig.begin()
    assert rig.feed(10_020) == "reached in 0.50 s"
    assert rig.did == ["follow", "finish", "grip"]
    rig = Rig(overtime_s=1.0)
    rig.planner.executes = rig.planner.obstinate = True
    rig.begin()
    error = rig.feed(10_020)
    assert error.reason is FailureReason.CONTROLLER
    assert "still being executed" in str(error)
    assert rig.did == ["follow", "finish", "hold"]


def test_each_leg_is_planned_around_the_newest_cloud_and_none_around_an_old_one():
    rig, seen = Rig(approach_m=0.05), iter([cloud([1, 0, 0]), cloud([2, 0, 0])])
    rig.clouds = lambda: next(seen)
    rig.begin()
    assert rig.feed(10_020).startswith("reached")
    assert [float(r.points[0, 0]) for r in rig.planner.requests] == [1.0, 2.0]
    rig = Rig(approach_m=0.05)

    def clouds():
        if rig.planner.requests:
            raise ExecutionError("no recent cloud", FailureReason.LIMITS)
        return cloud([1, 0, 0])

    rig.clouds = clouds
    rig.begin()
    assert str(rig.feed(10_020)) == "no recent cloud"
    assert rig.did == ["follow", "hold"]


def test_what_comes_into_the_way_while_a_motion_waits_is_seen_before_it_begins():
    hand = np.random.default_rng(0).uniform(-0.02, 0.02, (500, 3))
    rig = Rig()
    rig.execution._gate = lambda trajectory, _check, look_again: look_again() or trajectory
    q = HOME_Q + np.linspace(0, 1, 20)[:, None] * np.array([1.5, 0, 0, 0, 0, 0, 0])
    rig.planner.plan = lambda request: JointTrajectory(np.linspace(0, 2, 20), q, np.zeros_like(q))
    tip = find_robot("panda").forward(q[-1])[:3, 3]
    seen = iter([cloud([0.3, 0.0, 0.0]), cloud(*(hand + tip))])
    rig.clouds = lambda: next(seen)
    rig.begin()
    rig.thread.join(5.0)
    assert rig.outcome[0].reason is FailureReason.PLANNING
    assert "something came into the way" in str(rig.outcome[0])
    assert rig.did == []


def test_a_motion_whose_end_is_never_reached_is_a_timeout():
    rig = Rig(overtime_s=0.1)
    rig.begin()
    while "follow" not in rig.did:
        time.sleep(0.005)
    for i in range(60):
        rig.arm.update(joints((10_020 + 20 * i) * MS, HOME_Q + 0.2))
        time.sleep(0.002)
    rig.thread.join(5.0)
    assert rig.outcome[0].reason is FailureReason.TIMEOUT
    assert rig.did == ["follow", "hold"]


def test_approach_and_retreat_are_straight_legs_along_the_tool():
    tip = se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.4, 0.0, 0.2]))
    target = se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.2, 0.1]))
    back, there, down = legs(tip, Keyframe(target, True), approach_m=0.08, retreat_m=0.05, gripped=True)
    np.testing.assert_allclose(back.T_base_tip[:3, 3], [0.4, 0.0, 0.25])
    np.testing.assert_allclose(there.T_base_tip[:3, 3], [0.5, 0.2, 0.18])
    np.testing.assert_allclose(down.T_base_tip, target)
    assert (back.straight, there.straight, down.straight) == (True, False, True)
    assert (back.required, there.required, down.required) == (False, True, True)
    (only,) = legs(tip, Keyframe(target, True, ignore_collisions=True), approach_m=0.08, retreat_m=0.05, gripped=True)
    assert only.ignore_collisions


def test_the_velocity_comes_from_the_last_moments_and_says_how_long_ago_that_was():
    now = [5.0]
    arm = ArmState(JOINT_NAMES, FINGERS, 0.1, clock=lambda: now[0])
    assert arm.motion() is None
    for i in range(10):
        arm.update(joints(20 * i * MS, HOME_Q + 0.01 * i))
    q, qd, age_s = arm.motion()
    assert age_s == 0.0
    np.testing.assert_allclose(q, HOME_Q + 0.09)
    np.testing.assert_allclose(qd, 0.5, atol=1e-9)
    end, seconds = brake(q, qd, ACCELERATION_LIMITS)
    assert 0.05 <= seconds <= 0.3
    np.testing.assert_allclose(end - q, 0.25 * seconds)
    now[0] += 0.15
    assert arm.motion()[2] == pytest.approx(0.15)


def test_an_arm_that_was_moved_while_it_rested_is_planned_for_from_where_it_is_now():
    """A simulator that is reset: the next keyframe comes before the new place is believed."""
    rig = Rig()
    rig.arm = ArmState(JOINT_NAMES, FINGERS, 5.0, speeds=find_robot("panda").joint_speeds)
    rig.execution._arm = rig.arm
    rig.arm.update(joints(10_000 * MS))
    moved, done = HOME_Q + 1.0, threading.Event()

    def publish():
        stamp_ns = 10_020 * MS
        while not done.wait(0.02):
            rig.arm.update(joints(stamp_ns, moved))
            stamp_ns += 20 * MS

    publisher = threading.Thread(target=publish, daemon=True)
    publisher.start()
    while not rig.arm.disputed:
        time.sleep(0.005)
    assert rig.execution.reserve()
    rig.execution.run(KEYFRAME, lambda: None)
    done.set()
    publisher.join()
    np.testing.assert_array_equal(rig.planner.requests[0].q_start, moved)


def test_two_sources_that_never_agree_refuse_the_keyframe():
    rig = Rig()
    rig.execution.AGREES_S = 0.1
    arm = ArmState(JOINT_NAMES, FINGERS, 5.0, speeds=find_robot("panda").joint_speeds)
    rig.execution._arm = arm
    arm.update(joints(10_000 * MS))
    arm.update(joints(10_001 * MS, HOME_Q + 1.0))
    assert rig.execution.reserve()
    with pytest.raises(ExecutionError, match="more than one source"):
        rig.execution.run(KEYFRAME, lambda: None)
    assert rig.did == []
