"""insert_onto_square_peg: put the square ring on the peg of the named colour.

Success: the ring lies on the base, the named peg inside it (RLBench: four sensors at the peg's foot see the ring).
Base and pegs follow RLBench (pegs of 2.5 x 2.5 x 12 cm on a base 2 cm high). Ours: the base is 36 cm long, the ring
four bars of 2 cm round a hole of 4 cm, which leaves 7.5 mm on each side of a peg. It has a tab to hold it by, because
a finger in the hole would meet the peg, and is let go half way down and falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import Carry, turns
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet
from dynarend_core.sim.mujoco.task import COLORS, MAX_PLACEMENTS, R_DOWN, Task, keyframe, middle_yaw, reachable
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

BROWN, BASE = [0.36, 0.24, 0.17, 1], [0.55, 0.56, 0.58, 1]
NAMES = tuple(COLORS)
PITCH_M = 0.13
PEG_TOP = 0.89
RING_Z, SEATED_Z = 0.7605, 0.7805
HOLE_M, BAR_M, PEG_M, BASE_M = 0.04, 0.02, 0.025, 0.02
TAB_M = 0.055
"""From the ring's middle to the middle of its tab [m]."""
GRIP_M = 0.004
"""How far above the ring's middle the fingers hold it [m]."""


class InsertOntoSquarePeg(Task):
    """See the module docstring."""

    name = "insert_onto_square_peg"
    variation_count = 20
    graspable = ("ring",)
    roles = Roles(
        object=Part(("ring",), size=(1.0, 1.5)), receptacle=Part(("pegs",), looks=False, size=(0.85, 1.15)),
        sliding=("ring",), weighed=("ring",),
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """A row of three pegs, turned about z, and the ring beside it."""
        self._place()
        others = [name for name in NAMES if name != NAMES[self.variation]]
        self.colors = list(map(str, self.rng.choice(others, size=3, replace=False)))
        self.colors[self.target] = NAMES[self.variation]
        box = mujoco.mjtGeom.mjGEOM_BOX
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        base = spec.worldbody.add_body(name="pegs", pos=[*self.center, 0.75], quat=quat)
        base.add_geom(type=box, pos=[0, 0, 0.01], size=[0.18, 0.05, 0.01], rgba=BASE)
        for i, color in enumerate(self.colors):
            peg = base.add_body(name=f"peg{i}")
            peg.add_geom(type=box, pos=[(i - 1) * PITCH_M, 0, 0.08], size=[0.0125, 0.0125, 0.06],
                         rgba=[*COLORS[color], 1])  # fmt: skip
        scale_body(spec, base, self.receptacle_scale)
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.ring_yaw))
        ring = spec.worldbody.add_body(
            name="ring", pos=[*self.ring, scaled_height(RING_Z, self.object_scale)], quat=quat
        )
        ring.add_freejoint()
        middle, half = (HOLE_M + BAR_M) / 2, BAR_M / 2
        for side in (-1, 1):
            for pos, size in (
                ([side * middle, 0, 0], [half, HOLE_M / 2 + BAR_M, half]),
                ([0, side * middle, 0], [HOLE_M / 2, half, half]),
            ):
                ring.add_geom(type=box, pos=pos, size=size, rgba=BROWN, mass=0.015,
                              **{**STIFF, "friction": [0.3, 0.005, 0.0001]})  # fmt: skip
        ring.add_geom(
            name="tab", type=box, pos=[TAB_M, 0, 0], size=[0.015, 0.008, half], rgba=BROWN, mass=0.01, **STIFF
        )
        add_feet(ring, z=-half - 0.0005, radius=0.033, rgba=BROWN)
        scale_body(spec, ring, self.object_scale)

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw, self.ring_yaw = self.rng.uniform(-np.pi, np.pi, size=2)
        self.target = int(self.rng.integers(3))
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.12, -0.2], [0.38, 0.2])
            self.ring = self.rng.uniform([0.04, -0.34], [0.46, 0.34])
            nearest = min(np.linalg.norm(self.peg(i) - self.ring) for i in range(3))
            if nearest > 0.17 + 0.07 * (self.object_scale - 1.0) and reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def peg(self, i: int) -> Array:
        """Where peg ``i`` stands, ``(2,)`` [m]."""
        return self.center + (i - 1) * PITCH_M * self.receptacle_scale * rotations.rotation_z(self.yaw)[:2, 0]

    def variants(self) -> list[Self]:
        """The other pegs."""
        others = [
            self.asked(target=i, variation=NAMES.index(color))
            for i, color in enumerate(self.colors)
            if i != self.target
        ]
        return [other for other in others if reachable(other._expert_keyframes())]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = NAMES[self.variation]
        return [
            f"put the ring on the {color} spoke",
            f"slide the ring onto the {color} colored spoke",
            f"place the ring onto the {color} spoke",
            f"insert the {color} peg into the square ring",
            f"drop the square ring over the {color} peg",
            f"the ring should go around the {color} post",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A peg is called by its colour, a spoke as in RLBench; the ring's tab is a part with a name."""
        return {"pegs": "base", "tab": "tab of the ring"} | {
            f"peg{i}": f"{color} spoke" for i, color in enumerate(self.colors)
        }

    def success(self, world: MujocoWorld) -> bool:
        """The ring lies round the named peg's foot."""
        return self._round(world, self.target)

    def _round(self, world: MujocoWorld, i: int) -> bool:
        position = world.body_position("ring")
        # As much as the ring has room round the peg, and 7.5 mm.
        tolerance = (HOLE_M * self.object_scale - PEG_M * self.receptacle_scale) / 2 + 0.0075
        seated_z = SEATED_Z + (self.receptacle_scale - 1.0) * BASE_M + (self.object_scale - 1.0) * (RING_Z - 0.75)
        return bool(np.linalg.norm(position[:2] - self.peg(i)) < tolerance and abs(position[2] - seated_z) < 0.008)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The ring is on another peg, or fell off the table."""
        if world.body_position("ring")[2] < 0.7:
            return FailureReason.DROPPED
        wrong = any(self._round(world, i) for i in range(3) if i != self.target)
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the ring's tab, grasp it, lift, above the peg, over its top and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The ring, which fits its peg at any quarter turn."""
        return [Carry("ring", self._expert_keyframes(), put=turns(4))]

    def _expert_keyframes(self) -> list[Keyframe]:
        peg = self.peg(self.target)
        # The gripper looks the same turned by half a turn, the ring on its peg by quarters: keep joint 7 in its middle.
        flips = np.round((middle_yaw(self.ring) - self.ring_yaw) / np.pi)
        quarters = np.round((middle_yaw(peg) - self.yaw) / (np.pi / 2))
        grasp, place = self.ring_yaw + flips * np.pi, self.yaw + quarters * np.pi / 2
        outwards = TAB_M * self.object_scale * (1 if flips % 2 == 0 else -1)
        ring_z = scaled_height(RING_Z, self.object_scale)
        top_z = scaled_height(PEG_TOP, self.receptacle_scale)

        def at(yaw: float, middle: Array, z: float, gripper_open: bool, ignore_collisions: bool) -> Keyframe:
            R = rotations.rotation_z(yaw)
            tab = middle + R[:2, 0] * outwards
            return keyframe(R @ R_DOWN, [*tab, z + GRIP_M], gripper_open, ignore_collisions)

        return [
            at(grasp, self.ring, ring_z + 0.09, True, False),
            at(grasp, self.ring, ring_z, False, True),
            at(grasp, self.ring, ring_z + 0.16, False, True),
            at(place, peg, top_z + 0.04, False, False),
            at(place, peg, top_z - 0.05, True, True),
        ]
