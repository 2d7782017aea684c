"""Laws of the safety state machine, on a clock that the test turns."""

import itertools
import random

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_ros.safety_state import Outcome, SafetyLimits, SafetyMachine, SafetyState

S = SafetyState


class Bench:
    def __init__(self, **limits):
        self.now, self.stops = 0.0, []
        settings = {"max_age_s": {"joint_states": 0.2, "cloud": 2.0}, "armed_timeout_s": 100.0, **limits}
        settings = {"nodes": ("executor_node",), **settings}
        self.machine = SafetyMachine(SafetyLimits(**settings), lambda: self.now, self.stops.append)
        self.machine.node_present("executor_node", True)

    def wait(self, seconds, fresh=("joint_states", "cloud")):
        for _ in range(round(seconds / 0.1)):
            self.now += 0.1
            for name in fresh:
                self.machine.seen(name)
            self.machine.tick()
        return self

    def armed(self):
        self.wait(0.1)
        assert self.machine.arm()[0]
        return self

    def running(self):
        self.armed().machine.keyframe_began(7)
        assert self.machine.state is S.RUNNING
        return self


def test_it_starts_disarmed_and_arms_only_with_fresh_inputs():
    bench = Bench()
    assert bench.machine.state is S.DISARMED
    done, why = bench.machine.arm()
    assert not done
    assert "joint_states never arrived" in why
    assert "cloud never arrived" in why
    bench.wait(0.1).now += 1.0
    done, why = bench.machine.arm()
    assert not done
    assert "joint_states is 1.00 s old, limit 0.20 s" in why
    assert bench.armed().machine.state is S.ARMED


def test_keyframes_lead_to_running_and_back():
    bench = Bench().running()
    bench.machine.keyframe_ended(6, Outcome.FAILED)  # one that was refused while ours goes on
    assert bench.machine.state is S.RUNNING
    bench.machine.keyframe_ended(7, Outcome.SUCCEEDED)
    assert bench.machine.state is S.ARMED
    assert bench.machine.failures == 0
    assert bench.stops == []


@pytest.mark.parametrize("lost", ["joint_states", "cloud"])
@pytest.mark.parametrize("begin", [Bench.armed, Bench.running])
def test_a_stale_input_is_a_latched_fault_that_stops_once(begin, lost):
    bench = begin(Bench())
    bench.wait(3.0, fresh={"joint_states", "cloud"} - {lost})
    assert bench.machine.state is S.FAULT
    assert lost in bench.machine.reason
    reason = bench.machine.reason
    bench.wait(1.0)  # the input comes back: the fault stays
    assert bench.machine.state is S.FAULT
    assert not bench.machine.arm()[0]
    assert not bench.machine.disarm()[0]
    bench.machine.fault("a later one")
    assert bench.machine.reason == reason
    assert bench.stops == [reason]
    assert bench.machine.reset_fault()[0]
    assert bench.machine.state is S.DISARMED
    assert bench.armed().machine.state is S.ARMED


def test_a_stop_pauses_until_somebody_arms_and_is_never_refused():
    bench = Bench().running()
    assert bench.machine.pause("stopped by the operator")[0]
    assert bench.machine.state is S.PAUSED
    bench.machine.keyframe_began(8)
    bench.machine.keyframe_ended(7, Outcome.CANCELLED)
    assert bench.machine.state is S.PAUSED
    assert bench.machine.pause("again")[0]
    assert bench.stops == ["stopped by the operator", "again"]
    assert bench.armed().machine.state is S.ARMED


def test_a_cancelled_keyframe_pauses():
    bench = Bench().running()
    bench.machine.keyframe_ended(7, Outcome.CANCELLED)
    assert bench.machine.state is S.PAUSED


def test_failures_in_a_row_are_a_fault_and_success_forgives():
    bench = Bench(max_failures=2).armed()
    for outcome in (Outcome.FAILED, Outcome.SUCCEEDED, Outcome.FAILED):
        bench.machine.keyframe_ended(1, outcome)
    assert bench.machine.state is S.ARMED
    bench.machine.keyframe_ended(1, Outcome.FAILED)
    assert bench.machine.state is S.FAULT
    assert "2 keyframes in a row" in bench.machine.reason


