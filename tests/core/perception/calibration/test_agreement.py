"""Clouds that agree agree; a camera that was moved is measured and suspected."""

from dataclasses import replace

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.perception.calibration.agreement import compare_clouds
from dynarend_core.types import CameraView

K = np.array([[60.0, 0, 40], [0, 60, 30], [0, 0, 1]])
BOX = np.array([[-1.0, -1, -0.5], [1, 1, 0.5]])


def table_seen_from(name, x):
    """A camera one metre above the table z = 0, looking straight down."""
    T = se3.make(rotation_x(np.pi), np.array([x, 0.0, 1.0]))
    return CameraView(name, np.zeros((60, 80, 3), np.uint8), np.ones((60, 80), np.float32), K, T)


def three():
    return [table_seen_from(name, x) for name, x in (("a", -0.1), ("b", 0.0), ("c", 0.1))]


def test_true_cameras_agree():
    agreement = compare_clouds(three(), BOX)
    assert len(agreement.pairs) == 6
    assert all(p.median_mm < 1e-3 and p.points > 1000 for p in agreement.pairs)


def test_a_moved_camera_is_measured_and_suspected():
    views = three()
    raised = views[1].T_base_camera.copy()
    raised[2, 3] += 0.012
    agreement = compare_clouds([views[0], replace(views[1], T_base_camera=raised), views[2]], BOX)
    offsets = {(p.first, p.second): p.offset_mm for p in agreement.pairs}
    assert offsets["b", "a"] == pytest.approx(-12.0, abs=0.01)  # its points seem 12 mm nearer to the others
    assert offsets["a", "b"] == pytest.approx(12.0, abs=0.01)
    assert offsets["a", "c"] == pytest.approx(0.0, abs=0.01)
    assert agreement.suspect() == "b"
    assert np.nanmedian(agreement.images_mm["b"]) == pytest.approx(12.0, abs=0.01)


def test_other_surfaces_and_points_outside_the_box_do_not_count():
    views = three()
    low = replace(views[2], depth_m=np.full((60, 80), 1.2, np.float32))  # sees the floor, 20 cm below
    agreement = compare_clouds([views[0], low], BOX)
    assert agreement.pairs == ()
    assert np.isnan(agreement.images_mm["a"]).all()
    assert compare_clouds(three(), BOX + np.array([0, 0, 2.0])).pairs == ()
    assert agreement.suspect() is None
