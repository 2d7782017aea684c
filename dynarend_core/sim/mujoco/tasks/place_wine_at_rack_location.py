"""place_wine_at_rack_location: lay the wine bottle into the named place of a rack.

Success as in RLBench: the bottle lies in the named place and nothing is held. Ours: a rack of two rails with three
places side by side, named as the robot sees them; the bottle, a cylinder of 6 x 17 cm with a neck of 2.6 x 9 cm, stands
to the right of it. The expert takes it with the gripper level and lays it down, neck towards the robot, from above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry
from dynarend_core.sim.mujoco.primitives import (
    GRIPPY,
    UNTOUCHABLE,
    add_box,
    add_cylinder,
    add_standing_body,
    scale_body,
    scaled_height,
)
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, Task, gripper_down, gripper_level, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

RADIUS, BODY, NECK = 0.03, 0.17, 0.09
GRASP_UP = 0.12
"""Where the bottle is held, above its bottom [m]."""
HEADING = -2 / 3 * np.pi
"""Where the gripper points when it takes the bottle: to the right and back, about the world's z axis [rad]."""

PITCH, RAIL_X, RAIL_Z = 0.10, 0.065, 0.85
WOOD, GLASS = [0.42, 0.26, 0.15], [0.10, 0.30, 0.16]


class PlaceWineAtRackLocation(Task):
    """See the module docstring."""

    name = "place_wine_at_rack_location"
    variation_count = 3
    graspable = ("bottle",)
    roles = Roles(
        object=Part(("bottle",), size=(0.85, 1.15)),
        receptacle=Part(("rack",), size=(0.9, 1.15)),
        sliding=("bottle",),
        weighed=("bottle",),
    )
    NAMES = ("middle", "left", "right")
    OFFSET = (0.0, PITCH, -PITCH)

    def build(self, spec: mujoco.MjSpec) -> None:
        """The rack, turned by up to 27 degrees, and the bottle standing beside it."""
        self._place()
        rack = add_standing_body(spec, "rack", [*self.rack, 0.0], self.yaw, movable=False)
        for x in (-RAIL_X, RAIL_X):
            add_box(rack, [x, 0, RAIL_Z - 0.01], [0.008, 0.16, 0.01], WOOD)
            for y in (-0.15, -0.05, 0.05, 0.15):
                add_box(rack, [x, y, RAIL_Z + 0.012], [0.008, 0.006, 0.012], WOOD)
            for y in (-0.15, 0.15):
                add_box(rack, [x, y, 0.795], [0.008, 0.006, 0.045], WOOD)
            for i, y in enumerate(self.OFFSET):  # a skin on the rail, so that the place can be named
                add_box(rack, [x, y, RAIL_Z - 0.01], [0.0083, PITCH / 2 - 0.006, 0.0103], WOOD, name=f"slot{i}_{x}",
                        **UNTOUCHABLE)  # fmt: skip
        scale_body(spec, rack, self.receptacle_scale, foot=0.75)
        bottle = add_standing_body(spec, "bottle", [*self.bottle, 0.75 + BODY * self.object_scale / 2], 0.0)
        add_cylinder(bottle, [0, 0, 0], RADIUS, BODY / 2, GLASS, mass=0.2, **GRIPPY)
        add_cylinder(bottle, [0, 0, (BODY + NECK) / 2], 0.013, NECK / 2, GLASS, mass=0.02, **GRIPPY)
        add_cylinder(bottle, [0, 0, 0], RADIUS + 3e-4, 0.03, [0.9, 0.87, 0.75], mass=0, contype=0, conaffinity=0)
        scale_body(spec, bottle, self.object_scale)

    def _place(self) -> None:
        """Draw the rack's turn first and then positions until the arm reaches."""
        self.yaw = self.rng.uniform(-0.47, 0.47)
        for _ in range(MAX_PLACEMENTS):
            self.rack = self.rng.uniform([0.16, -0.02], [0.42, 0.32])
            self.bottle = self.rng.uniform([-0.06, -0.38], [0.20, -0.14])
            wrist = self.bottle - 0.32 * rotations.rotation_z(HEADING)[:2, 0]
            room = min(np.linalg.norm(self.rack - place) for place in (self.bottle, wrist))
            if room > 0.26 and reachable(self._expert_keyframes(), straight=(1, 2, 4)):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def variants(self) -> list[Self]:
        """The other places."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if reachable(other._expert_keyframes(), straight=(1, 2, 4))]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        place = self.NAMES[self.variation]
        return [
            f"stack the wine bottle to the {place} of the rack",
            f"slide the bottle onto the {place} part of the rack",
            f"put the wine away in the {place} place of the wine rack",
            f"leave the wine on the {place} section of the shelf",
            f"grasp the bottle and lay it down in the {place} slot of the rack",
            f"the {place} slot of the wine rack is for this bottle",
        ]

    def semantic_names(self) -> dict[str, str]:
        """The rails' parts are the places between the posts."""
        return {"rack": "wine rack", "bottle": "wine bottle"} | {
            f"slot{i}_{x}": f"{place} slot of the rack" for i, place in enumerate(self.NAMES) for x in (-RAIL_X, RAIL_X)
        }

    def _slot(self, world: MujocoWorld) -> int | None:
        """The place in which the bottle lies."""
        position = world.body_position("bottle")
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (position[:2] - self.rack)
        scale = self.receptacle_scale
        if abs(local[0]) > RAIL_X * scale or abs(position[2] - self._lying_z()) > 0.012:
            return None
        return next((i for i, y in enumerate(self.OFFSET) if abs(local[1] - y * scale) < 0.03), None)

    def _lying_z(self) -> float:
        """Height of the middle of a bottle that lies on the rails."""
        return scaled_height(RAIL_Z, self.receptacle_scale) + RADIUS * self.object_scale

    def success(self, world: MujocoWorld) -> bool:
        """The bottle lies in the named place and nothing is held."""
        return self._slot(world) == self.variation and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The bottle was left in another place, or fell from the table."""
        if world.body_position("bottle")[2] < 0.7:
            return FailureReason.DROPPED
        wrong = world.held is None and self._slot(world) not in (None, self.variation)
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Before the bottle, round it, up, lying over its place, down and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The bottle."""
        return [Carry("bottle", self._expert_keyframes(), ANY, ANY)]

    def _expert_keyframes(self) -> list[Keyframe]:
        R, R_lying = gripper_level(HEADING), gripper_down(self.yaw)
        forward = rotations.rotation_z(HEADING)[:2, 0]
        # The bottle's middle over the rack's: the grip is nearer to the neck, which points to the robot.
        slot = self.rack + rotations.rotation_z(self.yaw)[:2, :2] @ [
            (BODY / 2 - GRASP_UP) * self.object_scale, self.OFFSET[self.variation] * self.receptacle_scale
        ]  # fmt: skip
        grasp_z, lying_z = 0.75 + GRASP_UP * self.object_scale, self._lying_z()
        return [
            keyframe(R, [*(self.bottle - 0.11 * forward), grasp_z], True, False),
            keyframe(R, [*self.bottle, grasp_z], False, True),
            keyframe(R, [*self.bottle, grasp_z + 0.17], False, True),
            keyframe(R_lying, [*slot, lying_z + 0.10], False, True),
            keyframe(R_lying, [*slot, lying_z + 0.003], True, True),
        ]
