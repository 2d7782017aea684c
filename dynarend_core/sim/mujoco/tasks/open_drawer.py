"""Pull the bottom, middle or top drawer of a cabinet open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import TABLE_Z_WORLD
from dynarend_core.sim.mujoco.scene import BOX, CYLINDER, MECHANISM, color
from dynarend_core.sim.mujoco.task import Task, keyframe, turned, yaw_quat
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

NAMES = ("bottom", "middle", "top")
HANDLE_Z = (0.915, 1.035, 1.155)
HALF = 0.195
GRASP_DEPTH = 0.004
APPROACH_M, PULL_M, OPEN_M = 0.087, 0.24, 0.15
_WOOD, _SHADE, _CREAM, _STEEL = color(197, 173, 137), color(192, 170, 130), color(238, 226, 208), color(178, 178, 178)


class OpenDrawer(Task):
    """RLBench ``open_drawer``: the drawer counts as open beyond 0.15 m.

    Measured in RLBench's recordings: cabinet 0.39 x 0.39 m, heights of body, drawer fronts and handles, handle bar,
    approach 0.087 m before the grasp, pull 0.24 m, yaw within 22.5 degrees of facing +y, colours. Ours: the spawn
    area (centre x 0.14 to 0.34, y -0.26 to -0.02, which covers the recordings), wall thicknesses, the drawer's box.
    The handle sticks to the hand as any grasped object does.
    """

    name = "open_drawer"
    variation_count = 3
    graspable = ("drawer0", "drawer1", "drawer2")
    object_names = ("cabinet", "bottom drawer", "middle drawer", "top drawer")

    def instructions(self, variation: int) -> list[str]:
        """See :class:`Task`."""
        name = NAMES[variation]
        return [
            f"open the {name} drawer",
            f"grip the {name} handle and pull the {name} drawer open",
            f"slide the {name} drawer open",
            f"pull out the {name} drawer",
            f"open the drawer at the {name} of the cabinet",
            f"the {name} drawer should be opened",
        ]

    def build(self, spec: mujoco.MjSpec, rng: np.random.Generator, variation: int) -> None:
        """See :class:`Task`."""
        self.target = variation
        self.center = rng.uniform([0.14, -0.26], [0.34, -0.02])
        self.yaw = float(rng.uniform(-np.pi / 8, np.pi / 8))
        # Body frame: +y is the drawers' outward normal, z = 0 the table.
        cabinet = spec.worldbody.add_body(
            name="cabinet", pos=[*self.center, TABLE_Z_WORLD], quat=yaw_quat(self.yaw)
        )
        _add_carcass(cabinet)
        for i, z in enumerate(HANDLE_Z):
            _add_drawer(cabinet, f"drawer{i}", z - TABLE_Z_WORLD)

    def success(self, world: MujocoWorld) -> bool:
        """See :class:`Task`."""
        return world.joint_position(f"drawer{self.target}") > OPEN_M

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Another drawer was opened instead."""
        others = [i for i in range(3) if i != self.target]
        wrong = any(world.joint_position(f"drawer{i}") > OPEN_M for i in others)
        return FailureReason.WRONG_OBJECT if wrong and not self.success(world) else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Before the handle, round the handle, pulled out."""
        normal = np.array([*turned((0.0, 1.0), self.yaw), 0.0])
        grasp = np.array([*(self.center + turned((0.0, HALF + GRASP_DEPTH), self.yaw)), HANDLE_Z[self.target]])
        up = np.array([0.0, 0.0, 1.0])
        R = np.stack([np.cross(up, -normal), up, -normal], axis=1)
        return [
            keyframe(se3.make(R, grasp + APPROACH_M * normal), gripper_open=True),
            keyframe(se3.make(R, grasp), gripper_open=False),
            keyframe(se3.make(R, grasp + PULL_M * normal), gripper_open=False, ignore_collisions=True),
        ]


def _add_carcass(cabinet: mujoco.MjsBody) -> None:
    """Top, bottom, sides, back and legs; z above the table."""

    def box(pos: list[float], size: list[float], rgba: list[float]) -> None:
        cabinet.add_geom(type=BOX, pos=pos, size=size, rgba=rgba)

    box([0, 0, 0.464], [HALF, HALF, 0.004], _WOOD)
    box([0, 0, 0.096], [HALF, HALF, 0.004], _SHADE)
    box([0, -HALF + 0.004, 0.28], [HALF, 0.004, 0.18], _SHADE)
    for side in (-1, 1):
        box([side * (HALF - 0.004), 0, 0.28], [0.004, HALF, 0.18], _SHADE)
        for end in (-1, 1):
            cabinet.add_geom(
                type=CYLINDER, pos=[side * 0.18, end * 0.18, 0.046], size=[0.006, 0.046, 0], rgba=color(150, 150, 145)
            )


def _add_drawer(cabinet: mujoco.MjsBody, name: str, z: float) -> None:
    """A sliding box with a bar handle; ``z`` is the handle's height above the table."""
    drawer = cabinet.add_body(name=name, pos=[0, 0, z])
    drawer.add_joint(
        name=name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 1, 0], range=[0, 0.28], damping=[4.0, 0.0, 0.0],
        frictionloss=1.0,
    )  # fmt: skip

    def box(pos: list[float], size: list[float], rgba: list[float]) -> None:
        drawer.add_geom(type=BOX, pos=pos, size=size, rgba=rgba, mass=0.1, **MECHANISM)

    low = -0.063  # the front spans 0.118 m around a point 4 mm below the handle
    box([0, HALF - 0.005, low + 0.059], [HALF - 0.009, 0.005, 0.059], _CREAM)
    box([0, -0.01, low + 0.006], [HALF - 0.012, HALF - 0.02, 0.003], _CREAM)
    box([0, -HALF + 0.02, low + 0.045], [HALF - 0.012, 0.004, 0.04], _SHADE)
    for side in (-1, 1):
        box([side * (HALF - 0.014), -0.01, low + 0.045], [0.004, HALF - 0.02, 0.04], _SHADE)
        post = [side * 0.03, HALF, 0, side * 0.03, HALF + 0.0155, 0]
        drawer.add_geom(type=CYLINDER, fromto=post, size=[0.003, 0, 0], rgba=_STEEL, mass=0.01, **MECHANISM)
    bar = [-0.038, HALF + 0.0155, 0, 0.038, HALF + 0.0155, 0]
    drawer.add_geom(type=CYLINDER, fromto=bar, size=[0.0075, 0, 0], rgba=_STEEL, mass=0.05, **MECHANISM)
