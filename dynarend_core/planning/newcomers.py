"""What has come into the way of a motion since it was planned."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from dynarend_core.planning.robot import Robot
from dynarend_core.planning.voxel_boxes import VoxelConfig, near_robot

Array = np.ndarray

MOVED_M = 0.02
"""Nearer to a point that was seen before, a point is no news."""
CLUSTER_M = 0.04
MIN_POINTS = 10
"""Fewer new points in a cube of ``CLUSTER_M`` are noise."""


def came_in_the_way(robot: Robot, positions: Array, before: Array, now: Array) -> bool:
    """Whether something is near the motion that was not there when it was planned. For an arm that has not moved since.

    A comparison, and not a second plan: noise that the plan found its way through does not stop it.

    Args:
        robot: The arm.
        positions: ``(n, joints)`` its motion, from where it stands; steps of at most 0.2 rad [rad].
        before: ``(m, 3)`` what the cameras saw then, base frame [m].
        now: ``(k, 3)`` what they see now; NaN are left out.
    """
    reach = VoxelConfig()
    now = np.asarray(now, dtype=np.float64)
    now = now[np.isfinite(now).all(axis=1)]
    before = np.asarray(before, dtype=np.float64)
    before = before[np.isfinite(before).all(axis=1)]
    if len(before):
        now = now[~np.isfinite(cKDTree(before).query(now, distance_upper_bound=MOVED_M)[0])]
    now = now[~near_robot(now, robot, positions[0], reach)]
    near = np.zeros(len(now), dtype=bool)
    for q in positions:
        near |= near_robot(now, robot, q, reach)
    if not near.any():
        return False
    _, counts = np.unique(np.floor(now[near] / CLUSTER_M).astype(np.int64), axis=0, return_counts=True)
    return bool(counts.max() >= MIN_POINTS)
