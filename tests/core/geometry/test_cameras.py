"""Projection and unprojection undo each other; pixel centres lie at halves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynarend_core.geometry import cameras, rotations, se3

seeds = st.integers(0, 2**32 - 1)


def random_camera(rng):
    width, height = int(rng.integers(2, 24)), int(rng.integers(2, 24))
    K = cameras.intrinsics_from_fov(width, height, rng.uniform(0.3, 2.0))
    T = se3.make(rotations.matrix_from_rotation_vector(rng.normal(0, 1, 3)), rng.normal(0, 1, 3))
    return width, height, K, T


@settings(deadline=None)
@given(seeds)
def test_projecting_what_was_unprojected_gives_pixel_centres_and_depths(seed):
    rng = np.random.default_rng(seed)
    width, height, K, T = random_camera(rng)
    depth_m = rng.uniform(0.05, 5.0, (height, width))
    uv, z = cameras.project(cameras.unproject(depth_m, K, T).reshape(-1, 3), K, T)
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    np.testing.assert_allclose(uv.reshape(height, width, 2), np.stack([u, v], axis=-1), atol=1e-8)
    np.testing.assert_allclose(z.reshape(height, width), depth_m, atol=1e-11)


@given(seeds)
def test_depth_is_measured_along_the_optical_axis(seed):
    rng = np.random.default_rng(seed)
    width, height, K, T = random_camera(rng)
    points = cameras.unproject(np.full((height, width), 0.7), K, T).reshape(-1, 3)
    np.testing.assert_allclose((points - T[:3, 3]) @ T[:3, 2], 0.7, atol=1e-12)


def test_optical_axes_are_right_down_forward():
    K = cameras.intrinsics_from_fov(100, 80, 1.0)
    points = np.array([[0.0, 0.0, 2.0], [0.1, 0.0, 2.0], [0.0, 0.1, 2.0]])
    uv, z = cameras.project(points, K, np.eye(4))
    np.testing.assert_allclose(uv[0], [50.0, 40.0])
    assert uv[1, 0] > uv[0, 0]
    assert uv[2, 1] > uv[0, 1]
    np.testing.assert_array_equal(z, 2.0)


def test_the_field_of_view_ends_at_the_border_of_the_image():
    fov_y = 0.8
    K = cameras.intrinsics_from_fov(64, 48, fov_y)
    uv, _ = cameras.project(np.array([[0.0, -np.tan(fov_y / 2), 1.0], [0.0, np.tan(fov_y / 2), 1.0]]), K, np.eye(4))
    np.testing.assert_allclose(uv[:, 1], [0.0, 48.0], atol=1e-12)


@given(seeds, st.sampled_from([0.25, 0.5, 2.0, 3.0]))
def test_scaled_intrinsics_scale_every_pixel(seed, factor):
    rng = np.random.default_rng(seed)
    _, _, K, T = random_camera(rng)
    points = se3.apply(T, np.column_stack([rng.normal(0, 0.3, (5, 2)), rng.uniform(0.5, 2.0, 5)]))
    uv, _ = cameras.project(points, K, T)
    scaled, _ = cameras.project(points, cameras.scale_intrinsics(K, factor), T)
    np.testing.assert_allclose(scaled, factor * uv, atol=1e-9)


def test_scaling_commutes_with_the_field_of_view():
    half = cameras.scale_intrinsics(cameras.intrinsics_from_fov(128, 96, 0.7), 0.5)
    np.testing.assert_allclose(half, cameras.intrinsics_from_fov(64, 48, 0.7))


@pytest.mark.parametrize("z", [0.0, -1.0])
def test_what_is_behind_the_camera_has_no_pixel(z):
    uv, depth = cameras.project(np.array([[0.2, 0.1, z]]), np.eye(3), np.eye(4))
    assert np.isnan(uv).all()
    assert depth[0] == z


def test_invalid_depth_stays_invalid_and_alone():
    depth_m = np.ones((3, 4))
    depth_m[1, 2] = np.nan
    points = cameras.unproject(depth_m, cameras.intrinsics_from_fov(4, 3, 1.0), np.eye(4))
    np.testing.assert_array_equal(np.isnan(points).all(axis=-1), np.isnan(depth_m))
    assert np.isnan(points).sum() == 3
