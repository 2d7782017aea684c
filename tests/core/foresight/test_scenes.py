"""Held-out scenes: the compared view is never among the inputs."""

import dataclasses
from pathlib import Path

import pytest

from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.foresight.scenes import TARGET_VIEWS, rlbench_scenes, stored_scenes

REAL = Path(__file__).parents[3] / ".." / "shared/data/rlbench_real"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the recorded RLBench episodes (../shared) are not here")


def names(scene):
    return [v.name for v in scene.observation.views]


@pytest.fixture
def with_targets(toy_store, tmp_path):
    """The toy table with two target views a frame, two transitions an episode."""
    store = toy_store(tmp_path)
    for i in store.episodes("toy"):
        record = store.read("toy", i)
        frames = []
        for frame in record.frames:
            targets = tuple(dataclasses.replace(frame.views[0], name=f"orbit{k}") for k in range(2))
            frames.append(dataclasses.replace(frame, targets=targets))
        moves = (*record.transitions, dataclasses.replace(record.transitions[0], frame_index=1, target_index=0, step=1))
        store.write("toy", i, dataclasses.replace(record, frames=tuple(frames), transitions=moves))
    return store


def test_the_compared_camera_is_left_out(toy_store, tmp_path):
    store = toy_store(tmp_path)
    (scene,) = stored_scenes(store, "side", 1)
    assert (scene.now.name, scene.future.name, scene.camera, names(scene)) == ("side", "side", "side", ["front"])
    (scene,) = stored_scenes(store, None, 1)
    assert (scene.camera, names(scene)) == ("front", ["side"])


def test_target_views_and_a_still_camera_come_in_turn(with_targets):
    scenes = list(stored_scenes(with_targets, None, 3))
    assert [s.now.name for s in scenes] == ["orbit0", "front", "orbit1"]
    assert [s.future.name for s in scenes] == ["orbit0", "front", "orbit1"]
    assert [s.camera for s in scenes] == [TARGET_VIEWS, "front", TARGET_VIEWS]
    assert [names(s) for s in scenes] == [["front", "side"], ["side"], ["front", "side"]]
    (scene,) = stored_scenes(with_targets, "orbit1", 1)
    assert (scene.camera, names(scene)) == ("orbit1", ["front", "side"])


def test_every_episode_comes_once_before_any_comes_twice(with_targets):
    scenes = list(stored_scenes(with_targets, "side", 5))
    assert [s.observation.step for s in scenes] == [0, 1, 0, 1, 0]
    assert len(list(stored_scenes(with_targets, "side", 99))) == 6


def test_what_cannot_be_compared_is_named(toy_store, tmp_path):
    store = toy_store(tmp_path, 1)
    with pytest.raises(DatasetError, match="it has front, side"):
        list(stored_scenes(store, "overhead", 1))
    with pytest.raises(DatasetError, match="it has front, side"):
        list(stored_scenes(store, TARGET_VIEWS, 1))
    with pytest.raises(DatasetError, match="dynarend collect"):
        list(stored_scenes(DemonstrationStore(tmp_path / "nothing"), None, 1))
    with pytest.raises(DatasetError, match="no RLBench episodes"):
        list(rlbench_scenes(tmp_path, None, 1))
    record = store.read("toy", 0)
    alone = tuple(dataclasses.replace(f, views=f.views[:1]) for f in record.frames)
    store.write("toy", 0, dataclasses.replace(record, frames=alone))
    with pytest.raises(DatasetError, match="the only one"):
        list(stored_scenes(store, "front", 1))


@needs_real
def test_real_episodes_show_the_overhead_camera_from_the_other_four():
    scenes = list(rlbench_scenes(REAL, None, 9))
    assert len(scenes) == 9
    for scene in scenes:
        assert (scene.task, scene.camera, scene.now.name) == ("open_drawer", "overhead", "overhead")
        assert sorted(names(scene)) == ["front", "left_shoulder", "right_shoulder", "wrist"]
        assert scene.future.stamp_ns > scene.now.stamp_ns == scene.observation.stamp_ns
    assert sorted(s.observation.step for s in scenes[:3]) == [0, 1, 2]
    with pytest.raises(DatasetError, match="no camera 'nose'"):
        list(rlbench_scenes(REAL, "nose", 1))
