"""Push a block onto the square of the named colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry.frames import TABLE_Z_WORLD
from dynarend_core.sim.mujoco.scene import BOX, color
from dynarend_core.sim.mujoco.task import Task, keyframe, pointing_down, turned, yaw_quat
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

COLORS = {"green": color(0, 128, 0), "blue": color(0, 0, 255), "pink": color(255, 120, 190), "yellow": color(255, 255, 0)}
BLOCK = 0.05625
SQUARE = 0.10
FINGER_HALF = 0.0105  # closed fingers, half their width along the push
TIP_Z = TABLE_Z_WORLD + 0.020
BACK_OFF = 0.05


class SlideBlockToColorTarget(Task):
    """RLBench ``slide_block_to_color_target``; success: the block lies on the target square.

    From RLBench: variations, block edge, any yaw, pushed with the closed gripper. Ours: the block in the middle, a
    10 cm square on each side (colours in random places, 0.15 to 0.18 m away), the middle within x 0.14 to 0.32 and
    |y| < 0.14 so that every push is within reach, the block's centre must lie in the square, red block.
    """

    name = "slide_block_to_color_target"
    variation_count = 4
    object_names = ("block", *(f"{name} target" for name in COLORS))

    def instructions(self, variation: int) -> list[str]:
        """See :class:`Task`."""
        name = list(COLORS)[variation]
        return [
            f"slide the block to the {name} target",
            f"slide the block to the {name} area",
            f"push the block until it is on top of the {name} target",
            f"move the block towards the {name} square",
            f"cover the {name} target with the block by pushing it there",
            f"the block has to end up on the {name} square",
        ]

    def build(self, spec: mujoco.MjSpec, rng: np.random.Generator, variation: int) -> None:
        """See :class:`Task`."""
        self.center = rng.uniform([0.14, -0.14], [0.32, 0.14])
        self.yaw = float(rng.uniform(-np.pi, np.pi))
        self.target = list(COLORS)[variation]
        self.squares: dict[str, np.ndarray] = {}
        self.directions: dict[str, float] = {}
        for quarter, name in enumerate(rng.permutation(list(COLORS))):
            angle = self.yaw + quarter * np.pi / 2
            place = self.center + turned((rng.uniform(0.15, 0.18), 0.0), angle)
            self.squares[str(name)], self.directions[str(name)] = place, angle
            spec.worldbody.add_geom(
                type=BOX, pos=[*place, TABLE_Z_WORLD], quat=yaw_quat(self.yaw), size=[SQUARE / 2, SQUARE / 2, 0.001],
                rgba=COLORS[str(name)], contype=0, conaffinity=0,
            )  # fmt: skip
        block = spec.worldbody.add_body(
            name="block", pos=[*self.center, TABLE_Z_WORLD + BLOCK / 2], quat=yaw_quat(self.yaw)
        )
        block.add_freejoint()
        block.add_geom(type=BOX, size=[BLOCK / 2] * 3, rgba=color(200, 30, 30), mass=0.15, friction=[0.4, 0.005, 0.0001])

    def _covers(self, world: MujocoWorld, name: str) -> bool:
        offset = turned(world.body_pose("block")[:2, 3] - self.squares[name], -self.yaw)
        return bool(np.abs(offset).max() < SQUARE / 2)

    def success(self, world: MujocoWorld) -> bool:
        """See :class:`Task`."""
        return self._covers(world, self.target)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """On a square of another colour, or off the table."""
        if world.body_pose("block")[2, 3] < TABLE_Z_WORLD - 0.05:
            return FailureReason.DROPPED
        wrong = any(self._covers(world, name) for name in COLORS if name != self.target)
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Low behind the block, then straight onto the square."""
        angle = self.directions[self.target]
        touch = BLOCK / 2 + FINGER_HALF
        start = self.center - turned((touch + BACK_OFF, 0.0), angle)
        end = self.squares[self.target] - turned((touch, 0.0), angle)
        return [
            keyframe(pointing_down(np.array([*start, TIP_Z]), angle), gripper_open=False),
            keyframe(pointing_down(np.array([*end, TIP_Z]), angle), gripper_open=False, ignore_collisions=True),
        ]
