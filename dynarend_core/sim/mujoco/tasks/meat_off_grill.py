"""Take the chicken or the steak off the grill and put it on the shelf beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry.frames import TABLE_Z_WORLD
from dynarend_core.sim.mujoco.scene import BOX, CYLINDER, color
from dynarend_core.sim.mujoco.task import Task, keyframe, pointing_down, turned, yaw_quat
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

MEATS = ("chicken", "steak")
SURFACE_Z = TABLE_Z_WORLD + 0.27
"""Height of grill and shelf: RLBench's key poses of this task lie between 1.05 and 1.20 m."""
GRILL_X, SHELF_X = -0.07, 0.15
SHELF_HALF = (0.07, 0.11)
GRASP_Z = {"chicken": 0.022, "steak": 0.016}
ABOVE_M, LIFT_M = 0.10, 0.12


class MeatOffGrill(Task):
    """RLBench ``meat_off_grill``; success: the meat lies in the target area and nothing is grasped.

    From RLBench: variations, height of the key poses, five key poses, any yaw. Ours: a grill on legs with an open lid
    behind it and a wooden shelf beside it (the target: centre of the meat above the shelf); chicken = golden drumstick
    of two cylinders, steak = dark slab, in random order and turned by up to 20 degrees; grill centre x 0.17 to 0.25,
    |y| < 0.06, so that all of it is within reach pointing down.
    """

    name = "meat_off_grill"
    variation_count = 2
    graspable = MEATS
    object_names = ("grill", *MEATS)

    def instructions(self, variation: int) -> list[str]:
        """See :class:`Task`."""
        name = MEATS[variation]
        return [
            f"take the {name} off the grill",
            f"pick up the {name} and place it next to the grill",
            f"remove the {name} from the grill and set it down to the side",
            f"lift the {name} off the grill and put it on the shelf",
            f"grab the {name} and put it beside the grill",
            f"the {name} is done, get it off the grill",
        ]

    def build(self, spec: mujoco.MjSpec, rng: np.random.Generator, variation: int) -> None:
        """See :class:`Task`."""
        self.target = MEATS[variation]
        self.center = rng.uniform([0.17, -0.06], [0.25, 0.06])
        self.yaw = float(rng.uniform(-np.pi, np.pi))
        grill = spec.worldbody.add_body(name="grill", pos=[*self.center, SURFACE_Z], quat=yaw_quat(self.yaw))
        _add_grill(grill)
        self.yaws: dict[str, float] = {}
        self.places: dict[str, np.ndarray] = {}
        for name, y in zip(rng.permutation(MEATS), (-0.055, 0.055), strict=True):
            offset = np.array([GRILL_X, y]) + rng.uniform(-0.012, 0.012, 2)
            self.places[str(name)] = self.center + turned(offset, self.yaw)
            self.yaws[str(name)] = self.yaw + float(rng.uniform(-1, 1)) * np.radians(20.0)
            meat = spec.worldbody.add_body(
                name=str(name), pos=[*self.places[str(name)], SURFACE_Z], quat=yaw_quat(self.yaws[str(name)])
            )
            meat.add_freejoint()
            _add_meat(meat, str(name))

    def success(self, world: MujocoWorld) -> bool:
        """See :class:`Task`."""
        position = world.body_pose(self.target)[:3, 3]
        offset = turned(position[:2] - self.center, -self.yaw) - [SHELF_X, 0.0]
        on_shelf = np.all(np.abs(offset) < SHELF_HALF) and abs(position[2] - SURFACE_Z) < 0.04
        return bool(on_shelf and world.held is None)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The other meat was taken, or the meat fell from the grill."""
        if world.body_pose(self.target)[2, 3] < SURFACE_Z - 0.08:
            return FailureReason.DROPPED
        other = MEATS[1 - MEATS.index(self.target)]
        moved = np.linalg.norm(world.body_pose(other)[:2, 3] - self.places[other]) > 0.06
        return FailureReason.WRONG_OBJECT if moved or world.held == other else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above, grasp, lift, above the shelf, place."""
        yaw = self.yaws[self.target]
        grasp = np.array([*self.places[self.target], SURFACE_Z + GRASP_Z[self.target]])
        shelf = self.center + turned((SHELF_X, 0.0), self.yaw)
        place = np.array([*shelf, SURFACE_Z + GRASP_Z[self.target] + 0.004])
        above, lift = np.array([0.0, 0.0, ABOVE_M]), np.array([0.0, 0.0, LIFT_M])
        return [
            keyframe(pointing_down(grasp + above, yaw), gripper_open=True),
            keyframe(pointing_down(grasp, yaw), gripper_open=False, ignore_collisions=True),
            keyframe(pointing_down(grasp + lift, yaw), gripper_open=False, ignore_collisions=True),
            keyframe(pointing_down(place + above, yaw), gripper_open=False),
            keyframe(pointing_down(place, yaw), gripper_open=True, ignore_collisions=True),
        ]


def _add_grill(grill: mujoco.MjsBody) -> None:
    """Bowl, lid, shelf and legs; the origin is on the surface between grill and shelf."""
    dark, wood = color(52, 52, 56), color(170, 120, 76)
    grill.add_geom(type=BOX, pos=[GRILL_X, 0, -0.03], size=[0.14, 0.13, 0.03], rgba=dark)
    grill.add_geom(type=BOX, pos=[SHELF_X, 0, -0.01], size=[*SHELF_HALF, 0.01], rgba=wood)
    grill.add_geom(type=BOX, pos=[GRILL_X - 0.132, 0, 0.03], size=[0.008, 0.13, 0.03], rgba=color(150, 30, 30))
    for x in (GRILL_X - 0.12, GRILL_X + 0.12):
        for y in (-0.11, 0.11):
            grill.add_geom(type=CYLINDER, pos=[x, y, -0.165], size=[0.008, 0.105, 0], rgba=dark)


def _add_meat(meat: mujoco.MjsBody, name: str) -> None:
    """Long axis along x, so the fingers close along y; the origin is on the surface below the middle."""
    if name == "steak":
        meat.add_geom(type=BOX, pos=[0, 0, 0.011], size=[0.045, 0.026, 0.011], rgba=color(120, 36, 30), mass=0.1)
        return
    golden, bone = color(226, 160, 70), color(240, 228, 205)
    meat.add_geom(type=BOX, pos=[0, 0, 0.015], size=[0.03, 0.022, 0.015], rgba=golden, mass=0.08)
    meat.add_geom(type=BOX, pos=[0.045, 0, 0.012], size=[0.018, 0.007, 0.007], rgba=bone, mass=0.02)
