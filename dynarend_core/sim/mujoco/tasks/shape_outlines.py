"""The five shapes of place_shape_in_shape_sorter and their holes, seen from above."""

from __future__ import annotations

import numpy as np

from dynarend_core.sim.mujoco.shapes import regular_polygon
from dynarend_core.types import Array


def outlines(name: str) -> list[Array]:
    """Convex parts of a shape's outline, ``(n, 2)`` corners each [m]."""
    if name == "cube":
        return [regular_polygon(4, 0.019 * np.sqrt(2), np.pi / 4)]
    if name == "cylinder":
        return [regular_polygon(16, 0.020)]
    if name == "triangular prism":
        return [regular_polygon(3, 0.026)]
    if name == "star":
        tips, dents = regular_polygon(5, 0.026), regular_polygon(5, 0.011, np.pi / 5)
        return [np.array([[0.0, 0.0], dents[i - 1], tips[i], dents[i]]) for i in range(5)]
    angles = np.linspace(0.4 * np.pi, 1.6 * np.pi, 5)
    ray = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outer, inner = 0.025 * ray, 0.017 * ray + [0.010, 0.0]
    return [np.array([outer[i], outer[i + 1], inner[i + 1], inner[i]]) for i in range(4)]


def hole(name: str) -> Array:
    """``(n, 2)`` corners of a shape's hole, counterclockwise, 3 to 4 mm wider than the shape on each side [m]."""
    if name == "cube":
        return regular_polygon(4, 0.023 * np.sqrt(2), np.pi / 4)
    if name == "cylinder":
        return regular_polygon(8, 0.0255)
    if name == "triangular prism":
        return regular_polygon(3, 0.033)
    return regular_polygon(6, 0.0335)
