"""The last gate before a motion leaves the planner: joint ranges and the box the tip may move in."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import PlanningError
from dynarend_core.geometry import aabb as boxes
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.planning.panda import JOINT_LIMITS
from dynarend_core.types import FailureReason

Array = np.ndarray

WORKSPACE_AABB_BASE = np.array([[*(SCENE_AABB_BASE[0, :2] - 0.1), -0.02], [*(SCENE_AABB_BASE[1] + 0.1)]])
"""Where the tip may go ``(2, 3)`` [m]: the policy's cube and 10 cm around it, but never into the table."""


def check_tips(positions: Array, workspace_aabb: Array = WORKSPACE_AABB_BASE) -> None:
    """Refuse tip positions ``(n, 3)`` outside the workspace box, base frame [m].

    Raises:
        PlanningError: cause ``out_of_bounds``; names the first point outside and the box.
    """
    positions = np.atleast_2d(positions)
    inside = boxes.contains(workspace_aabb, positions)
    if not inside.all():
        bad = positions[int(np.argmin(inside))]
        raise PlanningError(
            f"tip position {np.round(bad, 3).tolist()} m lies outside the workspace "
            f"{np.round(workspace_aabb, 3).tolist()} m (base frame)",
            FailureReason.OUT_OF_BOUNDS.value,
        )


def check_joints(path: Array, joint_limits: Array = JOINT_LIMITS, tolerance: float = 1e-3) -> None:
    """Refuse joint positions ``(n, 7)`` outside their ranges [rad].

    Raises:
        PlanningError: cause ``limits``; names the joint, its value and its range.
    """
    path = np.atleast_2d(path)
    beyond = np.maximum(path - joint_limits[:, 1], joint_limits[:, 0] - path)
    if beyond.max() > tolerance:
        row, joint = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
        low, high = joint_limits[joint]
        raise PlanningError(
            f"joint {joint + 1} would be at {path[row, joint]:.3f} rad, outside its range [{low:.3f}, {high:.3f}]",
            FailureReason.LIMITS.value,
        )
