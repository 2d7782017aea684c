"""Keyframes are gripper changes, stops and the end; the collision label belongs to the motion before."""

import numpy as np
import pytest

from dynarend_core.datasets.keyframes import discover_keyframes, ignore_collisions_label
from dynarend_core.errors import InvalidInputError


def trace(n: int, stops: tuple[int, ...] = (), gripper_changes: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    velocities = np.full((n, 7), 0.5)
    velocities[list(stops)] = 0.01
    gripper = np.ones(n, dtype=bool)
    for i in gripper_changes:
        gripper[i:] = ~gripper[i:]
    return gripper, velocities


def test_a_steady_motion_has_only_its_end():
    assert discover_keyframes(*trace(30)) == [29]


def test_a_stop_in_the_middle_is_a_keyframe():
    assert discover_keyframes(*trace(30, stops=(12,))) == [12, 29]


def test_one_long_pause_is_reported_again_only_after_the_cooldown():
    assert discover_keyframes(*trace(30, stops=tuple(range(10, 15)))) == [10, 29]
    assert discover_keyframes(*trace(30, stops=tuple(range(10, 17)))) == [10, 15, 29]


def test_one_joint_that_still_moves_is_not_a_stop():
    gripper, velocities = trace(30, stops=(12,))
    velocities[12, 6] = -0.11
    assert discover_keyframes(gripper, velocities) == [29]


def test_a_gripper_change_is_a_keyframe_and_hides_stops_beside_it():
    assert discover_keyframes(*trace(30, stops=(14, 15, 16), gripper_changes=(15,))) == [15, 29]


def test_frame_zero_is_never_a_keyframe():
    assert discover_keyframes(*trace(30, stops=(0, 1, 2))) == [29]


def test_a_keyframe_just_before_the_end_gives_way_to_the_end():
    assert discover_keyframes(*trace(30, gripper_changes=(28,))) == [29]
    assert discover_keyframes(*trace(30, gripper_changes=(27,))) == [27, 29]


@pytest.mark.parametrize("shape", [((1,), (1, 7)), ((5,), (4, 7)), ((5,), (5,))])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(InvalidInputError, match="got"):
        discover_keyframes(np.ones(shape[0]), np.zeros(shape[1]))


def test_the_collision_label_is_the_flag_of_the_frame_before_the_target():
    flags = np.array([0, 0, 1, 1, 0])
    assert ignore_collisions_label(flags, 3) is True
    assert ignore_collisions_label(flags, 2) is False
    assert ignore_collisions_label(flags, 4) is True
