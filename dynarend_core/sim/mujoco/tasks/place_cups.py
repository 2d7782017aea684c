"""place_cups: hang one, two or three of three cups on the spokes of a holder.

Success: as many cups as asked for hang on spokes, the spoke through the handle, and nothing is held; any cups count (as
in RLBench's proposed correction, its present code wants certain ones). Ours: spokes of 1 cm lean up by 45 degrees, so
that a cup slides towards the post and comes to rest there; a cup is a closed cylinder with a dark top, and its handle
three bars round a hole of 3.6 x 4 cm. Contact, friction and gravity hold a hung cup, nothing else.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import Carry
from dynarend_core.sim.mujoco.primitives import (
    UNTOUCHABLE,
    add_box,
    add_cylinder,
    add_standing_body,
    scale_body,
    scaled_height,
)
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, R_DOWN, Task, keyframe, middle_yaw, reachable, scatter
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

CUP, TOP, WOOD = (0.2, 0.45, 0.75), (0.1, 0.15, 0.22), (0.42, 0.28, 0.18)
TABLE_Z, ROOT_Z = 0.75, 0.88
RADIUS, HEIGHT, GRIP = 0.03, 0.08, 0.068
HOLE = np.array([0.048, 0.0, 0.04])
"""Middle of the handle's hole in the cup's frame [m]; the cup's origin is the middle of its bottom."""
HOLE_HALF = np.array([0.018, 0.02])
"""Half of the hole's width and height [m]."""
RUBBING = {"friction": [0.8, 0.01, 0.004], "condim": 6, "priority": 2}
"""Contact of handles: rolling friction takes the swing out of a hung cup."""
SIDES: tuple[float, ...] = (-np.pi / 2, np.pi / 2)
"""Yaw of a hung cup against that of its spoke [rad]."""
SPOKE_LENGTH, TILT = 0.13, np.pi / 4
HUNG_AT, BEFORE = 0.08, 0.15
"""Where on the spoke a cup is let go, and how far before that the motion along the spoke begins [m]."""


