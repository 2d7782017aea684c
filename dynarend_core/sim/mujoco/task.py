"""What a task is: a scene, its words, its success condition and the expert's keyframes."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from dynarend_core.errors import ConfigurationError, PlanningError, SimulationError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.sim.mujoco.roles import Roles
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.carrying import Carry
    from dynarend_core.sim.mujoco.world import MujocoWorld

COLORS: dict[str, tuple[float, float, float]] = {
    "red": (1.0, 0.0, 0.0), "maroon": (0.5, 0.0, 0.0), "lime": (0.0, 1.0, 0.0), "green": (0.0, 0.5, 0.0),
    "blue": (0.0, 0.0, 1.0), "navy": (0.0, 0.0, 0.5), "yellow": (1.0, 1.0, 0.0), "cyan": (0.0, 1.0, 1.0),
    "magenta": (1.0, 0.0, 1.0), "silver": (0.75, 0.75, 0.75), "gray": (0.5, 0.5, 0.5), "orange": (1.0, 0.5, 0.0),
    "olive": (0.5, 0.5, 0.0), "purple": (0.5, 0.0, 0.5), "teal": (0.0, 0.5, 0.5), "azure": (0.0, 0.5, 1.0),
    "violet": (0.5, 0.0, 1.0), "rose": (1.0, 0.0, 0.5), "black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0),
}  # fmt: skip
"""RLBench's twenty named colours, RGB in [0, 1]."""

MAX_PLACEMENTS = 500
"""Random placements a task tries before it gives up."""

PLACEMENTS_PER_TURN = 25
"""Of these, how many before another turn is drawn, in tasks where some turns leave the arm no place that works."""

LINE_POINTS = 30
"""Points of a straight line at which :func:`arm_paths` asks the arm."""

R_DOWN = np.diag([-1.0, 1.0, -1.0])
"""Gripper pointing straight down, fingers opening along world y."""


class Task(ABC):
    """One episode's task. Positions inside a task are in the simulator's world frame, RLBench's."""

    name: ClassVar[str]
    variation_count: ClassVar[int]
    graspable: ClassVar[tuple[str, ...]] = ()
    """Bodies that a closing gripper may hold."""
    expert_floor: ClassVar[float] = 0.95
    """Share of scenes that the expert has to solve for ``dynarend collect --verify`` to pass."""
    roles: ClassVar[Roles] = Roles()
    """What perturbations may change."""

    def __init__(self, variation: int, rng: np.random.Generator) -> None:
        if not 0 <= variation < self.variation_count:
            raise ConfigurationError(f"{self.name} has variations 0 to {self.variation_count - 1}, got {variation}")
        self.variation = variation
        self.rng = rng
        # How much larger than usual; perturbations set them before the scene is built.
        self.object_scale = self.receptacle_scale = 1.0
        self.recolored: set[str] = set()

    @abstractmethod
    def build(self, spec: mujoco.MjSpec) -> None:
        """Place the objects; all randomness comes from ``self.rng``."""

    @abstractmethod
    def instructions(self) -> list[str]:
        """Phrasings of this variation. The first is RLBench's; the last is never trained on."""

    @abstractmethod
    def success(self, world: MujocoWorld) -> bool:
        """Whether the task is solved in the world's current state."""

    @abstractmethod
    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """The expert's keyframes from the start of the episode, base frame."""

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """What remains to be taken and put somewhere, in the order of the demonstrations; none by default."""
        return []

    def carried(self, world: MujocoWorld) -> list[Carry]:
        """What has been put where it belongs, in tasks where something else follows; none by default."""
        return []

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """Bodies that may be somewhere else near by, for demonstrations of recovering: what is carried next."""
        return tuple(carry.thing for carry in self.carries(world)[:1])

    def moving_joints(self) -> tuple[str, ...]:
        """Joints that may be some way along already, for demonstrations of recovering."""
        return ()

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """What the expert does next in whatever state the world is, base frame.

        From the start on it gives, keyframe by keyframe, what :meth:`waypoints` gives.

        Returns:
            None if the task is solved or there is no way on: something fell over, or lies out of reach.
        """
        from dynarend_core.sim.mujoco.carrying import next_of

        return None if self.success(world) else next_of(world, self.carries(world), self.carried(world))

    def semantic_names(self) -> dict[str, str]:
        """Phrases a person would use: of bodies by body name, of single parts of them by geom name.

        Whatever an instruction may name has its full name: "left tap", "bulb in the red holder".
        What is not listed is called by its name without digits, underscores read as spaces.
        """
        return {}

    def variants(self) -> list[Self]:
        """The same scene asked for otherwise: every other question that its objects allow, and the arm can do.

        Only questions that other keyframes answer: a scene that asks how many gives none.
        """
        return []

    def asked(self, **attributes: object) -> Self:
        """A copy of the task in the same scene with other ``attributes``."""
        other = copy.copy(self)
        for name, value in attributes.items():
            setattr(other, name, value)
        return other

    def update(self, world: MujocoWorld) -> None:  # noqa: B027 - optional hook
        """Called after every control step; for tasks that must remember the order of events."""

    def failure(self, world: MujocoWorld) -> FailureReason:
        """What ends the episode as a failure, if anything: a wrong thing done, or one that cannot be put right."""
        return FailureReason.NONE


