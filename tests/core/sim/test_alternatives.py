"""Other instructions about one scene: their answers solve what they ask for."""

from __future__ import annotations

import numpy as np
import pytest

from dynarend_core.sim.mujoco.alternatives import alternatives
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import demonstrate
from dynarend_core.sim.mujoco.tasks import TASKS

ASKS = (
    "push_buttons", "open_drawer", "slide_block_to_color_target", "meat_off_grill", "turn_tap", "stack_cups",
    "place_shape_in_shape_sorter", "close_jar", "reach_and_drag", "stack_blocks", "insert_onto_square_peg",
    "light_bulb_in", "put_item_in_drawer", "put_money_in_safe", "place_wine_at_rack_location",
    "put_groceries_in_cupboard", "sweep_to_dustpan_of_size",
)  # fmt: skip


@pytest.mark.parametrize("name", ASKS)
def test_the_keyframes_of_another_instruction_solve_it(environment: MujocoEnvironment, name: str) -> None:
    world = environment.world
    for seed in range(5):
        world.reset(name, seed % TASKS[name].variation_count, seed, phrasing=0)
        if world.task.variants():
            break
    other = world.task.variants()[-1]
    assert not set(other.instructions()) & set(world.task.instructions())
    assert not other.success(world)
    for target in other.waypoints(world):
        environment.step(target)
    world.advance(0.5)
    assert other.success(world)
    assert not world.success()


def test_a_demonstration_knows_them_in_its_first_frame_and_its_copies(environment: MujocoEnvironment) -> None:
    episode = demonstrate(environment, "turn_tap", 1).episode
    assert episode is not None
    copies = [i for i, f in enumerate(episode.frames[:2]) if f.kind in ("start", "displaced")]
    assert set(copies) <= set(episode.alternatives)
    (other,) = episode.alternatives[0]
    assert other.instructions[0] == "turn left tap"
    label = episode.transitions[0].keyframe
    assert np.linalg.norm((other.keyframe.T_base_gripper - label.T_base_gripper)[:3, 3]) > 0.1


def test_place_cups_has_none(environment: MujocoEnvironment) -> None:
    environment.world.reset("place_cups", 0, 0)
    assert alternatives(environment.world) == ()
