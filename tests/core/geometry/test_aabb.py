"""Boxes and the scene's fixed frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynarend_core.geometry import aabb, frames, se3

centers = st.tuples(*[st.floats(-2, 2)] * 3).map(np.array)


@given(centers, st.floats(0.01, 2.0))
def test_a_cube_holds_its_inside_and_nothing_else(center, edge):
    box = aabb.cube(center, edge)
    offsets = np.array([[0, 0, 0], [0.49, -0.49, 0.49], [0.51, 0, 0], [0, -0.51, 0], [0, 0, 0.51]])
    np.testing.assert_array_equal(aabb.contains(box, center + edge * offsets), [True, True, False, False, False])


def test_nan_points_are_outside_and_the_border_is_inside():
    box = aabb.cube(np.zeros(3), 2.0)
    points = np.array([[np.nan, 0, 0], [1, 1, 1], [-1, -1, -1]])
    np.testing.assert_array_equal(aabb.contains(box, points), [False, True, True])


@pytest.mark.parametrize("n", [1, 2, 16, 25])
def test_cell_centres_tile_the_box(n):
    box = np.array([[-1.0, 0.0, 2.0], [1.0, 0.5, 5.0]])
    for axis, centers_1d in enumerate(aabb.cell_centers(box, n)):
        size = (box[1, axis] - box[0, axis]) / n
        assert len(centers_1d) == n
        np.testing.assert_allclose(np.diff(centers_1d), size)
        assert centers_1d[0] - size / 2 == pytest.approx(box[0, axis])
        assert centers_1d[-1] + size / 2 == pytest.approx(box[1, axis])


def test_scene_box_is_the_same_cube_in_both_frames():
    np.testing.assert_allclose(se3.apply(frames.T_WORLD_BASE, frames.SCENE_AABB_BASE), frames.SCENE_AABB_WORLD)
    np.testing.assert_allclose(np.diff(frames.SCENE_AABB_BASE, axis=0), 1.0)


def test_the_table_top_lies_at_the_height_of_the_base():
    table_world = np.array([[0.0, 0.0, frames.TABLE_Z_WORLD]])
    assert se3.apply(se3.inverse(frames.T_WORLD_BASE), table_world)[0, 2] == pytest.approx(0.0)


def test_rays_leave_where_the_last_point_inside_is():
    rng = np.random.default_rng(0)
    box = np.array([[0.0, -0.5, 0.0], [1.0, 0.5, 1.0]])
    origin = np.array([0.5, 0.1, 2.0])
    directions = rng.normal(size=(200, 3)) * [0.4, 0.4, 1.0]
    directions[0] = [0.0, 0.0, -1.0]
    far = aabb.exit_depth(box, origin, directions)
    t = np.linspace(1e-3, 8.0, 4000)
    for direction, leave in zip(directions, far, strict=True):
        inside = aabb.contains(box, origin + t[:, None] * direction)
        if inside.any():
            assert abs(leave - t[inside].max()) < 5e-3
        elif np.isfinite(leave):  # a corner thinner than the steps
            assert aabb.contains([*box, [-0.01] * 3, [0.01] * 3], (origin + leave * direction)[None])[0]
    assert far[0] == 2.0
    assert np.isneginf(aabb.exit_depth(box, origin, np.array([[0.0, 0.0, 1.0]])))[0]
