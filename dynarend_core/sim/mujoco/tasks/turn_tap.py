"""turn_tap: turn the left or the right handle of a tap.

Success as in RLBench: the named handle's hinge turned more than 1.57 rad. Ours: a bridge tap that stands on the table,
two bar handles with vertical hinges 18 cm apart, as high as RLBench's grasps (0.895 m), and a spout between them that
points forward. Left and right are as seen from in front of the spout, looking at the tap. Both open counterclockwise
seen from above. A handle is held by friction and the shape of the fingers, which turn with it about their own axis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import HALF_TURN, approach, is_near, like_hand
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, R_DOWN, Task, keyframe, middle_yaw, reachable
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

STEEL, DARK = [0.72, 0.73, 0.76, 1], [0.42, 0.43, 0.46, 1]
SIDE_M = 0.09
HANDLE_Z = 0.895
HANDLE_HALF = [0.035, 0.008, 0.012]
TURN_RAD, TURNED_RAD = 1.85, 1.57
HELD_M = 0.010
"""A closed gripper wider than this holds a handle."""


class TurnTap(Task):
    """See the module docstring."""

    name = "turn_tap"
    variation_count = 2
    roles = Roles(object=Part(("tap",), size=(0.75, 1.25)))
    SIDES = ("left", "right")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The tap, turned about z."""
        self._place()
        box, capsule = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CAPSULE
        quat = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.yaw))
        tap = spec.worldbody.add_body(name="tap", pos=[*self.center, 0.0], quat=quat)
        tap.add_geom(type=box, pos=[0, 0, 0.76], size=[0.03, SIDE_M + 0.03, 0.01], rgba=DARK)
        tap.add_geom(type=capsule, fromto=[0, -SIDE_M, 0.81, 0, SIDE_M, 0.81], size=[0.012, 0, 0], rgba=STEEL)
        tap.add_geom(type=capsule, fromto=[0, 0, 0.77, 0, 0, 0.87], size=[0.014, 0, 0], rgba=STEEL)
        tap.add_geom(type=capsule, fromto=[0, 0, 0.87, 0.11, 0, 0.88], size=[0.012, 0, 0], rgba=STEEL)
        tap.add_geom(type=capsule, fromto=[0.11, 0, 0.88, 0.11, 0, 0.85], size=[0.012, 0, 0], rgba=STEEL)
        for i, name in enumerate(self.SIDES):
            y = self._local(i)[1]
            tap.add_geom(type=capsule, fromto=[0, y, 0.77, 0, y, 0.87], size=[0.011, 0, 0], rgba=STEEL)
            turn = rotations.quat_wxyz_from_matrix(rotations.rotation_z(self.handle_yaw[i]))
            handle = tap.add_body(name=f"{name}_handle", pos=[0, y, HANDLE_Z], quat=turn, gravcomp=1)
            # An MjSpec counts the ranges of hinges in degrees.
            handle.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1], range=[0, 125],
                             limited=True, damping=0.02, frictionloss=0.03, armature=0.005)  # fmt: skip
            handle.add_geom(type=box, size=HANDLE_HALF, rgba=DARK, mass=0.05, friction=[1.5, 0.02, 0.001])
        scale_body(spec, tap, self.object_scale, foot=0.75)

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw = self.rng.uniform(-np.pi, np.pi)
        self.handle_yaw = self.rng.uniform(-0.3, 0.3, size=2)
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.08, -0.16], [0.33, 0.16])
            if reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    @staticmethod
    def _local(i: int) -> Array:
        # The spout points along the tap's x: who looks at it from there has +y on the right.
        return np.array([0.0, -SIDE_M if i == 0 else SIDE_M])

    def variants(self) -> list[Self]:
        """The other side."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if reachable(other._expert_keyframes())]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        side = self.SIDES[self.variation]
        return [
            f"turn {side} tap",
            f"rotate the {side} tap",
            f"grasp the {side} tap and turn it",
            f"twist the {side} handle of the tap",
            f"open the {side} valve",
            f"let the water run from the {side} tap",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A handle is called as instructions call it: "left tap"."""
        return {f"{side}_handle": f"{side} tap" for side in self.SIDES}

    def success(self, world: MujocoWorld) -> bool:
        """The named handle turned more than a quarter."""
        return world.joint(self.SIDES[self.variation]) > TURNED_RAD

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The other handle was turned."""
        turned = world.joint(self.SIDES[1 - self.variation]) > 0.5
        return FailureReason.WRONG_OBJECT if turned else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the handle, round it, and turned about the gripper's own axis."""
        return self._expert_keyframes()

    def moving_joints(self) -> tuple[str, ...]:
        """The named handle."""
        return (self.SIDES[self.variation],)

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """Goes on from as far as the handle is turned."""
        if self.success(world) or self.failure(world) is not FailureReason.NONE:
            return None
        above, grasp, turned = self._expert_keyframes(world.joint(self.SIDES[self.variation]))
        gripper = world.gripper()
        T, T_grasp = gripper.T_base_gripper, grasp.T_base_gripper
        holds = not gripper.is_open and gripper.width_m > HELD_M
        if not (holds and is_near(T, T_grasp, 0.02)):
            return approach(world, above, grasp)
        half = like_hand(grasp, T).T_base_gripper[:3, 0] @ T_grasp[:3, 0] < 0
        return replace(turned, T_base_gripper=turned.T_base_gripper @ HALF_TURN) if half else turned

    def _expert_keyframes(self, turned: float = 0.0) -> list[Keyframe]:
        xy = self.center + rotations.rotation_z(self.yaw)[:2, :2] @ (self._local(self.variation) * self.object_scale)
        yaw = self.yaw + self.handle_yaw[self.variation]
        # The bar looks the same turned by 180 degrees: begin so that joint 7 stays in the middle of its range.
        yaw += np.round((middle_yaw(xy) - TURN_RAD / 2 - yaw) / np.pi) * np.pi
        R, R_turned = (rotations.rotation_z(a) @ R_DOWN for a in (yaw + turned, yaw + TURN_RAD))
        z = scaled_height(HANDLE_Z, self.object_scale)
        return [
            keyframe(R, [*xy, z + 0.09], True, False),
            keyframe(R, [*xy, z - 0.002], False, True),
            keyframe(R_turned, [*xy, z - 0.002], False, True),
        ]
