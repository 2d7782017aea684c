"""Pixels and cloud must stay one scene under augmentation; caches must notice other episodes."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from dynarend_core.datasets import points
from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.rendering_dataset import PixelConfig, PixelSample, RenderingDataset
from dynarend_core.datasets.semantics import ObjectNames
from dynarend_core.datasets.view_cache import load_views
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import FusionConfig


def dataset(store, **options):
    task = load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))
    augmentation = AugmentationConfig(brightness=0, contrast=0, tint=0, colour_noise=0, dropout=0, recolour=0)
    keyframes = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(8192, 0, 0.0, 0.0, augmentation))
    return RenderingDataset(keyframes, [load_views(store, "toy")], PixelConfig(rays=64, **options))


def enriched(record, names, targets=1):
    """An episode with white target views and with maps: top half ``names[0]``, bottom half ``names[-1]``."""
    ids = np.full((64, 64), len(names), np.uint8)
    ids[:32] = 1
    frames = []
    for f in record.frames:
        front = f.views[0]
        extra = tuple(
            dataclasses.replace(front, name=f"orbit{i}", rgb=np.full_like(front.rgb, 255)) for i in range(targets)
        )
        frames.append(dataclasses.replace(f, targets=extra, object_ids=(ids,) * (2 + targets)))
    return dataclasses.replace(record, frames=tuple(frames), object_names=tuple(names))


@pytest.fixture
def rich_store(toy_store, tmp_path):
    store = toy_store(tmp_path, 3)
    for i, names in enumerate((["red button", "table"], ["table", "blue button"], ["robot arm", "table"])):
        store.write("toy", i, enriched(store.read("toy", i), names))
    return store


def test_pixels_lie_on_the_augmented_cloud(toy_store, tmp_path):
    data, rng = dataset(toy_store(tmp_path)), np.random.default_rng(0)
    for _ in range(5):
        drawn = data.draw(rng)
        cloud = drawn.sample.given.points[np.abs(drawn.sample.given.points[:, 0]) < 2]
        tree = cKDTree(cloud[:, :3])
        for p in (drawn.now, drawn.future):
            along = np.concatenate([(p.uv - p.K[:2, 2]) / p.K[[0, 1], [0, 1]], np.ones((64, 1))], axis=1)
            surface = se3.apply(p.T_base_camera, along * p.depth[:, None])
            assert p.valid.mean() > 0.5
            distance, nearest = tree.query(points.normalise(surface[p.valid], SCENE_AABB_BASE))
            assert np.median(distance) < 0.02  # 1 cm
            colours = cloud[nearest, 3:] / 2 + 0.5
            assert np.median(np.abs(colours - p.rgb[p.valid])) < 0.02


def test_a_future_is_looked_at_where_it_differs(toy_store, tmp_path):
    """One small patch turns white at the next keyframe: a tenth of a percent of the pixels, a third of the rays."""
    data, rng = dataset(toy_store(tmp_path)), np.random.default_rng(0)
    painted = np.array(data.views[0].rgb)
    painted[1::2, :, 30:36, 30:36] = 255
    data.views[0] = dataclasses.replace(data.views[0], rgb=painted)
    drawn = [data.draw(rng) for _ in range(12)]
    white = np.mean([(d.future.rgb == 1).all(axis=1).mean() for d in drawn])
    assert white > 0.2
    assert not any((d.now.rgb == 1).all(axis=1).any() for d in drawn)


def test_a_future_is_mostly_seen_by_a_camera_that_stands_still(rich_store):
    data, rng = dataset(rich_store), np.random.default_rng(0)
    poses = np.array(data.views[0].T_base_camera)
    poses[:, 1:, 0, 3] += 0.001 * np.arange(len(poses))[:, None]  # all but the first camera move
    data.views[0] = dataclasses.replace(data.views[0], T_base_camera=poses)
    frame = data.views[0].target_frame[0]
    drawn = np.array([data._camera(0, frame, frame - 1, rng) for _ in range(600)])
    assert np.mean(drawn == 0) == pytest.approx(2 / 3, abs=0.06)
    assert set(drawn) == {0, 1, 2}


def test_rays_through_nothing_end_where_they_leave_the_workspace(toy_store, tmp_path):
    """Behind a quarter of the image nothing is: at most an eighth of the rays goes there, and they meet no surface."""
    data, rng = dataset(toy_store(tmp_path)), np.random.default_rng(0)
    far = np.array(data.views[0].depth)
    far[:, :, :, 48:] = 60000  # 6 m: beyond every wall of the workspace
    data.views[0] = dataclasses.replace(data.views[0], depth=far)
    pixels = [p for _ in range(12) for p in dataclasses.astuple(data.draw(rng))[1:]]
    pixels = [PixelSample(*p) for p in pixels]
    assert sum(p.free.any() for p in pixels) > len(pixels) / 2
    for p in pixels:
        assert p.free.sum() <= 64 // 8
        assert not (p.free & p.valid).any()
        assert (p.uv[p.valid, 0] < 48).all()
        along = np.concatenate([(p.uv - p.K[:2, 2]) / p.K[[0, 1], [0, 1]], np.ones((64, 1))], axis=1)
        leaves = se3.apply(p.T_base_camera, along * p.depth[:, None])[p.free]
        on_wall = np.abs(np.abs(points.normalise(leaves, SCENE_AABB_BASE)).max(axis=1) - 1.0)
        assert (on_wall < 1e-3).all()


def test_a_held_out_camera_is_never_drawn(toy_store, tmp_path):
    """Its colours are overwritten with white in the cache; no drawn pixel is white."""
    data, rng = dataset(toy_store(tmp_path), without_camera="side"), np.random.default_rng(0)
    painted = np.array(data.views[0].rgb)
    painted[:, 1] = 255
    data.views[0] = dataclasses.replace(data.views[0], rgb=painted)
    for _ in range(8):
        drawn = data.draw(rng)
        assert (drawn.now.rgb < 1).any(axis=1).all()
        assert (drawn.future.rgb < 1).any(axis=1).all()


def test_an_unknown_camera_is_refused_with_the_known_ones(toy_store, tmp_path):
    with pytest.raises(DatasetError, match="front, side"):
        dataset(toy_store(tmp_path), without_camera="overhead")


def test_target_views_are_drawn_like_inputs_also_beside_a_held_out_camera(rich_store):
    data, rng = dataset(rich_store, without_camera="side"), np.random.default_rng(0)
    drawn = [data.draw(rng) for _ in range(16)]
    white = [bool((p.rgb == 1).all()) for d in drawn for p in (d.now, d.future)]
    assert 0 < sum(white) < len(white), "both the front camera and the white target view should be drawn"
    assert data.cameras == [[0, 2]]
    with pytest.raises(DatasetError, match="'orbit0' cannot be held out"):
        dataset(rich_store, without_camera="orbit0")


def test_the_cache_is_the_store_and_follows_it(toy_store, tmp_path):
    store = toy_store(tmp_path, 2)
    views = load_views(store, "toy")
    record = store.read("toy", 1)
    np.testing.assert_array_equal(views.rgb[2, 1], record.frames[0].views[1].rgb)
    assert views.depth_m(2, 0, np.array([3]), np.array([4]))[0] == pytest.approx(0.75, abs=1e-4)
    assert views.target_frame.tolist() == [1, 3]
    toy_store(tmp_path, 3)
    assert load_views(store, "toy").target_frame.tolist() == [1, 3, 5]
    (tmp_path / ".views" / "toy" / "depth.bin").unlink()
    assert load_views(store, "toy").depth_m(0, 0, np.array([0]), np.array([0]))[0] > 0


def test_objects_get_one_numbering_for_the_whole_task(rich_store):
    views = load_views(rich_store, "toy")
    assert views.object_names == ("red button", "table", "blue button", "robot arm")
    assert (views.cameras, views.targets) == (("front", "side"), ("orbit0",))
    assert views.rgb.shape == (6, 3, 64, 64, 3)
    assert views.objects.shape == views.depth.shape == (6, 3, 64, 64)
    assert views.K.shape[:2] == views.T_base_camera.shape[:2] == (6, 3)
    assert (views.rgb[:, 2] == 255).all()
    for frame, (top, bottom) in enumerate((("red button", "table"), ("table", "blue button"), ("robot arm", "table"))):
        for camera in range(3):
            ids = views.objects[2 * frame, camera]
            assert views.object_names[ids[0, 0] - 1] == top
            assert views.object_names[ids[63, 5] - 1] == bottom


def test_a_store_without_target_views_says_how_to_get_some(rich_store, toy_store, tmp_path):
    load_views(rich_store, "toy").require_targets()
    with pytest.raises(DatasetError, match=r"dynarend collect --target-views K.*dynarend target-views"):
        load_views(toy_store(tmp_path / "plain", 1), "toy").require_targets()


def test_one_episode_without_maps_leaves_the_task_without(rich_store):
    record = rich_store.read("toy", 1)
    frames = tuple(dataclasses.replace(f, object_ids=()) for f in record.frames)
    rich_store.write("toy", 1, dataclasses.replace(record, frames=frames))
    views = load_views(rich_store, "toy")
    assert views.objects is None
    assert views.object_names == ()
    assert views.targets == ("orbit0",)


def test_episodes_with_other_target_views_or_too_many_names_are_refused(rich_store, toy_store, tmp_path):
    plain = toy_store(tmp_path / "plain", 1).read("toy", 0)
    names = [[f"thing {i} {j}" for j in range(200)] for i in range(2)]
    for i in range(2):
        rich_store.write("toy", i, enriched(plain, names[i]))
    with pytest.raises(DatasetError, match="400 different objects, at most 255"):
        load_views(rich_store, "toy")
    rich_store.write("toy", 0, enriched(plain, names[0], targets=2))
    with pytest.raises(DatasetError, match="as many target views"):
        load_views(rich_store, "toy")


def test_the_first_episodes_alone_keep_clouds_and_views_in_step(rich_store):
    everything = load_task(rich_store, "toy", FusionConfig(SCENE_AABB_BASE))
    for count in (1, 2, 3):
        clouds = load_task(rich_store, "toy", FusionConfig(SCENE_AABB_BASE), episodes=count)
        views = load_views(rich_store, "toy", episodes=count)
        assert len(clouds.frame) == len(views.target_frame) == count
        assert len(clouds.instructions) == count
        np.testing.assert_array_equal(clouds.frame, everything.frame[:count])
        np.testing.assert_array_equal(views.target_frame, clouds.frame + 1)
    for load in (lambda n: load_task(rich_store, "toy", FusionConfig(SCENE_AABB_BASE), episodes=n),
                 lambda n: load_views(rich_store, "toy", episodes=n)):  # fmt: skip
        for count in (0, 4):
            with pytest.raises(DatasetError, match=f"{count} episodes .* holds 3"):
                load(count)


def test_small_objects_are_drawn_as_often_as_large_ones(toy_store, tmp_path):
    store = toy_store(tmp_path, 1)
    record = store.read("toy", 0)
    ids = np.full((64, 64), 1, np.uint8)
    ids[30:32, 30:32] = 2
    frames = tuple(dataclasses.replace(f, object_ids=(ids, ids)) for f in record.frames)
    store.write("toy", 0, dataclasses.replace(record, frames=frames, object_names=("table", "red button")))
    task = load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))
    keyframes = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(1024, 0, 0.0, 0.0))
    views = [load_views(store, "toy")]
    source = ObjectNames(views)
    drawn = RenderingDataset(keyframes, views, PixelConfig(64), source).draw(np.random.default_rng(0)).now
    seen = [source.names[i] for i in drawn.names[drawn.valid]]
    assert 8 <= seen.count("red button") <= 28
    for (u, v), i in zip(drawn.uv, drawn.names, strict=True):
        assert (source.names[i] == "red button") == (30 <= u < 32 and 30 <= v < 32)


def test_names_are_refused_where_the_store_has_no_masks(toy_store, tmp_path):
    with pytest.raises(DatasetError, match="--semantics none"):
        ObjectNames([load_views(toy_store(tmp_path), "toy")])
