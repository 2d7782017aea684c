"""Laws of time-parametrised trajectories."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.panda import ACCELERATION_LIMITS, HOME_Q, VELOCITY_LIMITS
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise


def random_path(seed: int, corners: int) -> np.ndarray:
    return HOME_Q + np.random.default_rng(seed).uniform(-0.6, 0.6, size=(corners, 7))


def run(path: np.ndarray, factor: float = 1.0) -> JointTrajectory:
    return time_parametrise(path, VELOCITY_LIMITS, ACCELERATION_LIMITS, factor)


@pytest.mark.parametrize(("seed", "corners"), [(0, 2), (1, 3), (2, 6), (3, 20)])
def test_a_trajectory_rests_at_both_ends_and_keeps_the_limits(seed: int, corners: int) -> None:
    path = random_path(seed, corners)
    trajectory = run(path)
    assert trajectory.times_s[0] == 0.0
    assert (np.diff(trajectory.times_s) > 0).all()
    assert np.array_equal(trajectory.positions[[0, -1]], path[[0, -1]])
    assert not trajectory.velocities[[0, -1]].any()
    step = 0.002
    q, qd = map(np.array, zip(*(trajectory.sample(t) for t in np.arange(0, trajectory.duration_s, step)), strict=True))
    assert (np.abs(qd) <= VELOCITY_LIMITS * 1.01).all()
    assert (np.abs(np.diff(qd, axis=0) / step) <= ACCELERATION_LIMITS * 1.1).all()
    assert np.allclose(np.diff(q, axis=0) / step, (qd[1:] + qd[:-1]) / 2, atol=2e-3)


def test_the_motion_follows_the_path() -> None:
    path = random_path(4, 4)
    dense = np.concatenate([a + np.linspace(0, 1, 200)[:, None] * (b - a) for a, b in itertools.pairwise(path)])
    trajectory = run(path)
    for t in np.linspace(0.0, trajectory.duration_s, 100):
        assert np.linalg.norm(dense - trajectory.sample(t)[0], axis=1).min() < 0.02


def test_a_long_motion_uses_the_speed_it_may() -> None:
    trajectory = run(np.stack([HOME_Q, HOME_Q + np.array([2.0, 0, 0, 0, 0, 0, 0])]))
    assert np.abs(trajectory.velocities[:, 0]).max() > 0.9 * VELOCITY_LIMITS[0]
    assert trajectory.duration_s < 2.0 / VELOCITY_LIMITS[0] + VELOCITY_LIMITS[0] / ACCELERATION_LIMITS[0] + 0.3


def test_half_speed_takes_twice_the_time() -> None:
    path = random_path(5, 5)
    assert run(path, 0.5).duration_s == pytest.approx(2.0 * run(path).duration_s)


def test_sampling_outside_the_motion_holds_the_ends() -> None:
    trajectory = run(random_path(6, 3))
    for t, row in ((-1.0, 0), (trajectory.duration_s + 1.0, -1)):
        q, qd = trajectory.sample(t)
        assert np.array_equal(q, trajectory.positions[row])
        assert not qd.any()


def test_a_path_without_motion_stands_still() -> None:
    trajectory = run(np.stack([HOME_Q, HOME_Q]))
    assert trajectory.duration_s > 0.0
    assert np.array_equal(trajectory.sample(0.01)[0], HOME_Q)


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.5, np.nan])
def test_speed_factors_outside_the_range_are_refused(factor: float) -> None:
    with pytest.raises(InvalidInputError, match=r"\(0, 1\]"):
        run(random_path(0, 2), factor)


def test_non_finite_paths_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="finite"):
        run(np.full((2, 7), np.nan))
