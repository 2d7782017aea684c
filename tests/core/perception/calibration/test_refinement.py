"""The Jacobian is the derivative; refinement finds the truth and does not follow a wild view."""

from dataclasses import replace

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_angle, rotation_x
from dynarend_core.perception.calibration._reprojection import NoiseModel, Reprojection, State
from dynarend_core.perception.calibration.refinement import refine
from dynarend_core.perception.camera_file import SetUp


def truth_state(truth):
    n = len(truth.sightings)
    return State(se3.inverse(truth.T_parent_camera), truth.T_carrier_board, 0.0, np.zeros((n, 6)))


@pytest.mark.parametrize("set_up", list(SetUp))
def test_jacobian_is_the_derivative_also_away_from_the_start(synthetic, set_up):
    truth = synthetic(set_up, n=3)
    problem = Reprojection(truth.sightings, set_up, NoiseModel())
    start = truth_state(truth)
    x = 0.03 * np.random.default_rng(1).normal(size=problem.columns)
    step = 1e-6
    numeric = np.stack(
        [
            (problem.residuals(problem.moved(start, x + d)) - problem.residuals(problem.moved(start, x - d)))
            / (2 * step)
            for d in step * np.eye(problem.columns)
        ],
        axis=1,
    )
    analytic = problem.jacobian(start, x)
    assert np.abs(analytic - numeric).max() < 1e-4 * np.abs(numeric).max()


@pytest.mark.parametrize("set_up", list(SetUp))
def test_refinement_finds_the_truth_from_a_bad_start(synthetic, set_up, bump):
    truth = synthetic(set_up, arm_mm=0.0, arm_deg=0.0, pixel_noise=0.0)
    start = truth_state(truth)
    found = refine(truth.sightings, set_up, replace(start, A=bump @ start.A, B=start.B @ bump)).state
    np.testing.assert_allclose(se3.inverse(found.A), truth.T_parent_camera, atol=1e-6)


@pytest.mark.parametrize("set_up", list(SetUp))
def test_one_wild_view_does_not_drag_the_answer(synthetic, set_up):
    truth = synthetic(set_up)
    wild = truth.sightings[5]
    moved = se3.make(rotation_x(np.deg2rad(3.0)), np.array([0.0, 0.02, 0.0]))
    sightings = [*truth.sightings]
    sightings[5] = replace(wild, T_base_gripper=wild.T_base_gripper @ moved)
    T = se3.inverse(refine(sightings, set_up, truth_state(truth)).state.A)
    assert np.linalg.norm(T[:3, 3] - truth.T_parent_camera[:3, 3]) < 2e-3
    assert np.degrees(rotation_angle(T[:3, :3], truth.T_parent_camera[:3, :3])) < 0.2


def test_free_scale_is_found_with_its_error(synthetic):
    truth = synthetic(SetUp.EYE_TO_HAND, scale=1.03)
    found = refine(truth.sightings, SetUp.EYE_TO_HAND, truth_state(truth), free_scale=True)
    assert found.state.log_scale == pytest.approx(np.log(1.03), abs=0.003)
    assert 0.0 < found.log_scale_error < 0.01
