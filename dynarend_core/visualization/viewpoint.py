"""From where to look: a viewpoint that shows the gripper rather than the back of a cabinet."""

from __future__ import annotations

import numpy as np

from dynarend_core.visualization.splat import Viewpoint, look_at

Array = np.ndarray

_AZIMUTHS_DEG = (-35, 35, -65, 65, -95, 95)
_ELEVATIONS_DEG = (30, 45)


def overview(aabb_base: Array, targets: Array, cloud_xyz: Array, width: int, height: int) -> Viewpoint:
    """Look at the whole scene from the side that hides ``targets`` ``(n, 3)`` least."""
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
    candidates = []
    for rank, (elevation, azimuth) in enumerate((e, a) for e in _ELEVATIONS_DEG for a in _AZIMUTHS_DEG):
        e, a = np.deg2rad(elevation), np.deg2rad(azimuth)
        eye = centre + distance * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        hidden = np.mean([_hidden(eye, target, cloud_xyz) for target in targets])
        candidates.append((hidden + 0.02 * rank, rank, eye))
    eye = min(candidates)[2]
    return look_at(eye, centre, fov_y, width, height)


def _hidden(eye: Array, target: Array, cloud_xyz: Array) -> float:
    """Share of occlusion of a target, 0 (free) to 1: points near the line of sight, clearly before the target."""
    ray = target - eye
    length = float(np.linalg.norm(ray))
    ray = ray / length
    along = (cloud_xyz - eye) @ ray
    aside = np.linalg.norm(cloud_xyz - eye - along[:, None] * ray, axis=1)
    blocking = int(((aside < 0.015) & (along > 0.1) & (along < length - 0.05)).sum())
    return min(blocking / 10.0, 1.0)
