"""What the cameras see as boxes, for planners that know no clouds: without the robot and what it goes to touch."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import aabb
from dynarend_core.planning import _serial_chain
from dynarend_core.planning.robot import Robot

Array = np.ndarray


@dataclass(frozen=True)
class VoxelConfig:
    """How a cloud becomes boxes.

    Attributes:
        edge_m: Edge of a box [m]; doubled until there are no more than ``max_boxes``.
        max_boxes: Most boxes.
        min_points: Fewer points in a box are noise.
        arm_radius_m: Points this near to the line through the arm's joints are the arm [m].
        tool_radius_m: Points this near to the tool's points are the tool, or what it holds [m].
        target_radius_m: Points this near to the target are what is to be touched [m].
        margin_m: How far outside the workspace boxes are still of interest [m].
    """

    edge_m: float = 0.02
    max_boxes: int = 1500
    min_points: int = 2
    arm_radius_m: float = 0.11
    tool_radius_m: float = 0.08
    target_radius_m: float = 0.07
    margin_m: float = 0.15


def voxel_boxes(
    points: Array, robot: Robot, q: Array, T_base_target: Array, config: VoxelConfig | None = None
) -> tuple[Array, float]:
    """Centres ``(k, 3)`` and edge [m] of boxes that hold the points, base frame.

    Args:
        points: ``(n, 3)`` what the cameras see, base frame [m]; NaN are left out.
        robot: Whose own points are left out.
        q: ``(joints,)`` where it stands [rad].
        T_base_target: ``(4, 4)`` where its tip will go.
        config: How.
    """
    c = config or VoxelConfig()
    box = robot.workspace + np.array([[-c.margin_m], [c.margin_m]])
    points = np.asarray(points, dtype=np.float64)
    points = points[aabb.contains(box, points)]
    points = points[~near_robot(points, robot, q, c)]
    points = points[np.linalg.norm(points - T_base_target[:3, 3], axis=1) > c.target_radius_m]
    edge_m = c.edge_m
    while True:
        cells, counts = np.unique(np.floor(points / edge_m).astype(np.int64), axis=0, return_counts=True)
        cells = cells[counts >= c.min_points]
        if len(cells) <= c.max_boxes:
            return (cells + 0.5) * edge_m, edge_m
        edge_m *= 2.0


def near_robot(points: Array, robot: Robot, q: Array, c: VoxelConfig) -> Array:
    """``(n,)`` which points ``(n, 3)`` [m] are the arm's or its tool's, or would touch them, at ``q`` [rad]."""
    frames = _serial_chain.frames(robot.origins, robot.T_last_tip, np.array(q, dtype=np.float64))
    near = np.zeros(len(points), dtype=bool)
    spine = np.concatenate([np.zeros((1, 3)), frames[:, :3, 3]])
    for start, end in itertools.pairwise(spine):
        near |= _to_segment(points, start, end) < c.arm_radius_m
    tool = robot.tool_points @ frames[-1, :3, :3].T + frames[-1, :3, 3]
    for point in tool:
        near |= np.linalg.norm(points - point, axis=1) < c.tool_radius_m
    return near


def _to_segment(points: Array, start: Array, end: Array) -> Array:
    way = end - start
    length2 = float(way @ way)
    share = np.zeros(len(points)) if length2 == 0.0 else np.clip((points - start) @ way / length2, 0.0, 1.0)
    return np.linalg.norm(points - start - share[:, None] * way, axis=1)
