"""Pieces of a motion stay on the motion, are nowhere faster, and end at rest in time."""

import numpy as np
import pytest

from dynarend_core.planning.braking import LONGEST_S
from dynarend_core.planning.panda import ACCELERATION_LIMITS, HOME_Q, VELOCITY_LIMITS
from dynarend_core.planning.pieces import piece, progress, rest_of
from dynarend_core.planning.trajectory import time_parametrise

MOTIONS = 1000


def motion(rng):
    path = HOME_Q + np.cumsum(rng.uniform(-0.4, 0.4, (rng.integers(1, 5), 7)), axis=0)
    return time_parametrise(np.vstack([HOME_Q, path]), VELOCITY_LIMITS, ACCELERATION_LIMITS, rng.uniform(0.05, 1.0))


def off_path(trajectory, q, near_s, reach_s):
    """Distance from the motion, found by a search of its own: golden section about the best of many samples [rad]."""
    times = np.linspace(max(near_s - reach_s, 0.0), min(near_s + reach_s, trajectory.duration_s), 41)
    distance = lambda t: float(np.linalg.norm(trajectory.sample(t)[0] - q))  # noqa: E731
    best = int(np.argmin([distance(t) for t in times]))
    low, high = times[max(best - 1, 0)], times[min(best + 1, 40)]
    for _ in range(30):
        a, b = high - 0.618 * (high - low), low + 0.618 * (high - low)
        low, high = (low, b) if distance(a) < distance(b) else (a, high)
    return min(distance(0.5 * (low + high)), distance(times[best])), 0.5 * (low + high)


@pytest.mark.parametrize("chunk", range(10))
def test_refreshed_pieces_stay_on_the_judged_motion_and_rest_in_time(chunk):
    for seed in range(chunk * MOTIONS // 10, (chunk + 1) * MOTIONS // 10):
        rng = np.random.default_rng(seed)
        trajectory = motion(rng)
        now_s = rng.uniform(0.0, trajectory.duration_s)
        horizon_s = rng.uniform(0.2, 0.8)
        part = piece(trajectory, now_s - 0.5, now_s + horizon_s, ACCELERATION_LIMITS)
        assert part.duration_s <= now_s + horizon_s + LONGEST_S
        assert (part.velocities[-1] == 0.0).all()
        assert part.times_s[0] <= max(now_s - 0.5, 0.0)
        assert (np.diff(part.times_s) >= 1e-4).all()
        for t in rng.uniform(now_s, part.duration_s, 6):
            q, qd = part.sample(t)
            wanted, speed = trajectory.sample(t)
            if t <= now_s + horizon_s:  # on the schedule
                np.testing.assert_allclose(q, wanted, atol=1e-9)
                np.testing.assert_allclose(qd, speed, atol=1e-6)
                continue
            off, at_s = off_path(trajectory, q, min(t, trajectory.duration_s), LONGEST_S)
            assert off < 1e-6
            assert (np.abs(qd) <= np.abs(trajectory.sample(at_s)[1]) * (1 + 1e-3) + 2e-3).all()


def test_a_piece_of_all_that_is_left_is_the_motion_itself():
    trajectory = motion(np.random.default_rng(3))
    whole = piece(trajectory, -1.0, np.inf, ACCELERATION_LIMITS)
    np.testing.assert_array_equal(whole.times_s, trajectory.times_s)
    np.testing.assert_array_equal(whole.positions, trajectory.positions)


@pytest.mark.parametrize("seed", range(100))
def test_the_rest_of_a_motion_begins_at_rest_and_runs_into_the_motion(seed):
    rng = np.random.default_rng(seed)
    trajectory = motion(rng)
    at_s = rng.uniform(0.0, trajectory.duration_s - 0.01)
    rest = rest_of(trajectory, at_s, ACCELERATION_LIMITS)
    assert (rest.velocities[0] == 0.0).all()
    np.testing.assert_allclose(rest.positions[0], trajectory.sample(at_s)[0], atol=1e-12)
    np.testing.assert_allclose(rest.positions[-1], trajectory.positions[-1], atol=1e-9)
    assert rest.duration_s <= trajectory.duration_s - at_s + LONGEST_S
    assert (np.diff(rest.times_s) >= 1e-4).all()
    fastest = np.abs(trajectory.velocities).max(axis=0)
    for t in rng.uniform(0.0, rest.duration_s, 10):
        q, qd = rest.sample(t)
        assert off_path(trajectory, q, at_s + t, LONGEST_S)[0] < 2e-5
        assert (np.abs(qd) <= 1.02 * fastest + 1e-3).all()


@pytest.mark.parametrize("seed", range(50))
def test_progress_finds_the_moment_of_an_arm_beside_its_motion(seed):
    rng = np.random.default_rng(seed)
    trajectory = motion(rng)
    at_s = rng.uniform(0.0, trajectory.duration_s)
    q = trajectory.sample(at_s)[0] + rng.uniform(-1e-4, 1e-4, 7)
    seconds, distance = progress(trajectory, q, 0.0, trajectory.duration_s)
    assert np.abs(trajectory.sample(seconds)[0] - trajectory.sample(at_s)[0]).max() < 2e-3
    assert distance < 2e-3
    assert progress(trajectory, q, 0.0, 0.5 * at_s)[0] <= 0.5 * at_s  # where it cannot have got to it is not
