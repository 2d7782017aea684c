"""sweep_to_dustpan_of_size: sweep the dirt into the tall or the short dustpan.

Success as in RLBench: all five pieces of dirt (cubes of 1 cm as RLBench's) lie in the named dustpan. Ours: two dustpans
on opposite sides of the dirt, alike but for their rims (10 and 3 cm high), whose floor is a mark on the table; the
broom is a brush of 16 cm with a round handle and stands in a low tray, not in a post of half a metre like RLBench's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry, turns
from dynarend_core.sim.mujoco.primitives import (
    GRIPPY,
    UNTOUCHABLE,
    add_box,
    add_cylinder,
    add_standing_body,
    scale_body,
    scaled_height,
)
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import (
    MAX_PLACEMENTS,
    PLACEMENTS_PER_TURN,
    Task,
    gripper_level,
    keyframe,
    reachable,
    with_nearer_half_turns,
)
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

DIRT, DIRTS = 0.01, 5
PAN_AT, PAN_HALF, RIM = 0.21, np.array([0.07, 0.095]), (0.10, 0.03)
BRUSH_HALF = np.array([0.015, 0.08, 0.03])
HANDLE_TOP = 0.40
BROOM_AT = 0.22
GRASP_Z = 0.75 + 0.335
SWEEP_FROM, SWEEP_TO = -0.09, 0.17
"""The brush's middle before and after sweeping, from the dirt towards the dustpan [m]."""
BLUE, STRAW, STICK, TRAY = [0.15, 0.32, 0.65], [0.80, 0.68, 0.25], [0.70, 0.12, 0.12], [0.35, 0.35, 0.35]


