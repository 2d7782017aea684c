"""What falls where nothing can be done about it ends the episode, whatever the task."""

from __future__ import annotations

import mujoco
import pytest

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.types import FailureReason

LOSABLE = {
    "close_jar": [["lid"]],
    "insert_onto_square_peg": [["ring"]],
    "light_bulb_in": [["bulb0"]],
    "meat_off_grill": [["chicken"]],
    "place_cups": [["cup0"]],
    "place_shape_in_shape_sorter": [["cube"]],
    "place_wine_at_rack_location": [["bottle"]],
    "put_groceries_in_cupboard": [["item0"]],
    "put_item_in_drawer": [["item"]],
    "put_money_in_safe": [["money"]],
    "reach_and_drag": [["cube"], ["stick"]],
    "slide_block_to_color_target": [["block"]],
    "stack_blocks": [["block0", "block1", "block2"]],
    "stack_cups": [["cup1"]],
    "sweep_to_dustpan_of_size": [["dirt0"], ["broom"]],
}
NOTHING_LOOSE = {"push_buttons", "open_drawer", "turn_tap"}


def test_every_task_says_what_can_be_lost() -> None:
    assert LOSABLE.keys() | NOTHING_LOOSE == set(TASKS)


@pytest.mark.parametrize("name", LOSABLE)
def test_what_lies_on_the_floor_is_dropped(environment: MujocoEnvironment, name: str) -> None:
    for bodies in LOSABLE[name]:
        environment.reset(name, 0, 2)
        world = environment.world
        assert world.failure() is FailureReason.NONE
        for body in bodies:
            joint = world.model.body(body).jntadr[0]
            world.data.qpos[world.model.jnt_qposadr[joint] + 2] = 0.1
        mujoco.mj_forward(world.model, world.data)
        assert world.failure() is FailureReason.DROPPED
        assert not world.success()
