"""Baselines on a table whose every pixel is known, seen by cameras that look straight down on it."""

import numpy as np
import pytest

from dynarend_core.foresight import baselines, picture_errors
from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov, unproject
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x, rotation_y
from dynarend_core.types import CameraView
from dynarend_core.visualization.splat import Viewpoint

SIZE = 64


def table_view(name, x, tilt=0.0, height=0.9):
    """The table z = 0, coloured by a smooth function of the place."""
    T = se3.make(rotation_y(tilt) @ rotation_x(np.pi), np.array([x, 0.0, height]))
    K = intrinsics_from_fov(SIZE, SIZE, 0.6)
    directions = unproject(np.ones((SIZE, SIZE)), K, T) - T[:3, 3]
    depth = -height / directions[..., 2]
    places = unproject(depth, K, T)
    waves = np.stack([np.sin(6 * places[..., 0]), np.cos(5 * places[..., 1]), np.sin(4 * places[..., 1])], axis=-1)
    return CameraView(name, (127 + 100 * waves).astype(np.uint8), depth.astype(np.float32), K, T)


def test_a_warped_view_is_what_the_other_camera_sees():
    truth, other = table_view("truth", 0.5), table_view("other", 0.4, tilt=-0.1)
    picture = baselines.warped((other,), Viewpoint.of(truth))
    errors = picture_errors(picture, truth, SCENE_AABB_BASE)
    assert errors.psnr_db > 25
    assert errors.depth_cm < 0.2
    assert errors.psnr_db > picture_errors(baselines.constant(truth, SCENE_AABB_BASE), truth, SCENE_AABB_BASE).psnr_db


def test_a_view_warped_to_itself_is_itself_and_copied_without_a_motion_too():
    view = table_view("front", 0.5, tilt=0.3)
    for picture in (baselines.warped((view,), Viewpoint.of(view)), baselines.copied(view, view)):
        np.testing.assert_array_equal(picture.rgb, view.rgb)
        np.testing.assert_allclose(picture.depth_m, view.depth_m, rtol=1e-6)


def test_a_camera_that_moved_is_copied_by_warping():
    before, after = table_view("wrist", 0.35), table_view("wrist", 0.5)
    unmoved = picture_errors(baselines.copied(before, before), after, SCENE_AABB_BASE)
    assert picture_errors(baselines.copied(before, after), after, SCENE_AABB_BASE).psnr_db > unmoved.psnr_db + 5


def test_the_view_that_fills_most_is_warped():
    """A close-up from the very same side loses to a wide view from aside."""
    truth = table_view("truth", 0.5)
    views = table_view("close", 0.5, height=0.2), table_view("wide", 0.4, tilt=-0.1)
    picked = baselines.warped(views, Viewpoint.of(truth))
    alone = baselines.warped(views[1:], Viewpoint.of(truth))
    np.testing.assert_array_equal(picked.rgb, alone.rgb)


def test_the_drawn_cloud_has_no_holes_and_fits_what_was_seen():
    views = table_view("left", 0.4, tilt=-0.1), table_view("right", 0.6, tilt=0.1)
    truth = table_view("truth", 0.5)
    picture = baselines.drawn_cloud(views, Viewpoint.of(truth), SCENE_AABB_BASE, 0.005)
    assert np.isfinite(picture.depth_m).all()
    assert picture_errors(picture, truth, SCENE_AABB_BASE).depth_cm < 0.5


def test_the_constant_is_the_mean_of_what_counts():
    truth = table_view("truth", 0.5)
    picture = baselines.constant(truth, SCENE_AABB_BASE)
    assert picture.rgb[0, 0] == pytest.approx(truth.rgb.mean(axis=(0, 1)), abs=0.51)
    assert picture.depth_m[0, 0] == pytest.approx(0.9, abs=1e-3)
