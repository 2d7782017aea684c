"""put_item_in_drawer: open the named drawer of a cabinet and put the block from its top inside.

Success as in RLBench: the item lies in the named drawer and nothing is held. The cabinet is that of open_drawer; the
item is a cube of 4 cm as RLBench's, 50 g. The expert needs nine keyframes, RLBench's twelve: ours lets go of the
handle where it stopped pulling, and has no stops between there and the cube.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.cabinet import (
    GRASP_Y,
    HALF,
    HANDLE_Z,
    LEVELS,
    TOP_Z,
    add_cabinet,
    arm_clears_drawer,
    cabinet_names,
    next_pull,
    pulling,
)
from dynarend_core.sim.mujoco.carrying import ANY, Carry, cube_turns, is_near, next_of, put_back
from dynarend_core.sim.mujoco.primitives import GRIPPY, add_box, add_standing_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, PLACEMENTS_PER_TURN, Task, arm_paths, gripper_down, keyframe
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

ITEM = 0.04
GRASP_MIN, GRASP_MAX = np.array([0.08, -0.06]), np.array([0.30, 0.16])
"""Where the grasp of the named handle may lie, x and y in the world frame [m]."""
OPENED_M = 0.20
"""How far a drawer must be out for the item to go in [m]."""
DROP_Y = HALF + 0.12
"""Where the item is let go, over the opened part of the drawer, cabinet frame [m]."""


class PutItemInDrawer(Task):
    """See the module docstring."""

    name = "put_item_in_drawer"
    variation_count = 3
    graspable = ("item",)
    roles = Roles(
        object=Part(("item",), size=(0.75, 1.25)),
        receptacle=Part(("cabinet",), size=(0.75, 1.0)),
        sliding=("item",),
        weighed=("item",),
    )
    LEVELS = LEVELS

    def build(self, spec: mujoco.MjSpec) -> None:
        """The cabinet, its drawers facing the robot's left, and the item on it."""
        self._place()
        add_cabinet(spec, self.center, self.yaw, self.receptacle_scale)
        item = add_standing_body(spec, "item", self._item_at(), self.item_yaw)
        add_box(item, [0, 0, 0], [ITEM * self.object_scale / 2] * 3, [0.15, 0.35, 0.75], mass=0.05, **GRIPPY)

    def _place(self) -> None:
        """Draw the yaws and the item's place, then positions until the arm works there; if at none, draw again."""
        for _ in range(MAX_PLACEMENTS // PLACEMENTS_PER_TURN):
            self.yaw = self.rng.uniform(-np.pi / 8, np.pi / 8)
            self.item_yaw = self.yaw + self.rng.uniform(-np.pi / 4, np.pi / 4)
            self.item = self.rng.uniform([-0.12, -0.10], [0.12, 0.12])
            for _ in range(PLACEMENTS_PER_TURN):
                grasp = self.rng.uniform(GRASP_MIN, GRASP_MAX)
                self.center = grasp - rotations.rotation_z(self.yaw)[:2, :2] @ [0.0, GRASP_Y * self.receptacle_scale]
                if self._arm_has_room():
                    return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements")

    def _arm_has_room(self) -> bool:
        """Within reach, and the elbow does not come down on the drawer while the hand pulls and backs off."""
        paths = arm_paths(self._expert_keyframes(), straight=(2, 3, 5, 6, 8))
        place = self.center, self.yaw, self.variation, self.receptacle_scale
        return paths is not None and all(arm_clears_drawer(q, *place) for q in np.concatenate(paths[2:4]))

    def _world(self, local: np.ndarray) -> np.ndarray:
        return self.center + rotations.rotation_z(self.yaw)[:2, :2] @ (local * self.receptacle_scale)

    def _item_at(self) -> np.ndarray:
        top = scaled_height(TOP_Z, self.receptacle_scale)
        return np.array([*self._world(self.item), top + ITEM * self.object_scale / 2])

    def variants(self) -> list[Self]:
        """The other drawers."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if other._arm_has_room()]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        level = self.LEVELS[self.variation]
        return [
            f"put the item in the {level} drawer",
            f"put the block away in the {level} drawer",
            f"open the {level} drawer and place the block inside of it",
            f"leave the block in the {level} drawer",
            f"store the cube in the {level} compartment",
            f"the {level} drawer is where the cube on top should go",
        ]

    def semantic_names(self) -> dict[str, str]:
        """Drawers and handles by their level."""
        return cabinet_names()

    def _inside(self, world: MujocoWorld, drawer: int) -> bool:
        position = world.body_position("item")
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (position[:2] - self.center)
        local[1] -= world.joint(f"drawer{drawer}")
        scale = self.receptacle_scale
        height = position[2] - scaled_height(HANDLE_Z[drawer], scale)
        return bool((np.abs(local) < HALF * scale).all()) and -0.055 * scale < height < 0.0

    def success(self, world: MujocoWorld) -> bool:
        """The item lies in the named drawer and nothing is held."""
        return self._inside(world, self.variation) and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Another drawer was opened, or the item fell down."""
        others = [i for i in range(3) if i != self.variation]
        if any(world.joint(f"drawer{i}") > 0.05 for i in others):
            return FailureReason.WRONG_OBJECT
        return FailureReason.DROPPED if world.body_position("item")[2] < 0.80 else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Open the drawer, let go and back off; above the item, grasp, lift, over the drawer, into it."""
        return self._expert_keyframes()

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """The item on the cabinet."""
        return ("item",)

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """First the drawer, then the item; an item taken too early is put back."""
        if self.success(world) or self.failure(world) is not FailureReason.NONE:
            return None
        frames, T = self._expert_keyframes(), world.gripper().T_base_gripper
        pulled, outward = world.joint(f"drawer{self.variation}"), rotations.rotation_z(self.yaw)[:3, 1]
        if pulled < OPENED_M:
            return put_back(world) if world.held else next_pull(world, frames, pulled, outward)
        handle = np.array(frames[1].T_base_gripper)
        handle[:3, 3] += pulled * outward
        if world.held is None and is_near(T, handle, 0.03):
            away = np.array(T) if not world.gripper().is_open else frames[3].T_base_gripper
            return Keyframe(away, True, True)
        return next_of(world, [Carry("item", frames[4:], cube_turns(), ANY)])

    def _expert_keyframes(self) -> list[Keyframe]:
        approach, grasp, pull = pulling(self.center, self.yaw, self.variation, self.receptacle_scale)
        away = pull.T_base_gripper.copy()
        away[:3, 3] += 0.10 * rotations.rotation_z(self.yaw)[:3, 1]
        R, R_drop = gripper_down(self.item_yaw), gripper_down(self.yaw)
        item = self._item_at()
        above = item + np.array([0.0, 0.0, 0.09])
        drop = self._world(np.array([0.0, DROP_Y]))
        top_z, drop_z = (scaled_height(z, self.receptacle_scale) for z in (TOP_Z, HANDLE_Z[self.variation]))
        return [
            approach,
            grasp,
            Keyframe(pull.T_base_gripper, True, True),
            Keyframe(away, True, True),
            keyframe(R, above, True, False),
            keyframe(R, item, False, True),
            keyframe(R, above, False, True),
            keyframe(R_drop, [*drop, top_z + 0.11], False, False),
            keyframe(R_drop, [*drop, drop_z + 0.09], True, True),
        ]
