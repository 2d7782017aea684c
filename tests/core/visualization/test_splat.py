"""The renderer puts points where a pinhole camera sees them, nearest on top."""

import numpy as np

from dynarend_core.geometry.cameras import project
from dynarend_core.visualization.splat import look_at, point_sizes, shade_edges, splat

VIEW = look_at(np.array([2.0, 0.0, 0.5]), np.zeros(3), np.deg2rad(40), 200, 160)


def test_the_target_is_in_the_middle_and_up_is_up():
    uv, z = project(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.1, 0.0]]), VIEW.K, VIEW.T_base_camera)
    np.testing.assert_allclose(uv[0], [100, 80], atol=1e-9)
    assert uv[1, 1] < 80
    assert uv[2, 0] > 100  # seen from +x, +y is to the right
    np.testing.assert_allclose(z[0], np.hypot(2.0, 0.5))


def test_a_point_covers_a_disc_of_its_size():
    color, depth = splat(np.zeros((1, 3)), np.array([[10.0, 20.0, 30.0]]), 0.1, VIEW)
    drawn = np.isfinite(depth)
    expected = np.pi * (VIEW.focal_px * 0.05 / np.hypot(2.0, 0.5)) ** 2
    assert abs(drawn.sum() / expected - 1) < 0.15
    assert (color[drawn] == (10, 20, 30)).all()
    assert (color[~drawn] == 0).all()
    np.testing.assert_allclose(depth[drawn], np.hypot(2.0, 0.5), rtol=1e-6)


def test_the_nearer_point_wins_in_any_order():
    toward_camera = np.array([2.0, 0.0, 0.5]) * 0.2
    xyz, rgb = np.stack([np.zeros(3), toward_camera]), np.array([[255.0, 0, 0], [0, 255.0, 0]])
    for order in ([0, 1], [1, 0]):
        color, _ = splat(xyz[order], rgb[order], 0.05, VIEW)
        np.testing.assert_array_equal(color[80, 100], [0, 255, 0])


def test_points_behind_the_camera_or_outside_draw_nothing():
    _, depth = splat(np.array([[5.0, 0, 0], [0, 50.0, 0], [np.nan, 0, 0]]), np.full((3, 3), 255.0), 0.1, VIEW)
    assert not np.isfinite(depth).any()


def test_shading_darkens_only_what_lies_behind_an_edge():
    depth = np.full((40, 40), 1.0)
    depth[:, 20:] = 1.2
    shaded = shade_edges(np.full((40, 40, 3), 100.0), depth, 2)
    assert shaded[20, 21, 0] < 80
    np.testing.assert_allclose(shaded[20, [5, 18, 19, 35], 0], 100.0)


def test_sparse_points_are_drawn_larger_within_limits():
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20), [0]), axis=-1).reshape(-1, 3).astype(float)
    assert (point_sizes(0.001 * grid, 0.008, 0.02) == 0.008).all()
    assert (point_sizes(1.0 * grid, 0.008, 0.02) == 0.02).all()
    assert point_sizes(np.zeros((2, 3)), 0.008).tolist() == [0.008, 0.008]
