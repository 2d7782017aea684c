"""push_buttons: press one to three of three coloured buttons, in the order that the instruction names.

Success as in RLBench: each named button's slide joint passed 1 mm, in the right order, and no other was pressed.
Ours: a 6 cm square base, 1.2 cm high, and a cap of radius 2.2 cm on a spring, its top 2.6 cm above the table;
1 cm of travel, 250 N/m.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from dynarend_core.sim.mujoco.carrying import UPRIGHT
from dynarend_core.sim.mujoco.primitives import scale_body, scaled_height
from dynarend_core.sim.mujoco.roles import Part, Roles
from dynarend_core.sim.mujoco.task import COLORS, Task, gripper_down, keyframe
from dynarend_core.types import FailureReason, Keyframe

if TYPE_CHECKING:
    from typing_extensions import Self

    from dynarend_core.sim.mujoco.world import MujocoWorld

ORDER = ("maroon", "green", "blue", "navy", "yellow", "cyan", "magenta", "silver", "gray", "orange", "olive",
         "purple", "teal", "azure", "violet", "rose", "black", "white")  # fmt: skip
TRIPLES = list(itertools.islice(itertools.permutations(ORDER, 3), 50))
CAP_TOP_Z = 0.776
PRESSED_M = 0.001


class PushButtons(Task):
    """See the module docstring."""

    name = "push_buttons"
    variation_count = 50
    roles = Roles(object=Part(("button0", "button1", "button2"), looks=False, size=(0.75, 1.25)))

    def __init__(self, variation: int, rng: np.random.Generator) -> None:
        super().__init__(variation, rng)
        self.colors = TRIPLES[variation]
        self.order = tuple(range(1 + variation % 3))
        self.pressed: list[int] = []

    def build(self, spec: mujoco.MjSpec) -> None:
        """Three buttons at least 12 cm apart."""
        self.positions = self._sample_positions()
        for i, (color, (x, y)) in enumerate(zip(self.colors, self.positions, strict=True)):
            base = spec.worldbody.add_body(name=f"button{i}", pos=[x, y, 0.75])
            base.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0, 0, 0.006], size=[0.03, 0.03, 0.006],
                          rgba=[0.35, 0.33, 0.32, 1])  # fmt: skip
            cap = base.add_body(name=f"cap{i}", pos=[0, 0, 0.019], gravcomp=1)
            cap.add_joint(name=f"button{i}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, -1], range=[0, 0.01],
                          limited=True, stiffness=250, damping=4, armature=0.01)  # fmt: skip
            cap.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.022, 0.007, 0], mass=0.03,
                         rgba=[*COLORS[color], 1])  # fmt: skip
            scale_body(spec, base, self.object_scale)

    def _sample_positions(self) -> np.ndarray:
        while True:
            xy = self.rng.uniform([0.04, -0.34], [0.46, 0.34], size=(3, 2))
            if min(np.linalg.norm(a - b) for a, b in itertools.combinations(xy, 2)) > 0.12:
                return xy

    def variants(self) -> list[Self]:
        """As many of the three buttons in every other order that goes on from those already pressed."""
        orders = dict.fromkeys(order[: len(self.order)] for order in itertools.permutations(range(3)))
        done = len(self.pressed)
        return [
            self.asked(order=order)
            for order in orders
            if order != self.order and order[:done] == tuple(self.pressed) and done < len(order)
        ]

    def instructions(self) -> list[str]:
        """Six phrasings; the last is held out."""
        names = [self.colors[i] for i in self.order]
        first, rest = names[0], names[1:]
        return [
            f"push the {first} button" + "".join(f", then push the {c} button" for c in rest),
            f"press the {first} button" + "".join(f", then press the {c} button" for c in rest),
            f"push the button with the {first} top" + "".join(f", and then the {c} one" for c in rest),
            f"press down the {first} button" + "".join(f", after that the {c} button" for c in rest),
            "buttons to push, in this order: " + ", ".join(names),
            f"please hit the {first} button first" + "".join(f", next hit {c}" for c in rest),
        ]

    def semantic_names(self) -> dict[str, str]:
        """A button is called by the colour of its cap, base included."""
        return {f"{part}{i}": f"{c} button" for i, c in enumerate(self.colors) for part in ("button", "cap")}

    def update(self, world: MujocoWorld) -> None:
        """Remember in which order buttons went down."""
        for i in range(3):
            if i not in self.pressed and world.joint(f"button{i}") > PRESSED_M:
                self.pressed.append(i)

    def success(self, world: MujocoWorld) -> bool:
        """All named buttons pressed, in order, and no other."""
        return self.pressed == list(self.order)

    def failure(self, world: MujocoWorld) -> FailureReason:
        """A button out of turn."""
        right = tuple(self.pressed) == self.order[: len(self.pressed)]
        return FailureReason.NONE if right else FailureReason.WRONG_OBJECT

    def waypoints(self, world: MujocoWorld) -> list[Keyframe]:
        """Per button: closed gripper above it, then down through the cap."""
        return [frame for i in self.order for frame in self._press(i)]

    def next_keyframe(self, world: MujocoWorld) -> Keyframe | None:
        """Above the next button, or through its cap if the closed gripper is there."""
        if self.success(world) or self.failure(world) is not FailureReason.NONE:
            return None
        above, press = self._press(self.order[len(self.pressed)])
        gripper = world.gripper()
        T, offset = gripper.T_base_gripper, gripper.T_base_gripper[:3, 3] - above.T_base_gripper[:3, 3]
        over = np.linalg.norm(offset[:2]) < 0.012 and -0.08 < offset[2] < 0.03
        turned = T[:3, 2] @ above.T_base_gripper[:3, 2] < UPRIGHT
        return above if gripper.is_open or turned or not over else press

    def _press(self, button: int) -> list[Keyframe]:
        (x, y), top = self.positions[button], scaled_height(CAP_TOP_Z, self.object_scale)
        return [
            keyframe(gripper_down(0.0), [x, y, top + 0.08], False, False),
            keyframe(gripper_down(0.0), [x, y, top - 0.005], False, True),
        ]
