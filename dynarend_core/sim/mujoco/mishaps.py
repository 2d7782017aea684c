"""Mishaps made on purpose: what a demonstration of recovering starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mujoco
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.sim.mujoco.world import MujocoWorld, random_offset
from dynarend_core.types import Array, FailureReason, GripperState, Keyframe

SECOND_SHARE = 0.4
"""Share of episodes with a second mishap."""

EARLY = 3
MISSED_M = (0.02, 0.06)
"""How far beside, or short of, a thing the gripper closes [m]."""

DROPPED_M = (0.01, 0.04)
"""How high a thing has been lifted when it is dropped [m]."""

WANDERED_M, WANDERED_RAD = 0.05, np.deg2rad(25.0)
SHIFTED_M, SHIFTED_RAD = (0.03, 0.09), np.deg2rad(40.0)
SHIFTS = 12
"""Places tried for a thing that is moved."""


class Mishaps:
    """Which mishaps befall an episode; deterministic by the generator.

    Args:
        rng: Generator.
        keyframes: Keyframes of the plain demonstration.

    Attributes:
        kinds: What has happened so far.
    """

    def __init__(self, rng: np.random.Generator, keyframes: int) -> None:
        self._rng = rng
        early = min(EARLY, keyframes)  # before the thing is held most things can go wrong
        first = int(rng.integers(early if rng.random() < 0.5 else keyframes))
        second = first + 1 + int(rng.integers(keyframes)) if rng.random() < SECOND_SHARE else first
        self._due = {first, second}
        self.kinds: list[str] = []

    def disturb(self, world: MujocoWorld, step: int) -> bool:
        """Move what the task is about, if that is what happens before this step; True if something moved."""
        if step not in self._due or world.held is not None or self._rng.random() < 0.5:
            return False
        if not _shift(world, self._rng):
            return False
        self._due.discard(step)
        self.kinds.append("shift")
        return True

    def executed(self, world: MujocoWorld, label: Keyframe, step: int) -> Keyframe | None:
        """What the arm does instead of the label; None if it does as told."""
        if step not in self._due:
            return None
        kind, make = self._choose(world, label)
        self.kinds.append(kind)
        return make(world.gripper(), label)

    def _choose(self, world: MujocoWorld, label: Keyframe) -> tuple[str, Callable[[GripperState, Keyframe], Keyframe]]:
        gripper = world.gripper()
        if gripper.is_open and not label.gripper_open and label.ignore_collisions:
            return "miss", self._miss
        if world.held is not None and world.pose(world.held)[2, 3] - world.start_pose(world.held)[2, 3] < 0.02:
            return "drop", self._drop
        return "wander", self._wander

    def _miss(self, gripper: GripperState, label: Keyframe) -> Keyframe:
        """The gripper closes beside the thing, or short of it."""
        distance = self._rng.uniform(*MISSED_M)
        angle = self._rng.uniform(-np.pi, np.pi)
        beside = [distance * np.cos(angle), distance * np.sin(angle), 0.0]
        short = [0.0, 0.0, -distance]
        offset = beside if self._rng.random() < 0.7 else short
        return replace(label, T_base_gripper=label.T_base_gripper @ se3.make(t=np.array(offset)))

    def _drop(self, gripper: GripperState, label: Keyframe) -> Keyframe:
        """The thing slips out of the hand just after it was lifted."""
        T = np.array(gripper.T_base_gripper)
        T[2, 3] += self._rng.uniform(*DROPPED_M)
        return Keyframe(T, True, True)

    def _wander(self, gripper: GripperState, label: Keyframe) -> Keyframe:
        """The arm ends up beside the keyframe, the fingers as they are."""
        T = label.T_base_gripper @ random_offset(self._rng, WANDERED_M, WANDERED_RAD)
        T[2, 3] = max(T[2, 3], label.T_base_gripper[2, 3])  # not into the table
        return Keyframe(T, gripper.is_open, label.ignore_collisions)


def _shift(world: MujocoWorld, rng: np.random.Generator) -> bool:
    """Move a thing to another place near by, or a joint on its way; False if there is none."""
    for name in world.task.moving_joints():
        joint = world.data.joint(name)
        joint.qpos[0] += rng.uniform(0.05, 0.35) * world.model.joint(name).range[1]
        joint.qvel[:] = 0.0
        mujoco.mj_forward(world.model, world.data)
        return True
    things = world.task.loose(world)
    if not things:
        return False
    saved = world.data.qpos.copy(), world.data.qvel.copy(), world.data.time
    for _ in range(SHIFTS):
        _displace(world, things[0], rng)
        if _stands(world, things[0], saved[0]):
            return True
        world.data.qpos[:], world.data.qvel[:], world.data.time = saved
        mujoco.mj_forward(world.model, world.data)
    return False


def _displace(world: MujocoWorld, name: str, rng: np.random.Generator) -> None:
    joint = world.data.joint(world.model.body(name).jntadr[0])
    angle, distance = rng.uniform(-np.pi, np.pi), rng.uniform(*SHIFTED_M)
    joint.qpos[:2] += distance * np.array([np.cos(angle), np.sin(angle)])
    R = rotations.rotation_z(rng.uniform(-SHIFTED_RAD, SHIFTED_RAD)) @ rotations.matrix_from_quat_wxyz(joint.qpos[3:7])
    joint.qpos[3:7] = rotations.quat_wxyz_from_matrix(R)
    joint.qvel[:] = 0.0
    mujoco.mj_forward(world.model, world.data)


def _stands(world: MujocoWorld, name: str, before: Array) -> bool:
    """Whether the thing stands as high as before, touched nothing on its way in, and the task can go on."""
    touched = min((c.dist for c in world.data.contact), default=0.0) < -0.002
    moved = world.data.qpos.copy()
    world.advance(0.2)
    others = np.abs(world.data.qpos - moved).max() < 0.01
    good = not touched and others and world.failure() is FailureReason.NONE and not world.success()
    return bool(good and world.task.next_keyframe(world) is not None)
