"""stack_cups: put the two other cups into the cup of the named colour.

Success as in RLBench: both other cups are inside the named one, one in the other, and nothing is held. Ours: cups are
octagons that widen upwards, 7 cm high, their floor raised by 4.6 cm, so that a cup comes to rest on the floor of the
one below without touching its walls; there are 5 mm round a cup that is put into another. A cup is held by its rim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.sim.mujoco.carrying import Carry, turns
from dynarend_core.sim.mujoco.primitives import add_cylinder, add_standing_body, scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet, add_ring
from dynarend_core.sim.mujoco.task import COLORS, MAX_PLACEMENTS, Task, gripper_down, keyframe, reachable, scatter
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

NAMES = tuple(COLORS)
HEIGHT, RAISED = 0.07, 0.046
INNER_RADIUS, WALL = 0.030, 0.004
"""Inner radius half way up, thickness of a side [m]."""
FLARE = np.arctan(1 / 7)
TABLE_Z = 0.75
GRIP_Z = TABLE_Z + HEIGHT - 0.014
RIM = INNER_RADIUS + WALL / 2 + (HEIGHT / 2 - 0.014) * np.tan(FLARE)
"""From the axis to the middle of the side where the fingers hold it [m]."""


class StackCups(Task):
    """See the module docstring. ``cup0`` is the named one, ``cup1`` the nearer of the others."""

    name = "stack_cups"
    variation_count = 20
    graspable = ("cup0", "cup1", "cup2")
    expert_floor = 0.90
    roles = Roles(object=Part(graspable, looks=False, size=(0.85, 1.15)), sliding=graspable, weighed=graspable)

    stack: tuple[str, ...] = graspable
    """The named cup, then the nearer and the farther of the others."""

    def build(self, spec: mujoco.MjSpec) -> None:
        """Three cups of different colours."""
        self._place()
        others = [name for name in NAMES if name != NAMES[self.variation]]
        self.colors = (NAMES[self.variation], *map(str, self.rng.choice(others, size=2, replace=False)))
        for name, color, xy in zip(self.graspable, self.colors, self.cups, strict=True):
            cup = add_standing_body(spec, name, [*xy, TABLE_Z + 0.0006], 0.0)
            add_ring(cup, z=HEIGHT / 2, height=HEIGHT, inner_radius=INNER_RADIUS, wall=WALL, flare=FLARE,
                     rgba=[*COLORS[color], 1], mass=0.06, **STIFF)  # fmt: skip
            # A little darker, so that the inside can be told from the rim.
            floor = 0.6 * np.asarray(COLORS[color])
            add_cylinder(cup, [0, 0, RAISED - 0.002], INNER_RADIUS, 0.002, floor, mass=0.02)
            add_feet(cup, z=-0.0005, radius=0.026, rgba=[*COLORS[color], 1])
            scale_body(spec, cup, self.object_scale)

    def _place(self) -> None:
        for _ in range(MAX_PLACEMENTS):
            cups = scatter(self.rng, [0.05, -0.33], [0.44, 0.30], 3, 0.16)
            self.cups = cups[np.argsort(np.linalg.norm(cups - cups[0], axis=1))]
            if reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements")

    def variants(self) -> list[Self]:
        """Each of the others as the lowest."""
        others = []
        for i in (1, 2):
            distance = np.linalg.norm(self.cups - self.cups[i], axis=1)
            order = np.argsort(distance)  # the cup itself comes first
            colors, names = (tuple(values[k] for k in order) for values in (self.colors, self.stack))
            others.append(
                self.asked(variation=NAMES.index(colors[0]), colors=colors, stack=names, cups=self.cups[order])
            )
        return [other for other in others if reachable(other._expert_keyframes())]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        color = NAMES[self.variation]
        return [
            f"stack the other cups on top of the {color} cup",
            f"place two of the cups onto the {color} cup",
            f"put the remaining two cups on top of the {color} cup",
            f"pick up and set the cups down into the {color} cup",
            f"create a stack of cups with the {color} cup as its base",
            f"the {color} cup goes at the bottom, put both others in it",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A cup is called by its colour."""
        return {name: f"{color} cup" for name, color in zip(self.graspable, self.colors, strict=True)}

    def success(self, world: MujocoWorld) -> bool:
        """Both other cups stand in the named one, one above the other, and nothing is held."""
        offsets = np.array([world.body_position(name) - world.body_position(self.stack[0]) for name in self.stack[1:]])
        heights = np.sort(offsets[:, 2])
        raised = RAISED * self.object_scale * np.array([1, 2])
        stacked = np.abs(offsets[:, :2]).max() < 0.015 and np.abs(heights - raised).max() < 0.012
        return bool(stacked) and world.held is None

    def failure(self, world: MujocoWorld) -> FailureReason:
        """The named cup was picked up, or a cup fell over or off the table."""
        if world.held == self.stack[0]:
            return FailureReason.WRONG_OBJECT
        fell = any(name != world.held and self._fell(world, name) for name in self.graspable)
        return FailureReason.DROPPED if fell else FailureReason.NONE

    @staticmethod
    def _fell(world: MujocoWorld, name: str) -> bool:
        body = world.data.body(name)
        return bool(body.xpos[2] < TABLE_Z - 0.05 or body.xmat.reshape(3, 3)[2, 2] < 0.7)

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Per cup: above its rim, grasp, lift, above the named cup, into it and let go; up again between the two."""
        return self._expert_keyframes()

    def _expert_keyframes(self) -> list[Keyframe]:
        frames = self._cup_keyframes(1, 1, self.cups[0]) + self._cup_keyframes(2, 2, self.cups[0])
        return frames[:-1]

    def _cup_keyframes(self, cup: int, level: int, base: Array) -> list[Keyframe]:
        R = gripper_down(0.0)
        goal, grip_z = self._rim(base), scaled_height(GRIP_Z, self.object_scale)
        rim, raised = self._rim(self.cups[cup]), level * RAISED * self.object_scale
        return [
            keyframe(R, [*rim, grip_z + 0.09], True, False),
            keyframe(R, [*rim, grip_z], False, True),
            keyframe(R, [*rim, grip_z + 0.18], False, True),
            keyframe(R, [*goal, grip_z + raised + 0.10], False, False),
            keyframe(R, [*goal, grip_z + raised + 0.003], True, True),
            keyframe(R, [*goal, grip_z + raised + 0.10], True, True),
        ]

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """Cups that do not stand in the named one yet."""
        stacked = self._stacked(world)
        return [self._carry(world, cup, len(stacked) + 1) for cup in (1, 2) if cup not in stacked]

    def carried(self, world: MujocoWorld) -> list[Carry]:
        """The cup that was put into the named one."""
        return [self._carry(world, cup, level + 1) for level, cup in enumerate(self._stacked(world))]

    def _carry(self, world: MujocoWorld, cup: int, level: int) -> Carry:
        base = world.body_position(self.stack[0])[:2]
        return Carry(self.stack[cup], self._cup_keyframes(cup, level, base), turns(8), turns(8))

    def _stacked(self, world: MujocoWorld) -> list[int]:
        """Cups in the named one, the lowest first."""
        offsets = {i: world.body_position(self.stack[i]) - world.body_position(self.stack[0]) for i in (1, 2)}
        stacked: list[int] = []
        for i in sorted(offsets, key=lambda i: offsets[i][2]):
            raised = RAISED * self.object_scale * (len(stacked) + 1)
            inside = np.abs(offsets[i][:2]).max() < 0.015 and abs(offsets[i][2] - raised) < 0.012
            if inside and world.held != self.stack[i]:
                stacked.append(i)
        return stacked

    def _rim(self, cup: Array) -> Array:
        """Where the fingers hold a cup: the side that faces +y, ``(2,)``."""
        return np.array([cup[0], cup[1] + RIM * self.object_scale])
