"""meat_off_grill: take the named meat off the grill and put it on the shelf beside.

Success as in RLBench: the meat lies in the target region (its centre over the side shelf) and nothing is held.
Ours: a box grill whose grate is 0.28 m above the table, its open lid standing at the back, a shelf on its side; the
chicken is a pale capsule, the steak a flat dark box. A closing gripper that touches the meat with both fingers
holds it (see the world's grasp rule).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry, turns
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, Task, gripper_down, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

GRATE_Z = 1.03
SHELF_Z = 1.03
SHELF = np.array([0.0, 0.215])
SHELF_HALF = np.array([0.10, 0.075])
HALF_HEIGHT = 0.018
LIFT = 0.12


class MeatOffGrill(Task):
    """See the module docstring."""

    name = "meat_off_grill"
    variation_count = 2
    graspable = ("chicken", "steak")
    roles = Roles(
        object=Part(graspable, size=(0.65, 1.15)), receptacle=Part(("grill",), size=(0.85, 1.15)),
        sliding=graspable, weighed=graspable,
    )  # fmt: skip
    NAMES = ("chicken", "steak")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The grill with both meats on its grate, turned about z."""
        self._place()
        self._add_grill(spec)
        box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
        for i, name in enumerate(self.NAMES):
            body = spec.worldbody.add_body(
                name=name, pos=[*self._world(self.local[i]), self._grate_z() + HALF_HEIGHT * self.object_scale + 0.001],
                quat=rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.meat_yaw[i])),
            )  # fmt: skip
            body.add_freejoint()
            if name == "chicken":
                body.add_geom(type=capsule, fromto=[0, -0.028, 0, 0, 0.028, 0], size=[HALF_HEIGHT, 0, 0], mass=0.06,
                              rgba=[0.93, 0.78, 0.6, 1], friction=[1, 0.02, 0.002], condim=4)  # fmt: skip
            else:
                body.add_geom(type=box, size=[0.02, 0.045, HALF_HEIGHT - 0.004], mass=0.06,
                              rgba=[0.45, 0.12, 0.08, 1], friction=[1, 0.02, 0.002], condim=4)  # fmt: skip
            scale_body(spec, body, self.object_scale)

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw = self.rng.uniform(-np.pi, np.pi)
        self.meat_yaw = self.yaw + self.rng.uniform(-0.4, 0.4, size=2)
        side = 1 if self.rng.random() < 0.5 else -1
        self.local = np.array([[side * 0.068, -0.01], [-side * 0.068, -0.01]])
        self.local += self.rng.uniform(-0.012, 0.012, size=(2, 2))
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.13, -0.10], [0.28, 0.10])
            if reachable(self._expert_keyframes(self._world(self.local[self.variation]))):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def _world(self, local: np.ndarray) -> np.ndarray:
        return self.center + rotations.rotation_z(self.yaw)[:2, :2] @ (local * self.receptacle_scale)

    def _grate_z(self) -> float:
        """Height of the grate and of the shelf."""
        return scaled_height(GRATE_Z, self.receptacle_scale)

    def _add_grill(self, spec: mujoco.MjSpec) -> None:
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        grill = spec.worldbody.add_body(name="grill", pos=[*self.center, 0.0], quat=quat)
        box = mujoco.mjtGeom.mjGEOM_BOX
        grill.add_geom(type=box, pos=[0, 0, GRATE_Z - 0.05], size=[0.14, 0.11, 0.05], rgba=[0.16, 0.16, 0.17, 1])
        grill.add_geom(type=box, pos=[0, -0.125, GRATE_Z + 0.01], size=[0.14, 0.01, 0.05], rgba=[0.6, 0.08, 0.07, 1])
        grill.add_geom(
            name="shelf", type=box, pos=[*SHELF, SHELF_Z - 0.008], size=[*SHELF_HALF, 0.008], rgba=[0.62, 0.45, 0.25, 1]
        )
        for x in (-0.12, 0.12):
            for y in (-0.09, 0.09):
                grill.add_geom(type=box, pos=[x, y, 0.84], size=[0.01, 0.01, 0.09], rgba=[0.3, 0.3, 0.3, 1])
        scale_body(spec, grill, self.receptacle_scale, foot=0.75)

    def variants(self) -> list[Self]:
        """The other meat."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [
            other for other in others if reachable(other._expert_keyframes(other._world(other.local[other.variation])))
        ]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        name = self.NAMES[self.variation]
        return [
            f"take the {name} off the grill",
            f"pick up the {name} and place it next to the grill",
            f"remove the {name} from the grill and set it down to the side",
            f"the {name} is done, get it off the grill",
            f"grab the {name} and put it on the shelf",
            f"would you lift the {name} from the fire and lay it on the side board",
        ]

    def semantic_names(self) -> dict[str, str]:
        """The shelf is a part of the grill with a name of its own."""
        return {"shelf": "shelf of the grill"}

    def success(self, world: MujocoWorld) -> bool:
        """The meat lies on the shelf and nothing is held."""
        position = world.body_position(self.NAMES[self.variation])
        scale, height = self.receptacle_scale, position[2] - self._grate_z()
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (position[:2] - self.center) - SHELF * scale
        on_shelf = bool((np.abs(local) < SHELF_HALF * scale).all()) and 0.0 < height < 0.06
        return on_shelf and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The other meat left the grate, or the named one fell."""
        other, named = self.NAMES[1 - self.variation], self.NAMES[self.variation]
        low = self._grate_z() - 0.02
        if world.held == other or world.body_position(other)[2] < low:
            return FailureReason.WRONG_OBJECT
        fell = world.body_position(named)[2] < low and world.held != named
        return FailureReason.DROPPED if fell else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the meat, grasp, lift, above the shelf, release."""
        return self._expert_keyframes(world.body_position(self.NAMES[self.variation])[:2])

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """There is no room on the grate."""
        return ()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The meat."""
        return [
            Carry(
                self.NAMES[self.variation],
                self._expert_keyframes(self._world(self.local[self.variation])),
                turns(2),
                ANY,
            )
        ]

    def _expert_keyframes(self, meat: np.ndarray) -> list[Keyframe]:
        # Fingers open along the gripper's y; the meat is long along its own y, so grasp across its x.
        R = gripper_down(self.meat_yaw[self.variation] + np.pi / 2)
        shelf = self._world(SHELF)
        grate_z, half = self._grate_z(), HALF_HEIGHT * self.object_scale
        grasp = [*meat, grate_z + half - 0.004]
        R_place = gripper_down(self.yaw + np.pi / 2)
        return [
            keyframe(R, [*meat, grate_z + LIFT], True, False),
            keyframe(R, grasp, False, True),
            keyframe(R, [*meat, grate_z + LIFT], False, True),
            keyframe(R_place, [*shelf, grate_z + LIFT], False, False),
            keyframe(R_place, [*shelf, grate_z + half + 0.006], True, True),
        ]
