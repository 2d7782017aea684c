"""open_drawer: pull the named drawer of a cabinet open.

Success as in RLBench: the drawer slid more than 0.15 m. The cabinet and the expert's motion follow the recorded
demonstrations (:mod:`dynarend_core.sim.mujoco.cabinet`). The handle is held by friction alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.cabinet import (
    GRASP_Y,
    LEVELS,
    add_cabinet,
    arm_clears_drawer,
    cabinet_names,
    next_pull,
    pulling,
)
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, Task, arm_paths
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

GRASP_MIN, GRASP_MAX = np.array([0.08, -0.12]), np.array([0.36, 0.18])
"""Where the grasp of the named handle may lie, x and y in the world frame [m]."""
OPENED_M = 0.15


class OpenDrawer(Task):
    """See the module docstring."""

    name = "open_drawer"
    variation_count = 3
    roles = Roles(object=Part(("cabinet",), size=(0.75, 1.0)))
    LEVELS = LEVELS

    def build(self, spec: mujoco.MjSpec) -> None:
        """A cabinet whose drawers face the robot's left."""
        self._place()
        add_cabinet(spec, self.center, self.yaw, self.object_scale)

    def _place(self) -> None:
        """Draw the yaw first and then positions until the arm has room: so the yaw stays uniform."""
        self.yaw = self.rng.uniform(-np.pi / 8, np.pi / 8)
        local_grasp = np.array([0.0, GRASP_Y * self.object_scale])
        for _ in range(MAX_PLACEMENTS):
            grasp = self.rng.uniform(GRASP_MIN, GRASP_MAX)
            self.center = grasp - rotations.rotation_z(self.yaw)[:2, :2] @ local_grasp
            if self._arm_has_room():
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def _arm_has_room(self) -> bool:
        """Within reach, and neither does the elbow stand in the cabinet nor the drawer come out under it."""
        paths = arm_paths(self._expert_keyframes(), straight=(1, 2))
        place = self.center, self.yaw, self.variation, self.object_scale
        return paths is not None and all(arm_clears_drawer(q, *place) for q in np.concatenate(paths))

    def variants(self) -> list[Self]:
        """The other drawers."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if other._arm_has_room()]

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
        """Drawers and handles by their level."""
        return cabinet_names()

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

    def moving_joints(self) -> tuple[str, ...]:
        """The named drawer."""
        return (f"drawer{self.variation}",)

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """Goes on from as far as the drawer is open."""
        if self.success(world) or self.failure(world) is not FailureReason.NONE:
            return None
        outward = rotations.rotation_z(self.yaw)[:3, 1]
        return next_pull(world, self._expert_keyframes(), world.joint(f"drawer{self.variation}"), outward)

    def _expert_keyframes(self) -> list[Keyframe]:
        return pulling(self.center, self.yaw, self.variation, self.object_scale)
