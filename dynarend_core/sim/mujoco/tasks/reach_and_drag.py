"""reach_and_drag: use a stick to move a cube onto the square of the named colour.

Success: the cube's centre lies over the named square (RLBench: any part of the cube inside its sensor; ours is
stricter). Cube of 8 cm and stick of 12.8 x 12.8 x 360 mm as RLBench's. Ours: squares of 11 cm, 16 cm from the cube in
the four directions of the task's own axes, colours shuffled; the stick lies flat on the table across a corner of this
cross; the expert holds it at its black end. Cube 150 g, sliding with the table's friction, 0.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import Carry, push_along
from dynarend_core.sim.mujoco.primitives import GRIPPY, UNTOUCHABLE, add_box, add_standing_body, scale_body
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import COLORS, MAX_PLACEMENTS, Task, gripper_down, keyframe, reachable
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

NAMES = tuple(COLORS)
CUBE, SQUARE, DISTANCE = 0.08, 0.11, 0.16
STICK = np.array([0.36, 0.0128, 0.0128])
STICK_OUT = 0.225
"""Distance of the stick's middle from the cube's start [m]."""
GRIP = 0.135
"""Where the stick is held, from its middle [m]."""
CONTACT = 0.065
"""Where the stick touches the cube, from its middle away from the grip [m]."""
TIP_Z = 0.758
BLACK = (0.10, 0.10, 0.10)
CARRY_Z, DRAG_Z = 0.90, 0.778


class ReachAndDrag(Task):
    """See the module docstring."""

    name = "reach_and_drag"
    variation_count = 20
    graspable = ("stick",)
    roles = Roles(
        object=Part(("stick",), keeps=(BLACK,), size=(0.8, 1.1)), receptacle=Part(("cube",), size=(0.5, 1.0)),
        sliding=("cube",), weighed=("cube",), mass_kg=(0.5, 2.5),
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """A cube in the middle of four squares, and the stick; the whole turned about z."""
        self.colors = [NAMES[(self.variation + shift) % len(NAMES)] for shift in (0, 5, 6, 7)]
        self._place()
        for i, color in zip(self.order, self.colors, strict=True):
            square = add_standing_body(spec, f"target{i}", [*self.target(i), 0.7505], self.yaw, movable=False)
            add_box(square, [0, 0, 0], [SQUARE / 2, SQUARE / 2, 0.0005], COLORS[color], **UNTOUCHABLE)
        cube = add_standing_body(spec, "cube", [*self.center, 0.75 + self._half_cube()], self.yaw)
        add_box(cube, [0, 0, 0], [self._half_cube()] * 3, [0.72, 0.70, 0.66], mass=0.15, friction=[0.4, 0.005, 0.0001])
        stick = add_standing_body(spec, "stick", [*self.stick, 0.75 + STICK[2] * self.object_scale / 2], self.stick_yaw)
        add_box(stick, [-0.045, 0, 0], [0.135, *STICK[1:] / 2], [0.45, 0.10, 0.32], mass=0.03, **GRIPPY)
        add_box(stick, [GRIP, 0, 0], [0.045, *STICK[1:] / 2], BLACK, mass=0.01, name="grip", **GRIPPY)
        scale_body(spec, stick, self.object_scale)

    def _place(self) -> None:
        """Draw turn, order and corner first and then positions until the arm reaches."""
        self.yaw = self.rng.uniform(-np.pi, np.pi)
        self.order = self.rng.permutation(4)
        corner = self.yaw + np.pi / 4 + self.rng.integers(4) * np.pi / 2
        self.stick_yaw = corner + self.rng.choice([-1, 1]) * np.pi / 2
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.12, -0.14], [0.32, 0.14])
            self.stick = self.center + STICK_OUT * np.array([np.cos(corner), np.sin(corner)])
            if reachable(self._expert_keyframes(), straight=(4, 5)):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def _half_cube(self) -> float:
        return CUBE * self.receptacle_scale / 2

    def target(self, i: int) -> np.ndarray:
        """Centre of square ``i``, ``(2,)`` [m]."""
        return self.center + DISTANCE * rotations.rotation_z(self.yaw + i * np.pi / 2)[:2, 0]

    def variants(self) -> list[Self]:
        """The other squares."""
        others = []
        for i in range(1, len(self.colors)):
            turned = [*range(i, len(self.colors)), *range(i)]
            colors, order = [self.colors[k] for k in turned], self.order[turned]
            others.append(self.asked(variation=NAMES.index(colors[0]), colors=colors, order=order))
        return [other for other in others if reachable(other._expert_keyframes(), straight=(4, 5))]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = NAMES[self.variation]
        return [
            f"use the stick to drag the cube onto the {color} target",
            f"pick up the stick and use it to push or pull the cube onto the {color} target",
            f"drag the block towards the {color} square on the table top",
            f"move the cube to the {color} square with the stick",
            f"take the stick by its black end and shove the block onto the {color} area",
            f"the cube belongs on the {color} square, bring it there with the stick",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A target is called by its colour; the stick is held at its black end."""
        return {"grip": "black end of the stick"} | {
            f"target{i}": f"{color} target" for i, color in zip(self.order, self.colors, strict=True)
        }

    def _over(self, world: MujocoWorld, i: int) -> bool:
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (world.body_position("cube")[:2] - self.target(i))
        return bool(np.abs(local).max() < SQUARE / 2)

    def success(self, world: MujocoWorld) -> bool:
        """The cube's centre lies over the named square."""
        return self._over(world, self.order[0])

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The cube lies on another square, or cube or stick fell off the table."""
        if min(world.body_position("cube")[2], world.body_position("stick")[2]) < 0.7:
            return FailureReason.DROPPED
        wrong = any(self._over(world, i) for i in self.order[1:])
        return FailureReason.WRONG_OBJECT if wrong else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the grip, grasp, lift, behind the cube and beside it, down, and drag with the stick's flank."""
        return self._expert_keyframes()

    def _expert_keyframes(self) -> list[Keyframe]:
        along = rotations.rotation_z(self.stick_yaw)[:2, 0]
        scale = self.object_scale
        grip = self.stick + GRIP * scale * along
        R = gripper_down(self.stick_yaw)
        return [
            keyframe(R, [*grip, TIP_Z + 0.08], True, False),
            keyframe(R, [*grip, TIP_Z], False, True),
            keyframe(R, [*grip, CARRY_Z], False, True),
            *self._drag(self.center, self.yaw + self.order[0] * np.pi / 2, DISTANCE),
        ]

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The stick, to where it drags the cube from where that is, first across if the cube has left its way."""
        heading, cube = self.yaw + self.order[0] * np.pi / 2, world.body_position("cube")[:2]
        error = rotations.rotation_z(-heading)[:2, :2] @ (cube - self.target(self.order[0]))
        turn, distance = push_along(error)
        frames = self._expert_keyframes()[:3] + self._drag(cube, heading + turn, distance)
        return [Carry("stick", frames, lets_go=False)]

    def _drag(self, cube: np.ndarray, drag: float, distance: float) -> list[Keyframe]:
        """Behind the cube and beside it, down, and on until the cube has moved by ``distance`` [m]."""
        scale = self.object_scale
        # The stick is carried across the drag: of its two such headings, the one that turns the hand less.
        turn = (drag + np.pi / 2 - self.stick_yaw + np.pi / 2) % np.pi - np.pi / 2
        across = rotations.rotation_z(self.stick_yaw + turn)[:2, 0]
        R_drag = rotations.rotation_z(turn) @ gripper_down(self.stick_yaw)
        forward = rotations.rotation_z(drag)[:2, 0]
        beside = cube + (GRIP + CONTACT) * scale * across
        half = self._half_cube() + STICK[1] * scale / 2
        before = beside - (half + 0.025) * forward
        after = beside + (distance - self._half_cube() - STICK[1] * scale / 2) * forward
        return [
            keyframe(R_drag, [*before, CARRY_Z], False, True),
            keyframe(R_drag, [*before, DRAG_Z], False, True),
            keyframe(R_drag, [*after, DRAG_Z], False, True),
        ]
