"""place_cups: hang one, two or three of three cups on the spokes of a holder.

Success: as many cups as asked for hang on spokes, the spoke through the handle, and nothing is held; any cups count (as
in RLBench's proposed correction, its present code wants certain ones). Ours: a cup is a closed cylinder with a dark top
and a square handle of three bars round a hole of 3 x 3 cm; the holder's post has three spokes of 1 cm, 12 degrees up.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.primitives import UNTOUCHABLE, add_box, add_cylinder, add_standing_body
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, R_DOWN, Task, keyframe, middle_yaw, reachable, scatter
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

CUP, TOP, WOOD = (0.2, 0.45, 0.75), (0.1, 0.15, 0.22), (0.42, 0.28, 0.18)
TABLE_Z, ROOT_Z = 0.75, 0.93
RADIUS, HEIGHT, GRIP = 0.03, 0.08, 0.068
HOLE = np.array([0.045, 0.0, 0.045])
"""Where a spoke goes through the handle, in the cup's frame [m]; the cup's origin is the middle of its bottom."""
SIDES = (-np.pi / 2, np.pi / 2)
"""Yaw of a hung cup against that of its spoke [rad]."""
SPOKE_LENGTH, TILT, HUNG_AT = 0.115, np.deg2rad(12.0), 0.075


class PlaceCups(Task):
    """See the module docstring."""

    name = "place_cups"
    variation_count = 3
    graspable = ("cup0", "cup1", "cup2")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The holder and three cups, all turned about z."""
        self._place()
        holder = add_standing_body(spec, "holder", [*self.center, 0.0], self.yaw, movable=False)
        add_cylinder(holder, [0, 0, TABLE_Z + 0.008], 0.07, 0.008, WOOD)
        add_cylinder(holder, [0, 0, (TABLE_Z + ROOT_Z + 0.02) / 2], 0.012, (ROOT_Z + 0.02 - TABLE_Z) / 2, WOOD)
        for i in range(3):
            root, tip = (rotations.rotation_z(-self.yaw) @ (p - [*self.center, 0.0]) for p in self.spoke(i))
            holder.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[*root, *tip], size=[0.005, 0, 0],
                            rgba=[*WOOD, 1])  # fmt: skip
        for name, xy, yaw in zip(self.graspable, self.cups, self.yaws, strict=True):
            cup = add_standing_body(spec, name, [*xy, TABLE_Z + 0.0006], yaw)
            add_cylinder(cup, [0, 0, HEIGHT / 2], RADIUS, HEIGHT / 2, CUP, mass=0.05, **STIFF)
            add_cylinder(cup, [0, 0, HEIGHT], 0.025, 0.0004, TOP, mass=0.0, **UNTOUCHABLE)
            for pos, half in (
                ([0.046, 0, 0.06], [0.019, 0.005, 0.005]),
                ([0.065, 0, 0.04], [0.005, 0.005, 0.015]),
                ([0.046, 0, 0.02], [0.019, 0.005, 0.005]),
            ):
                add_box(cup, pos, half, CUP, mass=0.003)
            add_feet(cup, z=-0.0005, radius=0.022, rgba=[*CUP, 1])

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw, self.yaws = self.rng.uniform(-np.pi / 2, np.pi / 2), self.rng.uniform(-np.pi, np.pi, size=3)
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.14, -0.16], [0.34, 0.16])
            self.cups = scatter(self.rng, [0.03, -0.36], [0.46, 0.36], 3, 0.15)
            room = np.linalg.norm(self.cups - self.center, axis=1).min() > 0.25
            if room and reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def spoke(self, i: int) -> tuple[Array, Array]:
        """Root and tip of a spoke, world frame, ``(3,)`` each [m]."""
        angle = self.yaw + i * 2 * np.pi / 3
        axis = np.array([np.cos(TILT) * np.cos(angle), np.cos(TILT) * np.sin(angle), np.sin(TILT)])
        root = np.array([*self.center, ROOT_Z])
        return root, root + SPOKE_LENGTH * axis

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        n = self.variation + 1
        cups = f"{n} cup" + "s" * (n > 1)
        return [
            f"place {cups} on the cup holder",
            f"pick up {cups} and place {'it' if n == 1 else 'them'} on the holder",
            f"move {cups} from the table to the cup holder",
            f"hang {cups} on the holder's spokes",
            f"put {cups} onto the cup rack by the handle",
            f"the rack should carry {cups}",
        ]

    def success(self, world: MujocoWorld) -> bool:
        """Enough cups hang on spokes and nothing is held."""
        hung = sum(any(self._hangs(world, name, i) for i in range(3)) for name in self.graspable)
        return hung >= self.variation + 1 and world.held is None

    def _hangs(self, world: MujocoWorld, name: str, i: int) -> bool:
        """Whether the spoke passes through the hole: where it meets the plane of the handle."""
        body = world.data.body(name)
        root, tip = (body.xmat.reshape(3, 3).T @ (p - body.xpos) for p in self.spoke(i))
        if root[1] * tip[1] > 0:
            return False
        x, _, z = root + (tip - root) * root[1] / (root[1] - tip[1])
        return bool(RADIUS - 0.002 < x < 0.062 and 0.023 < z < 0.057)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """A cup fell off the table."""
        fell = any(world.body_position(name)[2] < TABLE_Z - 0.05 for name in self.graspable)
        return FailureReason.DROPPED if fell else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Per cup: above it, grasp, lift, before the spoke's tip, along the spoke and let go, up."""
        return self._expert_keyframes()

    def _expert_keyframes(self) -> list[Keyframe]:
        frames, free, sides = [], [0, 1, 2], SIDES
        for cup, cup_yaw in zip(self.cups[: self.variation + 1], self.yaws, strict=False):
            spoke, side, flip = self._choose(cup, cup_yaw, free, sides)
            free.remove(spoke)
            sides = (side,)  # all cups on the same side of their spokes: no two between the same two spokes
            hung_yaw = self.yaw + spoke * 2 * np.pi / 3 + side
            root, tip = self.spoke(spoke)
            axis = (tip - root) / SPOKE_LENGTH
            hung = root + HUNG_AT * axis - rotations.rotation_z(hung_yaw) @ HOLE + [0, 0, GRIP]
            R, R_hung = (rotations.rotation_z(yaw + flip) @ R_DOWN for yaw in (cup_yaw, hung_yaw))
            grip = np.array([*cup, TABLE_Z + GRIP])
            up = np.array([0.0, 0.0, 1.0])
            frames += [
                keyframe(R, grip + 0.09 * up, True, False),
                keyframe(R, grip, False, True),
                keyframe(R, grip + 0.20 * up, False, True),
                keyframe(R_hung, hung + 0.10 * axis, False, False),
                keyframe(R_hung, hung, True, True),
                keyframe(R_hung, hung + 0.12 * up, True, True),
            ]
        return frames[:-1]

    def _choose(
        self, cup: Array, cup_yaw: float, free: list[int], sides: tuple[float, ...]
    ) -> tuple[int, float, float]:
        """Spoke, side of it and half turn of the gripper that keep joint 7 nearest to its middle."""
        choices = []
        for spoke, side, flip in itertools.product(free, sides, (0.0, np.pi)):
            hung_yaw = self.yaw + spoke * 2 * np.pi / 3 + side
            off = cup_yaw + flip - middle_yaw(cup), hung_yaw + flip - middle_yaw(self.center)
            worst = max(abs((angle + np.pi) % (2 * np.pi) - np.pi) for angle in off)
            choices.append((worst, (spoke, side, flip)))
        return min(choices)[1]
