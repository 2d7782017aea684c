"""The verdict: good sessions pass, spoiled ones are refused with the right reason, never averaged in."""

from dataclasses import replace

import numpy as np
import pytest

from dynarend_core.errors import ObservationError
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_angle, rotation_z
from dynarend_core.perception.calibration.calibrator import calibrate
from dynarend_core.perception.camera_file import SetUp


@pytest.mark.parametrize("set_up", list(SetUp))
def test_a_good_session_passes_and_knows_its_own_error(synthetic, set_up):
    truth = synthetic(set_up)
    report = calibrate(truth.sightings, [], set_up)
    error_mm = 1e3 * np.linalg.norm(report.T_parent_camera[:3, 3] - truth.T_parent_camera[:3, 3])
    assert report.ok
    assert error_mm < 2.0
    assert np.degrees(rotation_angle(report.T_parent_camera[:3, :3], truth.T_parent_camera[:3, :3])) < 0.2
    assert error_mm < 4.0 * report.uncertainty_mm
    assert len(report.methods) == 5
    assert report.slip.evidence < 2.0  # far below the limit
    assert report.warnings == ("no depth on the board: not checked against PnP",)


@pytest.mark.parametrize(("set_up", "scale"), [(SetUp.EYE_IN_HAND, 0.97), (SetUp.EYE_TO_HAND, 1.02)])
def test_a_wrong_board_size_is_refused_with_its_size(synthetic, set_up, scale):
    report = calibrate(synthetic(set_up, scale=scale).sightings, [], set_up)
    assert not report.ok
    assert report.scale.scale == pytest.approx(scale, abs=0.004)
    assert "larger" in report.problems[0] if scale > 1 else "smaller" in report.problems[0]


@pytest.mark.parametrize(("set_up", "what"), [(SetUp.EYE_IN_HAND, "board"), (SetUp.EYE_TO_HAND, "camera")])
def test_a_slip_is_refused_with_what_slipped_and_when(synthetic, set_up, bump, what):
    report = calibrate(synthetic(set_up, slip_at=7, slip=bump, what=what).sightings, [], set_up)
    assert not report.ok
    assert report.slip.slipped
    assert (report.slip.what, report.slip.before_view) == (what, 7)
    assert report.slip.moved_mm == pytest.approx(5.0, abs=2.5)
    assert "before view 7" in report.problems[0]


def test_a_view_with_a_wrong_hand_pose_is_named(synthetic):
    sightings = synthetic(SetUp.EYE_IN_HAND).sightings
    moved = sightings[4].T_base_gripper @ se3.make(rotation_z(np.deg2rad(4.0)), np.array([0.01, 0, 0]))
    sightings[4] = replace(sightings[4], T_base_gripper=moved)
    report = calibrate(sightings, [], SetUp.EYE_IN_HAND)
    assert report.outliers == (4,)
    assert any("views 4 disagree" in words for words in report.warnings)


def test_too_few_views_are_refused(synthetic):
    with pytest.raises(ObservationError, match="at least 5"):
        calibrate(synthetic(SetUp.EYE_IN_HAND, n=4).sightings, [], SetUp.EYE_IN_HAND)


def test_a_hand_that_never_turns_is_refused(synthetic):
    sightings = synthetic(SetUp.EYE_TO_HAND).sightings
    first = sightings[0].T_base_gripper
    still = [replace(s, T_base_gripper=se3.make(first[:3, :3], s.T_base_gripper[:3, 3])) for s in sightings]
    with pytest.raises(ObservationError, match="turning"):
        calibrate(still, [], SetUp.EYE_TO_HAND)
