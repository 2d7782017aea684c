"""put_money_in_safe: put the money on the named shelf of the safe.

Success as in RLBench: the money lies on the named shelf and nothing is held. Ours: a safe of three shelves of 26 x 20
cm, 14 cm high, on a plinth, without a door, open towards the robot's right; the money is a bundle of 5 x 4 x 3 cm that
is taken from above and pushed in with the gripper level, so that it ends standing on its edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry, turns
from dynarend_core.sim.mujoco.primitives import GRIPPY, add_box, add_standing_body, scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import (
    MAX_PLACEMENTS,
    Task,
    gripper_down,
    gripper_level,
    keyframe,
    reachable,
    with_nearer_half_turns,
)
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

STEEL, SHELF = [0.33, 0.36, 0.40], [0.62, 0.64, 0.66]
SHELF_Z = (0.80, 0.95, 1.10)
TOP_Z = 1.25
DEPTH, HALF_WIDTH, WALL = 0.20, 0.13, 0.008
MONEY = np.array([0.05, 0.04, 0.03])
MONEY_Z = 0.75 + MONEY[2] / 2
TIP_IN = 0.05
"""How far behind the opening, and TIP_UP above the shelf, the money is let go [m]."""
TIP_UP = 0.04


class PutMoneyInSafe(Task):
    """See the module docstring."""

    name = "put_money_in_safe"
    variation_count = 3
    graspable = ("money",)
    roles = Roles(
        object=Part(("money",), size=(0.5, 1.0)),
        receptacle=Part(("safe",), size=(0.9, 1.15)),
        sliding=("money",),
        weighed=("money",),
    )
    LEVELS = ("bottom", "middle", "top")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The safe, open towards the robot's right, and the money in front of it."""
        self._place()
        safe = add_standing_body(spec, "safe", [*self.front, 0.0], self.yaw, movable=False)
        middle, height = DEPTH / 2, (TOP_Z - 0.75) / 2
        add_box(safe, [middle, 0, 0.775], [middle, HALF_WIDTH + WALL, 0.025], STEEL)
        add_box(safe, [DEPTH, 0, 0.75 + height], [WALL / 2, HALF_WIDTH + WALL, height], STEEL)
        add_box(safe, [middle, 0, TOP_Z], [middle, HALF_WIDTH + WALL, WALL / 2], STEEL)
        for side in (-1, 1):
            add_box(safe, [middle, side * (HALF_WIDTH + WALL / 2), 0.75 + height], [middle, WALL / 2, height], STEEL)
        for i, z in enumerate(SHELF_Z):
            add_box(safe, [middle, 0, z - WALL / 2], [middle, HALF_WIDTH, WALL / 2], SHELF, name=f"shelf{i}")
        scale_body(spec, safe, self.receptacle_scale, foot=0.75)
        money = add_standing_body(spec, "money", [*self.money, self._money_z()], self.money_yaw)
        add_box(money, [0, 0, 0], MONEY / 2, [0.25, 0.55, 0.25], mass=0.05, **GRIPPY)
        add_box(money, [0, 0, 0], MONEY / 2 * [0.3, 1.0, 1.0] + [0, 3e-4, 3e-4], [0.9, 0.9, 0.85],
                contype=0, conaffinity=0, mass=0)  # fmt: skip
        scale_body(spec, money, self.object_scale)

    def _money_z(self) -> float:
        return scaled_height(MONEY_Z, self.object_scale)

    def _shelf_z(self, level: int) -> float:
        return scaled_height(SHELF_Z[level], self.receptacle_scale)

    def _place(self) -> None:
        """Draw both turns first and then positions until the arm reaches."""
        self.yaw = self.rng.uniform(np.pi / 3, 2 * np.pi / 3)
        self.money_yaw = self.rng.uniform(-np.pi / 2, self.yaw - np.pi / 2 - 0.1)
        into = rotations.rotation_z(self.yaw)[:2, 0]
        for _ in range(MAX_PLACEMENTS):
            self.front = self.rng.uniform([0.08, -0.02], [0.36, 0.34])
            self.money = self.rng.uniform([-0.02, -0.32], [0.36, 0.16])
            before = (self.front - self.money) @ into
            if before > 0.13 and reachable(self._expert_keyframes(), straight=(1, 2, 4)):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def variants(self) -> list[Self]:
        """The other shelves."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if reachable(other._expert_keyframes(), straight=(1, 2, 4))]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        level = self.LEVELS[self.variation]
        return [
            f"put the money away in the safe on the {level} shelf",
            f"leave the money on the {level} shelf on the safe",
            f"place the stack of bank notes on the {level} shelf of the safe",
            f"store the cash on the {level} shelf",
            f"take the money and lay it on the {level} shelf in the safe",
            f"the bank notes should be kept in the safe, {level} shelf please",
        ]

    def semantic_names(self) -> dict[str, str]:
        """Shelves by their level."""
        return {f"shelf{i}": f"{level} shelf of the safe" for i, level in enumerate(self.LEVELS)}

    def _shelf(self, world: MujocoWorld) -> int | None:
        """The shelf on which the money lies."""
        position = world.body_position("money")
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (position[:2] - self.front)
        scale = self.receptacle_scale
        if not (0.0 < local[0] < DEPTH * scale and abs(local[1]) < HALF_WIDTH * scale):
            return None
        return next((i for i in range(3) if 0.0 < position[2] - self._shelf_z(i) < 0.12), None)

    def success(self, world: MujocoWorld) -> bool:
        """The money lies on the named shelf and nothing is held."""
        return self._shelf(world) == self.variation and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The money was left on another shelf, or fell from the table."""
        if world.body_position("money")[2] < 0.7:
            return FailureReason.DROPPED
        wrong = world.held is None and self._shelf(world) not in (None, self.variation)
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the money, grasp, lift, level in front of the shelf, in and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The money."""
        return [Carry("money", self._expert_keyframes(), turns(2), ANY)]

    def _expert_keyframes(self) -> list[Keyframe]:
        R, R_in = gripper_down(self.money_yaw), gripper_level(self.yaw)
        into = rotations.rotation_z(self.yaw)[:2, 0]
        z, money_z = self._shelf_z(self.variation) + TIP_UP, self._money_z()
        frames = [
            keyframe(R, [*self.money, money_z + 0.10], True, False),
            keyframe(R, [*self.money, money_z], False, True),
            keyframe(R, [*self.money, money_z + 0.14], False, True),
            keyframe(R_in, [*(self.front - 0.09 * into), z], False, False),
            keyframe(R_in, [*(self.front + TIP_IN * into), z], True, True),
        ]
        return with_nearer_half_turns(frames)
