"""Shapes are what their words say: pieces fill a square but for its hole, a ring is hollow."""

from __future__ import annotations

import cv2
import mujoco
import numpy as np
import pytest

from dynarend_core.sim.mujoco.shapes import add_ring, around_hole, regular_polygon
from dynarend_core.types import Array


def area(corners: Array) -> float:
    hull = cv2.convexHull((1e4 * corners).astype(np.float32))
    return float(cv2.contourArea(hull)) * 1e-8


@pytest.mark.parametrize("sides", [3, 4, 5, 6, 8])
@pytest.mark.parametrize("start", [0.0, 0.3, np.pi / 4])
def test_convex_pieces_fill_the_square_round_the_hole(sides: int, start: float) -> None:
    hole = regular_polygon(sides, 0.03, start)
    pieces = around_hole(hole, 0.037)
    assert sum(area(piece) for piece in pieces) == pytest.approx(0.074**2 - area(hole), rel=1e-3)
    assert all(np.abs(piece).max() < 0.037 + 1e-9 for piece in pieces)


def test_a_ring_is_as_wide_inside_as_it_says() -> None:
    spec = mujoco.MjSpec()
    add_ring(spec.worldbody.add_body(name="ring"), 0.1, 0.04, 0.03, 0.005, rgba=[1, 0, 0, 1], mass=0.1)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for angle in np.linspace(0, 2 * np.pi, 9):
        ray = np.array([np.cos(angle), np.sin(angle), 0.0])
        distance = mujoco.mj_ray(model, data, np.array([0.0, 0.0, 0.1]), ray, None, 1, -1, np.zeros(1, np.int32))
        assert 0.03 - 1e-6 < distance < 0.03 / np.cos(np.pi / 8) + 1e-6
    assert model.body("ring").mass[0] == pytest.approx(0.1)