class PlaceCups(Task):
    """See the module docstring."""

    name = "place_cups"
    variation_count = 3
    graspable = ("cup0", "cup1", "cup2")
    expert_floor = 0.90
    roles = Roles(
        object=Part(graspable, keeps=(TOP,), size=(0.85, 1.1)), receptacle=Part(("holder",), size=(0.9, 1.15)),
        sliding=graspable, weighed=graspable,
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """The holder and three cups, all turned about z."""
        self._place()
        holder = add_standing_body(spec, "holder", [*self.center, 0.0], self.yaw, movable=False)
        add_cylinder(holder, [0, 0, TABLE_Z + 0.008], 0.07, 0.008, WOOD)
        add_cylinder(holder, [0, 0, (TABLE_Z + ROOT_Z + 0.02) / 2], 0.012, (ROOT_Z + 0.02 - TABLE_Z) / 2, WOOD)
        scale_body(spec, holder, self.receptacle_scale, foot=TABLE_Z)
        for i in range(3):
            root, tip = (rotations.rotation_z(-self.yaw) @ (p - [*self.center, 0.0]) for p in self.spoke(i))
            holder.add_geom(name=f"spoke{i}", type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[*root, *tip],
                            size=[0.005, 0, 0], rgba=[*WOOD, 1])  # fmt: skip
        for name, xy, yaw in zip(self.graspable, self.cups, self.yaws, strict=True):
            cup = add_standing_body(spec, name, [*xy, TABLE_Z + 0.0006], yaw)
            add_cylinder(cup, [0, 0, HEIGHT / 2], RADIUS, HEIGHT / 2, CUP, mass=0.05, **STIFF)
            add_cylinder(cup, [0, 0, HEIGHT], 0.025, 0.0004, TOP, mass=0.0, **UNTOUCHABLE)
            bar, (x, _, z), (half_x, half_z) = 0.005, HOLE, HOLE_HALF
            for side in (-1, 1):
                add_box(cup, [x, 0, z + side * (half_z + bar)], [half_x + 2 * bar, bar, bar], CUP, mass=0.003,
                        name=f"{name}_handle{side}", **RUBBING)  # fmt: skip
            add_box(cup, [x + half_x + bar, 0, z], [bar, bar, half_z], CUP, mass=0.003, name=f"{name}_handle0",
                    **RUBBING)  # fmt: skip
            add_feet(cup, z=-0.0005, radius=0.022, rgba=[*CUP, 1])
            scale_body(spec, cup, self.object_scale)

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw, self.yaws = self.rng.uniform(-np.pi / 2, np.pi / 2), self.rng.uniform(-np.pi, np.pi, size=3)
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.14, -0.16], [0.34, 0.16])
            cups = scatter(self.rng, [0.03, -0.36], [0.46, 0.36], 3, 0.15)
            distance = np.linalg.norm(cups - self.center, axis=1)
            # The nearest cup comes first: demonstrations must not look arbitrary.
            self.cups = cups[np.argsort(distance)]
            if distance.min() > 0.25 and self._works():
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def _works(self) -> bool:
        """Whether the arm reaches everything, on straight lines down, up, across and along the spokes."""
        frames = self._expert_keyframes()
        return reachable(frames, straight=[i for i in range(len(frames)) if i % 6 in (1, 2, 4, 5)])

    def spoke(self, i: int) -> tuple[Array, Array]:
        """Root and tip of a spoke, world frame, ``(3,)`` each [m]."""
        angle = self.yaw + i * 2 * np.pi / 3
        axis = np.array([np.cos(TILT) * np.cos(angle), np.cos(TILT) * np.sin(angle), np.sin(TILT)])
        root = np.array([*self.center, scaled_height(ROOT_Z, self.receptacle_scale)])
        return root, root + SPOKE_LENGTH * self.receptacle_scale * axis

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

    def semantic_names(self) -> dict[str, str]:
        """Handles of cups and spokes of the holder have names of their own."""
        handles = {f"{name}_handle{side}": "handle of the cup" for name in self.graspable for side in (-1, 0, 1)}
        return {"holder": "cup holder"} | {f"spoke{i}": "spoke of the cup holder" for i in range(3)} | handles

    def hung(self, world: MujocoWorld) -> int:
        """How many cups hang on spokes."""
        return sum(any(self._hangs(world, name, i) for i in range(3)) for name in self.graspable)

    def success(self, world: MujocoWorld) -> bool:
        """Enough cups hang on spokes and nothing is held."""
        return self.hung(world) >= self.variation + 1 and world.held is None

    def _hangs(self, world: MujocoWorld, name: str, i: int) -> bool:
        """Whether the spoke passes through the hole: where it meets the plane of the handle."""
        body = world.data.body(name)
        root, tip = (body.xmat.reshape(3, 3).T @ (p - body.xpos) for p in self.spoke(i))
        if root[1] * tip[1] > 0:
            return False
        meets = root + (tip - root) * root[1] / (root[1] - tip[1])
        return bool((np.abs((meets - HOLE * self.object_scale)[[0, 2]]) < HOLE_HALF * self.object_scale).all())

    def failure(self, world: MujocoWorld) -> FailureReason:
        """A cup fell off the table."""
        fell = any(world.body_position(name)[2] < TABLE_Z - 0.05 for name in self.graspable)
        return FailureReason.DROPPED if fell else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Per cup: above it, grasp, lift, before the spoke's tip, along the spoke and let go, up."""
        return self._expert_keyframes()

    def _expert_keyframes(self) -> list[Keyframe]:
        frames: list[Keyframe] = []
        free, sides = [0, 1, 2], SIDES
        for i in range(self.variation + 1):
            spoke, side, flip = self._choose(self.cups[i], self.yaws[i], free, sides)
            free.remove(spoke)
            sides = (side,)  # all cups on the same side of their spokes: no two between the same two spokes
            frames += self._cup_keyframes(i, spoke, side, flip)
        return frames[:-1]

    def _cup_keyframes(self, i: int, spoke: int, side: float, flip: float) -> list[Keyframe]:
        hung_yaw = self.yaw + spoke * 2 * np.pi / 3 + side
        root, tip = self.spoke(spoke)
        axis = (tip - root) / (SPOKE_LENGTH * self.receptacle_scale)
        hole, grip = HOLE * self.object_scale, GRIP * self.object_scale
        hung = root + HUNG_AT * self.receptacle_scale * axis - rotations.rotation_z(hung_yaw) @ hole + [0, 0, grip]
        before = hung + BEFORE * axis
        R, R_hung = (rotations.rotation_z(yaw + flip) @ R_DOWN for yaw in (self.yaws[i], hung_yaw))
        cup, grip_z = self.cups[i], TABLE_Z + grip
        return [
            keyframe(R, [*cup, grip_z + 0.10], True, False),
            keyframe(R, [*cup, grip_z], False, True),
            # As high as the place before the spoke: the held cup passes over the holder and what hangs there.
            keyframe(R, [*cup, before[2]], False, True),
            keyframe(R_hung, before, False, False),
            keyframe(R_hung, hung, True, True),
            keyframe(R_hung, hung + np.array([0, 0, 0.12]), True, True),
        ]

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """Cups on the table, to spokes that are free."""
        hung = self._hung_on(world)
        free = [i for i in range(3) if i not in hung.values()]
        sides = SIDES
        if hung:
            name, spoke = next(iter(hung.items()))
            sides = (min(SIDES, key=lambda side: self._turned_off(world, name, spoke, side)),)
        cups = [i for i, name in enumerate(self.graspable) if name not in hung]
        return [
            Carry(self.graspable[i], self._cup_keyframes(i, *self._choose(self.cups[i], self.yaws[i], free, sides)))
            for i in cups
        ]  # fmt: skip

    def carried(self, world: MujocoWorld) -> list[Carry]:
        """Cups that hang."""
        return [
            Carry(name, self._cup_keyframes(self.graspable.index(name), spoke, side, flip))
            for name, spoke in self._hung_on(world).items()
            for side in SIDES
            for flip in (0.0, np.pi)
        ]

    def _hung_on(self, world: MujocoWorld) -> dict[str, int]:
        """The spoke of every cup that hangs and is not held."""
        names = [name for name in self.graspable if name != world.held]
        return {name: i for name in names for i in range(3) if self._hangs(world, name, i)}

    def _turned_off(self, world: MujocoWorld, name: str, spoke: int, side: float) -> float:
        """How far a hung cup is turned from the way it hangs on that side of its spoke [rad]."""
        axis = world.pose(name)[:2, 0]
        off = np.arctan2(axis[1], axis[0]) - (self.yaw + spoke * 2 * np.pi / 3 + side)
        return float(abs((off + np.pi) % (2 * np.pi) - np.pi))

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
