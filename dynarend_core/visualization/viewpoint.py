"""From where to look: a viewpoint that shows the gripper rather than the back of a cabinet."""

from __future__ import annotations

import numpy as np

from dynarend_core.geometry.cameras import project
from dynarend_core.visualization.splat import Viewpoint, look_at

Array = np.ndarray

_AZIMUTHS_DEG = (-35, 35, -65, 65, -95, 95)
_ELEVATIONS_DEG = (30, 45)
_STEPS_BACK = 5


def overview(aabb_base: Array, targets: Array, cloud_xyz: Array, width: int, height: int) -> Viewpoint:
    """Look at the scene from the side and distance that show all ``targets`` ``(n, 3)`` and hide them least."""
    solid = cloud_xyz[cloud_xyz[:, 2] > 0.01]
    body = solid if len(solid) > 100 else cloud_xyz
    low, high = (np.percentile(body, q, axis=0) for q in (2, 98)) if len(body) else aabb_base
    centre = (np.minimum(low, targets.min(axis=0)) + np.maximum(high, targets.max(axis=0))) / 2.0
    extent = float(np.linalg.norm(np.maximum(high, targets.max(axis=0)) - np.minimum(low, targets.min(axis=0))))
    return _best(centre, np.clip(1.55 * extent, 1.0, 2.2), np.deg2rad(38), targets, cloud_xyz, width, height)


def close_up(center: Array, edge_m: float, cloud_xyz: Array, like: Viewpoint, size: int) -> Viewpoint:
    """Look at a small cube from the same side as ``like``."""
    direction = like.T_base_camera[:3, 3] - center
    direction = direction / np.linalg.norm(direction)
    return look_at(center + 2.9 * edge_m * direction, center, np.deg2rad(30), size, size)


def _best(
    centre: Array, distance: float, fov_y: float, targets: Array, cloud_xyz: Array, width: int, height: int
) -> Viewpoint:
    candidates: list[tuple[float, int, Viewpoint]] = []
    for rank, (elevation, azimuth) in enumerate((e, a) for e in _ELEVATIONS_DEG for a in _AZIMUTHS_DEG):
        e, a = np.deg2rad(elevation), np.deg2rad(azimuth)
        direction = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        for step in range(_STEPS_BACK + 1):  # back off until nothing important is cut off
            eye = centre + distance * (1.0 + 0.1 * step) * direction
            view = look_at(eye, centre, fov_y, width, height)
            covered = _covered(targets, view)
            if covered == 0:
                break
        hidden = float(np.mean([_hidden(eye, target, cloud_xyz) for target in targets]))
        candidates.append((hidden + 0.5 * covered + 0.02 * rank, rank, view))
    return min(candidates, key=lambda c: c[:2])[2]


def _covered(targets: Array, view: Viewpoint) -> float:
    """Share of the targets that lie outside the picture, or below the words and the inset drawn over it."""
    uv, _ = project(targets, view.K, view.T_base_camera)
    u, v = uv[:, 0] / view.width, uv[:, 1] / view.height
    visible = (u > 0.06) & (u < 0.94) & (v > 0.08) & (v < 0.88)  # the legend is below
    visible &= ~((v < 0.18) & (u < 0.5))  # title
    visible &= ~((v < 0.47) & (u > 0.66))  # inset
    return 1.0 - float(visible.mean())


def _hidden(eye: Array, target: Array, cloud_xyz: Array) -> float:
    """Share of occlusion of a target, 0 (free) to 1: points near the line of sight, clearly before the target."""
    ray = target - eye
    length = float(np.linalg.norm(ray))
    ray = ray / length
    along = (cloud_xyz - eye) @ ray
    aside = np.linalg.norm(cloud_xyz - eye - along[:, None] * ray, axis=1)
    blocking = int(((aside < 0.015) & (along > 0.1) & (along < length - 0.05)).sum())
    return min(blocking / 10.0, 1.0)
