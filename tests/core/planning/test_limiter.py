"""No trajectory that breaks a rule passes, none that keeps them is refused; speed is cured, not refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported by path

import obvious_limits as obvious
from limiter_cases import KINDS, ROBOTS, arm_of, cases, load, spline

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState, Rule
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.trajectory import JointTrajectory

N, MOST_WAYPOINTS = 20_000, 10


def motion(q, seconds=8.0):
    """Waypoints with the velocities of a Catmull-Rom spline, at rest at both ends."""
    times = np.linspace(0.0, seconds, len(q))
    return JointTrajectory(times, q, spline(times, q))


def check_passed(case, outcome, speeds_too):
    """The path is left alone, time only stretched, and what is left is slow enough."""
    given, c = case.trajectory, case.config
    assert outcome.slowdown >= 1.0
    assert np.array_equal(outcome.trajectory.positions, given.positions)
    assert np.allclose(outcome.trajectory.times_s, given.times_s * outcome.slowdown, rtol=1e-12)
    if speeds_too:
        joint, tip = obvious.speeds(outcome.trajectory, case.arm)
        assert (joint <= c.velocity_factor * c.joint_speeds * (1 + 1e-9)).all()
        assert tip <= c.max_tool_speed * (1 + 1e-9)


def test_twenty_thousand_trajectories_against_an_obvious_judge():
    counts = dict.fromkeys((True, False, None, "slowed"), 0)
    rules, kinds = set(), set()
    for i, case in enumerate(cases(np.random.default_rng(0), N, MOST_WAYPOINTS)):
        verdict = obvious.judge(case.trajectory, case.measured, case.age_s, case.config, case.arm)
        outcome = TrajectoryLimiter(case.config).check(case.trajectory, MeasuredState(case.measured, case.age_s))
        passed = outcome.violation is None
        assert (outcome.trajectory is None) == (not passed)
        counts[verdict.legal] += 1
        kinds.add(case.kind)
        if verdict.legal is not None:
            assert passed == verdict.legal, (i, case.robot, case.kind, verdict, outcome.violation)
        if passed:
            counts["slowed"] += outcome.slowdown > 1.0
            check_passed(case, outcome, speeds_too=outcome.slowdown > 1.0 or i % 20 == 0)
        else:
            rules.add(outcome.violation.rule)
            assert 0 <= outcome.violation.waypoint < MOST_WAYPOINTS
    assert rules == set(Rule)
    assert kinds == set(KINDS)
    assert min(counts[True], counts[False]) > 0.3 * N
    assert counts["slowed"] > 0.03 * N
    assert counts[None] < 0.03 * N


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_obvious_judge_knows_where_the_tool_is(robot):
    data = load(robot)
    q = data.home + np.random.default_rng(0).uniform(-0.3, 0.3, (20, len(data.home)))
    seen = np.array([data.forward(x) for x in q])
    points = seen[:, None, :3, 3] + np.einsum("nij,pj->npi", seen[:, :3, :3], data.tool_points)
    assert np.allclose(arm_of(robot).at(q)[:, 0], seen[:, :3, 3], atol=1e-9)
    assert np.allclose(arm_of(robot).at(q)[:, 1:], points, atol=1e-9)


def hooking_motion():
    """All joints overshoot between two waypoints; the tip is farthest where the motion is fastest."""
    rng, q = np.random.default_rng(5), np.tile(HOME_Q, (4, 1))
    qd = np.zeros_like(q)
    qd[1:3] = rng.choice([-1.0, 1.0], (2, 7)) * 0.39
    return JointTrajectory(np.arange(4.0), q, qd)


def test_an_overshoot_between_two_looks_is_seen():
    """Boxes moved to the edge of what the motion reaches: it may stay outside by 0.1 mm and no more."""
    arm, t = arm_of("panda"), hooking_motion()
    u = np.linspace(0.0, 1.0, 4001)[:, None]
    for k in range(1, 4):
        h, p0, p3 = 1.0, t.positions[k - 1], t.positions[k]
        p1, p2 = p0 + h * t.velocities[k - 1] / 3, p3 - h * t.velocities[k] / 3
        q = (1 - u) ** 3 * p0 + 3 * u * (1 - u) ** 2 * p1 + 3 * u**2 * (1 - u) * p2 + u**3 * p3
        tips = arm.at(q)[:, 0] if k == 1 else np.concatenate([tips, arm.at(q)[:, 0]])
    for axis, side in np.ndindex(3, 2):
        box = np.array([[-2.0] * 3, [2.0] * 3])
        way = 2 * side - 1
        box[side, axis] = way * (way * tips[:, axis]).max() - way * 1e-4
        limiter = TrajectoryLimiter(LimiterConfig(workspace_aabb=box, tolerance_m=0.0, return_margin_m=0.0))
        violation = limiter.check(t, MeasuredState(HOME_Q, 0.0)).violation
        assert violation is not None, (axis, side)
        assert violation.rule is Rule.WORKSPACE


def test_a_refusal_names_waypoint_value_and_limit():
    q = np.tile(HOME_Q, (4, 1))
    q[2, 3] += 0.25
    violation = TrajectoryLimiter().check(motion(q), MeasuredState(HOME_Q, 0.0)).violation
    assert (violation.rule, violation.waypoint, violation.limit) == (Rule.JOINT_JUMP, 2, 0.2)
    assert violation.value == pytest.approx(0.25, abs=0.05)
    assert "joint 4" in violation.message
    assert "0.2 rad" in violation.message


def test_slow_enough_motions_are_left_as_they_are():
    q = HOME_Q + np.linspace(0, 0.1, 5)[:, None]
    t = motion(q, 20.0)
    outcome = TrajectoryLimiter().check(t, MeasuredState(HOME_Q, 0.0))
    assert outcome.slowdown == 1.0
    assert np.array_equal(outcome.trajectory.times_s, t.times_s)


def test_an_arm_a_little_outside_may_come_back_but_not_go_further():
    tip_z = arm_of("panda").at(HOME_Q[None])[0, 0, 2]
    box = np.array([[-1.0, -1.0, tip_z + 0.02], [1.0, 1.0, 2.0]])
    limiter = TrajectoryLimiter(LimiterConfig(workspace_aabb=box))
    up, down = (HOME_Q + s * np.linspace(0, 0.2, 5)[:, None] * np.eye(7)[3] for s in (1, -1))
    heights = [arm_of("panda").at(path[-1:])[0, 0, 2] for path in (up, down)]
    inwards, outwards = (up, down) if heights[0] > heights[1] else (down, up)
    assert limiter.check(motion(inwards), MeasuredState(HOME_Q, 0.0)).violation is None
    assert limiter.check(motion(outwards), MeasuredState(HOME_Q, 0.0)).violation.rule is Rule.WORKSPACE
    far = TrajectoryLimiter(LimiterConfig(workspace_aabb=box + np.array([[0, 0, 0.1], [0, 0, 0]])))
    assert far.check(motion(inwards), MeasuredState(HOME_Q, 0.0)).violation.rule is Rule.WORKSPACE


@pytest.mark.parametrize("malformed", [(3, 6), (1, 7), (0, 7), (3,)])
def test_malformed_arrays_are_refused(malformed):
    t = JointTrajectory(np.arange(3.0), np.zeros(malformed), np.zeros((3, 7)))
    assert TrajectoryLimiter().check(t, MeasuredState(HOME_Q, 0.0)).violation.rule is Rule.SHAPE
    words = JointTrajectory(np.array(["a", "b"]), np.zeros((2, 7)), np.zeros((2, 7)))
    assert TrajectoryLimiter().check(words, MeasuredState(HOME_Q, 0.0)).violation.rule is Rule.SHAPE


@pytest.mark.parametrize(
    "settings",
    [
        {"velocity_factor": 0.0},
        {"velocity_factor": 1.01},
        {"velocity_factor": float("nan")},
        {"max_tool_speed": 0.0},
        {"max_state_age_s": float("inf")},
        {"joint_margin_rad": 2.0},
        {"keep_out": np.array([[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])},
    ],
)
def test_limits_that_limit_nothing_are_refused(settings):
    with pytest.raises(InvalidInputError):
        LimiterConfig(**settings)


def test_a_speed_so_great_that_sums_overflow_is_refused():
    t = motion(np.tile(HOME_Q, (4, 1)))
    t.velocities[1, 2] = 1e308
    violation = TrajectoryLimiter().check(t, MeasuredState(HOME_Q, 0.0)).violation
    assert (violation.rule, violation.waypoint) == (Rule.JOINT_JUMP, 1)
