"""close_jar: put the lid on the jar of the named colour and screw it on.

Success as in RLBench: the lid lies on the named jar and nothing is held. Ours: two jars of 7 cm, 5 cm high with a neck
of 1.5 cm, and a lid (a disc with an octagonal rim) that fits over a neck with 6 mm to spare. There is no thread: the
expert turns the lid by a quarter as RLBench's does, but a lid that only lies on the neck counts too, as it does there.
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
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet, add_ring
from dynarend_core.sim.mujoco.task import COLORS, MAX_PLACEMENTS, R_DOWN, Task, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

BROWN = [0.36, 0.24, 0.17, 1]
NAMES = tuple(COLORS)
LID_Z = 0.76
SEAT_Z = 0.8135
"""Height of the lid's middle when it lies on a jar, world frame [m]."""
SEATED_M = 0.012
GRIP_M = 0.004
"""How far above the lid's middle the fingers hold it [m]."""


class CloseJar(Task):
    """See the module docstring."""

    name = "close_jar"
    variation_count = 20
    graspable = ("lid",)
    roles = Roles(
        object=Part(("lid",), looks=False, size=(1.0, 1.15)),  # "the brown lid"
        receptacle=Part(("jar0", "jar1"), looks=False, size=(0.9, 1.15)), sliding=("lid",), weighed=("lid",),
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """Two jars and the lid, with room for the hand between lid and jars."""
        self._place()
        other = self.rng.choice([name for name in NAMES if name != NAMES[self.variation]])
        self.colors = (NAMES[self.variation], str(other))
        cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
        for i, color in enumerate(self.colors):
            jar = spec.worldbody.add_body(name=f"jar{i}", pos=[*self.jars[i], 0.75])
            jar.add_geom(type=cylinder, pos=[0, 0, 0.025], size=[0.035, 0.025, 0], rgba=[*COLORS[color], 1])
            jar.add_geom(type=cylinder, pos=[0, 0, 0.0575], size=[0.019, 0.0075, 0], rgba=[*COLORS[color], 1])
            scale_body(spec, jar, self.receptacle_scale)
        lid = spec.worldbody.add_body(name="lid", pos=[*self.lid, scaled_height(LID_Z, self.object_scale) + 0.0006])
        lid.add_freejoint()
        lid.add_geom(type=cylinder, pos=[0, 0, 0.006], size=[0.032, 0.004, 0], rgba=BROWN, mass=0.04,
                     **STIFF)  # fmt: skip
        add_ring(lid, z=-0.004, height=0.012, inner_radius=0.025, wall=0.003, rgba=BROWN, mass=0.01)
        add_feet(lid, z=-0.0105, radius=0.028, rgba=BROWN)  # on the table
        add_feet(lid, z=0.0015, radius=0.012, rgba=BROWN)  # on a neck
        scale_body(spec, lid, self.object_scale)

    def _place(self) -> None:
        for _ in range(MAX_PLACEMENTS):
            self.jars = self.rng.uniform([0.06, -0.33], [0.44, 0.33], size=(2, 2))
            self.lid = self.rng.uniform([0.06, -0.33], [0.44, 0.33])
            room = np.linalg.norm(self.jars - self.lid, axis=1).min() > 0.16
            if room and np.linalg.norm(self.jars[0] - self.jars[1]) > 0.13 and reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements")

    def variants(self) -> list[Self]:
        """The other jar."""
        other = self.asked(variation=NAMES.index(self.colors[1]), colors=self.colors[::-1], jars=self.jars[::-1])
        return [other] if reachable(other._expert_keyframes()) else []

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = NAMES[self.variation]
        return [
            f"close the {color} jar",
            f"screw on the {color} jar lid",
            f"grasp the lid, put it on the {color} jar and twist it",
            f"put the brown lid on the {color} jar",
            f"seal the {color} jar with the lid",
            f"the {color} jar is still open, cover it with its lid",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A jar is called by its colour."""
        return {f"jar{i}": f"{color} jar" for i, color in enumerate(self.colors)}

    def success(self, world: MujocoWorld) -> bool:
        """The lid lies on the named jar and nothing is held."""
        return self._on(world, 0) and world.held is None

    def _on(self, world: MujocoWorld, jar: int) -> bool:
        offset = world.body_position("lid") - [*self.jars[jar], self._seat_z()]
        return bool(np.abs(offset).max() < SEATED_M)

    def _seat_z(self) -> float:
        # The lid stands on feet that reach 1.5 mm above its middle.
        return scaled_height(SEAT_Z + 0.0015, self.receptacle_scale) - 0.0015 * self.object_scale

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The lid lies on the other jar, or fell off the table."""
        if world.body_position("lid")[2] < 0.7:
            return FailureReason.DROPPED
        return FailureReason.WRONG_OBJECT if self._on(world, 1) and world.held is None else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the lid, grasp, lift, above the jar, onto it, turn clockwise and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The lid."""
        return [Carry("lid", self._expert_keyframes(), ANY, ANY)]

    def _expert_keyframes(self) -> list[Keyframe]:
        # A quarter turn about the middle of joint 7's range; the lid is round, so the yaw is free.
        R, R_turned = rotations.rotation_z(np.pi / 2) @ R_DOWN, R_DOWN
        lid, jar = self.lid, self.jars[0]
        lid_z, seat_z = scaled_height(LID_Z, self.object_scale), self._seat_z()
        return [
            keyframe(R, [*lid, lid_z + 0.09], True, False),
            keyframe(R, [*lid, lid_z + GRIP_M], False, True),
            keyframe(R, [*lid, lid_z + 0.12], False, True),
            keyframe(R, [*jar, seat_z + 0.10], False, False),
            keyframe(R, [*jar, seat_z + GRIP_M + 0.001], False, True),
            keyframe(R_turned, [*jar, seat_z + GRIP_M + 0.001], True, True),
        ]
