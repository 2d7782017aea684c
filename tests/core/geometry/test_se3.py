"""The axioms of rigid transforms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations, se3

numbers = st.floats(-3.0, 3.0, allow_subnormal=False)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
transforms = st.builds(lambda r, t: se3.make(rotations.matrix_from_rotation_vector(r), t), vectors, vectors)


@given(transforms, transforms)
def test_products_and_inverses_are_rigid(T_a, T_b):
    se3.check(T_a @ T_b)
    se3.check(se3.inverse(T_a))


@given(transforms)
def test_inverse_undoes_from_both_sides_and_twice(T):
    np.testing.assert_allclose(T @ se3.inverse(T), np.eye(4), atol=1e-12)
    np.testing.assert_allclose(se3.inverse(T) @ T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(se3.inverse(se3.inverse(T)), T, atol=1e-12)


@given(transforms, transforms)
def test_inverse_of_a_product_reverses_it(T_a, T_b):
    np.testing.assert_allclose(se3.inverse(T_a @ T_b), se3.inverse(T_b) @ se3.inverse(T_a), atol=1e-11)


@given(transforms, transforms, vectors)
def test_apply_is_an_action_of_the_group(T_a, T_b, point):
    points = np.stack([point, -point, np.zeros(3)])
    np.testing.assert_allclose(se3.apply(T_a @ T_b, points), se3.apply(T_a, se3.apply(T_b, points)), atol=1e-11)
    np.testing.assert_allclose(se3.apply(np.eye(4), points), points, atol=0)


@given(transforms, vectors, vectors)
def test_distances_are_kept(T, a, b):
    moved = se3.apply(T, np.stack([a, b]))
    assert np.linalg.norm(moved[0] - moved[1]) == pytest.approx(np.linalg.norm(a - b), abs=1e-11)


@given(st.lists(transforms, min_size=1, max_size=4))
def test_inverse_broadcasts(Ts):
    stacked = np.stack(Ts)[:, None]
    np.testing.assert_array_equal(se3.inverse(stacked)[:, 0], [se3.inverse(T) for T in Ts])


def test_inverse_of_whole_numbers_is_not_rounded():
    T = np.array([[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]])
    assert se3.inverse(T).dtype == np.float64
    np.testing.assert_array_equal(se3.inverse(T)[:3, 3], [-2, 1, -3])


@given(transforms)
def test_pose_and_back(T):
    np.testing.assert_allclose(se3.from_pose(*se3.to_pose(T)), T, atol=1e-12)


def test_poses_do_not_alias_the_transform():
    T = se3.make(t=np.ones(3))
    se3.to_pose(T)[0][:] = 0
    np.testing.assert_array_equal(T[:3, 3], 1)


@given(transforms, transforms)
def test_interpolation_meets_both_ends(T_a, T_b):
    np.testing.assert_allclose(se3.interpolate(T_a, T_b, 0.0), T_a, atol=1e-11)
    np.testing.assert_allclose(se3.interpolate(T_a, T_b, 1.0), T_b, atol=1e-7)


@given(transforms, transforms, st.floats(0.0, 1.0))
def test_interpolation_is_straight_and_even(T_a, T_b, s):
    T = se3.check(se3.interpolate(T_a, T_b, s))
    np.testing.assert_allclose(T[:3, 3] - T_a[:3, 3], s * (T_b[:3, 3] - T_a[:3, 3]), atol=1e-12)
    whole = rotations.rotation_angle(T_a[:3, :3], T_b[:3, :3])
    assert rotations.rotation_angle(T_a[:3, :3], T[:3, :3]) == pytest.approx(s * whole, abs=1e-6)


BROKEN = {
    "shape": np.eye(3),
    "nan": np.full((4, 4), np.nan),
    "scaled": np.diag([2.0, 2.0, 2.0, 1.0]),
    "mirrored": np.diag([-1.0, 1.0, 1.0, 1.0]),
    "sheared": np.eye(4) + np.eye(4, k=1) * 0.01,
    "transposed": se3.make(t=np.ones(3)).T,
}


@pytest.mark.parametrize("T", BROKEN.values(), ids=BROKEN.keys())
def test_check_refuses_what_is_not_rigid_and_names_it(T):
    with pytest.raises(InvalidInputError, match="T_base_tip"):
        se3.check(T, "T_base_tip")


def test_check_tolerates_single_precision():
    T = se3.make(rotations.rotation_x(0.3), np.ones(3)).astype(np.float32)
    np.testing.assert_array_equal(se3.check(T), T)
