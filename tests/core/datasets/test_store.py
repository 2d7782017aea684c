"""What goes into the store comes out again; damage is found and named."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dynarend_core.datasets.packing import decode_depth, encode_depth
from dynarend_core.datasets.records import Alternative
from dynarend_core.datasets.store import DemonstrationStore, EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import DatasetError, InvalidInputError
from dynarend_core.geometry import se3
from dynarend_core.types import CameraView, GripperState, Keyframe


def make_view(rng: np.random.Generator, name: str, size: int = 8) -> CameraView:
    depth = rng.uniform(0.01, 6.5, (size, size)).astype(np.float32)
    depth[0, 0] = np.nan
    rgb = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return CameraView(name, rgb, depth, rng.normal(size=(3, 3)), se3.make(t=rng.normal(size=3)), 17)


def make_rich_episode(seed: int = 0) -> EpisodeRecord:
    """With target views and object maps."""
    rng = np.random.default_rng(seed)
    plain = make_episode(seed)
    frames = tuple(
        dataclasses.replace(
            f,
            targets=(make_view(rng, "orbit0", 6), make_view(rng, "orbit1", 6)),
            object_ids=tuple(rng.integers(0, 3, (n, n), dtype=np.uint8) for n in (8, 4, 6, 6)),
        )
        for f in plain.frames
    )
    return dataclasses.replace(plain, frames=frames, object_names=("red button", "table"))


def make_episode(seed: int = 0, n_frames: int = 3) -> EpisodeRecord:
    rng = np.random.default_rng(seed)
    kinds = ("start", "keyframe", "displaced")
    frames = tuple(
        FrameRecord(
            (make_view(rng, "front"), make_view(rng, "wrist", 4)),
            GripperState(se3.make(t=rng.normal(size=3)), bool(i % 2), 0.04),
            rng.normal(size=7),
            1000 + i,
            kinds[i % 3],
        )
        for i in range(n_frames)
    )
    transitions = (
        Transition(0, 1, Keyframe(se3.make(t=rng.normal(size=3)), False, True), 0),
        Transition(1, 2, Keyframe(se3.make(t=rng.normal(size=3)), True, False), 1),
    )
    return EpisodeRecord("push_buttons", 4, 9, ("press it", "drück"), "drück", frames, transitions, ("button0",))


def test_who_drove_and_what_else_could_have_been_asked_survive_the_round_trip(tmp_path):
    store = DemonstrationStore(tmp_path)
    plain = make_episode()
    store.write("push_buttons", 0, plain)
    with np.load(store.path("push_buttons", 0)) as archive:
        assert "alternatives.json" not in archive.files
    back = store.read("push_buttons", 0)
    assert (back.origin, back.alternatives, back.executed) == ("plain", {}, {})
    other = Keyframe(se3.make(t=[0.1, 0.2, 0.3]), False, True)
    told = {0: (Alternative(("press that", "and not this"), other), Alternative(("none",), other)), 2: ()}
    store.write("push_buttons", 1, dataclasses.replace(plain, origin="policy", alternatives=told, executed={1: other}))
    back = store.read("push_buttons", 1)
    assert back.origin == "policy"
    assert [len(back.alternatives[i]) for i in (0, 2)] == [2, 0]
    assert back.alternatives[0][0].instructions == ("press that", "and not this")
    np.testing.assert_array_equal(back.alternatives[0][1].keyframe.T_base_gripper, other.T_base_gripper)
    assert back.alternatives[0][1].keyframe.ignore_collisions
    np.testing.assert_array_equal(back.executed[1].T_base_gripper, other.T_base_gripper)
    assert not back.executed[1].gripper_open
    with np.load(store.path("push_buttons", 1)) as archive:
        assert json.loads(archive["alternatives.json"].tobytes())["0"][1]["instructions"] == ["none"]


@pytest.mark.parametrize("wrong", [{"origin": "oracle"}, {"alternatives": {3: ()}}, {"executed": {-1: None}}])
def test_origins_and_frames_that_do_not_exist_are_refused(wrong):
    with pytest.raises(InvalidInputError):
        dataclasses.replace(make_episode(), **wrong)


def test_an_episode_survives_the_round_trip(tmp_path):
    store, episode = DemonstrationStore(tmp_path), make_episode()
    store.write("push_buttons", 12, episode)
    back = store.read("push_buttons", 12)
    assert (back.task, back.variation, back.seed) == (episode.task, episode.variation, episode.seed)
    assert back.instructions == episode.instructions
    assert back.instruction_used == episode.instruction_used
    assert back.object_names == episode.object_names
    for a, b in zip(episode.frames, back.frames, strict=True):
        assert (a.kind, a.stamp_ns, a.gripper.is_open, a.gripper.width_m) == (
            b.kind,
            b.stamp_ns,
            b.gripper.is_open,
            b.gripper.width_m,
        )
        np.testing.assert_array_equal(a.q, b.q)
        np.testing.assert_array_equal(a.gripper.T_base_gripper, b.gripper.T_base_gripper)
        for u, v in zip(a.views, b.views, strict=True):
            assert (u.name, u.stamp_ns) == (v.name, v.stamp_ns)
            np.testing.assert_array_equal(u.rgb, v.rgb)
            np.testing.assert_array_equal(u.K, v.K)
            np.testing.assert_array_equal(u.T_base_camera, v.T_base_camera)
            np.testing.assert_allclose(u.depth_m, v.depth_m, atol=5.1e-5)
    for s, t in zip(episode.transitions, back.transitions, strict=True):
        assert (s.frame_index, s.target_index, s.step) == (t.frame_index, t.target_index, t.step)
        assert (s.keyframe.gripper_open, s.keyframe.ignore_collisions) == (
            t.keyframe.gripper_open,
            t.keyframe.ignore_collisions,
        )
        np.testing.assert_array_equal(s.keyframe.T_base_gripper, t.keyframe.T_base_gripper)


def test_target_views_and_object_maps_survive_and_stay_out_of_the_observation(tmp_path):
    store, episode = DemonstrationStore(tmp_path), make_rich_episode()
    store.write("a", 0, episode)
    back = store.read("a", 0)
    for a, b in zip(episode.frames, back.frames, strict=True):
        assert [v.name for v in b.targets] == ["orbit0", "orbit1"]
        for u, v in zip(a.targets, b.targets, strict=True):
            np.testing.assert_array_equal(u.rgb, v.rgb)
            np.testing.assert_array_equal(u.T_base_camera, v.T_base_camera)
            np.testing.assert_allclose(u.depth_m, v.depth_m, atol=5.1e-5)
        for u, v in zip(a.object_ids, b.object_ids, strict=True):
            assert v.dtype == np.uint8
            np.testing.assert_array_equal(u, v)
    assert [v.name for v in back.observation(back.transitions[0]).views] == ["front", "wrist"]
    assert store.target_cameras("a", 0) == ("orbit0", "orbit1")


def test_equal_episodes_are_equal_files(tmp_path):
    first, second = (DemonstrationStore(tmp_path / name).write("a", 0, make_rich_episode()) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_files_of_schema_version_1_are_still_read(tmp_path):
    """Version 1 had no ``target_cameras`` and no maps; the members are otherwise the same."""
    path = DemonstrationStore(tmp_path).write("a", 0, make_episode())
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    metadata = json.loads(members["metadata"].tobytes())
    del metadata["target_cameras"]
    metadata["schema_version"] = 1
    members["metadata"] = np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)
    np.savez_compressed(path, **members)
    frame = DemonstrationStore(tmp_path).read("a", 0).frames[1]
    assert (frame.targets, frame.object_ids) == ((), ())
    np.testing.assert_array_equal(frame.views[0].rgb, make_episode().frames[1].views[0].rgb)
    assert DemonstrationStore(tmp_path).target_cameras("a", 0) == ()


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (4, 5), elements=st.floats(2**-13, 6.5, width=32)))
def test_depth_is_kept_to_half_a_tenth_of_a_millimetre(depth):
    np.testing.assert_allclose(decode_depth(encode_depth(depth)), depth, atol=5e-5 + 1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0, 6.6, 1e9])
def test_depth_that_cannot_be_kept_becomes_nan(value):
    assert np.isnan(decode_depth(encode_depth(np.array([[value]])))).all()


def test_plain_numpy_reads_the_file_without_pickle(tmp_path):
    path = DemonstrationStore(tmp_path).write("t", 0, make_episode())
    with np.load(path, allow_pickle=False) as archive:
        assert archive["front.rgb"].shape == (3, 8, 8, 3)
        assert archive["wrist.depth"].dtype == np.uint16


def test_listing_sees_finished_episodes_only(tmp_path):
    store = DemonstrationStore(tmp_path)
    assert store.tasks() == []
    assert store.episodes("a") == []
    for i in (10, 2):
        store.write("a", i, make_episode())
    (tmp_path / "a" / ".episode_000003.npz.1.tmp").write_bytes(b"half")
    (tmp_path / "empty").mkdir()
    assert store.tasks() == ["a"]
    assert store.episodes("a") == [2, 10]


def test_a_failed_write_leaves_the_old_episode_and_no_rubbish(tmp_path, monkeypatch):
    store = DemonstrationStore(tmp_path)
    path = store.write("a", 1, make_episode(seed=1))
    before = path.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="no space"):
        store.write("a", 1, make_episode(seed=2))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_episode_is_named_with_the_remedy(tmp_path, keep):
    store = DemonstrationStore(tmp_path)
    path = store.write("a", 1, make_episode())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(DatasetError, match=r"episode_000001\.npz.*dynarend collect"):
        store.read("a", 1)


def test_one_flipped_byte_of_an_image_is_found(tmp_path):
    store = DemonstrationStore(tmp_path)
    path = store.write("a", 1, make_episode())
    data = bytearray(path.read_bytes())
    data[data.index(b"front.rgb.npy") + 200] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="damaged"):
        store.read("a", 1)


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("orbit0.objects", lambda a: a[:, :3]),
        ("front.objects", lambda a: a.astype(np.int32)),
        ("front.objects", lambda a: a + np.uint8(9)),
        ("wrist.objects", lambda a: a[:1]),
        ("orbit1.objects", None),
        ("orbit1.depth", lambda a: a[:, :2]),
        ("orbit1.rgb", None),
        ("q", lambda a: a[:1]),
    ],
)
def test_a_corrupt_frame_is_named_with_the_remedy(tmp_path, member, change):
    """Every member is a sound array, but they do not fit each other."""
    path = DemonstrationStore(tmp_path).write("a", 1, make_rich_episode())
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    if change is None:
        del members[member]
    else:
        members[member] = change(members[member])
    np.savez(path, **members)
    with pytest.raises(DatasetError, match=r"episode_000001\.npz is damaged.*dynarend collect"):
        DemonstrationStore(tmp_path).read("a", 1)


def test_another_schema_version_is_refused(tmp_path, monkeypatch):
    store = DemonstrationStore(tmp_path)
    monkeypatch.setattr("dynarend_core.datasets.packing.SCHEMA_VERSION", 99)
    store.write("a", 1, make_episode())
    monkeypatch.undo()
    with pytest.raises(DatasetError, match="schema version 99"):
        store.read("a", 1)


def test_a_missing_episode_says_what_there_is(tmp_path):
    store = DemonstrationStore(tmp_path)
    store.write("a", 4, make_episode())
    with pytest.raises(DatasetError, match="1 episodes"):
        store.read("a", 5)


def test_episodes_that_cannot_be_stored_are_refused(tmp_path):
    store, episode = DemonstrationStore(tmp_path), make_episode()
    mixed = (episode.frames[0], FrameRecord(episode.frames[1].views[:1], episode.frames[1].gripper, np.zeros(7)))
    with pytest.raises(InvalidInputError, match="other cameras"):
        store.write("a", 0, EpisodeRecord("a", 0, 0, ("x",), "x", mixed, ()))
    with pytest.raises(InvalidInputError, match="without frames"):
        store.write("a", 0, EpisodeRecord("a", 0, 0, ("x",), "x", (), ()))
    with pytest.raises(InvalidInputError, match="leaves the episode"):
        EpisodeRecord("a", 0, 0, ("x",), "x", mixed, (Transition(0, 2, episode.transitions[0].keyframe, 0),))


def test_object_maps_that_do_not_fit_are_refused(tmp_path):
    frame = make_rich_episode().frames[0]
    with pytest.raises(InvalidInputError, match="3 object maps for 4 views"):
        dataclasses.replace(frame, object_ids=frame.object_ids[:3])
    with pytest.raises(InvalidInputError, match="orbit1"):
        dataclasses.replace(frame, object_ids=(*frame.object_ids[:3], frame.object_ids[3][:2]))
    with pytest.raises(InvalidInputError, match="only 1 objects are named"):
        dataclasses.replace(make_rich_episode(), object_names=("table",))
    rich, plain = make_rich_episode().frames[0], make_episode().frames[1]
    with pytest.raises(InvalidInputError, match="than frame 0"):
        DemonstrationStore(tmp_path).write("a", 0, EpisodeRecord("a", 0, 0, ("x",), "x", (rich, plain), (), ("a", "b")))
    twice = dataclasses.replace(plain, views=(plain.views[0], plain.views[0]))
    with pytest.raises(InvalidInputError, match="same name"):
        DemonstrationStore(tmp_path).write("a", 0, EpisodeRecord("a", 0, 0, ("x",), "x", (twice,), ()))


def test_a_transition_turns_into_what_the_policy_sees():
    episode = make_episode()
    seen = episode.observation(episode.transitions[1])
    assert seen.step == 1
    assert seen.instruction == episode.instruction_used
    assert seen.views[0] is episode.frames[1].views[0]
    assert episode.observation(episode.transitions[0], "other words").instruction == "other words"
