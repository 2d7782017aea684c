"""The expert solves scenes, and what it records is what happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dynarend_core.datasets.keyframes import discover_keyframes
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import demonstrate
from dynarend_core.sim.mujoco.task import Task
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import FailureReason, Keyframe

KEYFRAMES = {
    "open_drawer": 3,
    "slide_block_to_color_target": 2,
    "meat_off_grill": 5,
    "turn_tap": 3,
    "stack_cups": 11,
    "place_shape_in_shape_sorter": 5,
    "close_jar": 6,
    "insert_onto_square_peg": 5,
    "light_bulb_in": 7,
}


@pytest.mark.parametrize("name", TASKS)
def test_solves_and_records(environment: MujocoEnvironment, name: str) -> None:
    for seed in (20, 21):
        result = demonstrate(environment, name, seed)
        assert result.episode is not None, result.message
        episode = result.episode
        kinds = [frame.kind for frame in episode.frames]
        n = kinds.count("keyframe")
        assert n == KEYFRAMES.get(name, n)
        assert kinds[0] == "start"
        assert episode.variation == seed % TASKS[name].variation_count
        assert len(episode.instructions) == len(environment.world.task.instructions()) - 1
        for t in episode.transitions:
            reached = episode.frames[t.target_index]
            assert t.frame_index < t.target_index
            assert reached.kind == "keyframe"
            assert t.step == kinds[: t.target_index].count("keyframe")
            assert np.linalg.norm(reached.gripper.T_base_gripper[:3, 3] - t.keyframe.T_base_gripper[:3, 3]) < 0.01


def test_a_scene_solved_by_an_arm_that_missed_a_keyframe_does_not_count(
    environment: MujocoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press led 4 cm deeper than the button goes: the button is pressed all the same."""
    task = TASKS["push_buttons"]
    waypoints = task.waypoints

    def too_deep(self: Task, world: MujocoWorld) -> list[Keyframe]:
        *before, last = waypoints(self, world)
        T = last.T_base_gripper.copy()
        T[2, 3] -= 0.04
        return [*before, replace(last, T_base_gripper=T)]

    assert demonstrate(environment, task.name, 50).episode is not None
    monkeypatch.setattr(task, "waypoints", too_deep)
    result = demonstrate(environment, task.name, 50)
    assert environment.world.success()
    assert result.episode is None
    assert result.failure_reason is FailureReason.CONTROLLER
    assert result.message.startswith("keyframe 2: the arm stopped")


def test_equal_seeds_give_equal_demonstrations(environment: MujocoEnvironment) -> None:
    first, second = (demonstrate(environment, "slide_block_to_color_target", 33).episode for _ in range(2))
    assert first is not None
    assert second is not None
    for a, b in zip(first.frames, second.frames, strict=True):
        np.testing.assert_array_equal(a.q, b.q)
        np.testing.assert_array_equal(a.views[0].rgb, b.views[0].rgb)


def test_peracts_rule_finds_the_executed_keyframes_in_a_20_hz_recording(environment: MujocoEnvironment) -> None:
    """Recorded as RLBench does: every 50 ms of arm motion, one frame after the gripper has moved."""
    environment.reset("meat_off_grill", 0, 40)
    world = environment.world
    is_open, velocities, executed = [True], [np.zeros(7)], []
    for target in world.task.waypoints(world):
        trajectory = environment.planner.plan(world.q, target)
        world.follow(trajectory)
        start = world.time_s
        while world.time_s - start < trajectory.duration_s:
            world.advance(0.05)
            is_open.append(world.gripper().is_open)
            velocities.append(world.qd)
        world.command_gripper(target.gripper_open)
        world.advance(0.5)
        is_open.append(world.gripper().is_open)
        velocities.append(world.qd)
        executed.append(len(is_open) - 1)
    found = discover_keyframes(np.array(is_open), np.array(velocities))
    # The arm starts and stops more gently than RLBench's, so the rule may report a stop twice, just before and after.
    gaps = np.abs(np.array(found)[:, None] - np.array(executed)[None])
    assert gaps.min(axis=0).max() <= 3, "an executed keyframe was not found"
    assert gaps.min(axis=1).max() <= 4, "a keyframe was found where none was"
