"""What ends a motion when nobody is left to end it, with a clock that stands still and no callback at all."""

import threading
import time

import pytest

from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_ros.arm_state import ArmState
from dynarend_ros.execution_limits import ExecutionLimits
from dynarend_ros.keyframe_execution import KeyframeExecution
from dynarend_ros.motion_gate import GateRules, MotionGate
from dynarend_ros.motion_watch import MotionWatch
from dynarend_ros.robots import find_robot


class Backend:
    """Nothing is under way."""

    def let_run_out(self):
        pass


class Bench:
    def __init__(self):
        self.now, self.did, self.source = 10.0, [], None
        self.failures, self.broken_looks = [], 0
        arm = ArmState(JOINT_NAMES, (), 0.2)
        rules = GateRules(permission_max_age_s=0.25, dry_run=False, confirm=False)
        limiter = TrajectoryLimiter(LimiterConfig())
        self.gate = MotionGate(limiter, arm, rules, lambda _: None, clock=lambda: self.now)
        self.execution = KeyframeExecution(find_robot("panda"), Backend(), None, arm, ExecutionLimits(), None)
        stop, insist = lambda: self.did.append("stop"), lambda: self.did.append("insist")
        self.watch = MotionWatch(
            self.execution, self.gate.forbidden, self.look_for_source, stop, insist, self.failures.append
        )
        self.gate.update_permission(True, "RUNNING")
        assert self.execution.reserve()

    def look_for_source(self):
        if self.broken_looks:
            self.broken_looks -= 1
            raise RuntimeError("the middleware failed")
        return self.source


def test_a_silent_safety_node_ends_the_motion_by_the_clock_alone():
    bench = Bench()
    bench.now += 0.24
    bench.watch.look()
    assert bench.did == []
    bench.now += 0.02
    bench.watch.look()
    assert bench.did == ["stop"]
    bench.watch.look()
    assert bench.did == ["stop", "insist"]  # one stop a motion, and a look whether it was one
    with pytest.raises(Exception, match=r"safety_state is 0\.26 s old, limit 0\.25 s") as caught:
        bench.execution._check_cancelled()
    assert caught.value.cancelled


def test_a_source_that_went_ends_the_motion_without_any_event():
    bench = Bench()
    bench.source = "nobody"
    bench.watch.look()
    assert bench.did == ["stop"]
    with pytest.raises(Exception, match="nobody") as caught:
        bench.execution._check_cancelled()
    assert not caught.value.cancelled  # nobody asked for it: the keyframe failed


def test_the_thread_looks_by_itself_until_it_is_closed():
    bench, stopped = Bench(), threading.Event()
    bench.watch._stop = stopped.set
    bench.watch.start()
    bench.now += 1.0
    assert stopped.wait(2.0)
    bench.watch.close()
    count = len(bench.did)
    time.sleep(0.1)
    assert len(bench.did) == count


def test_a_look_that_fails_is_told_and_the_next_one_comes():
    bench = Bench()
    bench.broken_looks = 1
    bench.source = "nobody"
    bench.watch.start()
    deadline = time.monotonic() + 5.0
    while "stop" not in bench.did and time.monotonic() < deadline:
        time.sleep(0.01)
    bench.watch.close()
    assert [str(error) for error in bench.failures] == ["the middleware failed"]
    assert "stop" in bench.did


def test_a_look_whose_report_fails_does_not_end_the_watch():
    bench = Bench()
    bench.broken_looks = 1
    bench.source = "nobody"

    def fail(error):
        bench.failures.append(error)
        raise RuntimeError("the controller's publisher is gone")

    bench.watch._failed = fail
    bench.watch.start()
    deadline = time.monotonic() + 5.0
    while "stop" not in bench.did and time.monotonic() < deadline:
        time.sleep(0.01)
    bench.watch.close()
    assert bench.failures
    assert "stop" in bench.did
