"""light_bulb_in: screw the bulb from the holder of the named colour into the lamp.

Success as in RLBench: the bulb stands in the lamp's socket and nothing is held. Ours: a bulb is a sphere of 5.6 cm on a
cylinder of 2.2 cm, holders and the lamp's socket are octagonal rings that leave the cylinder 5 mm on each side. There
is no thread: the expert turns the bulb by a quarter, but one that only stands in the socket counts too, as it does
there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.shapes import STIFF, add_ring
from dynarend_core.sim.mujoco.task import COLORS, MAX_PLACEMENTS, R_DOWN, Task, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

GLASS, BRASS, STAND = [0.97, 0.96, 0.88, 1], [0.62, 0.55, 0.4, 1], [0.3, 0.31, 0.34, 1]
NAMES = tuple(COLORS)
RADIUS, STEM_RADIUS, STEM = 0.028, 0.011, 0.04
"""Bulb: radius of the sphere, radius and length of the cylinder below it [m]; the origin is the sphere's centre."""
CENTER_ABOVE_SEAT = STEM + 0.024
HOLDER_Z, SOCKET_Z = 0.754, 0.92
"""Height of what a bulb stands on, in a holder and in the lamp, world frame [m]."""
SEATED_M = 0.012


class LightBulbIn(Task):
    """See the module docstring."""

    name = "light_bulb_in"
    variation_count = 20
    graspable = ("bulb0", "bulb1")
    roles = Roles(
        # "The red light bulb" is the one in the red holder: no colour of its own may contradict.
        object=Part(("bulb0", "bulb1", "holder0", "holder1"), looks=False, size=(0.85, 1.0)),
        receptacle=Part(("lamp",), size=(0.9, 1.0)), sliding=graspable, weighed=graspable,
    )  # fmt: skip

    bulbs = graspable
    """The named bulb and the other one."""

    def build(self, spec: mujoco.MjSpec) -> None:
        """The lamp and two bulbs in holders of different colours."""
        self._place()
        other = self.rng.choice([name for name in NAMES if name != NAMES[self.variation]])
        self.colors = (NAMES[self.variation], str(other))
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        lamp = spec.worldbody.add_body(name="lamp", pos=[*self.lamp, 0.75])
        lamp.add_geom(type=cylinder, pos=[0, 0, 0.008], size=[0.06, 0.008, 0], rgba=STAND)
        lamp.add_geom(type=cylinder, pos=[0, 0, 0.085], size=[0.014, 0.085, 0], rgba=STAND)
        add_ring(lamp, z=0.182, height=0.036, inner_radius=0.016, wall=0.006, rgba=STAND, mass=0.1)
        for i, color in enumerate(self.colors):
            rgba = [*COLORS[color], 1]
            holder = spec.worldbody.add_body(name=f"holder{i}", pos=[*self.holders[i], 0.75])
            holder.add_geom(type=cylinder, pos=[0, 0, 0.002], size=[0.035, 0.002, 0], rgba=rgba)
            add_ring(holder, z=0.02, height=0.036, inner_radius=0.016, wall=0.01, rgba=rgba, mass=0.1)
            scale_body(spec, holder, self.object_scale)
            bulb = spec.worldbody.add_body(name=f"bulb{i}", pos=[*self.holders[i], self._standing_z() + 0.0005])
            bulb.add_freejoint()
            bulb.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[RADIUS, 0, 0], rgba=GLASS, mass=0.02, **STIFF)
            bulb.add_geom(type=cylinder, pos=[0, 0, -0.024 - STEM / 2], size=[STEM_RADIUS, STEM / 2, 0], rgba=BRASS,
                          mass=0.04)  # fmt: skip
            scale_body(spec, bulb, self.object_scale)
        scale_body(spec, lamp, self.receptacle_scale)

    def _standing_z(self) -> float:
        """Height of the middle of a bulb that stands in its holder."""
        return scaled_height(HOLDER_Z, self.object_scale) + CENTER_ABOVE_SEAT * self.object_scale

    def _seated_z(self) -> float:
        """Height of the middle of a bulb that stands in the lamp."""
        return scaled_height(SOCKET_Z, self.receptacle_scale) + CENTER_ABOVE_SEAT * self.object_scale

    def _place(self) -> None:
        for _ in range(MAX_PLACEMENTS):
            self.lamp = self.rng.uniform([0.10, -0.28], [0.38, 0.28])
            self.holders = self.rng.uniform([0.04, -0.33], [0.44, 0.33], size=(2, 2))
            room = np.linalg.norm(self.holders - self.lamp, axis=1).min() > 0.18
            apart = np.linalg.norm(self.holders[0] - self.holders[1]) > 0.15
            if room and apart and reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements")

    def variants(self) -> list[Self]:
        """The other bulb."""
        other = self.asked(
            variation=NAMES.index(self.colors[1]), colors=self.colors[::-1], holders=self.holders[::-1],
            bulbs=self.bulbs[::-1],
        )  # fmt: skip
        return [other] if reachable(other._expert_keyframes()) else []

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = NAMES[self.variation]
        return [
            f"screw in the {color} light bulb",
            f"screw the light bulb from the {color} holder into the lamp",
            f"pick up the light bulb from the {color} stand and put it into the lamp",
            f"put the bulb of the {color} holder in the lamp",
            f"take the bulb out of the {color} holder and screw it into the socket",
            f"the lamp needs the bulb that stands in the {color} holder",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A holder is called by its colour, a bulb by the holder it comes from."""
        return {f"holder{i}": f"{color} holder" for i, color in enumerate(self.colors)} | {
            f"bulb{i}": f"bulb in the {color} holder" for i, color in enumerate(self.colors)
        }

    def success(self, world: MujocoWorld) -> bool:
        """The named bulb stands in the lamp and nothing is held."""
        return self._in_lamp(world, 0) and world.held is None

    def _in_lamp(self, world: MujocoWorld, i: int) -> bool:
        offset = world.body_position(self.bulbs[i]) - [*self.lamp, self._seated_z()]
        return bool(np.abs(offset).max() < SEATED_M)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The other bulb was taken, or the named one lies on the table or below."""
        if world.held == self.bulbs[1] or self._in_lamp(world, 1):
            return FailureReason.WRONG_OBJECT
        lying = world.body_position(self.bulbs[0])[2] < scaled_height(HOLDER_Z + STEM, self.object_scale)
        return FailureReason.DROPPED if lying and world.held is None else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the bulb, grasp, lift out, above the lamp, into the socket, turn clockwise, let go."""
        return self._expert_keyframes()

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """A bulb stands in its holder."""
        return ()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The bulb."""
        return [Carry(self.bulbs[0], self._expert_keyframes(), ANY, ANY)]

    def _expert_keyframes(self) -> list[Keyframe]:
        # A quarter turn about the middle of joint 7's range; a bulb is round, so the yaw is free.
        R, R_turned = rotations.rotation_z(np.pi / 2) @ R_DOWN, R_DOWN
        bulb, lamp = self.holders[0], self.lamp
        held_z, seated_z = self._standing_z(), self._seated_z() + 0.002
        return [
            keyframe(R, [*bulb, held_z + 0.09], True, False),
            keyframe(R, [*bulb, held_z], False, True),
            keyframe(R, [*bulb, held_z + 0.16], False, True),
            keyframe(R, [*lamp, seated_z + 0.10], False, False),
            keyframe(R, [*lamp, seated_z], False, True),
            keyframe(R_turned, [*lamp, seated_z], False, True),
            keyframe(R_turned, [*lamp, seated_z], True, True),
        ]
