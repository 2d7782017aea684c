"""put_groceries_in_cupboard: put the named one of nine groceries into the cupboard.

Success as in RLBench: the item lies in the cupboard and nothing is held. Ours: boxes and cylinders in the colours of
RLBench's packages, at most 10 cm high and 6 cm wide, so that the hand closes on each and passes over its neighbours;
the cupboard floats as RLBench's does, on the robot's left and open towards its right. The expert pushes items in with
the gripper level: they end on their side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry, turns
from dynarend_core.sim.mujoco.primitives import GRIPPY, add_box, add_cylinder, add_standing_body, scale_body
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import (
    MAX_PLACEMENTS,
    Task,
    gripper_down,
    gripper_level,
    keyframe,
    reachable,
    scatter,
    with_nearer_half_turns,
)  # fmt: skip
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld


class Grocery(NamedTuple):
    """Edge lengths [m] (fingers close along y; a round one has equal x and y), colours of package and lid."""

    name: str
    size: tuple[float, float, float]
    rgb: tuple[float, float, float]
    lid: tuple[float, float, float]
    round: bool = False


GROCERIES = (
    Grocery("crackers", (0.08, 0.045, 0.10), (0.75, 0.08, 0.08), (0.95, 0.80, 0.25)),
    Grocery("chocolate jello", (0.06, 0.03, 0.045), (0.30, 0.16, 0.08), (0.55, 0.38, 0.25)),
    Grocery("strawberry jello", (0.06, 0.03, 0.045), (0.95, 0.45, 0.55), (1.0, 0.75, 0.80)),
    Grocery("soup", (0.055, 0.055, 0.08), (0.85, 0.15, 0.10), (0.95, 0.95, 0.95), True),
    Grocery("tuna", (0.06, 0.06, 0.035), (0.25, 0.60, 0.80), (0.80, 0.80, 0.80), True),
    Grocery("spam", (0.07, 0.045, 0.06), (0.10, 0.15, 0.50), (0.95, 0.80, 0.10)),
    Grocery("coffee", (0.06, 0.06, 0.095), (0.10, 0.25, 0.75), (0.15, 0.15, 0.15), True),
    Grocery("mustard", (0.06, 0.04, 0.10), (0.95, 0.80, 0.05), (0.90, 0.10, 0.10)),
    Grocery("sugar", (0.055, 0.035, 0.10), (0.95, 0.93, 0.80), (0.95, 0.55, 0.10)),
)
FLOOR_Z, DEPTH, HALF_WIDTH, HEIGHT, WALL = 1.22, 0.22, 0.15, 0.24, 0.008
OAK = [0.62, 0.48, 0.33]
TIP_IN, TIP_UP = 0.055, 0.06
"""How far behind the opening and above the cupboard's floor an item is let go [m]."""
CAN_TURN = -np.pi / 4
"""How the gripper is turned to take a round item, which shows no turn [rad]."""

PALM = 0.045
"""How far above the tip the hand begins; neighbours within HAND_REACH must be lower [m]."""
HAND_REACH = 0.15


