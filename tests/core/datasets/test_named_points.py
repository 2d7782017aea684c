import numpy as np
import pytest

from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.named_points import load_named_points, points_on_objects
from dynarend_core.errors import DatasetError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import FusionConfig


def test_points_lie_on_what_they_are_called(named_store):
    named = load_named_points(named_store, "toy", SCENE_AABB_BASE)
    assert named.names == ("red button", "blue drawer")
    assert named.xyz.shape[0] == sum(len(named_store.read("toy", i).frames) for i in named_store.episodes("toy"))
    for view in named_store.read("toy", 0).frames[0].views:
        # The cameras look straight down, image rows running along -y: the upper half lies at larger y.
        assert view.T_base_camera[1, 1] < 0
    front, side = (v.T_base_camera[1, 3] for v in named_store.read("toy", 0).frames[0].views)
    upper, lower = named.xyz[0][named.ids[0] == 0, 1], named.xyz[0][named.ids[0] == 1, 1]
    assert upper.min() > min(front, side)
    assert lower.max() < max(front, side)
    assert (named.ids == 0).sum() == (named.ids == 1).sum()


def test_small_objects_get_as_many_points_as_large_ones(named_store):
    frame = named_store.read("toy", 0).frames[0]
    for ids in frame.object_ids:
        ids[:] = 1
        ids[40:42, 40:42] = 2
    _, chosen = points_on_objects(frame, SCENE_AABB_BASE, 50, np.random.default_rng(0))
    assert np.bincount(chosen).tolist() == [0, 25, 25]


def test_what_lies_outside_or_has_no_depth_is_not_named(named_store):
    frame = named_store.read("toy", 0).frames[0]
    for view in frame.views:
        view.depth_m[:32] = 0.0
    xyz, chosen = points_on_objects(frame, SCENE_AABB_BASE, 20, np.random.default_rng(0))
    assert (chosen == 2).all()
    assert ((xyz >= SCENE_AABB_BASE[0]) & (xyz <= SCENE_AABB_BASE[1])).all()
    _, nothing = points_on_objects(frame, SCENE_AABB_BASE + 5.0, 20, np.random.default_rng(0))
    assert not nothing.any()


def test_the_choice_is_kept_until_an_episode_changes(named_store):
    first = load_named_points(named_store, "toy", SCENE_AABB_BASE)
    seen: list[int] = []
    again = load_named_points(named_store, "toy", SCENE_AABB_BASE, lambda *_: seen.append(1))
    np.testing.assert_array_equal(first.xyz, again.xyz)
    assert not seen
    named_store.write("toy", 3, named_store.read("toy", 0))
    assert len(load_named_points(named_store, "toy", SCENE_AABB_BASE).xyz) > len(first.xyz)


def test_a_file_cut_short_is_made_again(named_store):
    first = load_named_points(named_store, "toy", SCENE_AABB_BASE)
    path = named_store.root / ".names" / "toy.npz"
    path.write_bytes(path.read_bytes()[:200])
    np.testing.assert_array_equal(load_named_points(named_store, "toy", SCENE_AABB_BASE).xyz, first.xyz)


def test_points_move_with_the_scene(named_store):
    task = load_task(named_store, "toy", FusionConfig(SCENE_AABB_BASE))
    named = load_named_points(named_store, "toy", SCENE_AABB_BASE)
    data = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(4096), named=[named])
    sample = data.draw(np.random.default_rng(3))
    from_label = np.linalg.norm(sample.named_xyz - sample.target, axis=1)
    low, high = SCENE_AABB_BASE
    half = (high - low) / 2
    expected = [np.linalg.norm((points - task.target[0, :3, 3]) / half, axis=1) for points in named.xyz[::2]]
    assert min(np.abs(from_label - e).max() for e in expected) < 1e-4
    inside = (np.abs(sample.named_xyz) <= 1).all(axis=1)
    assert set(sample.named_ids[inside]) == {0, 1}
    assert (sample.named_ids[~inside] == -1).all()
    assert data.names == ("blue drawer", "red button")


def test_a_store_without_masks_is_refused(toy_store, tmp_path):
    with pytest.raises(DatasetError, match="dynarend collect"):
        load_named_points(toy_store(tmp_path), "toy", SCENE_AABB_BASE)
