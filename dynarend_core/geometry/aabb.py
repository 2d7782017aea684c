"""Axis-aligned boxes ``(2, 3)``: minimum and maximum corner [m]."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def contains(aabb: Array, points: Array) -> Array:
    """``(n,)`` bool: which ``(n, 3)`` points lie in the box. NaN points do not."""
    return np.logical_and(points >= aabb[0], points <= aabb[1]).all(axis=-1)


def cube(center: Array, edge: float) -> Array:
    """Cube of the given edge length [m] around ``(3,)`` ``center``."""
    center = np.asarray(center, dtype=np.float64)
    return np.stack([center - edge / 2.0, center + edge / 2.0])


def cell_centers(aabb: Array, n: int) -> tuple[Array, Array, Array]:
    """Centres of ``n`` equal cells along x, y and z."""
    edges = [np.linspace(aabb[0, i], aabb[1, i], n, endpoint=False) for i in range(3)]
    half = (aabb[1] - aabb[0]) / n / 2.0
    return edges[0] + half[0], edges[1] + half[1], edges[2] + half[2]


def exit_depth(aabb: Array, origin: Array, directions: Array) -> Array:
    """Where rays leave the box, ``(n,)`` in units of their directions; negative infinity where they miss it.

    Args:
        aabb: The box.
        origin: ``(3,)`` common start of the rays.
        directions: ``(n, 3)``.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (aabb[0] - origin) / directions, (aabb[1] - origin) / directions
    near = np.fmin(first, second).max(axis=-1)
    far = np.fmax(first, second).min(axis=-1)
    return np.where((far > 0) & (near <= far), far, -np.inf)