class PutGroceriesInCupboard(Task):
    """See the module docstring."""

    name = "put_groceries_in_cupboard"
    variation_count = 9
    graspable = tuple(f"item{i}" for i in range(9))
    roles = Roles(
        object=Part(graspable, looks=False, size=(0.75, 1.15)),  # known by the colours of their packages
        receptacle=Part(("cupboard",), size=(0.9, 1.15)), sliding=graspable, weighed=graspable,
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """The cupboard on the robot's left, turned by up to half a radian, and nine items on the table."""
        self._place()
        cupboard = add_standing_body(spec, "cupboard", [*self.front, FLOOR_Z], self.yaw, movable=False)
        middle = DEPTH / 2
        for z in (-WALL / 2, HEIGHT + WALL / 2):
            add_box(cupboard, [middle, 0, z], [middle, HALF_WIDTH + WALL, WALL / 2], OAK)
        for side in (-1, 1):
            add_box(cupboard, [middle, side * (HALF_WIDTH + WALL / 2), HEIGHT / 2], [middle, WALL / 2, HEIGHT / 2], OAK)
        add_box(cupboard, [DEPTH, 0, HEIGHT / 2], [WALL / 2, HALF_WIDTH + WALL, HEIGHT / 2 + WALL], OAK)
        scale_body(spec, cupboard, self.receptacle_scale)
        for i, item in enumerate(GROCERIES):
            x, y, z = np.multiply(item.size, self.object_scale)
            body = add_standing_body(spec, f"item{i}", [*self.items[i], 0.75 + z / 2], self.turns[i])
            lid = {"mass": 0.0, "contype": 0, "conaffinity": 0}
            if item.round:
                add_cylinder(body, [0, 0, 0], x / 2, z / 2, item.rgb, mass=0.08, **GRIPPY)
                add_cylinder(body, [0, 0, z / 2], x / 2 + 5e-4, 0.004, item.lid, **lid)
            else:
                add_box(body, [0, 0, 0], [x / 2, y / 2, z / 2], item.rgb, mass=0.08, **GRIPPY)
                add_box(body, [0, 0, z / 2 - 0.004], [x / 2 + 5e-4, y / 2 + 5e-4, 0.006], item.lid, **lid)

    def _place(self) -> None:
        """Draw the turns first and then positions until the arm reaches."""
        self.yaw = self.rng.uniform(-0.5, 0.5) + np.pi / 2
        self.turns = self.rng.uniform(-np.pi / 2, self.yaw - np.pi / 2 - 0.1, size=9)
        for _ in range(MAX_PLACEMENTS):
            self.front = self.rng.uniform([0.10, 0.18], [0.34, 0.28])
            self.items = scatter(self.rng, [0.0, -0.38], [0.46, 0.10], 9, 0.11)
            if self._room_for_hand() and reachable(self._expert_keyframes(), straight=(1, 2, 4)):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def _grip_z(self) -> float:
        height = GROCERIES[self.variation].size[2] * self.object_scale
        return 0.75 + max(height - 0.03, 0.55 * height)

    def _room_for_hand(self) -> bool:
        distances = np.linalg.norm(self.items - self.items[self.variation], axis=1)
        tops = np.array([0.75 + item.size[2] * self.object_scale for item in GROCERIES])
        return bool(((tops < self._grip_z() + PALM) | (distances > HAND_REACH) | (distances == 0)).all())

    def variants(self) -> list[Self]:
        """The other items that the hand has room to take."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [o for o in others if o._room_for_hand() and reachable(o._expert_keyframes(), straight=(1, 2, 4))]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        name = GROCERIES[self.variation].name
        return [
            f"put the {name} in the cupboard",
            f"pick up the {name} and place it in the cupboard",
            f"move the {name} to the cabinet",
            f"put away the {name} in the cupboard",
            f"lift the {name} from the table into the open cupboard",
            f"the {name} should be stored in the wall cupboard",
        ]

    def semantic_names(self) -> dict[str, str]:
        """Items are called by what they hold."""
        return {f"item{i}": item.name for i, item in enumerate(GROCERIES)}

    def _inside(self, world: MujocoWorld, i: int) -> bool:
        position = world.body_position(f"item{i}") - [*self.front, FLOOR_Z]
        x, y = rotations.rotation_z(-self.yaw)[:2, :2] @ position[:2]
        depth, half_width, height = np.multiply([DEPTH, HALF_WIDTH, HEIGHT], self.receptacle_scale)
        return bool(0.0 < x < depth and abs(y) < half_width and 0.0 < position[2] < height)

    def success(self, world: MujocoWorld) -> bool:
        """The named item lies in the cupboard and nothing is held."""
        return self._inside(world, self.variation) and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Another item is in the cupboard, or the named one fell from the table."""
        if any(self._inside(world, i) for i in range(9) if i != self.variation):
            return FailureReason.WRONG_OBJECT
        lost = world.body_position(f"item{self.variation}")[2] < 0.7
        return FailureReason.DROPPED if lost else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the item, grasp, lift, level in front of the cupboard, in and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The item."""
        taken = ANY if GROCERIES[self.variation].round else turns(2)
        return [Carry(f"item{self.variation}", self._expert_keyframes(), taken, ANY)]

    def _expert_keyframes(self) -> list[Keyframe]:
        item = self.items[self.variation]
        turn = CAN_TURN if GROCERIES[self.variation].round else self.turns[self.variation]
        R, R_in = rotations.rotation_z(turn) @ gripper_down(0.0), gripper_level(self.yaw)
        into = rotations.rotation_z(self.yaw)[:2, 0]
        z, level_z = self._grip_z(), FLOOR_Z + TIP_UP
        frames = [
            keyframe(R, [*item, z + 0.10], True, False),
            keyframe(R, [*item, z], False, True),
            keyframe(R, [*item, 1.0], False, True),
            keyframe(R_in, [*(self.front - 0.12 * into), level_z], False, False),
            keyframe(R_in, [*(self.front + TIP_IN * into), level_z], True, True),
        ]
        return with_nearer_half_turns(frames)
