"""Value maps drawn as light: where the policy would send the gripper, seen through the scene."""

from __future__ import annotations

import cv2
import numpy as np

from dynarend_core.geometry.aabb import contains
from dynarend_core.geometry.cameras import project
from dynarend_core.types import ValueMap
from dynarend_core.visualization.splat import Viewpoint

Array = np.ndarray

COLORMAP = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_PLASMA)[:, 0, ::-1].astype(
    np.float32
)
"""``(256, 3)`` colours from low to high value."""

_MAX_CELLS = 20_000
_FLOOR = 1e-3
_BLUR_PX = 4.0
_GAMMA = 0.45


def heat_of_points(value_map: ValueMap, xyz: Array) -> Array:
    """Value at each ``(n, 3)`` point, relative to the map's maximum, ``(n,)`` in [0, 1]; 0 outside the map."""
    p, aabb = value_map.probability, value_map.aabb_base
    n = np.array(p.shape)
    cell = np.clip(((xyz - aabb[0]) / (aabb[1] - aabb[0]) * n).astype(int), 0, n - 1)
    value = p[cell[:, 0], cell[:, 1], cell[:, 2]] / max(float(p.max()), 1e-12)
    return np.where(contains(aabb, xyz), value, 0.0).astype(np.float32)


def tint(rgb: Array, heat: Array, strength: float = 0.85) -> Array:
    """Blend point colours ``(n, 3)`` with the heat colour where the value is high."""
    level = np.clip(heat, 0.0, 1.0) ** _GAMMA
    alpha = (strength * level)[:, None]
    return (1.0 - alpha) * rgb + alpha * COLORMAP[(level * 255).astype(int)]


def add_glow(image: Array, value_map: ValueMap, view: Viewpoint, strength: float = 0.8) -> Array:
    """Blend the map's projection into a float picture ``(h, w, 3)``: nothing hides it."""
    centres, probability = _bright_cells(value_map)
    uv, z = project(centres, view.K, view.T_base_camera)
    seen = (z > 0.05) & (uv >= 0).all(axis=1) & (uv < (view.width, view.height)).all(axis=1)
    if not seen.any():
        return image
    edge_m = float((value_map.aabb_base[1] - value_map.aabb_base[0])[0]) / value_map.probability.shape[0]
    sigma = max(0.75 * view.focal_px * edge_m / float(np.median(z[seen])), 3.0)
    shrink = max(int(sigma / _BLUR_PX), 1)  # a wide blur is computed on a small picture
    pixel = (uv[seen] / shrink).astype(int)
    light = np.zeros((view.height // shrink + 1, view.width // shrink + 1), dtype=np.float32)
    np.add.at(light, (pixel[:, 1], pixel[:, 0]), probability[seen])
    light = cv2.GaussianBlur(light, (0, 0), sigma / shrink)
    light = cv2.resize(light, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)[: view.height, : view.width]
    level = np.clip(light / max(float(light.max()), 1e-12), 0.0, 1.0) ** _GAMMA
    level = np.clip((level - 0.12) / 0.88, 0.0, 1.0)
    lit = level > 0
    out = image.astype(np.float32)
    alpha = (strength * level[lit])[:, None]
    out[lit] = (1.0 - alpha) * out[lit] + alpha * COLORMAP[(level[lit] * 255).astype(int)]
    return out


def _bright_cells(value_map: ValueMap) -> tuple[Array, Array]:
    """Centres ``(m, 3)`` and probabilities of the cells that matter."""
    p = value_map.probability
    flat = p.ravel()
    index = np.flatnonzero(flat >= _FLOOR * flat.max())
    if len(index) > _MAX_CELLS:
        index = index[np.argpartition(-flat[index], _MAX_CELLS)[:_MAX_CELLS]]
    cell = (value_map.aabb_base[1] - value_map.aabb_base[0]) / np.array(p.shape)
    ijk = np.stack(np.unravel_index(index, p.shape), axis=1)
    return value_map.aabb_base[0] + (ijk + 0.5) * cell, flat[index]
