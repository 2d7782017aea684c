"""The tree of frames against tf2's semantics: chains, static links, interpolation, extrapolation, forgetting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.transform_tree import (
    ExtrapolationError,
    TransformTree,
    UnconnectedFramesError,
    UnknownFrameError,
)

S = 1_000_000_000


def random_transform(rng):
    return se3.make(rotations.matrix_from_rotation_vector(rng.normal(0, 1, 3)), rng.normal(0, 1, 3))


def shifted(x, angle=0.0):
    return se3.make(rotations.rotation_z(angle), np.array([x, 0.0, 0.0]))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(2, 8))
def test_any_tree_answers_like_the_product_of_its_links(seed, n):
    rng = np.random.default_rng(seed)
    tree, world = TransformTree(), {0: np.eye(4)}
    for child in range(1, n):
        parent = int(rng.integers(child))
        T = random_transform(rng)
        world[child] = world[parent] @ T
        tree.set(f"f{parent}", f"f{child}", T, S, static=bool(rng.integers(2)))
    a, b, c = (int(i) for i in rng.integers(0, n, 3))
    np.testing.assert_allclose(tree.lookup(f"f{a}", f"f{b}", S), se3.inverse(world[a]) @ world[b], atol=1e-9)
    chained = tree.lookup(f"f{a}", f"f{b}", S) @ tree.lookup(f"f{b}", f"f{c}", S)
    np.testing.assert_allclose(chained, tree.lookup(f"f{a}", f"f{c}", S), atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_between_two_transforms_position_is_straight_and_rotation_uniform(seed, s):
    rng = np.random.default_rng(seed)
    A, B = random_transform(rng), random_transform(rng)
    tree = TransformTree()
    tree.set("base", "hand", B, 2 * S)  # arrival order does not matter
    tree.set("base", "hand", A, S)
    T = tree.lookup("base", "hand", S + round(s * S))
    np.testing.assert_allclose(T[:3, 3], (1 - s) * A[:3, 3] + s * B[:3, 3], atol=1e-6)
    whole = rotations.rotation_angle(A[:3, :3], B[:3, :3])
    np.testing.assert_allclose(rotations.rotation_angle(A[:3, :3], T[:3, :3]), s * whole, atol=1e-5)


def test_outside_the_known_times_is_an_error_that_tells_the_side():
    tree = TransformTree()
    tree.set("base", "hand", shifted(1.0), S)
    np.testing.assert_allclose(tree.lookup("base", "hand", S), shifted(1.0))
    tree.set("base", "hand", shifted(2.0), 2 * S)
    with pytest.raises(ExtrapolationError, match=r"0\.500 s later") as later:
        tree.lookup("base", "hand", 5 * S // 2)
    with pytest.raises(ExtrapolationError, match=r"0\.500 s earlier") as earlier:
        tree.lookup("base", "hand", S // 2)
    assert (later.value.ahead, earlier.value.ahead) == (True, False)


def test_the_newest_common_time_is_that_of_the_slowest_link():
    tree = TransformTree()
    for t in range(1, 6):
        tree.set("base", "arm", shifted(float(t)), t * S)
    tree.set("arm", "hand", shifted(10.0), S)
    tree.set("arm", "hand", shifted(30.0), 3 * S)
    tree.set("hand", "camera", shifted(100.0), 0, static=True)
    np.testing.assert_allclose(tree.lookup("base", "camera")[0, 3], 133.0)
    np.testing.assert_allclose(tree.lookup("base", "arm")[0, 3], 5.0)
    assert tree.newest_ns("base", "camera") == 3 * S
    assert tree.newest_ns("hand", "camera") is None


def test_static_links_hold_at_all_times_and_are_replaced():
    tree = TransformTree()
    tree.set("base", "camera", shifted(1.0), 7 * S, static=True)
    for stamp in (0, 10**19, None):
        np.testing.assert_allclose(tree.lookup("base", "camera", stamp), shifted(1.0))
    tree.set("base", "camera", shifted(2.0), 0, static=True)
    np.testing.assert_allclose(tree.lookup("base", "camera"), shifted(2.0))


def test_what_is_older_than_the_cache_is_forgotten_and_ignored():
    tree = TransformTree(cache_s=10.0)
    for t in range(0, 31, 5):
        tree.set("base", "hand", shifted(float(t)), t * S)
    with pytest.raises(ExtrapolationError):
        tree.lookup("base", "hand", 19 * S)
    np.testing.assert_allclose(tree.lookup("base", "hand", 22 * S)[0, 3], 22.0)
    assert not tree.set("base", "hand", shifted(0.0), S)


def test_unknown_and_unconnected_frames_are_told_apart():
    tree = TransformTree()
    tree.set("base", "a", shifted(1.0), S)
    tree.set("world", "b", shifted(1.0), S)
    with pytest.raises(UnknownFrameError, match="'c' is not known; known: a, b, base, world"):
        tree.lookup("base", "c")
    with pytest.raises(UnconnectedFramesError):
        tree.lookup("a", "b")
    np.testing.assert_allclose(tree.lookup("a", "a"), np.eye(4))


def test_clear_forgets_what_moves_and_keeps_what_is_fixed():
    tree = TransformTree()
    tree.set("base", "hand", shifted(1.0), S)
    tree.set("hand", "camera", shifted(1.0), S, static=True)
    tree.clear()
    np.testing.assert_allclose(tree.lookup("hand", "camera"), shifted(1.0))
    with pytest.raises(UnconnectedFramesError):
        tree.lookup("base", "camera")


@pytest.mark.parametrize(
    ("parent", "child", "T"),
    [("a", "a", np.eye(4)), ("", "a", np.eye(4)), ("a", "b", np.full((4, 4), np.nan)), ("a", "b", 2 * np.eye(4))],
)
def test_what_is_no_transform_is_refused(parent, child, T):
    with pytest.raises(InvalidInputError):
        TransformTree().set(parent, child, T, S)


def test_leading_slashes_are_those_of_another_age():
    tree = TransformTree()
    tree.set("/base", "/camera", shifted(1.0), S)
    np.testing.assert_allclose(tree.lookup("base", "camera"), shifted(1.0))
