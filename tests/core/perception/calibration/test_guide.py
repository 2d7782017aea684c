"""The guide asks for what is missing, and following it works."""

import dataclasses

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.guide import ENOUGH_VIEWS, suggest
from dynarend_core.perception.camera_file import SetUp


def test_it_starts_with_words_alone(synthetic):
    first = suggest([], SetUp.EYE_IN_HAND)
    assert first.T_base_gripper is None
    assert "board" in first.words
    assert suggest(synthetic(SetUp.EYE_IN_HAND, n=1).sightings, SetUp.EYE_IN_HAND).words != first.words


@pytest.mark.parametrize("set_up", list(SetUp))
def test_views_without_tilt_are_answered_by_a_tilt(synthetic, set_up):
    sightings = synthetic(set_up, n=6, largest_tilt=0.05).sightings
    advice = suggest(sightings, set_up)
    assert "edge nearer" in advice.words
    assert 0.05 < advice.gain < 1.0
    assert not advice.done
    se3.check(advice.T_base_gripper)


@pytest.mark.parametrize("set_up", list(SetUp))
def test_views_that_are_only_shifted_are_answered_by_turn_the_hand(synthetic, set_up):
    first = synthetic(set_up, n=1).sightings[0]
    shifts = [se3.make(t=np.array([0.03 * i, 0.0, 0.0])) for i in range(4)]
    sightings = [dataclasses.replace(first, T_base_gripper=shift @ first.T_base_gripper) for shift in shifts]
    advice = suggest(sightings, set_up)
    assert advice.words.startswith("turn the hand: so far it was only shifted")
    assert not advice.done


@pytest.mark.parametrize("set_up", list(SetUp))
def test_the_more_views_the_smaller_the_gain(synthetic, set_up):
    sightings = synthetic(set_up, n=ENOUGH_VIEWS).sightings
    few, many = suggest(sightings[:5], set_up), suggest(sightings, set_up)
    assert many.gain < few.gain
    assert many.done
    assert "save" in many.words


def test_the_suggested_hand_pose_shows_the_board_as_told(synthetic):
    truth = synthetic(SetUp.EYE_TO_HAND, n=6, largest_tilt=0.05)
    advice = suggest(truth.sightings, SetUp.EYE_TO_HAND)
    T_camera_board = se3.inverse(truth.T_parent_camera) @ advice.T_base_gripper @ truth.T_carrier_board
    tilt = np.degrees(np.arccos(T_camera_board[2, 2]))
    assert tilt == pytest.approx(30.0, abs=3.0)
