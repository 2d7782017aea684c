import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.perception.synchronizer import FrameSynchronizer

MS = 1_000_000
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may have other work


def test_a_set_is_given_out_once_it_is_complete():
    sync = FrameSynchronizer(("a", "b"))
    assert sync.add("a", 10, "a10", 0.0) is None
    frames = sync.add("b", 10, "b10", 0.01)
    assert frames.frames == {"a": "a10", "b": "b10"}
    assert frames.missing == ()
    assert sync.poll(0.02) is None


@settings(BUSY)
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


@settings(BUSY, max_examples=30)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4),
    st.sampled_from([15, 30, 60]),
    st.integers(0, 2**31),
)
def test_free_running_cameras_each_frame_of_the_reference_gets_its_nearest_neighbours(phases, rate_hz, seed):
    period = 1_000_000_000 // rate_hz
    names = [f"c{i}" for i in range(len(phases))]
    rng = random.Random(seed)
    stamps = {
        n: [round(p * period) + k * period + rng.randint(-MS, MS) for k in range(20)]
        for n, p in zip(names, phases, strict=True)
    }
    sync = FrameSynchronizer(names, slop_ns=period // 2 + 4 * MS, timeout_s=10.0)
    sets = []
    for stamp, name in sorted((s, n) for n in names for s in stamps[n]):  # they arrive as they are exposed
        sets.append(sync.add(name, stamp, stamp, stamp / 1e9))
    sets = [s for s in sets if s is not None]
    assert [s.stamp_ns for s in sets] == sorted({s.stamp_ns for s in sets})
    for name in names:
        used = [s.frames[name] for s in sets]
        assert used == sorted(set(used))  # never twice, never back
    for s in sets:
        assert max(abs(stamp - s.stamp_ns) for stamp in s.frames.values()) <= period // 2 + 4 * MS
    assert len(sets) >= 17  # the ends may lack a neighbour


@settings(BUSY, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=120), st.integers(0, 40))
def test_whatever_arrives_sets_rise_within_the_slop_and_every_frame_is_accounted_for(arrivals, slop_ms):
    sync = FrameSynchronizer(("a", "b", "c"), slop_ns=slop_ms * MS, timeout_s=0.05)
    sets, now_s = [], 0.0
    for camera, stamp_ms in arrivals:
        now_s += 0.01
        sets.append(sync.add(camera, stamp_ms * MS, stamp_ms, now_s))
    for _ in range(40):
        now_s += 0.1
        sets.append(sync.poll(now_s))
    sets = [s for s in sets if s is not None]
    stamps = [s.stamp_ns for s in sets]
    assert stamps == sorted(set(stamps))
    for s in sets:
        assert all(abs(stamp_ms * MS - s.stamp_ns) <= slop_ms * MS for stamp_ms in s.frames.values())
        assert set(s.frames) | set(s.missing) == set("abc")
    for name in "abc":
        c = sync.counters[name]
        used = sum(name in s.frames for s in sets)
        assert c.received == sum(camera == name for camera, _ in arrivals)
        assert used + c.late + c.unused + len(sync._pending[name]) == c.received


def test_a_camera_of_half_the_rate_costs_sets_but_never_a_wrong_pair():
    sync = FrameSynchronizer(("fast", "slow"), slop_ns=5 * MS, timeout_s=0.1)
    sets = []
    for k in range(40):
        now_s = k / 30
        sets.append(sync.add("fast", k * 33 * MS, k, now_s))
        if k % 2 == 0:
            sets.append(sync.add("slow", k * 33 * MS + MS, k, now_s))
    sets = [s for s in sets if s is not None]
    assert len(sets) >= 20
    assert all(s.frames["fast"] == s.frames["slow"] for s in sets if not s.missing)
    assert sync.counters["slow"].lost >= 18


def test_sets_of_too_few_cameras_are_kept_back():
    sync = FrameSynchronizer(("a", "b", "c"), timeout_s=0.1, min_cameras=2)
    sync.add("a", 1, 1, 0.0)
    assert sync.poll(1.0) is None
    assert sync.counters["b"].lost == 1
    sync.add("a", 2, 2, 1.1)
    assert sync.add("b", 2, 2, 1.1).missing == ("c",)
    with pytest.raises(InvalidInputError, match="1 to 2"):
        FrameSynchronizer(("a", "b"), min_cameras=3)


def test_after_a_jump_ahead_the_cameras_meet_again():
    sync = FrameSynchronizer(("a", "b"), slop_ns=MS, timeout_s=0.1)
    for stamp in (10, 20, 9_000, 9_010):
        sync.add("a", stamp * MS, stamp, stamp / 1e3)
        frames = sync.add("b", stamp * MS, stamp, stamp / 1e3)
        assert frames.frames == {"a": stamp, "b": stamp}
