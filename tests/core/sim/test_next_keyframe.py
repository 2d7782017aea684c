"""The expert goes on from any state: as planned from home, and to the end after mishaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dynarend_core.geometry import rotations, se3
from dynarend_core.sim.mujoco.carrying import cube_turns, push_along
from dynarend_core.sim.mujoco.driving import recover
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.types import Keyframe

SEEDS = range(20, 25)


@pytest.fixture(scope="module")
def perfect() -> Iterator[MujocoEnvironment]:
    environment = MujocoEnvironment(image_size=16, perfect_executor=True)
    yield environment
    environment.close()


@pytest.mark.parametrize("name", TASKS)
def test_from_home_it_gives_the_plain_keyframes_one_by_one(perfect: MujocoEnvironment, name: str) -> None:
    world = perfect.world
    for seed in SEEDS:
        observation = perfect.reset(name, seed % TASKS[name].variation_count, seed, phrasing=0)
        for i, planned in enumerate(world.task.waypoints(world)):
            given = world.task.next_keyframe(world)
            assert given is not None, f"seed {seed}: nothing at keyframe {i}"
            offset = given.T_base_gripper[:3, 3] - planned.T_base_gripper[:3, 3]
            # As much as the fingers shift and turn a thing when they close on it.
            assert np.linalg.norm(offset) < 0.005, f"seed {seed}, keyframe {i}"
            turn = rotations.rotation_angle(given.T_base_gripper[:3, :3], planned.T_base_gripper[:3, :3])
            assert turn < np.deg2rad(8.0), f"seed {seed}, keyframe {i}"
            flags = (given.gripper_open, given.ignore_collisions)
            assert flags == (planned.gripper_open, planned.ignore_collisions), f"seed {seed}, keyframe {i}"
            observation = perfect.step(planned, observation).observation


@pytest.mark.parametrize("name", TASKS)
def test_after_mishaps_it_still_solves_the_task(environment: MujocoEnvironment, name: str) -> None:
    results = [recover(environment, name, seed) for seed in (500, 501)]
    assert any(result.kinds for result in results)
    assert any(result.success for result in results), [result.message for result in results]


def test_a_missed_grasp_is_made_good_from_above(environment: MujocoEnvironment) -> None:
    observation = environment.reset("close_jar", 3, 7, phrasing=0)
    world = environment.world
    above, grasp = world.task.waypoints(world)[:2]
    beside = Keyframe(grasp.T_base_gripper @ se3.make(t=[0.0, 0.05, 0.0]), False, True)
    for target in (above, beside):
        observation = environment.step(target, observation).observation
    assert world.held is None
    back = world.task.next_keyframe(world)
    assert back is not None
    assert back.gripper_open
    assert back.T_base_gripper[2, 3] > beside.T_base_gripper[2, 3] + 0.05
    environment.step(back, observation)
    again = world.task.next_keyframe(world)
    assert again is not None
    assert np.linalg.norm(again.T_base_gripper[:2, 3] - above.T_base_gripper[:2, 3]) < 0.01


def test_a_wrong_thing_in_the_hand_is_put_back(environment: MujocoEnvironment) -> None:
    observation = environment.reset("stack_blocks", 0, 9, phrasing=0)
    world = environment.world
    (other,) = world.task.variants()
    for target in other.waypoints(world)[:3]:
        observation = environment.step(target, observation).observation
    wrong = world.held
    assert wrong in world.task.blocks[4:]
    for _ in range(2):
        target = world.task.next_keyframe(world)
        assert target is not None
        observation = environment.step(target, observation).observation
        if world.held is None:
            break
    assert world.held is None
    assert np.linalg.norm(world.pose(wrong)[:3, 3] - world.start_pose(wrong)[:3, 3]) < 0.01
    following = [world.task.next_keyframe(world)]
    environment.step(following[0], observation)
    following.append(world.task.next_keyframe(world))
    named = world.start_pose(world.task.blocks[0])[:2, 3]
    assert any(np.linalg.norm(target.T_base_gripper[:2, 3] - named) < 0.01 for target in following)


def test_a_solved_task_asks_for_nothing(environment: MujocoEnvironment) -> None:
    environment.reset("slide_block_to_color_target", 2, 4, phrasing=0)
    world = environment.world
    for target in world.task.waypoints(world):
        environment.step(target)
    assert world.success()
    assert world.task.next_keyframe(world) is None


def test_cubes_have_24_turns_and_things_are_pushed_across_first() -> None:
    turns = cube_turns()
    assert len({np.round(turn, 6).tobytes() for turn in np.array(turns) + 0.0}) == 24
    assert push_along(np.array([-0.16, 0.01])) == pytest.approx((0.0, 0.16))
    assert push_along(np.array([0.05, 0.01])) == pytest.approx((np.pi, 0.05))
    assert push_along(np.array([-0.16, 0.05])) == pytest.approx((3 * np.pi / 2, 0.05))
