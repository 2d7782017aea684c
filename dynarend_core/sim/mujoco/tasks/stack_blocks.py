"""stack_blocks: stack two to four blocks of the named colour on the green square.

Four blocks of the named colour, four of another; success as in RLBench: as many of the named blocks as asked for lie
over the square and nothing is held. Ours is stricter: they lie one upon the other. Blocks of 5 cm as RLBench's, 60 g;
the square measures 10 cm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import Carry, cube_turns
from dynarend_core.sim.mujoco.primitives import (
    GRIPPY,
    UNTOUCHABLE,
    add_box,
    add_standing_body,
    scale_body,
    scaled_height,
)
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import COLORS, Task, gripper_down, keyframe, scatter
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

NAMES = tuple(COLORS)
BLOCK = 0.05
SQUARE = 0.10
FIRST_Z = 0.75 + BLOCK / 2
CLEARANCE = 0.08
"""How far above its place, and above the blocks it passes, a block is carried [m]."""


class StackBlocks(Task):
    """See the module docstring."""

    name = "stack_blocks"
    variation_count = 60
    graspable = tuple(f"{kind}{i}" for kind in ("block", "distractor") for i in range(4))
    roles = Roles(
        object=Part(graspable, looks=False, size=(0.75, 1.25)),
        receptacle=Part(("square",), looks=False, size=(0.75, 1.25)),
        sliding=graspable, weighed=graspable,
    )  # fmt: skip

    def __init__(self, variation: int, rng: np.random.Generator) -> None:
        super().__init__(variation, rng)
        self.height = 2 + variation % 3
        self.color = NAMES[variation // 3]

    blocks = graspable
    """The blocks to stack, the nearest first, then those of the other colour."""

    def build(self, spec: mujoco.MjSpec) -> None:
        """The square and eight blocks, centres at least 10 cm apart."""
        positions = self._sample_positions()
        self.square, self.square_yaw = positions[0], self.rng.uniform(-np.pi / 4, np.pi / 4)
        self.yaws = self.rng.uniform(-np.pi / 4, np.pi / 4, size=8)
        self.other = str(self.rng.choice([name for name in NAMES if name != self.color]))
        square = add_standing_body(spec, "square", [*self.square, 0.7505], self.square_yaw, movable=False)
        half = SQUARE * self.receptacle_scale / 2
        add_box(square, [0, 0, 0], [half, half, 0.0005], COLORS["green"], **UNTOUCHABLE)
        self.places = dict(zip(self.graspable, positions[1:], strict=True))
        for i, (name, xy) in enumerate(self.places.items()):
            block = add_standing_body(spec, name, [*xy, self._level_z(0)], self.yaws[i])
            add_box(block, [0, 0, 0], [BLOCK / 2] * 3, COLORS[self.color if i < 4 else self.other], mass=0.06, **GRIPPY)
            scale_body(spec, block, self.object_scale)

    def _level_z(self, level: int) -> float:
        """Height of the middle of a block that lies on ``level`` others."""
        return scaled_height(FIRST_Z, self.object_scale) + BLOCK * self.object_scale * level

    def _sample_positions(self) -> np.ndarray:
        """Square first, then blocks, those to stack from the nearest on; 14 cm between the square and any block."""
        while True:
            xy = scatter(self.rng, [0.03, -0.34], [0.45, 0.34], 9, 0.10)
            distance = np.linalg.norm(xy - xy[0], axis=1)
            if distance[1:].min() > 0.14:
                # Which of four like blocks comes next can be seen: demonstrations must not look arbitrary.
                return xy[[0, *(1 + np.argsort(distance[1:5])), 5, 6, 7, 8]]

    def variants(self) -> list[Self]:
        """As many blocks of the other colour."""
        blocks = self.blocks[4:]
        distance = [np.linalg.norm(self.places[name] - self.square) for name in blocks]
        named = tuple(blocks[i] for i in np.argsort(distance))
        variation = 3 * NAMES.index(self.other) + self.height - 2
        return [self.asked(variation=variation, color=self.other, other=self.color, blocks=named + self.blocks[:4])]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        n, color = self.height, self.color
        word = {2: "two", 3: "three", 4: "four"}[n]
        return [
            f"stack {n} {color} blocks",
            f"place {word} of the {color} cubes on top of each other",
            f"pick up and set down {n} {color} blocks on top of each other",
            f"build a tall tower out of {word} {color} cubes",
            f"arrange {n} {color} blocks in a vertical stack on the green square",
            f"the green square needs a pile of {word} {color} blocks",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A block is called by its colour."""
        return {"square": "green square"} | {
            name: f"{self.color if i < 4 else self.other} block" for i, name in enumerate(self.graspable)
        }

    def _over_square(self, world: MujocoWorld, name: str) -> bool:
        local = rotations.rotation_z(-self.square_yaw)[:2, :2] @ (world.body_position(name)[:2] - self.square)
        return bool((np.abs(local) < SQUARE * self.receptacle_scale / 2).all())

    def success(self, world: MujocoWorld) -> bool:
        """As many named blocks as asked for lie upon each other over the square, and nothing is held."""
        over = [world.body_position(name)[2] for name in self.blocks[:4] if self._over_square(world, name)]
        levels = [self._level_z(i) for i in range(self.height)]
        return len(over) == self.height and bool(np.abs(np.sort(over) - levels).max() < 0.01) and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """A block of the other colour lies on the square, or too few blocks are left on the table."""
        if any(world.held != name and self._over_square(world, name) for name in self.blocks[4:]):
            return FailureReason.WRONG_OBJECT
        left = sum(world.body_position(name)[2] > 0.7 for name in self.blocks[:4])
        return FailureReason.DROPPED if left < self.height else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Per block: above it, grasp, lift, over the stack, release; and up, if another one follows."""
        frames: list[Keyframe] = []
        for level, name in enumerate(self.blocks[: self.height]):
            frames += self._block_keyframes(name, world.body_position(name)[:2], level)
        return frames[:-1]

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """Blocks that do not lie on the stack yet."""
        stacked = self._stacked(world)
        free = [name for name in self.blocks[:4] if name not in stacked]
        return [self._carry(name, len(stacked)) for name in free]

    def carried(self, world: MujocoWorld) -> list[Carry]:
        """The block that was put on the stack last."""
        stacked = self._stacked(world)
        return [self._carry(stacked[-1], len(stacked) - 1)] if stacked else []

    def _carry(self, name: str, level: int) -> Carry:
        return Carry(name, self._block_keyframes(name, self.places[name], level), cube_turns(), cube_turns())

    def _stacked(self, world: MujocoWorld) -> list[str]:
        """Blocks on the stack, the lowest first."""
        stacked: list[str] = []
        over = [name for name in self.blocks[:4] if name != world.held and self._over_square(world, name)]
        for name in sorted(over, key=lambda name: world.body_position(name)[2]):
            if abs(world.body_position(name)[2] - self._level_z(len(stacked))) < 0.01:
                stacked.append(name)
        return stacked

    def _block_keyframes(self, name: str, xy: np.ndarray, level: int) -> list[Keyframe]:
        R, R_place = gripper_down(self.yaws[self.graspable.index(name)]), gripper_down(self.square_yaw)
        first_z, place_z = self._level_z(0), self._level_z(level)
        carry_z = place_z + CLEARANCE + BLOCK * self.object_scale
        return [
            keyframe(R, [*xy, first_z + CLEARANCE], True, False),
            keyframe(R, [*xy, first_z], False, True),
            keyframe(R, [*xy, carry_z], False, True),
            keyframe(R_place, [*self.square, carry_z], False, False),
            keyframe(R_place, [*self.square, place_z + 0.004], True, True),
            keyframe(R_place, [*self.square, place_z + CLEARANCE], True, True),
        ]
