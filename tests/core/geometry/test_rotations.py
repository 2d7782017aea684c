"""Quaternions are bijections up to sign; angles are a metric."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations

numbers = st.floats(-1.0, 1.0, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
matrices = vectors.map(lambda v: rotations.matrix_from_rotation_vector(3.1 * v))
quaternions = st.tuples(numbers, numbers, numbers, numbers).map(np.array).filter(lambda q: np.linalg.norm(q) > 0.05)


@given(quaternions)
def test_quaternion_to_matrix_and_back_keeps_it_up_to_scale_and_sign(quat):
    unit = quat / np.linalg.norm(quat)
    back = rotations.quat_xyzw_from_matrix(rotations.matrix_from_quat_xyzw(quat))
    assert back[3] >= 0
    assert abs(back @ unit) == pytest.approx(1.0, abs=1e-12)


@given(matrices)
def test_matrix_to_quaternion_and_back(R):
    np.testing.assert_allclose(rotations.matrix_from_quat_xyzw(rotations.quat_xyzw_from_matrix(R)), R, atol=1e-12)
    np.testing.assert_allclose(rotations.matrix_from_quat_wxyz(rotations.quat_wxyz_from_matrix(R)), R, atol=1e-12)


@given(matrices)
def test_the_two_orders_hold_the_same_numbers(R):
    xyzw, wxyz = rotations.quat_xyzw_from_matrix(R), rotations.quat_wxyz_from_matrix(R)
    np.testing.assert_array_equal(wxyz, xyzw[[3, 0, 1, 2]])


def test_known_quaternion_pins_the_order():
    quarter_about_z = [0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)]
    np.testing.assert_allclose(
        rotations.matrix_from_quat_xyzw(quarter_about_z), rotations.rotation_z(np.pi / 2), atol=1e-12
    )
    np.testing.assert_allclose(
        rotations.matrix_from_quat_wxyz([0.0, 1.0, 0.0, 0.0]), np.diag([1.0, -1, -1]), atol=1e-12
    )


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_leading_dimensions_broadcast(shape):
    quat = np.random.default_rng(0).normal(size=(*shape, 4))
    R = rotations.matrix_from_quat_xyzw(quat)
    assert R.shape == (*shape, 3, 3)
    assert rotations.quat_wxyz_from_matrix(R).shape == (*shape, 4)
    np.testing.assert_allclose(R.reshape(-1, 3, 3)[-1], rotations.matrix_from_quat_xyzw(quat.reshape(-1, 4)[-1]))


@pytest.mark.parametrize("quat", [np.zeros(4), [np.nan, 0, 0, 1], [[0, 0, 0, 1], [0, 0, 0, 0]]])
def test_what_is_no_rotation_is_refused(quat):
    with pytest.raises(InvalidInputError, match="quaternion"):
        rotations.matrix_from_quat_xyzw(quat)


@given(vectors)
def test_rotation_vector_and_back(rotvec):
    np.testing.assert_allclose(
        rotations.rotation_vector(rotations.matrix_from_rotation_vector(rotvec)), rotvec, atol=1e-9
    )


@given(vectors)
def test_angle_is_the_length_of_the_rotation_vector(rotvec):
    R = rotations.matrix_from_rotation_vector(rotvec)
    assert rotations.rotation_angle(np.eye(3), R) == pytest.approx(np.linalg.norm(rotvec), abs=1e-7)


@given(matrices, matrices, matrices)
def test_angle_is_a_metric_that_no_rotation_of_the_world_changes(R_a, R_b, R_c):
    angle = rotations.rotation_angle
    assert angle(R_a, R_b) == pytest.approx(angle(R_b, R_a))
    assert angle(R_a, R_c) <= angle(R_a, R_b) + angle(R_b, R_c) + 1e-6
    assert angle(R_c @ R_a, R_c @ R_b) == pytest.approx(angle(R_a, R_b), abs=1e-6)


@given(matrices, matrices)
def test_a_parallel_gripper_does_not_mind_a_half_turn(R_a, R_b):
    expected = rotations.gripper_rotation_angle(R_a, R_b)
    half_turn = rotations.rotation_z(np.pi)
    assert rotations.gripper_rotation_angle(R_a @ half_turn, R_b) == pytest.approx(expected, abs=1e-6)
    assert expected <= rotations.rotation_angle(R_a, R_b)


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_axis_rotations_add_up_and_leave_their_axis(a, b):
    assume(abs(a + b) < 3.1)
    for axis, rotation in enumerate([rotations.rotation_x, rotations.rotation_y, rotations.rotation_z]):
        np.testing.assert_allclose(rotation(a) @ rotation(b), rotation(a + b), atol=1e-12)
        np.testing.assert_allclose(rotation(a)[:, axis], np.eye(3)[axis], atol=0)
    np.testing.assert_allclose(rotations.rotation_z(np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_nearer_half_turn_is_the_same_gripper_and_at_most_a_quarter_turn_away():
    for yaw in np.linspace(-np.pi, np.pi, 9):
        R = rotations.rotation_x(np.pi) @ rotations.rotation_z(yaw)
        near = rotations.nearer_half_turn(R, rotations.rotation_x(np.pi))
        assert rotations.gripper_rotation_angle(near, R) < 1e-6
        assert rotations.rotation_angle(near, rotations.rotation_x(np.pi)) <= np.pi / 2 + 1e-6