def test_a_slow_policy_and_a_lost_executor_are_faults_only_where_something_may_move():
    for cause in (
        lambda m: m.policy_latency(9.0),
        lambda m: m.policy_latency(float("nan")),
        lambda machine: machine.node_present("executor_node", False),
    ):
        idle, busy = Bench(), Bench().running()
        cause(idle.machine)
        cause(busy.machine)
        assert idle.machine.state is S.DISARMED
        assert busy.machine.state is S.FAULT
    bench = Bench().running()
    bench.machine.policy_latency(1.0)
    assert bench.machine.state is S.RUNNING


def test_it_arms_only_with_all_nodes_there_and_a_robot_that_has_no_complaint():
    bench = Bench(nodes=("executor_node", "fusion_node")).wait(0.1)
    assert "fusion_node is not there" in bench.machine.arm()[1]
    bench.machine.node_present("fusion_node", True)
    bench.machine.robot_problem("the robot's safety mode is PROTECTIVE_STOP")
    assert "PROTECTIVE_STOP" in bench.machine.arm()[1]
    bench.machine.robot_problem(None)
    assert bench.machine.arm()[0]
    bench.machine.node_present("policy_node", False)  # not one of those that must be there
    assert bench.machine.state is S.ARMED
    bench.machine.node_present("fusion_node", False)
    assert (bench.machine.state, bench.machine.reason) == (S.FAULT, "fusion_node disappeared")
    bench = Bench().running()
    bench.machine.robot_problem("the robot's mode is REFLEX")
    assert (bench.machine.state, bench.stops) == (S.FAULT, ["the robot's mode is REFLEX"])


def test_nobody_leaves_it_armed():
    bench = Bench().armed().wait(101.0)
    assert bench.machine.state is S.DISARMED
    assert len(bench.stops) == 1
    assert Bench().running().wait(101.0).machine.state is S.RUNNING


def test_no_sequence_of_events_leads_to_motion_without_arming_or_past_a_fault():
    rng = random.Random(0)
    events = {
        "arm": lambda b: b.machine.arm(),
        "disarm": lambda b: b.machine.disarm(),
        "pause": lambda b: b.machine.pause("p"),
        "reset": lambda b: b.machine.reset_fault(),
        "fault": lambda b: b.machine.fault("f"),
        "began": lambda b: b.machine.keyframe_began(1),
        "ended": lambda b: b.machine.keyframe_ended(1, rng.choice(list(Outcome))),
        "latency": lambda b: b.machine.policy_latency(rng.choice([0.1, 10.0])),
        "lost": lambda b: b.machine.node_present("executor_node", False),
        "found": lambda b: b.machine.node_present("executor_node", True),
        "complaint": lambda b: b.machine.robot_problem(rng.choice([None, "protective stop"])),
        "wait": lambda b: b.wait(0.3),
        "silence": lambda b: b.wait(0.3, fresh=()),
    }
    for _ in range(300):
        bench = Bench()
        for name in itertools.islice(iter(lambda: rng.choice(list(events)), None), 60):
            before, stops = bench.machine.state, len(bench.stops)
            events[name](bench)
            after = bench.machine.state
            if after.allows_motion and not before.allows_motion:
                assert name == "arm"
                assert before in (S.DISARMED, S.PAUSED)
            if before is S.FAULT and after is not S.FAULT:
                assert (name, after) == ("reset", S.DISARMED)
            if before.allows_motion and not after.allows_motion:
                assert len(bench.stops) == stops + 1


@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf"), float("nan")])
def test_limits_that_watch_nothing_are_refused(limit):
    with pytest.raises(ConfigurationError, match="joint_states"):
        SafetyLimits(max_age_s={"joint_states": limit})


def test_a_node_that_dds_forgot_is_there_when_it_speaks_and_gone_when_it_is_silent():
    now, stops = [0.0], []
    limits = SafetyLimits(nodes=("executor_node",), node_silence_s=2.0)
    machine = SafetyMachine(limits, lambda: now[0], stops.append)
    assert machine.arm() == (False, "not armed: executor_node is not there")
    machine.node_present("executor_node", True)
    assert machine.arm()[0]
    now[0] = 1.9
    machine.tick()
    assert machine.state is SafetyState.ARMED
    now[0] = 2.1
    machine.tick()
    assert machine.state is SafetyState.FAULT
    assert stops == ["executor_node has been silent for 2.10 s, limit 2.00 s"]
