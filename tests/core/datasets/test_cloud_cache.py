import dataclasses

import numpy as np
import pytest

from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.perception.fusion import FusionConfig, fuse
from dynarend_core.types import CameraView, GripperState, Keyframe


def episode(seed):
    rng = np.random.default_rng(seed)
    K = np.array([[30.0, 0, 16], [0, 30, 16], [0, 0, 1]])
    above = se3.make(rotation_x(np.pi), np.array([0.45, 0.0, 0.8]))
    frames = []
    for kind in ("start", "keyframe", "displaced"):
        depth = rng.uniform(0.6, 0.75, (32, 32)).astype(np.float32)
        rgb = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        gripper = GripperState(se3.make(t=rng.uniform(0.1, 0.5, 3)), kind == "start")
        frames.append(FrameRecord((CameraView("front", rgb, depth, K, above),), gripper, np.zeros(7), kind=kind))
    key = Keyframe(frames[1].gripper.T_base_gripper, False, True)
    transitions = (Transition(0, 1, key, 0), Transition(2, 1, key, 3))
    return EpisodeRecord("toy", 0, seed, ("do it", "please do"), "do it", tuple(frames), transitions)


@pytest.fixture
def store(tmp_path):
    store = DemonstrationStore(tmp_path)
    for i in range(2):
        store.write("toy", i, episode(i))
    return store


def test_cached_clouds_equal_fused_views(store):
    task = load_task(store, "toy", FusionConfig())
    record = store.read("toy", 1)
    cloud = fuse(record.frames[2].views)
    xyz, rgb = task.cloud(5, SCENE_AABB_BASE)
    np.testing.assert_allclose(xyz, cloud.xyz, atol=2e-5)
    np.testing.assert_array_equal(rgb, cloud.rgb)


def test_transitions_point_to_the_frames_of_their_episode(store):
    task = load_task(store, "toy", FusionConfig())
    assert task.frame.tolist() == [0, 2, 3, 5]
    assert task.episode.tolist() == [0, 0, 1, 1]
    assert task.step.tolist() == [0, 3, 0, 3]
    assert task.displaced[task.frame].tolist() == [False, True, False, True]
    assert task.instructions[0] == ["do it", "please do"]
    assert task.target_ignore.all()
    assert not task.target_open.any()


def test_the_cache_is_built_once_and_again_when_episodes_change(store):
    built = []
    load_task(store, "toy", FusionConfig(), lambda *a: built.append(a))
    load_task(store, "toy", FusionConfig(), lambda *a: built.append(a))
    assert len(built) == 2
    store.write("toy", 2, episode(2))
    assert len(load_task(store, "toy", FusionConfig(), lambda *a: built.append(a)).instructions) == 3
    assert len(built) == 5


def test_a_training_keeps_the_cloud_that_it_maps_while_another_builds_anew(store):
    mapped = load_task(store, "toy", FusionConfig())
    before = np.array(mapped.points)
    store.write("toy", 0, episode(7))
    load_task(store, "toy", FusionConfig())
    np.testing.assert_array_equal(mapped.points, before)
    assert [p.name for p in (store.root / ".clouds").iterdir()] == ["toy"]


def test_a_build_that_fails_leaves_what_was_there(store):
    load_task(store, "toy", FusionConfig())
    path = store.path("toy", 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    with pytest.raises(DatasetError):
        load_task(store, "toy", FusionConfig())
    assert (store.root / ".clouds" / "toy" / "points.bin").stat().st_size > 0
    assert [p.name for p in (store.root / ".clouds").iterdir()] == ["toy"]


def test_the_cache_is_not_mistaken_for_a_task(store):
    load_task(store, "toy", FusionConfig())
    assert store.tasks() == ["toy"]


def test_a_task_without_episodes_is_refused(store):
    with pytest.raises(DatasetError, match="no episodes of task 'other'"):
        load_task(store, "other", FusionConfig())


@pytest.mark.parametrize("name", ["signature.json", "points.bin", "instructions.json", "index.npz"])
def test_a_cache_with_a_missing_part_is_built_again(store, name):
    whole = load_task(store, "toy", FusionConfig())
    (store.root / ".clouds" / "toy" / name).unlink()
    again = load_task(store, "toy", FusionConfig())
    np.testing.assert_array_equal(whole.offsets, again.offsets)


def test_a_damaged_signature_counts_as_none(store):
    load_task(store, "toy", FusionConfig())
    (store.root / ".clouds" / "toy" / "signature.json").write_text("{")
    built = []
    load_task(store, "toy", FusionConfig(), lambda *a: built.append(a))
    assert len(built) == 2


def test_demonstrations_that_show_nothing_are_refused(tmp_path):
    store, record = DemonstrationStore(tmp_path), episode(0)
    blind = tuple(
        dataclasses.replace(f, views=tuple(dataclasses.replace(v, depth_m=v.depth_m * np.nan) for v in f.views))
        for f in record.frames
    )
    store.write("toy", 0, dataclasses.replace(record, frames=blind))
    with pytest.raises(DatasetError, match="check its cameras"):
        load_task(store, "toy", FusionConfig())
