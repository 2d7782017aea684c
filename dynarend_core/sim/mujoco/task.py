"""What a task is: a scene, sentences, a success condition, and the waypoints that solve it."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

import mujoco
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

Array = np.ndarray

_DOWN = np.diag([-1.0, 1.0, -1.0])  # gripper pointing down as in RLBench's start pose


class Task(abc.ABC):
    """One manipulation task. An instance lives for one episode; :meth:`build` places the objects.

    Attributes:
        name: RLBench's name of the task.
        variation_count: Number of variations.
        graspable: Bodies that stick to the hand when both fingers touch them while closing.
        object_names: What stands in the scene, for the records.
    """

    name: ClassVar[str]
    variation_count: ClassVar[int]
    graspable: ClassVar[tuple[str, ...]] = ()
    object_names: tuple[str, ...] = ()

    @abc.abstractmethod
    def instructions(self, variation: int) -> list[str]:
        """At least five sentences, RLBench's own first; the last is held out of training."""

    @abc.abstractmethod
    def build(self, spec: mujoco.MjSpec, rng: np.random.Generator, variation: int) -> None:
        """Add the objects of a random scene, world frame."""

    @abc.abstractmethod
    def success(self, world: MujocoWorld) -> bool:
        """True if the goal is reached now."""

    @abc.abstractmethod
    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Keyframes (base frame) that solve the freshly reset scene."""

    def failure(self, world: MujocoWorld) -> FailureReason:
        """What has gone wrong for good, e.g. the wrong object was moved."""
        return FailureReason.NONE

    def observe(self, world: MujocoWorld) -> None:  # noqa: B027 - optional hook
        """Called every 10 ms of simulated time; for conditions that depend on the order of events."""


def keyframe(T_world_tip: Array, gripper_open: bool, ignore_collisions: bool = False) -> Keyframe:
    """Keyframe in the base frame from a tip pose in the world frame."""
    return Keyframe(se3.inverse(T_WORLD_BASE) @ T_world_tip, gripper_open, ignore_collisions)


def pointing_down(position: Array, yaw: float = 0.0) -> Array:
    """Tip pose pointing down; the fingers open along world y turned by ``yaw`` [rad].

    A parallel gripper looks the same after half a turn, so the yaw nearest to zero is taken.
    """
    yaw = (yaw + np.pi / 2) % np.pi - np.pi / 2
    return se3.make(rotations.rotation_z(yaw) @ _DOWN, np.asarray(position, dtype=np.float64))


def yaw_quat(yaw: float) -> Array:
    """MuJoCo quaternion of a turn about the vertical."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def turned(offset: tuple[float, float] | Array, yaw: float) -> Array:
    """``(2,)`` horizontal offset turned by ``yaw`` [rad]."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([c * offset[0] - s * offset[1], s * offset[0] + c * offset[1]])
