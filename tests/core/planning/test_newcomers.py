"""What has come into a motion's way since it was planned."""

from pathlib import Path

import numpy as np
import pytest

from dynarend_core.planning.newcomers import came_in_the_way
from dynarend_core.planning.robot_file import load_robot

PANDA = load_robot(Path(__file__).parents[3] / "config" / "robots" / "panda.yaml")
MOTION = PANDA.home + np.linspace(0.0, 1.0, 20)[:, None] * np.array([1.5, 0, 0, 0, 0, 0, 0])
TABLE = np.stack(np.meshgrid(np.arange(0.2, 0.8, 0.005), np.arange(-0.4, 0.4, 0.005), [0.0]), axis=-1).reshape(-1, 3)


def hand(at):
    return np.random.default_rng(1).uniform(-0.03, 0.03, (300, 3)) + at


def test_a_scene_that_only_flickers_has_no_newcomers():
    noise = np.random.default_rng(0).normal(scale=0.004, size=TABLE.shape)
    assert not came_in_the_way(PANDA, MOTION, TABLE, TABLE + noise)
    assert not came_in_the_way(PANDA, MOTION, TABLE, np.full((5, 3), np.nan))


@pytest.mark.parametrize("row", [10, -1])
def test_a_hand_on_the_way_or_at_the_goal_is_one_and_a_hand_elsewhere_is_none(row):
    there = hand(PANDA.forward(MOTION[row])[:3, 3])
    assert came_in_the_way(PANDA, MOTION, TABLE, np.concatenate([TABLE, there]))
    assert not came_in_the_way(PANDA, MOTION, np.concatenate([TABLE, there]), np.concatenate([TABLE, there]))
    assert not came_in_the_way(PANDA, MOTION, TABLE, np.concatenate([TABLE, hand([0.5, -0.5, 0.3])]))


def test_what_the_cameras_see_of_the_arm_where_it_stands_is_none():
    tip = PANDA.forward(MOTION[0])[:3, 3]
    assert not came_in_the_way(PANDA, MOTION, TABLE, np.concatenate([TABLE, hand(tip)]))
