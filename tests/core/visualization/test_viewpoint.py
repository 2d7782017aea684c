"""The viewpoint shows what matters: targets in the picture, and not from behind a wall."""

import numpy as np
import pytest

from dynarend_core.geometry.cameras import project
from dynarend_core.visualization.viewpoint import close_up, overview

AABB = np.array([[0.0, -0.5, 0.0], [1.0, 0.5, 0.6]])


def wall(y: float) -> np.ndarray:
    x, z = np.meshgrid(np.linspace(0.0, 1.0, 100), np.linspace(0.0, 0.6, 60))
    return np.stack([x.ravel(), np.full(x.size, y), z.ravel()], axis=1)


@pytest.mark.parametrize("side", [-1, 1])
def test_it_looks_from_the_free_side_of_a_wall(side):
    target = np.array([[0.5, 0.05 * side, 0.3], [0.5, 0.05 * side, 0.25]])
    view = overview(AABB, target, wall(0.0), 300, 240)
    assert np.sign(view.T_base_camera[1, 3]) == side


@pytest.mark.parametrize("corner", [(1.0, 0.5, 0.0), (1.0, -0.5, 0.6), (0.0, 0.5, 0.6), (0.0, -0.5, 0.0)])
def test_targets_at_the_rim_are_in_the_picture(corner):
    view = overview(AABB, np.array([corner, (0.5, 0.0, 0.1)]), wall(0.0), 300, 240)
    uv, z = project(np.array([corner]), view.K, view.T_base_camera)
    assert z[0] > 0
    assert (uv[0] > (0, 0)).all()
    assert (uv[0] < (300, 240)).all()


def test_the_close_up_looks_from_the_same_side_and_holds_the_cube():
    view = overview(AABB, np.array([[0.5, 0.1, 0.3]]), wall(0.0), 300, 240)
    center = np.array([0.5, 0.1, 0.3])
    close = close_up(center, 0.3, wall(0.0), view, 100)
    corners = center + 0.15 * np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    uv, _ = project(corners, close.K, close.T_base_camera)
    assert uv.min() > -10
    assert uv.max() < 110
    toward = close.T_base_camera[:3, 3] - center
    assert toward @ (view.T_base_camera[:3, 3] - center) / np.linalg.norm(toward) > 0.99 * np.linalg.norm(
        view.T_base_camera[:3, 3] - center
    )
