"""The laws every task keeps, and how each one can fail."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from dynarend_core.geometry import rotations
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.task import Task
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.types import FailureReason, Keyframe

VARIATIONS = {
    "push_buttons": 50,
    "open_drawer": 3,
    "slide_block_to_color_target": 4,
    "meat_off_grill": 2,
    "turn_tap": 2,
    "stack_cups": 20,
    "place_shape_in_shape_sorter": 5,
    "close_jar": 20,
    "reach_and_drag": 20,
    "stack_blocks": 60,
    "insert_onto_square_peg": 20,
    "light_bulb_in": 20,
    "put_item_in_drawer": 3,
    "put_money_in_safe": 3,
    "place_wine_at_rack_location": 3,
    "put_groceries_in_cupboard": 9,
    "sweep_to_dustpan_of_size": 2,
    "place_cups": 3,
}
FIRST_WORDS = {
    ("push_buttons", 2): "push the maroon button, then push the green button, then push the yellow button",
    ("open_drawer", 2): "open the top drawer",
    ("slide_block_to_color_target", 2): "slide the block to the pink target",
    ("meat_off_grill", 0): "take the chicken off the grill",
    ("turn_tap", 1): "turn right tap",
    ("stack_cups", 1): "stack the other cups on top of the maroon cup",
    ("place_shape_in_shape_sorter", 2): "put the triangular prism in the shape sorter",
    ("close_jar", 4): "close the blue jar",
    ("reach_and_drag", 2): "use the stick to drag the cube onto the lime target",
    ("stack_blocks", 4): "stack 3 maroon blocks",
    ("insert_onto_square_peg", 0): "put the ring on the red spoke",
    ("light_bulb_in", 9): "screw in the silver light bulb",
    ("put_item_in_drawer", 1): "put the item in the middle drawer",
    ("put_money_in_safe", 2): "put the money away in the safe on the top shelf",
    ("place_wine_at_rack_location", 1): "stack the wine bottle to the left of the rack",
    ("put_groceries_in_cupboard", 1): "put the chocolate jello in the cupboard",
    ("sweep_to_dustpan_of_size", 1): "sweep dirt to the short dustpan",
    ("place_cups", 1): "place 2 cups on the cup holder",
}


Attempt = Callable[[list[Keyframe]], FailureReason]


def make(name: str, variation: int, seed: int) -> Task:
    task = TASKS[name](variation, np.random.default_rng(seed))
    task.build(mujoco.MjSpec())
    return task


def test_names_and_variations_are_rlbenchs() -> None:
    assert {name: task.variation_count for name, task in TASKS.items()} == VARIATIONS


@pytest.mark.parametrize("name", TASKS)
def test_every_variation_has_five_phrasings_of_its_own(name: str) -> None:
    seen: set[str] = set()
    for variation in range(VARIATIONS[name]):
        phrasings = TASKS[name](variation, np.random.default_rng(0)).instructions()
        assert len(set(phrasings)) == len(phrasings) >= 5
        seen.update(phrasings)
        if name != "push_buttons":  # whose variations repeat sentences: the buttons that are not named differ
            assert len(seen) == (variation + 1) * len(phrasings)
        if (name, variation) in FIRST_WORDS:
            assert phrasings[0] == FIRST_WORDS[name, variation]


def test_yaw_and_side_of_the_drawer_are_not_skewed_by_reach() -> None:
    tasks = [make("open_drawer", i % 3, i) for i in range(120)]
    yaws = np.array([task.yaw for task in tasks])
    assert abs(yaws.mean()) < 0.08
    counts, _ = np.histogram(yaws, bins=3, range=(-np.pi / 8, np.pi / 8))
    assert counts.min() > 20


def test_buttons_keep_their_distance() -> None:
    for seed in range(30):
        positions = make("push_buttons", seed, seed).positions
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(positions, 2)) > 0.1


@pytest.mark.parametrize("name", TASKS)
def test_no_scene_is_solved_or_failed_before_anything_happened(environment: MujocoEnvironment, name: str) -> None:
    for seed in range(3):
        environment.reset(name, seed % VARIATIONS[name], seed)
        assert not environment.world.success()
        assert environment.world.failure() is FailureReason.NONE


def test_labels_follow_the_scene_up_to_the_grippers_symmetry(environment: MujocoEnvironment) -> None:
    """Turning the slide scene by 90 degrees per variation: the label's yaw is the direction of the push."""
    for variation in range(4):
        environment.reset("slide_block_to_color_target", variation, 7)
        task = environment.world.task
        first, second = task.waypoints(environment.world)
        push = second.T_base_gripper[:3, 3] - first.T_base_gripper[:3, 3]
        axis = first.T_base_gripper[:3, 0]
        assert abs(push @ axis) / np.linalg.norm(push) > 0.999
        assert rotations.rotation_angle(first.T_base_gripper[:3, :3], second.T_base_gripper[:3, :3]) < 1e-6


def test_buttons_in_the_wrong_order_fail(environment: MujocoEnvironment, attempt: Attempt) -> None:
    environment.reset("push_buttons", 1, 11)
    above_1, press_1, above_2, press_2 = environment.world.task.waypoints(environment.world)
    assert attempt([above_2, press_2, above_1, press_1]) is FailureReason.WRONG_OBJECT
    assert not environment.world.success()


@pytest.mark.parametrize(
    ("name", "variation", "other"),
    [
        ("open_drawer", 1, 2),
        ("meat_off_grill", 0, 1),
        ("turn_tap", 0, 1),
        ("place_shape_in_shape_sorter", 0, 3),
        ("put_item_in_drawer", 0, 1),
        ("put_money_in_safe", 0, 2),
        ("place_wine_at_rack_location", 1, 2),
        ("put_groceries_in_cupboard", 3, 7),
        ("sweep_to_dustpan_of_size", 0, 1),
    ],
)
def test_doing_what_another_variation_asks_for_fails(
    environment: MujocoEnvironment, attempt: Attempt, name: str, variation: int, other: int
) -> None:
    environment.reset(name, variation, 12 + variation)
    task = environment.world.task
    task.variation = other
    keyframes = task.waypoints(environment.world)
    task.variation = variation
    assert attempt(keyframes) is FailureReason.WRONG_OBJECT
    assert not environment.world.success()


def test_an_unreachable_keyframe_leaves_the_arm_where_it_is(environment: MujocoEnvironment) -> None:
    observation = environment.reset("push_buttons", 0, 0)
    q = environment.world.q
    far = observation.gripper.T_base_gripper.copy()
    far[0, 3] = 3.0
    result = environment.step(Keyframe(far, True))
    assert result.failure_reason is FailureReason.OUT_OF_BOUNDS
    assert not result.success
    assert result.observation.step == 0
    np.testing.assert_allclose(environment.world.q, q, atol=1e-3)
