"""open_drawer: pull the named drawer of a cabinet open.

Success as in RLBench: the drawer slid more than 0.15 m. The cabinet's size, its handles' heights and the expert's
approach (8.7 cm before the handle), grasp and pull (24 cm) follow the recorded demonstrations; masses, friction and
the handle's length are ours. The handle is held by friction alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.task import Task, keyframe
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

WOOD, FRONT, METAL = [0.75, 0.66, 0.52, 1], [0.5, 0.47, 0.43, 1], [0.55, 0.55, 0.56, 1]
HALF = 0.195
HANDLE_Z = (0.915, 1.035, 1.155)
HANDLE_OUT = 0.03
OPENED_M = 0.15


class OpenDrawer(Task):
    """See the module docstring."""

    name = "open_drawer"
    variation_count = 3
    LEVELS = ("bottom", "middle", "top")

    def build(self, spec: mujoco.MjSpec) -> None:
        """A cabinet whose drawers face the robot's left."""
        self.center = self.rng.uniform(self.CENTER_MIN, self.CENTER_MAX)
        self.yaw = self.rng.uniform(-np.pi / 8, np.pi / 8)
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        body = spec.worldbody.add_body(name="cabinet", pos=[*self.center, 0.0], quat=quat)
        box = mujoco.mjtGeom.mjGEOM_BOX

        def panel(pos: list[float], size: list[float], rgba: list[float]) -> None:
            body.add_geom(type=box, pos=pos, size=size, rgba=rgba)

        panel([0, 0, 1.214], [HALF, HALF, 0.004], WOOD)
        panel([0, 0, 0.845], [HALF, HALF, 0.003], WOOD)
        panel([0, -HALF + 0.004, 1.03], [HALF, 0.004, 0.18], [0.37, 0.32, 0.25, 1])
        for side in (-1, 1):
            panel([side * (HALF - 0.004), 0, 1.03], [0.004, HALF, 0.18], [0.37, 0.32, 0.25, 1])
            for end in (-1, 1):
                body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, pos=[side * 0.17, end * 0.17, 0.796],
                              size=[0.006, 0.046, 0], rgba=METAL)  # fmt: skip
        for i, z in enumerate(HANDLE_Z):
            self._add_drawer(body, i, z)

    CENTER_MIN, CENTER_MAX = np.array([0.18, -0.06]), np.array([0.32, 0.06])

    @staticmethod
    def _add_drawer(cabinet: mujoco.MjsBody, index: int, z: float) -> None:
        drawer = cabinet.add_body(name=f"drawer{index}", pos=[0, 0, z], gravcomp=1)
        drawer.add_joint(name=f"drawer{index}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 1, 0], range=[0, 0.3],
                         limited=True, damping=8, frictionloss=1.0)  # fmt: skip
        box = mujoco.mjtGeom.mjGEOM_BOX
        drawer.add_geom(type=box, pos=[0, HALF - 0.004, -0.004], size=[HALF - 0.012, 0.005, 0.058], rgba=FRONT,
                        mass=0.3)  # fmt: skip
        drawer.add_geom(type=box, pos=[0, 0, -0.052], size=[HALF - 0.014, HALF - 0.02, 0.003],
                        rgba=[0.92, 0.87, 0.82, 1], mass=0.2)  # fmt: skip
        for side in (-1, 1):
            drawer.add_geom(type=box, pos=[side * (HALF - 0.018), 0, -0.02], size=[0.003, HALF - 0.02, 0.03],
                            rgba=FRONT, mass=0.1)  # fmt: skip
        drawer.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[-0.05, HALF + HANDLE_OUT, 0, 0.05, HALF + HANDLE_OUT, 0],
                        size=[0.007, 0, 0], rgba=METAL, mass=0.05, friction=[1.5, 0.02, 0.001])  # fmt: skip
        for x in (-0.05, 0.05):
            drawer.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.004, 0, 0], rgba=METAL, mass=0.01,
                            fromto=[x, HALF, 0, x, HALF + HANDLE_OUT, 0])  # fmt: skip

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        level = self.LEVELS[self.variation]
        return [
            f"open the {level} drawer",
            f"grip the {level} handle and pull the {level} drawer open",
            f"slide the {level} drawer open",
            f"pull out the {level} drawer",
            f"open the {level} compartment of the cabinet",
            f"the {level} drawer should be open, please",
        ]

    def success(self, world: MujocoWorld) -> bool:
        """The named drawer slid more than 0.15 m."""
        return world.joint(f"drawer{self.variation}") > OPENED_M

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Another drawer was opened."""
        others = [i for i in range(3) if i != self.variation]
        opened = any(world.joint(f"drawer{i}") > 0.05 for i in others)
        return FailureReason.WRONG_OBJECT if opened else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """In front of the handle, round it, and back."""
        R_world_cabinet = rotations.rotation_z(self.yaw)
        # Gripper z into the drawer (-y of the cabinet), fingers opening vertically.
        R = R_world_cabinet @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
        handle = np.array([*self.center, 0.0]) + R_world_cabinet @ np.array(
            [0.0, HALF + HANDLE_OUT, HANDLE_Z[self.variation]]
        )
        outward = R_world_cabinet @ np.array([0.0, 1.0, 0.0])
        return [
            keyframe(R, handle + 0.087 * outward, True, False),
            keyframe(R, handle, False, True),
            keyframe(R, handle + 0.24 * outward, False, True),
        ]
