"""place_shape_in_shape_sorter: put the named shape through its hole in the sorter.

Success: the named shape lies inside the sorter (RLBench: a sensor in the sorter sees it) and nothing is held. Ours: a
low box whose top has five tiles in a row, each in the colour of the shape that belongs there. Cube, cylinder and
triangular prism have holes of their own form (the cylinder's an octagon); star and moon, which are not convex, have
hexagons round them. There are 3 to 4 mm between a shape and its hole. Each shape has a knob to hold it by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.carrying import ANY, Carry, turns
from dynarend_core.sim.mujoco.primitives import add_box, add_standing_body, scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.shapes import STIFF, add_feet, add_prism, around_hole
from dynarend_core.sim.mujoco.task import MAX_PLACEMENTS, R_DOWN, Task, keyframe, middle_yaw, reachable, scatter
from dynarend_core.sim.mujoco.tasks.shape_outlines import hole, outlines
from dynarend_core.types import Array, FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

RGB = {"cube": (0.15, 0.25, 0.85), "cylinder": (0.85, 0.15, 0.12), "triangular prism": (0.1, 0.6, 0.2),
       "star": (0.95, 0.85, 0.1), "moon": (0.55, 0.2, 0.7)}  # fmt: skip
NAMES = tuple(RGB)
TABLE_Z, HEIGHT, KNOB = 0.75, 0.035, 0.025
GRIP_Z = TABLE_Z + HEIGHT + KNOB / 2 + 0.002
TILE, TOP_Z, THICKNESS = 0.074, 0.818, 0.01
FOLDS = {"cube": 4, "triangular prism": 3}
"""Turns that look alike; the other shapes fit at any yaw."""
SLIPPERY: dict[str, Any] = {"friction": [0.2, 0.005, 0.0001], "solref": [0.004, 1.0], "priority": 1}


class PlaceShapeInShapeSorter(Task):
    """See the module docstring."""

    name = "place_shape_in_shape_sorter"
    variation_count = 5
    graspable = tuple(name.replace(" ", "_") for name in NAMES)
    expert_floor = 0.90
    roles = Roles(  # sizes: a shape must not be wider than its hole
        object=Part(graspable, size=(0.85, 1.0)), receptacle=Part(("sorter",), size=(1.0, 1.15)),
        sliding=graspable, weighed=graspable,
    )  # fmt: skip

    def build(self, spec: mujoco.MjSpec) -> None:
        """The sorter and the five shapes, each turned about z."""
        self._place()
        self._add_sorter(spec)
        for i, name in enumerate(NAMES):
            body = add_standing_body(spec, self.graspable[i], [*self.shapes[i], TABLE_Z + 0.0006], self.yaws[i])
            parts = outlines(name)
            for k, outline in enumerate(parts):
                add_prism(spec, body, f"{self.graspable[i]}{k}", outline, 0.0, HEIGHT, [*RGB[name], 1],
                          mass=0.04 / len(parts), **SLIPPERY)  # fmt: skip
            add_box(body, [0, 0, HEIGHT + KNOB / 2], [0.013, 0.007, KNOB / 2], RGB[name], mass=0.01, **STIFF)
            add_feet(body, z=-0.0005, radius=0.011, rgba=[*RGB[name], 1])
            scale_body(spec, body, self.object_scale)

    def _place(self) -> None:
        """Draw all yaws first and then positions until the arm reaches: so the yaws stay uniform."""
        self.yaw, self.yaws = self.rng.uniform(-np.pi, np.pi), self.rng.uniform(-np.pi, np.pi, size=5)
        self.order = self.rng.permutation(5)
        for _ in range(MAX_PLACEMENTS):
            self.center = self.rng.uniform([0.12, -0.18], [0.36, 0.18])
            self.shapes = scatter(self.rng, [0.03, -0.36], [0.46, 0.36], 5, 0.09)
            tiles = np.array([self.tile(i) for i in range(5)])
            room = np.linalg.norm(self.shapes[:, None] - tiles[None], axis=2).min() > 0.12
            if room and reachable(self._expert_keyframes()):
                return
        raise SimulationError(f"{self.name}: nothing within reach in {MAX_PLACEMENTS} placements at yaw {self.yaw:.2f}")

    def tile(self, shape: int) -> Array:
        """Where the middle of the shape's hole is, ``(2,)`` [m]."""
        along = (self.order[shape] - 2) * TILE * self.receptacle_scale
        return self.center + along * rotations.rotation_z(self.yaw)[:2, 0]

    def _add_sorter(self, spec: mujoco.MjSpec) -> None:
        sorter = add_standing_body(spec, "sorter", [*self.center, TABLE_Z], self.yaw, movable=False)
        top = TOP_Z - TABLE_Z
        self.tiles: dict[str, str] = {}
        for i, name in enumerate(NAMES):
            at = np.array([(self.order[i] - 2) * TILE, 0.0])
            for k, piece in enumerate(around_hole(hole(name), TILE / 2)):
                tile = f"tile{i}_{k}"
                add_prism(spec, sorter, tile, piece + at, top - THICKNESS, top, [*RGB[name], 1], geom_name=tile)
                self.tiles[tile] = f"slot of the {name}"
        wood, wall = (0.72, 0.66, 0.58), (top - THICKNESS) / 2
        for side in (-1, 1):
            add_box(sorter, [0, side * TILE / 2, wall], [2.5 * TILE, 0.003, wall], wood)
            add_box(sorter, [side * 2.5 * TILE, 0, wall], [0.003, TILE / 2, wall], wood)
        scale_body(spec, sorter, self.receptacle_scale)

    def variants(self) -> list[Self]:
        """The other shapes."""
        others = [self.asked(variation=i) for i in range(self.variation_count) if i != self.variation]
        return [other for other in others if reachable(other._expert_keyframes())]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        name = NAMES[self.variation]
        return [
            f"put the {name} in the shape sorter",
            f"pick up the {name} and put it in the sorter",
            f"place the {name} into its slot in the shape sorter",
            f"slide the {name} into its slot in the shape sorter",
            f"drop the {name} through the hole that fits it",
            f"find the hole of the {name} and push it in",
        ]

    def semantic_names(self) -> dict[str, str]:
        """A tile is the slot of its shape."""
        return {"sorter": "shape sorter"} | self.tiles

    def success(self, world: MujocoWorld) -> bool:
        """The named shape lies inside the sorter and nothing is held."""
        return self._inside(world, self.variation) and world.held is None

    def _inside(self, world: MujocoWorld, i: int) -> bool:
        position = world.body_position(self.graspable[i])
        local = rotations.rotation_z(-self.yaw)[:2, :2] @ (position[:2] - self.center)
        tile = TILE * self.receptacle_scale
        return bool((np.abs(local) < [2.5 * tile, tile / 2]).all() and position[2] < TABLE_Z + 0.02)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """Another shape was taken, or the named one fell off the table."""
        named = self.graspable[self.variation]
        if world.held not in (None, named):
            return FailureReason.WRONG_OBJECT
        return FailureReason.DROPPED if world.body_position(named)[2] < TABLE_Z - 0.05 else FailureReason.NONE

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above the knob, grasp, lift, above the hole, into it and let go."""
        return self._expert_keyframes()

    def carries(self, world: MujocoWorld) -> list[Carry]:
        """The shape."""
        fold = FOLDS.get(NAMES[self.variation])
        put = turns(fold) if fold else ANY
        return [Carry(self.graspable[self.variation], self._expert_keyframes(), put=put)]

    def _expert_keyframes(self) -> list[Keyframe]:
        shape, slot = self.shapes[self.variation], self.tile(self.variation)
        # A knob looks the same turned by half a turn: keep joint 7 in the middle of its range.
        flip = np.pi * np.round((middle_yaw(shape) - self.yaws[self.variation]) / np.pi)
        grasp, place = self.yaws[self.variation] + flip, middle_yaw(slot)
        if fold := FOLDS.get(NAMES[self.variation]):
            step = 2 * np.pi / fold
            place = self.yaw + flip + step * np.round((place - self.yaw - flip) / step)
        R, R_place = (rotations.rotation_z(a) @ R_DOWN for a in (grasp, place))
        scale = self.object_scale
        grip_z, top_z = scaled_height(GRIP_Z, scale), scaled_height(TOP_Z, self.receptacle_scale)
        return [
            keyframe(R, [*shape, grip_z + 0.08], True, False),
            keyframe(R, [*shape, grip_z], False, True),
            keyframe(R, [*shape, grip_z + 0.13], False, True),
            keyframe(R_place, [*slot, top_z + HEIGHT * scale + 0.05], False, False),
            keyframe(R_place, [*slot, top_z + 0.012 * scale], True, True),
        ]
