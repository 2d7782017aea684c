"""Orbits keep the workspace's centre where it is in the picture, and the camera above the table."""

from __future__ import annotations

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.orbit import LOWEST_Z_M, ORBIT_MAX_RAD, random_orbit, turned, workspace_centre


def looking_at_centre(direction: np.ndarray, distance: float) -> np.ndarray:
    """A camera somewhere about the centre, rolled, which it sees a little off the axis."""
    forward = -direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward], axis=1) @ rotations.rotation_z(0.3)
    return se3.make(R @ rotations.rotation_x(0.05), workspace_centre() - distance * forward)


def test_angle_distance_and_line_of_sight() -> None:
    rng, centre = np.random.default_rng(0), workspace_centre()
    angles = []
    for _ in range(200):
        T = looking_at_centre(rng.normal(size=3) * [1, 1, 0.3] + [0, 0, 1], rng.uniform(0.8, 2.0))
        moved = random_orbit(T, rng)
        before, after = T[:3, 3] - centre, moved[:3, 3] - centre
        assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before))
        angle = np.arccos(np.clip(before @ after / (before @ before), -1, 1))
        assert rotations.rotation_angle(T[:3, :3], moved[:3, :3]) == pytest.approx(angle, abs=1e-6)
        assert angle <= ORBIT_MAX_RAD + 1e-9
        np.testing.assert_allclose(se3.apply(se3.inverse(moved), centre), se3.apply(se3.inverse(T), centre), atol=1e-9)
        assert moved[2, 3] >= LOWEST_Z_M
        angles.append(angle)
    counts, _ = np.histogram(angles, bins=3, range=(0, ORBIT_MAX_RAD))
    assert counts.min() > 40, "angles should fill the whole range"


def test_directions_are_all_round() -> None:
    rng, T = np.random.default_rng(1), looking_at_centre(np.array([1.0, 0.0, 1.0]), 1.3)
    moves = np.array([(se3.inverse(T) @ random_orbit(T, rng))[:2, 3] for _ in range(200)])
    quarters = np.bincount((moves > 0) @ [1, 2], minlength=4)
    assert quarters.min() > 25


def test_a_low_camera_is_only_turned_upwards_and_an_impossible_one_refused() -> None:
    low = looking_at_centre(np.array([1.0, 0.0, -0.2]), 1.3)
    low = turned(low, np.array([0.0, 1.0, 0.0]), np.arcsin((low[2, 3] - LOWEST_Z_M - 0.01) / 1.3))
    rng = np.random.default_rng(2)
    assert min(random_orbit(low, rng)[2, 3] for _ in range(50)) >= LOWEST_Z_M
    below = looking_at_centre(np.array([0.3, 0.0, -1.0]), 1.3)
    with pytest.raises(InvalidInputError, match="base camera"):
        random_orbit(below, rng)
    with pytest.raises(InvalidInputError, match="centre"):
        random_orbit(se3.make(t=workspace_centre()), rng)


def test_equal_seeds_give_equal_orbits() -> None:
    T = looking_at_centre(np.array([1.0, 0.5, 1.0]), 1.3)
    first, second, other = (random_orbit(T, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3
