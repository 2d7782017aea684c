import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.perception.synchronizer import FrameSynchronizer

MS = 1_000_000


def test_a_set_is_given_out_once_it_is_complete():
    sync = FrameSynchronizer(("a", "b"))
    assert sync.add("a", 10, "a10", 0.0) is None
    frames = sync.add("b", 10, "b10", 0.01)
    assert frames.frames == {"a": "a10", "b": "b10"}
    assert frames.missing == ()
    assert sync.poll(0.02) is None


@given(st.permutations([(c, s) for c in "abc" for s in range(1, 6)]))
def test_in_any_order_of_arrival_sets_rise_and_no_camera_of_another_moment_slips_in(arrivals):
    sync = FrameSynchronizer(("a", "b", "c"), timeout_s=1.0)
    out = [sync.add(c, s, (c, s), 0.0) for c, s in arrivals]
    sets = [o for o in out if o is not None]
    assert [o.stamp_ns for o in sets] == sorted({o.stamp_ns for o in sets})
    assert all(stamp == o.stamp_ns for o in sets for _, stamp in o.frames.values())
    used = sum(len(o.frames) for o in sets)
    assert all(not o.missing for o in sets)
    assert used % 3 == 0


def test_slop_joins_neighbouring_stamps_only():
    sync = FrameSynchronizer(("a", "b"), slop_ns=5 * MS)
    sync.add("a", 100 * MS, 1, 0.0)
    assert sync.add("b", 106 * MS, 2, 0.0) is None
    assert sync.add("b", 95 * MS, 3, 0.0) is not None


def test_a_silent_camera_is_named_counted_and_no_longer_waited_for():
    sync = FrameSynchronizer(("a", "b"), timeout_s=0.2)
    sync.add("a", 1, 1, 0.0)
    sync.add("b", 1, 1, 0.0)
    assert sync.add("a", 2, 2, 0.1) is None  # b may still come
    due = sync.poll(0.31)
    assert (due.stamp_ns, due.missing) == (2, ("b",))
    assert sync.add("a", 3, 3, 0.4).missing == ("b",)  # at once
    assert sync.counters["b"].lost == 2
    assert sync.counters["a"].lost == 0
    sync.add("b", 4, 4, 0.5)
    assert sync.add("a", 4, 4, 0.5).missing == ()


def test_a_frame_that_comes_after_its_set_is_never_used():
    sync = FrameSynchronizer(("a", "b"), timeout_s=0.1)
    sync.add("a", 5, 5, 0.0)
    assert sync.poll(0.2).missing == ("b",)
    assert sync.add("b", 5, 5, 0.3) is None
    assert sync.counters["b"].late == 1


def test_a_skipped_set_costs_the_camera_that_was_missing_in_it():
    sync = FrameSynchronizer(("a", "b"))
    for stamp, camera in ((1, "a"), (2, "a"), (2, "b")):
        frames = sync.add(camera, stamp, stamp, 0.0)
    assert frames.stamp_ns == 2
    assert (sync.counters["a"].lost, sync.counters["b"].lost) == (0, 1)


def test_a_jump_back_in_time_starts_anew():
    sync = FrameSynchronizer(("a",))
    assert sync.add("a", 10_000 * MS, 1, 0.0) is not None
    assert sync.add("a", 9_500 * MS, 1, 0.1) is None  # late
    assert sync.add("a", 5 * MS, 1, 0.2) is not None


def test_cameras_must_be_distinct():
    with pytest.raises(InvalidInputError):
        FrameSynchronizer(("a", "a"))


def test_after_a_pause_of_all_cameras_the_first_set_is_waited_for():
    sync = FrameSynchronizer(("a", "b"), timeout_s=0.2)
    sync.add("a", 1, 1, 0.0)
    sync.add("b", 1, 1, 0.0)
    assert sync.add("a", 2, 2, 60.0) is None
    assert sync.add("b", 2, 2, 60.01).missing == ()
    assert sync.counters["b"].lost == 0
