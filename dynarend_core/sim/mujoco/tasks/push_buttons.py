"""Press one, two or three coloured buttons in the order the instruction says."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.errors import SimulationError
from dynarend_core.geometry.frames import T_WORLD_BASE, TABLE_Z_WORLD
from dynarend_core.sim.mujoco.scene import BOX, CYLINDER, MECHANISM, color
from dynarend_core.sim.mujoco.task import Task, keyframe, pointing_down
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

COLORS = {
    "maroon": (0.5, 0.0, 0.0), "green": (0.0, 0.5, 0.0), "blue": (0.0, 0.0, 1.0), "navy": (0.0, 0.0, 0.5),
    "yellow": (1.0, 1.0, 0.0), "cyan": (0.0, 1.0, 1.0), "magenta": (1.0, 0.0, 1.0), "silver": (0.75, 0.75, 0.75),
    "gray": (0.5, 0.5, 0.5), "orange": (1.0, 0.5, 0.0), "olive": (0.5, 0.5, 0.0), "purple": (0.5, 0.0, 0.5),
    "teal": (0.0, 0.5, 0.5), "azure": (0.0, 0.5, 1.0), "violet": (0.5, 0.0, 1.0), "rose": (1.0, 0.0, 0.5),
    "black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0),
}  # fmt: skip
TOP_Z = TABLE_Z_WORLD + 0.026
PRESSED_M = 0.001


class PushButtons(Task):
    """RLBench ``push_buttons``: variation v presses 1 + v % 3 buttons of the v-th colour triple, in order.

    From RLBench: colours, triples, centres at least 0.1 m apart in the spawn area, approach 0.083 m above, a button
    counts as pressed beyond 1 mm. Ours: a 9 cm base with a sprung cylinder of 3 cm radius; buttons that are not asked
    for get other random colours; centres at most 0.76 m from the robot's axis, which it reaches pointing down;
    pressing a button out of order fails the episode.
    """

    name = "push_buttons"
    variation_count = 50
    _triples = tuple(itertools.islice(itertools.permutations(COLORS, 3), 50))

    def instructions(self, variation: int) -> list[str]:
        """See :class:`Task`."""
        names = self._triples[variation][: 1 + variation % 3]
        templates = (
            ("push the {} button", ", then push the {} button"),
            ("press the {} button", ", then press the {} one"),
            ("push the button with the {} top", ", after that push the {} one"),
            ("first press the {} button", " and then the {} button"),
            ("tap on the {} button", ", next tap on the {} button"),
            ("touch the {} push button", " followed by the {} push button"),
        )
        return [first.format(names[0]) + "".join(more.format(n) for n in names[1:]) for first, more in templates]

    def build(self, spec: mujoco.MjSpec, rng: np.random.Generator, variation: int) -> None:
        """See :class:`Task`."""
        self.presses = 1 + variation % 3
        asked = list(self._triples[variation][: self.presses])
        spare = [name for name in COLORS if name not in asked]
        names = asked + [str(name) for name in rng.choice(spare, 3 - self.presses, replace=False)]
        self.object_names = tuple(f"{name} button" for name in names)
        self.positions = _place(rng)
        self.pressed: list[int] = []
        for i, (position, name) in enumerate(zip(self.positions, names, strict=True)):
            base = spec.worldbody.add_body(name=f"button{i}_base", pos=[*position, TABLE_Z_WORLD])
            base.add_geom(type=BOX, size=[0.045, 0.045, 0.008], pos=[0, 0, 0.008], rgba=color(120, 96, 70))
            cap = base.add_body(name=f"button{i}", pos=[0, 0, 0.016])
            cap.add_joint(
                name=f"button{i}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, -1], range=[0, 0.008],
                stiffness=[300.0, 0.0, 0.0], damping=[5.0, 0.0, 0.0], springref=-0.004,
            )  # fmt: skip
            cap.add_geom(
                type=CYLINDER, size=[0.03, 0.009, 0], pos=[0, 0, 0.001], rgba=[*COLORS[name], 1.0], mass=0.05, **MECHANISM
            )

    def observe(self, world: MujocoWorld) -> None:
        """Note which button goes down next."""
        for i in range(3):
            if i not in self.pressed and world.joint_position(f"button{i}") > PRESSED_M:
                self.pressed.append(i)

    def success(self, world: MujocoWorld) -> bool:
        """See :class:`Task`."""
        return self.pressed == list(range(self.presses))

    def failure(self, world: MujocoWorld) -> FailureReason:
        """A button was pressed that was not next."""
        in_order = self.pressed == list(range(len(self.pressed))) and len(self.pressed) <= self.presses
        return FailureReason.NONE if in_order else FailureReason.WRONG_OBJECT

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Above and down, for each button."""
        frames = []
        for x, y in self.positions[: self.presses]:
            press = np.array([x, y, TOP_Z - 0.005])
            frames.append(keyframe(pointing_down(press + [0.0, 0.0, 0.083]), gripper_open=False))
            frames.append(keyframe(pointing_down(press), gripper_open=False, ignore_collisions=True))
        return frames


def _place(rng: np.random.Generator) -> list[np.ndarray]:
    """Three centres, 0.1 m apart (plus room for the bases), in RLBench's spawn area within reach."""
    for _ in range(1000):
        spots = rng.uniform([0.025, -0.35], [0.475, 0.35], size=(3, 2))
        reach = np.linalg.norm(spots - T_WORLD_BASE[:2, 3], axis=1)
        gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(spots, 2)]
        if reach.max() < 0.76 and min(gaps) > 0.13:
            return list(spots)
    raise SimulationError("push_buttons: no free places for three buttons found")
