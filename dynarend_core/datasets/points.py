"""How a metric cloud becomes the network's points; training and inference share these few lines."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

FAR_AWAY = 10.0
"""Normalised coordinate of padding points: outside every cube, so the network ignores them."""


def normalise(xyz: Array, aabb: Array) -> Array:
    """Metres to the cube ``[-1, 1]^3``, float32."""
    centre, half = aabb.mean(axis=0), (aabb[1] - aabb[0]) / 2.0
    return ((np.asarray(xyz) - centre) / half).astype(np.float32)


def denormalise(xyz: Array, aabb: Array) -> Array:
    """Inverse of :func:`normalise`, float64 metres."""
    return np.asarray(xyz, dtype=np.float64) * (aabb[1] - aabb[0]) / 2.0 + aabb.mean(axis=0)


def pack(xyz: Array, rgb: Array, count: int) -> Array:
    """Exactly ``count`` network points from at most ``count`` normalised points and rgb in ``[0, 1]``.

    Returns:
        ``(count, 6)`` float32: xyz, then rgb in ``[-1, 1]``; the rest is far away.
    """
    n = min(len(xyz), count)
    out = np.full((count, 6), FAR_AWAY, dtype=np.float32)
    out[:n, :3] = xyz[:n]
    out[:n, 3:] = rgb[:n] * 2.0 - 1.0
    out[n:, 3:] = 0.0
    return out


def spread(n: int, count: int) -> Array:
    """Indices of at most ``count`` of ``n`` points, the same every time, without following the points' order."""
    if n <= count:
        return np.arange(n)
    return np.random.default_rng(0).permutation(n)[:count]


def crop(points: Array, centre: Array, half_edge: float) -> Array:
    """Indices of the points whose normalised xyz lie in a cube around ``centre``."""
    near = np.abs(points[:, 0] - centre[0]) <= half_edge
    near &= np.abs(points[:, 1] - centre[1]) <= half_edge
    near &= np.abs(points[:, 2] - centre[2]) <= half_edge
    return np.flatnonzero(near)
