"""open_drawer: pull the named drawer of a cabinet open.

Success as in RLBench: the drawer slid more than 0.15 m. The cabinet's size, its handles (a bar of 14 mm, 16.5 mm
off the front) and the expert's approach (8.7 cm before the grasp), grasp and pull (24 cm) follow the recorded
demonstrations; masses, friction and the drawers' inside are ours. The handle is held by friction alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, Task, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

WOOD, SIDE, FRONT = [0.75, 0.66, 0.52, 1], [0.68, 0.59, 0.46, 1], [0.84, 0.79, 0.72, 1]
METAL, INSIDE = [0.7, 0.7, 0.71, 1], [0.92, 0.87, 0.82, 1]
HALF = 0.195
HANDLE_Z = (0.915, 1.035, 1.155)
HANDLE_OUT = 0.0165
HANDLE_HALF = 0.0375
GRASP_DEPTH = 0.011
"""How far the tip goes past the middle of the bar, towards the drawer's front [m]."""
GRASP_MIN, GRASP_MAX = np.array([0.08, -0.12]), np.array([0.36, 0.18])
"""Where the grasp of the named handle may lie, x and y in the world frame [m]."""
OPENED_M = 0.15


class OpenDrawer(Task):
    """See the module docstring."""

    name = "open_drawer"
    variation_count = 3
    LEVELS = ("bottom", "middle", "top")

    def build(self, spec: mujoco.MjSpec) -> None:
        """A cabinet whose drawers face the robot's left."""
        self._place()
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        body = spec.worldbody.add_body(name="cabinet", pos=[*self.center, 0.0], quat=quat)
        box = mujoco.mjtGeom.mjGEOM_BOX

        def panel(pos: list[float], size: list[float], rgba: list[float]) -> None:
            body.add_geom(type=box, pos=pos, size=size, rgba=rgba)

        panel([0, 0, 1.214], [HALF, HALF, 0.004], WOOD)
        panel([0, 0, 0.845], [HALF, HALF, 0.003], WOOD)
        panel([0, -HALF + 0.004, 1.03], [HALF, 0.004, 0.18], SIDE)
        for side in (-1, 1):
            panel([side * (HALF - 0.004), 0, 1.03], [0.004, HALF, 0.18], SIDE)
            for end in (-1, 1):
                body.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, pos=[side * 0.17, end * 0.17, 0.796],
                              size=[0.006, 0.046, 0], rgba=METAL)  # fmt: skip
        for i, z in enumerate(HANDLE_Z):
            self._add_drawer(body, i, z)

    def _place(self) -> None:
        """Draw the yaw first and then positions until the arm reaches: so the yaw stays uniform."""
        self.yaw = self.rng.uniform(-np.pi / 8, np.pi / 8)
        local_grasp = np.array([0.0, HALF + HANDLE_OUT - GRASP_DEPTH])
        for _ in range(MAX_PLACEMENTS):
            grasp = self.rng.uniform(GRASP_MIN, GRASP_MAX)
            self.center = grasp - rotations.rotation_z(self.yaw)[:2, :2] @ local_grasp
            if reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    @staticmethod
    def _add_drawer(cabinet: mujoco.MjsBody, index: int, z: float) -> None:
        drawer = cabinet.add_body(name=f"drawer{index}", pos=[0, 0, z], gravcomp=1)
        drawer.add_joint(name=f"drawer{index}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 1, 0], range=[0, 0.3],
                         limited=True, damping=8, frictionloss=1.0)  # fmt: skip
        box = mujoco.mjtGeom.mjGEOM_BOX
        drawer.add_geom(type=box, pos=[0, HALF - 0.004, -0.004], size=[HALF - 0.012, 0.005, 0.058], rgba=FRONT,
                        mass=0.3)  # fmt: skip
        drawer.add_geom(type=box, pos=[0, 0, -0.052], size=[HALF - 0.014, HALF - 0.02, 0.003],
                        rgba=INSIDE, mass=0.2)  # fmt: skip
        for side in (-1, 1):
            drawer.add_geom(type=box, pos=[side * (HALF - 0.018), 0, -0.02], size=[0.003, HALF - 0.02, 0.03],
                            rgba=FRONT, mass=0.1)  # fmt: skip
        drawer.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.007, 0, 0], rgba=METAL, mass=0.05,
                        fromto=[-HANDLE_HALF, HALF + HANDLE_OUT, 0, HANDLE_HALF, HALF + HANDLE_OUT, 0],
                        friction=[1.5, 0.02, 0.001])  # fmt: skip
        for x in (-0.03, 0.03):
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

    def semantic_names(self) -> dict[str, str]:
        """Drawers by their level."""
        return {f"drawer{i}": f"{level} drawer" for i, level in enumerate(self.LEVELS)}

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
        return self._expert_keyframes()

    def _expert_keyframes(self) -> list[Keyframe]:
        R_world_cabinet = rotations.rotation_z(self.yaw)
        # Gripper z into the drawer (-y of the cabinet), fingers opening vertically.
        R = R_world_cabinet @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
        grasp = np.array([*self.center, 0.0]) + R_world_cabinet @ np.array(
            [0.0, HALF + HANDLE_OUT - GRASP_DEPTH, HANDLE_Z[self.variation]]
        )
        outward = R_world_cabinet @ np.array([0.0, 1.0, 0.0])
        return [
            keyframe(R, grasp + 0.087 * outward, True, False),
            keyframe(R, grasp, False, True),
            keyframe(R, grasp + 0.24 * outward, False, True),
        ]
