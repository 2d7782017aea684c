"""From a keyframe to a motion: straight line, joint-space line, or a path around what the cameras see."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import InvalidInputError, PlanningError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning import limits
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import ACCELERATION_LIMITS, VELOCITY_LIMITS
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise
from dynarend_core.types import FailureReason, Keyframe

Array = np.ndarray


@dataclass(frozen=True)
class MotionPlannerConfig:
    """Settings of :class:`MotionPlanner`.

    Attributes:
        velocity_factor: Share of the joint speed limits to use, in (0, 1].
        line_step_m: Distance between waypoints of a straight line [m].
        line_step_rad: Rotation between waypoints of a straight line [rad].
        max_joint_step: Largest change of a joint between two waypoints of a straight line [rad].
        workspace_aabb: ``(2, 3)`` box the tip may move in, base frame [m].
        seed: Seed of everything random; equal inputs give equal motions.
    """

    velocity_factor: float = 1.0
    line_step_m: float = 0.005
    line_step_rad: float = float(np.radians(2.0))
    max_joint_step: float = 0.2
    workspace_aabb: Array = field(default_factory=limits.WORKSPACE_AABB_BASE.copy)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.velocity_factor <= 1.0:
            raise InvalidInputError(f"velocity_factor must be in (0, 1], got {self.velocity_factor}")


class MotionPlanner:
    """Plans motions of the arm to one keyframe at a time."""

    def __init__(self, config: MotionPlannerConfig | None = None) -> None:
        self.config = config or MotionPlannerConfig()
        self.kinematics = ArmKinematics()

    def plan(self, q_start: Array, keyframe: Keyframe, obstacle_points: Array | None = None) -> JointTrajectory:
        """Motion from rest at ``q_start`` to rest at the keyframe's pose.

        Args:
            q_start: ``(7,)`` joint positions now [rad].
            keyframe: Target of the tip frame; with ``ignore_collisions`` the point field is left out.
            obstacle_points: ``(n, 3)`` points the cameras see, base frame [m]; None plans in free space.

        Raises:
            InvalidInputError: non-finite or malformed input.
            PlanningError: cause ``limits`` (target outside the workspace), ``ik`` (unreachable), ``planning``.
        """
        target = se3.check(keyframe.T_base_gripper, "keyframe.T_base_gripper")
        tip_start = self.kinematics.forward(q_start)
        limits.check_tips(target[:3, 3], self.config.workspace_aabb)
        path = self._straight_line(np.asarray(q_start, dtype=np.float64), tip_start, target)
        if path is None:
            q_goal = self.kinematics.inverse(target, q_start)
            path = np.stack([q_start, q_goal])
        limits.check_joints(path)
        return time_parametrise(path, VELOCITY_LIMITS, ACCELERATION_LIMITS, self.config.velocity_factor)

    def _straight_line(self, q_start: Array, tip_start: Array, target: Array) -> Array | None:
        """Joint path whose tip runs straight to the target, or None where the arm cannot follow."""
        distance = float(np.linalg.norm(target[:3, 3] - tip_start[:3, 3]))
        angle = float(rotations.rotation_angle(tip_start[:3, :3], target[:3, :3]))
        n = max(int(np.ceil(max(distance / self.config.line_step_m, angle / self.config.line_step_rad))), 2)
        path = [q_start]
        for i in range(1, n + 1):
            q, error = self.kinematics.follow(se3.interpolate(tip_start, target, i / n), path[-1])
            if error > 5e-4 or np.abs(q - path[-1]).max() > self.config.max_joint_step:
                return None
            path.append(q)
        return np.stack(path)
