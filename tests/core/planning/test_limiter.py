"""No trajectory that breaks a rule passes, none that keeps them is refused; speed is cured, not refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported by path

import obvious_limits as obvious

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState, Rule
from dynarend_core.planning.panda import HOME_Q, JOINT_LIMITS
from dynarend_core.planning.trajectory import JointTrajectory

CONFIG = LimiterConfig(
    workspace_aabb=np.array([[0.1, -0.5, 0.05], [0.85, 0.5, 0.9]]),
    keep_out=np.array([[[0.3, 0.2, 0.0], [0.5, 0.45, 0.45]], [[0.55, -0.3, 0.5], [0.7, 0.0, 0.7]]]),
    return_margin_m=0.0,
    return_margin_rad=-0.02,
)
N = 10_000
POINTS = 5


def motion(q, seconds=8.0):
    """Waypoints with the velocities of a Catmull-Rom spline, at rest at both ends."""
    times = np.linspace(0.0, seconds, len(q))
    qd = np.zeros_like(q)
    qd[1:-1] = (q[2:] - q[:-2]) / (times[2:] - times[:-2])[:, None]
    return JointTrajectory(times, q, qd)


def legal_start(rng):
    while True:
        q = HOME_Q + rng.uniform(-0.5, 0.5, 7) * [1.2, 1, 0.6, 1.5, 1, 1, 1]
        if obvious.box_excess(q[None], CONFIG) < -0.001:
            return q


def spoil(rng, t, measured, age_s):
    """One of the ways in which a trajectory goes wrong (or only nearly), at a random place."""
    times, q, qd = t.times_s.copy(), t.positions.copy(), t.velocities.copy()
    k, j, edge = rng.integers(1, len(q)), rng.integers(7), rng.integers(2)
    near = rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-8, -2)
    fault = rng.integers(12)
    if fault == 0:
        values = [times, q.reshape(-1), qd.reshape(-1)][rng.integers(3)]
        values[rng.integers(len(values))] = rng.choice([np.nan, np.inf, -np.inf, 1e308])
    elif fault == 1:
        times[k] = times[k - 1] + rng.choice([0.0, -1.0, 1e-9, CONFIG.min_time_step_s * (1 + near)])
    elif fault == 2:
        measured = measured + rng.choice([-1, 1]) * (CONFIG.start_tolerance_rad + near) * np.eye(7)[j]
    elif fault == 3:
        age_s = rng.choice([CONFIG.max_state_age_s + near, np.inf, np.nan, -1.0])
    elif fault == 4:
        qd[rng.choice([0, -1]), j] = CONFIG.rest_tolerance + near
    elif fault == 5:
        sign = -1 if edge else 1
        rest = JOINT_LIMITS[j, edge] + sign * (CONFIG.joint_margin_rad - CONFIG.tolerance_rad)
        q[:, j] = rest + sign * rng.uniform(0, 0.05, len(q))
        q[k, j], qd[:, j] = rest + near, 0.0
        measured = q[0]
    elif fault == 6:
        q[k:, j] += q[k - 1, j] - q[k, j] + rng.choice([-1, 1]) * (CONFIG.max_joint_jump_rad + near)
        qd[:, j] = 0.0
    elif fault == 7:
        qd[min(k, len(q) - 2), j] += rng.choice([-1, 1]) * 10.0 ** rng.uniform(-2, 2)
    elif fault == 8:
        times *= 10.0 ** rng.uniform(-4, 2.2)
        qd = motion(q, times[-1]).velocities
    elif fault == 9:
        times[0] = rng.choice([-1e-3, 1e-3])
    elif fault == 10:
        q[k] += rng.normal(scale=0.5, size=7)
    return JointTrajectory(times, q, qd), measured, age_s


def cases(seed=0):
    rng = np.random.default_rng(seed)
    starts = [legal_start(rng) for _ in range(200)]
    for _ in range(N):
        q0 = starts[rng.integers(len(starts))]
        steps = rng.normal(scale=0.03, size=7) + rng.normal(scale=0.02, size=(POINTS - 1, 7))
        t = motion(np.concatenate([q0[None], q0 + np.cumsum(steps, axis=0)]), rng.uniform(1.0, 20.0))
        case = (t, q0 + rng.uniform(-0.005, 0.005, 7), rng.uniform(0.0, 0.15))
        yield case if rng.random() < 0.4 else spoil(rng, *case)


def verdicts(batch, dense=obvious.DENSE):
    """True: legal. False: breaks a rule. None: too near to a limit between two waypoints for sampling to tell."""
    legal = np.array([obvious.form_is_legal(*case, CONFIG) for case in batch])
    at, between = obvious.geometry_excess([t for t, _, _ in batch], CONFIG, dense)
    broken = ~legal | (at > 1e-9) | (between > 1.0)
    kept = legal & (at < -1e-9) & (between < -1.0)
    return [False if b else True if k else None for b, k in zip(broken, kept, strict=True)]


def check_passed(t, outcome, speeds_too):
    """The path is left alone, time only stretched, and what is left is slow enough."""
    assert outcome.slowdown >= 1.0
    assert np.array_equal(outcome.trajectory.positions, t.positions)
    assert np.allclose(outcome.trajectory.times_s, t.times_s * outcome.slowdown, rtol=1e-12)
    if speeds_too:
        joint, tip = obvious.speeds(outcome.trajectory)
        assert (joint <= CONFIG.velocity_factor * CONFIG.joint_speeds * (1 + 1e-9)).all()
        assert tip <= CONFIG.max_tool_speed * (1 + 1e-9)


def test_ten_thousand_trajectories_against_an_obvious_judge():
    limiter = TrajectoryLimiter(CONFIG)
    counts = dict.fromkeys(("passed", "refused", "undecided", "slowed"), 0)
    rules = set()
    everything = list(cases())
    for batch in (everything[k : k + 500] for k in range(0, N, 500)):
        for i, ((t, q, age_s), verdict) in enumerate(zip(batch, verdicts(batch), strict=True)):
            outcome = limiter.check(t, MeasuredState(q, age_s))
            assert (outcome.trajectory is None) == (outcome.violation is not None)
            if verdict is None:
                counts["undecided"] += 1
                continue
            if (outcome.violation is None) != verdict:  # a corner of a box between two looks of the judge
                (verdict,) = verdicts([(t, q, age_s)], dense=1025)
            assert (outcome.violation is None) == verdict, (i, outcome.violation)
            counts["passed" if verdict else "refused"] += 1
            if verdict:
                counts["slowed"] += outcome.slowdown > 1.0
                check_passed(t, outcome, speeds_too=outcome.slowdown > 1.0 or i % 20 == 0)
            else:
                rules.add(outcome.violation.rule)
                assert 0 <= outcome.violation.waypoint < POINTS
    print(counts)
    assert rules >= set(Rule) - {Rule.SHAPE}
    assert min(counts["passed"], counts["refused"]) > 2000
    assert counts["slowed"] > 300
    assert counts["undecided"] < 0.03 * N


def test_the_obvious_judge_knows_where_the_tool_is():
    from dynarend_core.planning.kinematics import ArmKinematics

    q = HOME_Q + np.random.default_rng(0).uniform(-0.3, 0.3, (20, 7))
    assert np.allclose(obvious.tool_poses(q), [ArmKinematics().forward(x) for x in q], atol=1e-9)


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
    tip_z = obvious.tool_poses(HOME_Q[None])[0, 2, 3]
    box = np.array([[-1.0, -1.0, tip_z + 0.02], [1.0, 1.0, 2.0]])
    limiter = TrajectoryLimiter(LimiterConfig(workspace_aabb=box))
    up, down = (HOME_Q + s * np.linspace(0, 0.2, 5)[:, None] * np.eye(7)[3] for s in (1, -1))
    heights = [obvious.tool_poses(path[-1:])[0, 2, 3] for path in (up, down)]
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
