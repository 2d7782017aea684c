"""slide_block_to_color_target: push a block onto the square of the named colour.

Success: the block's centre lies over the named square (RLBench: any part of the block inside its sensor; ours is
stricter). Ours: squares of 11 cm, 17 cm from the block's start in the four directions of the task's own axes; block
of 5.6 cm as RLBench's, 60 g; it slides with the table's friction, 0.6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import back_off, between, like_hand, push_along
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import Task, gripper_down, keyframe
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

BLOCK = 0.05625
TARGET = 0.11
DISTANCE = 0.17
RGB = {"green": (0.0, 0.6, 0.0), "blue": (0.0, 0.0, 1.0), "pink": (1.0, 0.4, 0.75), "yellow": (1.0, 1.0, 0.0)}
TIP_Z = 0.772
LOW_M = 0.06
"""A hand lower than this above the table goes up before it goes round the block."""


class SlideBlockToColorTarget(Task):
    """See the module docstring."""

    name = "slide_block_to_color_target"
    variation_count = 4
    roles = Roles(
        object=Part(("block",), size=(0.75, 1.25)), receptacle=Part(looks=False, size=(0.75, 1.25)),
        sliding=("block",), weighed=("block",), mass_kg=(1.0, 15.0),
    )  # fmt: skip
    NAMES = tuple(RGB)

    def build(self, spec: mujoco.MjSpec) -> None:
        """A block in the middle of four squares, the whole turned about z."""
        self.center = self.rng.uniform([0.17, -0.10], [0.31, 0.10])
        self.yaw = self.rng.uniform(-np.pi, np.pi)
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        box, half, edge = mujoco.mjtGeom.mjGEOM_BOX, TARGET * self.receptacle_scale / 2, BLOCK * self.object_scale
        for i, rgb in enumerate(RGB.values()):
            spec.worldbody.add_geom(name=f"target{i}", type=box, pos=[*self.target(i), 0.7505], quat=quat,
                                    size=[half, half, 0.0005], rgba=[*rgb, 1],
                                    contype=0, conaffinity=0)  # fmt: skip
        block = spec.worldbody.add_body(name="block", pos=[*self.center, 0.75 + edge / 2], quat=quat)
        block.add_freejoint()
        block.add_geom(type=box, size=[edge / 2] * 3, rgba=[0.75, 0.1, 0.1, 1], mass=0.06,
                       friction=[0.4, 0.005, 0.0001])  # fmt: skip

    def direction(self, i: int) -> np.ndarray:
        """Unit vector from the block's start to square ``i``, ``(2,)``."""
        angle = self.yaw + i * np.pi / 2
        return np.array([np.cos(angle), np.sin(angle)])

    def target(self, i: int) -> np.ndarray:
        """Centre of square ``i``, ``(2,)`` [m]."""
        return self.center + DISTANCE * self.direction(i)

    def variants(self) -> list[Self]:
        """The other squares."""
        return [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = self.NAMES[self.variation]
        return [
            f"slide the block to the {color} target",
            f"slide the block onto the {color} square",
            f"push the block until it is sitting on top of the {color} target",
            f"move the block so that it rests on the {color} target",
            f"shove the cube to the {color} area",
            f"the {color} target is where the block belongs, push it there",
        ]

    def semantic_names(self) -> dict[str, str]:
        """The block and the squares by their colours."""
        return {"block": "red block", **{f"target{i}": f"{color} target" for i, color in enumerate(self.NAMES)}}

    def success(self, world: MujocoWorld) -> bool:
        """The block's centre lies over the named square."""
        return self._over(world, self.variation)

    def _over(self, world: MujocoWorld, i: int) -> bool:
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (world.body_position("block")[:2] - self.target(i))
        return bool(np.abs(local).max() < TARGET * self.receptacle_scale / 2)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The block lies on another square, or fell off the table."""
        if world.body_position("block")[2] < 0.7:
            return FailureReason.DROPPED
        wrong = any(self._over(world, i) for i in range(4) if i != self.variation)
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Closed gripper behind the block, then push with the flat of the fingers."""
        return self._push(self.center, self.yaw + self.variation * np.pi / 2, DISTANCE)

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """The block."""
        return ("block",)

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """Pushes from where the block is, first across where it has left its way."""
        if self.success(world) or self.failure(world) is not FailureReason.NONE:
            return None
        heading, block = self.yaw + self.variation * np.pi / 2, world.body_position("block")[:2]
        error = rotations.rotation_z(-heading)[:2, :2] @ (block - self.target(self.variation))
        turn, distance = push_along(error)
        before, after = self._push(block, heading + turn, distance)
        gripper = world.gripper()
        T, T_after = gripper.T_base_gripper, like_hand(after, gripper.T_base_gripper).T_base_gripper
        if between(T, before.T_base_gripper, T_after) and not gripper.is_open:
            return after
        if T[2, 3] < LOW_M:
            return replace(back_off(T), gripper_open=False)
        return before

    def _push(self, block: np.ndarray, heading: float, distance: float) -> list[Keyframe]:
        """Behind the block and on, until it has moved by ``distance`` [m]."""
        d, R = np.array([np.cos(heading), np.sin(heading)]), gripper_down(heading)
        half = BLOCK * self.object_scale / 2
        before = block - (half + 0.055) * d
        # The finger is about 1 cm thick along x: it stops that much before the block's face.
        after = block + (distance - half - 0.010) * d
        return [keyframe(R, [*before, TIP_Z], False, False), keyframe(R, [*after, TIP_Z], False, True)]
