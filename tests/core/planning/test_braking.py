"""A stop must not make the arm jump, wherever it is by then."""

import numpy as np
import pytest

from dynarend_core.planning.braking import brake, brake_between
from dynarend_core.planning.panda import ACCELERATION_LIMITS, HOME_Q, VELOCITY_LIMITS
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise


def motion(rng, factor=0.3):
    path = HOME_Q + np.cumsum(rng.uniform(-0.4, 0.4, (4, 7)), axis=0)
    return time_parametrise(np.vstack([HOME_Q, path]), VELOCITY_LIMITS, ACCELERATION_LIMITS, factor)


def run_to(q, qd, end, seconds):
    """What a joint_trajectory_controller makes of one point: positions and velocities on the way ``(100, 7)``."""
    cubic = JointTrajectory(np.array([0.0, seconds]), np.stack([q, end]), np.stack([qd, np.zeros(7)]))
    samples = [cubic.sample(t) for t in np.linspace(0.0, seconds, 100)]
    return np.array([s[0] for s in samples]), np.array([s[1] for s in samples])


@pytest.mark.parametrize("seed", range(40))
def test_wherever_the_arm_has_got_to_it_is_hardly_faster_than_it_was_and_ends_on_its_way(seed):
    rng = np.random.default_rng(seed)
    trajectory = motion(rng)
    seen_s = rng.uniform(0.0, trajectory.duration_s)
    age_s = rng.uniform(0.1, 0.5)
    latest_s = min(seen_s + age_s, trajectory.duration_s)
    end_s, seconds = brake_between(trajectory, seen_s, latest_s, ACCELERATION_LIMITS)
    end = trajectory.sample(end_s)[0]
    fastest = np.abs(trajectory.velocities).max(axis=0)
    for share in (0.0, 0.3, 0.7, 1.0):  # a controller, or a simulator, may be behind the clock
        q, qd = trajectory.sample(seen_s + share * age_s)
        _, speeds = run_to(q, qd, end, seconds)
        assert (np.abs(speeds).max(axis=0) <= 1.12 * fastest + 1e-3).all()
    assert seconds <= max(0.3, 1.75 * age_s) + 1e-9


def test_an_arm_just_seen_brakes_evenly_and_within_a_third_of_a_second():
    qd = np.array([1.0, -0.5, 0.0, 0.2, 0.0, 0.0, 2.0])
    end, seconds = brake(HOME_Q, qd, ACCELERATION_LIMITS)
    assert 0.05 <= seconds <= 0.3
    _, speeds = run_to(HOME_Q, qd, end, seconds)
    braking = np.diff(speeds[1:], axis=0)
    np.testing.assert_allclose(braking, np.broadcast_to(braking[0], braking.shape), atol=1e-9)


def test_a_constant_motion_hardly_speeds_up_or_turns_back_wherever_it_has_got_to():
    qd = np.full(7, 0.4)
    end, seconds = brake(HOME_Q, qd, ACCELERATION_LIMITS, age_s=0.2)
    for share in np.linspace(0.0, 1.0, 11):
        _, speeds = run_to(HOME_Q + share * 0.2 * qd, qd, end, seconds)
        assert speeds.max() <= 1.08 * 0.4
        assert speeds.min() >= -0.08 * 0.4


def test_the_end_is_never_beyond_the_end_of_the_motion():
    trajectory = motion(np.random.default_rng(1))
    end_s, _ = brake_between(trajectory, trajectory.duration_s - 0.4, trajectory.duration_s, ACCELERATION_LIMITS)
    assert end_s == trajectory.duration_s