def arm_paths(keyframes: list[Keyframe], straight: Sequence[int] = ()) -> list[Array] | None:
    """How the arm goes from home through all keyframes' poses, or None if it cannot.

    Args:
        keyframes: Poses in their order.
        straight: Which of them the tip must be able to reach on a straight line, without turning.

    Returns:
        ``(n, 7)`` joint positions a keyframe [rad]: along the line where straight, else only the last, ``n`` 1.
    """
    kinematics, q, paths = ArmKinematics(), HOME_Q, []
    try:
        for i, target in enumerate(keyframes):
            T = target.T_base_gripper
            if i in straight:
                line = np.tile(T, (LINE_POINTS, 1, 1))
                line[:, :3, 3] = np.linspace(keyframes[i - 1].T_base_gripper[:3, 3], T[:3, 3], LINE_POINTS + 1)[1:]
                path = kinematics.follow(line, q, max_joint_step=0.2)
                if path is None:
                    return None
            else:
                path = kinematics.inverse(T, q)[None]
            q = path[-1]
            paths.append(path)
    except PlanningError:
        return None
    return paths


def reachable(keyframes: list[Keyframe], straight: Sequence[int] = ()) -> bool:
    """Whether the arm can go from home through all keyframes' poses; arguments as of :func:`arm_paths`."""
    return arm_paths(keyframes, straight) is not None


def scatter(
    rng: np.random.Generator, low: Sequence[float], high: Sequence[float], count: int, min_distance: float
) -> Array:
    """``(count, 2)`` uniform positions in a rectangle, no two nearer than ``min_distance`` [m].

    Raises:
        SimulationError: the rectangle is too small for so many.
    """
    for _ in range(MAX_PLACEMENTS):
        placed: list[Array] = []
        for candidate in rng.uniform(low, high, size=(20 * count, 2)):
            if all(np.linalg.norm(candidate - other) >= min_distance for other in placed):
                placed.append(candidate)
            if len(placed) == count:
                return np.array(placed)
    raise SimulationError(f"no room for {count} positions {min_distance} m apart between {low} and {high}")


def keyframe(R_world: Array, position_world: ArrayLike, gripper_open: bool, ignore_collisions: bool) -> Keyframe:
    """A keyframe from a pose in the simulator's world frame."""
    T = se3.inverse(T_WORLD_BASE) @ se3.make(R_world, np.asarray(position_world))
    return Keyframe(T, gripper_open, ignore_collisions)


def gripper_down(yaw: float) -> Array:
    """``(3, 3)`` gripper pointing down with its x axis at ``yaw`` [rad], turned by 180 degrees if nearer to 0."""
    yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    return rotations.rotation_z(yaw) @ R_DOWN


def middle_yaw(position: ArrayLike) -> float:
    """Yaw of a gripper pointing down at ``position`` ``(2,)``, world frame, in the middle of joint 7's range [rad]."""
    x, y = np.asarray(position)[:2] - T_WORLD_BASE[:2, 3]
    return float(np.pi / 4 + np.arctan2(y, x))


def gripper_level(yaw: float) -> Array:
    """``(3, 3)`` gripper level and pointing along ``yaw`` [rad], fingers opening sideways, its x axis up.

    With the x axis down the wrist reaches less of the table's near half.
    """
    return rotations.rotation_z(yaw) @ np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])


def with_nearer_half_turns(keyframes: list[Keyframe]) -> list[Keyframe]:
    """The same keyframes, each turned by 180 degrees about the gripper's axis where that is nearer to the one before.

    A policy cannot tell a parallel gripper from one turned by half, and takes the nearer.
    """
    R_before, result = ArmKinematics().forward(HOME_Q)[:3, :3], []
    for target in keyframes:
        T = np.array(target.T_base_gripper)
        T[:3, :3] = R_before = rotations.nearer_half_turn(T[:3, :3], R_before)
        result.append(replace(target, T_base_gripper=T))
    return result
