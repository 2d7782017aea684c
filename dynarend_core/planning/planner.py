"""From a keyframe to a motion: straight line, joint-space line, or a path around what the cameras see."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from dynarend_core.errors import InvalidInputError, PlanningError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning import limits, search
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import ACCELERATION_LIMITS, JOINT_LIMITS, VELOCITY_LIMITS
from dynarend_core.planning.scene import PlanningScene, SceneConfig
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise
from dynarend_core.types import FailureReason, Keyframe

Array = np.ndarray

ELBOW_RAD_PER_M = 100.0
"""A centimetre more clearance at the elbow is worth one radian more of turning."""


@dataclass(frozen=True)
class MotionPlannerConfig:
    """Settings of :class:`MotionPlanner`.

    Attributes:
        velocity_factor: Share of the joint speed limits to use, in (0, 1].
        line_step_m: Distance between waypoints of a straight line [m].
        line_step_rad: Rotation between waypoints of a straight line [rad].
        max_joint_step: Largest change of a joint between two waypoints of a straight line [rad].
        max_line_slowdown: A free motion is straight if that takes at most this many times the joint-space line.
        workspace_aabb: ``(2, 3)`` box the tip may move in, base frame [m].
        ik_seeds: Starts of the search for goal configurations when the straight line is not possible.
        max_checks: Effort of the search around obstacles [collision checks].
        scene: What counts as an obstacle.
        seed: Seed of everything random; equal inputs give equal motions.
        joint_range: ``(7, 2)`` joint positions [rad].
        joint_speeds: ``(7,)`` speed limits [rad/s].
        joint_accelerations: ``(7,)`` acceleration limits [rad/s^2].
    """

    velocity_factor: float = 1.0
    line_step_m: float = 0.005
    line_step_rad: float = float(np.radians(2.0))
    max_joint_step: float = 0.2
    max_line_slowdown: float = 2.0
    workspace_aabb: Array = field(default_factory=limits.WORKSPACE_AABB_BASE.copy)
    ik_seeds: int = 30
    max_checks: int = 20_000
    scene: SceneConfig = field(default_factory=SceneConfig)
    seed: int = 0
    joint_range: Array = field(default_factory=JOINT_LIMITS.copy)
    joint_speeds: Array = field(default_factory=VELOCITY_LIMITS.copy)
    joint_accelerations: Array = field(default_factory=ACCELERATION_LIMITS.copy)

    def __post_init__(self) -> None:
        if not 0.0 < self.velocity_factor <= 1.0:
            raise InvalidInputError(f"velocity_factor must be in (0, 1], got {self.velocity_factor}")


class MotionPlanner:
    """Plans motions of the arm to one keyframe at a time."""

    def __init__(self, config: MotionPlannerConfig | None = None) -> None:
        self.config = config or MotionPlannerConfig()
        self.kinematics = ArmKinematics(self.config.joint_range)

    def plan(
        self,
        q_start: Array,
        keyframe: Keyframe,
        obstacle_points: Array | None = None,
        straight: bool = False,
        seed: int | None = None,
    ) -> JointTrajectory:
        """Motion from rest at ``q_start`` to rest at the keyframe's pose.

        Args:
            q_start: ``(7,)`` joint positions now [rad].
            keyframe: Target of the tip frame; with ``ignore_collisions`` the point field is left out.
            obstacle_points: ``(n, 3)`` points the cameras see, base frame [m]; None plans in free space.
            straight: The tip must run along a straight line.
            seed: Instead of the configured one.

        Raises:
            InvalidInputError: non-finite or malformed input.
            PlanningError: cause ``out_of_bounds`` (target outside the workspace), ``ik`` (unreachable), ``limits`` (a
                joint would leave its range), ``planning``.
        """
        target = np.array(se3.check(keyframe.T_base_gripper, "keyframe.T_base_gripper"))
        q_start = np.array(q_start, dtype=np.float64)
        tip_start = self.kinematics.forward(q_start)
        limits.check_tips(target[:3, 3], self.config.workspace_aabb)
        if obstacle_points is not None:
            obstacle_points = _check_points(obstacle_points)
        line = self._straight_line(q_start, tip_start, target)
        if line is not None and keyframe.ignore_collisions:
            return self._timed(line)
        points = None if keyframe.ignore_collisions else obstacle_points
        scene = PlanningScene(q_start, target, points, self.config.workspace_aabb, self.config.scene)
        if line is not None and scene.is_free(line, scene.thresholds(line[-1])):
            return self._timed(line) if straight else self._faster(line, scene)
        if straight:
            why = "the arm cannot follow" if line is None else "something is in the way"
            raise PlanningError(f"no straight line to {_text(target)} m: {why}", FailureReason.PLANNING.value)
        return self._timed(self._joint_path(q_start, target, scene, self.config.seed if seed is None else seed))

    def unobstructed(self, q_start: Array, keyframe: Keyframe) -> JointTrajectory:
        """Motion along a straight line of the tip, or of the joints where the arm cannot follow; nothing is in the way.

        Raises:
            InvalidInputError: non-finite or malformed input.
            PlanningError: cause ``out_of_bounds`` (target outside the workspace) or ``ik`` (unreachable).
        """
        target = np.array(se3.check(keyframe.T_base_gripper, "keyframe.T_base_gripper"))
        q_start = np.array(q_start, dtype=np.float64)
        limits.check_tips(target[:3, 3], self.config.workspace_aabb)
        line = self._straight_line(q_start, self.kinematics.forward(q_start), target)
        if line is None:
            line = np.stack([q_start, self.kinematics.inverse(target, q_start)])
        return self._timed(line)

    def _timed(self, path: Array) -> JointTrajectory:
        c = self.config
        # A joint that starts beyond its range, resting on its stop, comes back in; it goes no farther out.
        low, high = np.minimum(c.joint_range[:, 0], path[0]), np.maximum(c.joint_range[:, 1], path[0])
        limits.check_joints(path, np.stack([low, high], axis=1))
        return time_parametrise(path, c.joint_speeds, c.joint_accelerations, c.velocity_factor)

    def _faster(self, line: Array, scene: PlanningScene) -> JointTrajectory:
        """The straight line, unless it creeps past a singularity and the joint-space line does not."""
        straight, direct = self._timed(line), self._timed(line[[0, -1]])
        if straight.duration_s <= self.config.max_line_slowdown * direct.duration_s:
            return straight
        return direct if scene.is_free(line[[0, -1]], scene.thresholds(line[-1])) else straight

    def _straight_line(self, q_start: Array, tip_start: Array, target: Array) -> Array | None:
        """Joint path whose tip runs straight to the target, or None where the arm cannot follow."""
        turn = rotations.rotation_vector(tip_start[:3, :3].T @ target[:3, :3])
        distance = float(np.linalg.norm(target[:3, 3] - tip_start[:3, 3]))
        steps = max(distance / self.config.line_step_m, float(np.linalg.norm(turn)) / self.config.line_step_rad)
        n = max(int(np.ceil(steps)), 2)
        share = np.linspace(0.0, 1.0, n + 1)[1:]
        poses = np.tile(target, (n, 1, 1))
        poses[:, :3, 3] = tip_start[:3, 3] + share[:, None] * (target[:3, 3] - tip_start[:3, 3])
        poses[:-1, :3, :3] = tip_start[:3, :3] @ rotations.matrix_from_rotation_vector(share[:-1, None] * turn)
        return self.kinematics.follow(poses, q_start, self.config.max_joint_step)

    def _joint_path(self, q_start: Array, target: Array, scene: PlanningScene, seed: int) -> Array:
        """Straight line in joint space to a usable goal configuration, else a search around obstacles.

        The nearest configuration comes first, unless its elbow leans on something and another one's does not.
        """
        rng = np.random.default_rng(seed)
        goals = self.kinematics.solutions(target, q_start, self.config.ik_seeds, rng)
        if not goals:
            goals = [self.kinematics.inverse(target, q_start, rng=rng)]
        free: list[Array] = []
        for goal in sorted(goals, key=lambda q: _cost(q, q_start, scene)):
            required = scene.thresholds(goal)
            if not scene.is_free(goal[None], required):
                continue
            near = not free or np.abs(goal - q_start).max() < np.abs(free[0] - q_start).max() + 0.5
            if near and scene.is_free(np.stack([q_start, goal]), required):
                return np.stack([q_start, goal])
            free.append(goal)
        if not free:
            raise PlanningError(
                f"the pose at {_text(target)} m is reachable, but in all {len(goals)} "
                "configurations found the arm stands in an obstacle, the table or itself",
                FailureReason.PLANNING.value,
            )
        for goal in free[:3]:
            path = self._search(q_start, goal, scene, rng, seed)
            if path is not None:
                return path
        raise PlanningError(
            f"no collision-free path to {_text(target)} m within {self.config.max_checks} checks",
            FailureReason.PLANNING.value,
        )

    def _search(
        self, q_start: Array, goal: Array, scene: PlanningScene, rng: np.random.Generator, seed: int
    ) -> Array | None:
        """RRT-Connect near start and goal first, then in the whole joint range; shortened and smoothed."""
        is_free = partial(scene.is_free, thresholds=scene.thresholds(goal))
        low, high = np.minimum(q_start, goal), np.maximum(q_start, goal)
        joint_limits = self.kinematics.joint_limits
        for room in (0.6, 6.0):
            lower = np.minimum(np.maximum(low - room, joint_limits[:, 0]), low)
            upper = np.maximum(np.minimum(high + room, joint_limits[:, 1]), high)
            path = search.rrt_connect(
                q_start, goal, np.stack([lower, upper], axis=1), is_free, seed, self.config.max_checks // 4
            )
            if path is not None:
                path[0], path[-1] = q_start, goal
                return search.round_corners(search.shortcut(path, is_free, rng), is_free)
        return None


def _cost(q: Array, q_start: Array, scene: PlanningScene) -> float:
    """How far the farthest joint turns, and how much clearance the elbow lacks, as a turn [rad]."""
    return float(np.abs(q - q_start).max()) + ELBOW_RAD_PER_M * scene.elbow_shortfall(q)


def _text(target: Array) -> str:
    return str(np.round(target[:3, 3], 3).tolist())


def _check_points(points: Array) -> Array:
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InvalidInputError(f"obstacle_points must be (n, 3), got {points.shape}")
    return points
