"""Everything one plan must stay clear of: the seen points, the table, the arm itself, and the workspace border."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.planning import _chain
from dynarend_core.planning.collision import REACH_M, DistanceField, interpolate
from dynarend_core.planning.robot_spheres import HAND_LINK, RobotSpheres

Array = np.ndarray

_SPHERES = RobotSpheres()
_LINKS, _LOCAL, _RADII = _SPHERES.links, _SPHERES.local, _SPHERES.radii
_ELBOW = (_LINKS >= 3) & (_LINKS <= 5)
_FINGERS = (_LINKS == HAND_LINK) & (_LOCAL[:, 2] > 0.055)
_N_BODY = int((_LINKS <= 2).sum())  # spheres of the base and the first two links; they come first in the table
_FIRST_DISTAL = int(np.argmax(_LINKS >= 5))
_N_FOREARM = int((_LINKS == 5).sum())


@numba.njit(cache=True)
def _clearances(q: Array, grid: Array, origin: Array, voxel: float, table_z: float) -> tuple[Array, Array]:
    """Clearance of every sphere [m] (capped at 0.12) and the tip position."""
    frames = _chain.link_frames(q)
    n = len(_RADII)
    centres = np.empty((n, 3))
    out = np.empty(n)
    for i in range(n):
        T = frames[_LINKS[i]]
        for r in range(3):
            centres[i, r] = T[r, 0] * _LOCAL[i, 0] + T[r, 1] * _LOCAL[i, 1] + T[r, 2] * _LOCAL[i, 2] + T[r, 3]
        x, y, z = centres[i]
        distance = interpolate(grid, origin, voxel, x, y, z, REACH_M) if _LINKS[i] > 0 else REACH_M
        if _LINKS[i] > 2:
            distance = min(distance, z - table_z)
        out[i] = distance - _RADII[i]
        if i >= _FIRST_DISTAL:
            # Links 5 and up can meet the base and shoulder; only the hand can meet link 5.
            for j in range(_FIRST_DISTAL + _N_FOREARM if _LINKS[i] == HAND_LINK else _N_BODY):
                if _N_BODY <= j < _FIRST_DISTAL:
                    continue
                gap = np.sqrt(((centres[i] - centres[j]) ** 2).sum()) - _RADII[i] - _RADII[j]
                out[i] = min(out[i], gap)
    return out, frames[9, :3, 3].copy()


@numba.njit(cache=True)
def _first_blocked(
    path: Array,
    resolution: float,
    thresholds: Array,
    box: Array,
    grid: Array,
    origin: Array,
    voxel: float,
    table_z: float,
) -> int:
    """First row of the path whose state, or whose segment from the row before, is blocked; -1 if all is free."""
    for row in range(len(path)):
        start = path[max(row - 1, 0)]
        n = max(int(np.ceil(np.abs(path[row] - start).max() / resolution)), 1)
        for k in range(1, n + 1):
            clear, tip = _clearances(start + (path[row] - start) * (k / n), grid, origin, voxel, table_z)
            if (clear < thresholds).any() or (tip < box[0]).any() or (tip > box[1]).any():
                return row
    return -1


@numba.njit(cache=True)
def _keep(points: Array, centres: Array, radii: Array, floor_z: float) -> Array:
    """Points above the floor and outside all spheres."""
    keep = np.empty(len(points), dtype=np.bool_)
    for p in range(len(points)):
        keep[p] = points[p, 2] > floor_z
        for s in range(len(radii)):
            if not keep[p]:
                break
            dx, dy, dz = points[p, 0] - centres[s, 0], points[p, 1] - centres[s, 1], points[p, 2] - centres[s, 2]
            keep[p] = dx * dx + dy * dy + dz * dz > radii[s] * radii[s]
    return keep


@dataclass(frozen=True)
class SceneConfig:
    """What counts as an obstacle.

    Attributes:
        margin_m: Clearance every link keeps where it can [m].
        voxel_m: Node spacing of the distance field [m].
        own_points_m: Points this near to the robot at start are the robot itself [m].
        contact_m: Points this near to the tip at start (held object) or at the goal (object to grasp) are no
            obstacles [m].
        goal_slack_m: How deep a link other than the fingers may be in an obstacle at the goal [m]; field noise.
        table_z: Height of the table plane, base frame [m].
        table_points_m: Points less than this above the table belong to it [m].
        edge_step_rad: Largest joint step between two checked states [rad].
    """

    margin_m: float = 0.01
    voxel_m: float = 0.02
    own_points_m: float = 0.03
    contact_m: float = 0.06
    goal_slack_m: float = 0.015
    table_z: float = 0.0
    table_points_m: float = 0.012
    edge_step_rad: float = 0.03


class PlanningScene:
    """Obstacles of one plan, seen from its start; penetration that exists at the start is no reason to refuse."""

    def __init__(
        self,
        q_start: Array,
        T_base_goal: Array,
        obstacle_points: Array | None,
        workspace_aabb: Array,
        config: SceneConfig | None = None,
    ) -> None:
        """Build the field without the robot's own points, the held object and the object at the goal.

        Args:
            q_start: ``(7,)`` joint positions now [rad].
            T_base_goal: ``(4, 4)`` target of the tip.
            obstacle_points: ``(n, 3)`` base frame [m], or None for table and self-collision only.
            workspace_aabb: ``(2, 3)`` box the tip may move in [m].
            config: Margins.
        """
        self.config = config or SceneConfig()
        tip_start = _chain.link_frames(q_start)[9, :3, 3]
        self._box = np.stack([np.minimum(workspace_aabb[0], tip_start), np.maximum(workspace_aabb[1], tip_start)])
        self._field = self._build_field(q_start, tip_start, T_base_goal[:3, 3], obstacle_points)
        self._start_thresholds = np.minimum(self.config.margin_m, self.clearances(q_start) - 0.002)

    def clearances(self, q: Array) -> Array:
        """``(k,)`` clearance of every robot sphere at ``q`` [m]; negative where it penetrates."""
        return _clearances(q, *self._field_arguments())[0]

    def thresholds(self, q_goal: Array) -> Array:
        """``(k,)`` clearance each sphere must keep on a path from the start to ``q_goal`` [m]."""
        slack = np.where(_FINGERS, -np.inf, -self.config.goal_slack_m)
        return np.minimum(self._start_thresholds, np.maximum(self.clearances(q_goal) - 0.002, slack))

    def elbow_shortfall(self, q: Array) -> float:
        """How much upper arm, elbow or forearm miss the margin at ``q`` [m]; 0 if they keep it.

        These links can stand elsewhere for the same tip pose. What the cameras see of an obstacle is its outside, and
        they do not see all of it: an elbow that leans on it is a worse choice than a longer way.
        """
        return max(0.0, self.config.margin_m - float(self.clearances(q)[_ELBOW].min()))

    def first_blocked(self, path: Array, thresholds: Array) -> int:
        """Row of ``path`` ``(m, 7)`` at which it is first blocked, checked along the segments too; -1 if free."""
        path = np.ascontiguousarray(path)
        return int(_first_blocked(path, self.config.edge_step_rad, thresholds, self._box, *self._field_arguments()))

    def is_free(self, path: Array, thresholds: Array) -> bool:
        """True if no state along ``path`` ``(m, 7)`` is blocked."""
        return self.first_blocked(path, thresholds) < 0

    def _field_arguments(self) -> tuple[Array, Array, float, float]:
        return self._field.grid, self._field.origin, self._field.voxel_m, self.config.table_z

    def _build_field(self, q_start: Array, tip_start: Array, goal: Array, points: Array | None) -> DistanceField:
        config = self.config
        if points is None or len(points) == 0:
            # One far node: every look-up falls outside and reads as free.
            return DistanceField(np.full((1, 1, 1), REACH_M, dtype=np.float32), np.zeros(3), config.voxel_m)
        centres = np.concatenate([_SPHERES.centres(q_start), tip_start[None], goal[None]])
        radii = np.concatenate([_RADII + config.own_points_m, np.full(2, config.contact_m)])
        points = np.ascontiguousarray(points, dtype=np.float64)
        kept = points[_keep(points, centres, radii, config.table_z + config.table_points_m)]
        return DistanceField.from_points(kept, SCENE_AABB_BASE, config.voxel_m)