class SweepToDustpanOfSize(Task):
    """See the module docstring."""

    name = "sweep_to_dustpan_of_size"
    variation_count = 2
    graspable = ("broom",)
    roles = Roles(
        object=Part(("broom",), size=(0.85, 1.0)), receptacle=Part(("dustpans",), size=(0.9, 1.15)),
        sliding=("broom", *(f"dirt{i}" for i in range(DIRTS))), weighed=("broom",),
    )  # fmt: skip
    NAMES = ("tall", "short")

    def build(self, spec: mujoco.MjSpec) -> None:
        """The tall dustpan along +x of the task's axes, the short one along -x, the broom along y."""
        self._place()
        scene = add_standing_body(spec, "dustpans", [*self.center, 0.75], self.yaw, movable=False)
        half, pan_at, brush = self._pan_half(), self._pan_at(), BRUSH_HALF * self.object_scale
        for size, sign, rim in zip(self.NAMES, (1, -1), np.multiply(RIM, self.receptacle_scale), strict=True):
            pan = scene.add_body(name=f"{size}_dustpan")
            add_box(pan, [sign * pan_at, 0, 0.0004], [*half, 0.0004], BLUE, **UNTOUCHABLE)
            add_box(pan, [sign * (pan_at + half[0]), 0, rim / 2], [0.003, half[1], rim / 2], BLUE)
            for side in (-1, 1):
                add_box(pan, [sign * pan_at, side * half[1], rim / 2], [half[0], 0.003, rim / 2], BLUE)
        for x in (-1, 1):
            add_box(scene, [x * (brush[0] + 0.006), self.broom_y, 0.01], [0.004, brush[1], 0.01], TRAY)
        broom = add_standing_body(spec, "broom", [*self._world(0.0, self.broom_y), 0.75], self.yaw)
        add_box(broom, [0, 0, BRUSH_HALF[2]], BRUSH_HALF, STRAW, mass=0.10, **GRIPPY)
        stick = HANDLE_TOP / 2 - BRUSH_HALF[2]
        add_cylinder(broom, [0, 0, HANDLE_TOP - stick], 0.010, stick, STICK, mass=0.03, name="handle",
                     **GRIPPY)  # fmt: skip
        scale_body(spec, broom, self.object_scale)
        for i in range(DIRTS):
            dirt = add_standing_body(spec, f"dirt{i}", [*self._world(*self.dirt[i]), 0.75 + DIRT / 2], self.turns[i])
            add_box(dirt, [0, 0, 0], [DIRT / 2] * 3, [0.25, 0.17, 0.10], mass=0.002)

    def _place(self) -> None:
        """Draw a turn and the broom's side, then positions until the arm reaches; where it reaches none, draw again."""
        self.dirt = np.stack([self.rng.uniform(-0.03, 0.03, DIRTS), np.linspace(-0.05, 0.05, DIRTS)], axis=1)
        self.turns = self.rng.uniform(-np.pi, np.pi, DIRTS)
        for _ in range(MAX_PLACEMENTS // PLACEMENTS_PER_TURN):
            self.yaw = self.rng.uniform(-np.pi, np.pi)
            self.broom_y = BROOM_AT * self.rng.choice([-1, 1])
            for _ in range(PLACEMENTS_PER_TURN):
                self.center = self.rng.uniform([0.14, -0.14], [0.30, 0.14])
                if reachable(self._expert_keyframes(), straight=(1, 2, 3, 4)):
                    return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements")

    def _pan_half(self) -> np.ndarray:
        return PAN_HALF * self.receptacle_scale

    def _pan_at(self) -> float:
        """Where a dustpan's middle is: its open edge stays where it is."""
        return PAN_AT + float(PAN_HALF[0]) * (self.receptacle_scale - 1.0)

    def _world(self, x: float, y: float) -> np.ndarray:
        return self.center + rotations.rotation_z(self.yaw)[:2, :2] @ [x, y]

    def variants(self) -> list[Self]:
        """The other dustpan."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if reachable(other._expert_keyframes(), straight=(1, 2, 3, 4))]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        size = self.NAMES[self.variation]
        return [
            f"sweep dirt to the {size} dustpan",
            f"sweep the dirt up into the {size} dustpan",
            f"use the broom to brush the dirt into the {size} dustpan",
            f"clean up the dirt with the {size} pan",
            f"grab the broom by its handle and clear the dirt away into the {size} dustpan",
            f"the crumbs belong in the {size} dustpan, sweep them there",
        ]

    def semantic_names(self) -> dict[str, str]:
        """The dustpans' common body holds the tray alone; the broom's handle is a part with a name."""
        return {"dustpans": "tray", "handle": "handle of the broom"}

    def _swept(self, world: MujocoWorld, pan: int) -> int:
        """How many pieces of dirt lie in a dustpan."""
        middle = [self._pan_at() if pan == 0 else -self._pan_at(), 0.0]
        back = rotations.rotation_z(-self.yaw)[:2, :2]
        places = np.array([back @ (world.body_position(f"dirt{i}")[:2] - self.center) for i in range(DIRTS)])
        return int((np.abs(places - middle) < self._pan_half()).all(axis=1).sum())

    def success(self, world: MujocoWorld) -> bool:
        """All dirt lies in the named dustpan."""
        return self._swept(world, self.variation) == DIRTS

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Dirt lies in the other dustpan, or dirt or the broom fell from the table."""
        if any(world.body_position(name)[2] < 0.7 for name in ("broom", *(f"dirt{i}" for i in range(DIRTS)))):
            return FailureReason.DROPPED
        return FailureReason.WRONG_OBJECT if self._swept(world, 1 - self.variation) else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Before the handle, round it, up, down behind the dirt, and sweep."""
        return self._expert_keyframes()

    def loose(self, world: MujocoWorld) -> tuple[str, ...]:
        """The broom stands in its tray."""
        return ()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The broom, to behind the dirt that lies outside the dustpan."""
        sign = 1 if self.variation == 0 else -1
        back = sign * rotations.rotation_z(-self.yaw)[:2, :2]
        places = np.array([back @ (world.body_position(f"dirt{i}")[:2] - self.center) for i in range(DIRTS)])
        inside = (np.abs(places - [self._pan_at(), 0.0]) < self._pan_half()).all(axis=1)
        left = places[~inside]
        start = min(SWEEP_FROM, float(left[:, 0].min()) - 0.06) if len(left) else SWEEP_FROM
        return [Carry("broom", self._expert_keyframes(start), ANY, turns(2), lets_go=False)]

    def _expert_keyframes(self, start: float = SWEEP_FROM) -> list[Keyframe]:
        # The broom is only shifted, never turned: the hand may come from any of four sides: from the right.
        heading = (self.yaw - np.pi / 3) % (np.pi / 2) + np.pi / 3
        R = gripper_level(heading)
        back = -0.11 * rotations.rotation_z(heading)[:2, 0]
        sign = 1 if self.variation == 0 else -1
        broom, grasp_z = self._world(0.0, self.broom_y), scaled_height(GRASP_Z, self.object_scale)
        frames = [
            keyframe(R, [*(broom + back), grasp_z], True, False),
            keyframe(R, [*broom, grasp_z], False, True),
            keyframe(R, [*broom, grasp_z + 0.05], False, True),
            keyframe(R, [*self._world(sign * start, 0.0), grasp_z + 0.002], False, True),
            keyframe(R, [*self._world(sign * SWEEP_TO, 0.0), grasp_z + 0.002], False, True),
        ]
        return with_nearer_half_turns(frames)
