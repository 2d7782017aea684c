"""stack_blocks: only a standing pile of the right colour counts."""

from __future__ import annotations

from collections.abc import Callable

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_a_block_of_the_other_colour_on_the_square_fails(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("stack_blocks", 0, 3)
    (other,) = environment.world.task.variants()
    keyframes = other.waypoints(environment.world)
    assert attempt(keyframes[:5]) is FailureReason.WRONG_OBJECT


def test_two_blocks_side_by_side_are_no_stack(environment: MujocoEnvironment) -> None:
    environment.reset("stack_blocks", 0, 4)
    world = environment.world
    task = world.task
    for i, offset in enumerate((-0.026, 0.026)):
        joint = world.model.body(f"block{i}").jntadr[0]
        address = world.model.jnt_qposadr[joint]
        world.data.qpos[address : address + 3] = [task.square[0] + offset, task.square[1], 0.775]
        world.data.qpos[address + 3 : address + 7] = [1.0, 0.0, 0.0, 0.0]
    world.advance(0.2)
    assert all(task._over_square(world, f"block{i}") for i in range(2))
    assert not world.success()


def test_a_block_held_over_the_pile_does_not_count_yet(environment: MujocoEnvironment) -> None:
    environment.reset("stack_blocks", 0, 5)
    world = environment.world
    keyframes = world.task.waypoints(world)
    for target in keyframes[:-1]:
        environment.step(target)
    closed = keyframes[-1].T_base_gripper
    assert not environment.step(Keyframe(closed, False, True)).success
    assert world.held == "block1"
    assert environment.step(Keyframe(closed, True, True)).success
