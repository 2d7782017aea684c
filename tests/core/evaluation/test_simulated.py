"""The work list: every scene undisturbed, and under every perturbation that makes sense for its task."""

from __future__ import annotations

import dataclasses
import importlib.util

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.rollout import MAX_KEYFRAMES
from dynarend_core.evaluation.simulated import choose_perturbations, simulator_episodes
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.perturbations.catalogue import ALL, PERTURBATIONS, applicable

TASKS = ("push_buttons", "meat_off_grill")


def test_a_perturbation_is_all_that_differs_from_the_usual_episodes() -> None:
    usual = simulator_episodes(TASKS, 3)
    assert {e.perturbation for e in usual} == {"none"}
    both = simulator_episodes(TASKS, 3, perturbations=("light_color", ALL))
    assert [e for e in both if e.perturbation == "none"] == usual
    for name in ("light_color", ALL):
        assert [e for e in both if e.perturbation == name] == [dataclasses.replace(e, perturbation=name) for e in usual]


def test_the_colosseum_is_every_applicable_perturbation_of_every_task() -> None:
    names = choose_perturbations(None, "colosseum", TASKS)
    episodes = simulator_episodes(TASKS, 1, perturbations=names)
    for task in TASKS:
        assert {e.perturbation for e in episodes if e.task == task} == {"none", *applicable(task)}


@pytest.mark.skipif(importlib.util.find_spec("mujoco_controllers") is None, reason="the Panda model is not installed")
def test_the_longest_expert_stays_within_the_keyframe_limit() -> None:
    environment = MujocoEnvironment(image_size=32)
    for task, variation in (("stack_blocks", 2), ("place_cups", 2), ("stack_cups", 0), ("put_item_in_drawer", 2)):
        environment.reset(task, variation, 0)
        assert len(environment.world.task.waypoints(environment.world)) <= MAX_KEYFRAMES
    environment.close()


def test_other_suites_are_undisturbed_unless_asked() -> None:
    assert choose_perturbations(None, "rlbench18", TASKS) == ()
    assert choose_perturbations("none,light_color", None, TASKS) == ("light_color",)
    assert choose_perturbations("light_color", "colosseum", TASKS) == ("light_color",)
    with pytest.raises(ConfigurationError, match=PERTURBATIONS[0]):
        choose_perturbations("earthquake", None, TASKS)
