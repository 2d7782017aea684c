"""What is remembered of an episode, and how it reaches the network: once, for robots and for training."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from dynarend_core.datasets.augmentation import AugmentationConfig, blur_memory, forget
from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.given import given
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.records import Alternative
from dynarend_core.errors import DatasetError
from dynarend_core.evaluation.demonstration import record_steps
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x, rotation_z
from dynarend_core.networks.network_input import stack_given
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.policy import Policy
from dynarend_core.types import MEMORY, EpisodeMemory, GripperState, Keyframe, Observation

DOWN = rotation_x(np.pi)
STILL = AugmentationConfig(
    translation_m=0, yaw_deg=0, brightness=0, contrast=0, tint=0, colour_noise=0, position_noise_m=0, dropout=0,
    recolour=0, past_noise_m=0, past_noise_deg=0, width_noise_m=0, forget=0, forget_all=0,
)  # fmt: skip


def pose(x, yaw=0.0):
    return se3.make(rotation_z(yaw) @ DOWN, np.array([x, 0.0, 0.2]))


def at(x, yaw=0.0, width=0.08):
    return Observation((), GripperState(pose(x, yaw), width > 0.07, width), "go")


def test_the_last_keyframes_are_kept_newest_first():
    start = at(0.3)
    memory = EpisodeMemory.begin(start)
    for i in range(MEMORY + 2):
        memory = memory.after(Keyframe(pose(0.01 * i), False), at(0.01 * i, width=0.001 * i))
    assert len(memory.past) == MEMORY
    assert [round(1000 * p.width_m) for p in memory.past] == [5, 4, 3, 2]
    assert memory.recalled(at(0.5)).memory.first.gripper is start.gripper


@pytest.mark.parametrize(
    ("found", "reached"),
    [
        (pose(0.3), True),
        (pose(0.32, np.deg2rad(10)), True),
        (pose(0.3, np.pi), True),  # the same grasp
        (pose(0.34), False),
        (pose(0.3, np.deg2rad(20)), False),
        (se3.make(rotation_x(np.pi + 0.4), pose(0.3)[:3, 3]), False),
    ],
)
def test_a_keyframe_is_reached_where_the_gripper_rests_near_it(found, reached):
    memory = EpisodeMemory.begin(at(0.0)).after(
        Keyframe(pose(0.3), True), Observation((), GripperState(found, True), "go")
    )
    assert memory.past[0].reached is reached


def chain(toy_store, root, **changes):
    """A store of one episode: start, keyframe, displaced copy, two more keyframes; transitions from each."""
    store = toy_store(root, 1)
    record = store.read("toy", 0)
    places = [(0.40, "start"), (0.42, "keyframe"), (0.43, "displaced"), (0.46, "keyframe"), (0.50, "keyframe")]
    frames = tuple(
        dataclasses.replace(record.frames[0], kind=kind, gripper=GripperState(pose(x), i < 3, 0.08 - 0.01 * i))
        for i, (x, kind) in enumerate(places)
    )
    move = record.transitions[0]
    moves = [(0, 1, 0, 0.42), (1, 3, 1, 0.46), (2, 3, 1, 0.46), (3, 4, 2, 0.50)]
    transitions = tuple(
        dataclasses.replace(move, frame_index=a, target_index=b, step=s, keyframe=Keyframe(pose(x), s < 1))
        for a, b, s, x in moves
    )
    store.write("toy", 0, dataclasses.replace(record, frames=frames, transitions=transitions, **changes))
    return store


def dataset(store, **options):
    task = load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))
    return KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(4096, 512, augmentation=STILL), **options)


def places(observation):
    return [round(float(p.keyframe.T_base_gripper[0, 3]), 2) for p in observation.memory.past]


def test_a_stored_frame_remembers_what_led_to_it(toy_store, tmp_path):
    data = dataset(chain(toy_store, tmp_path))
    seen = [data.observation(0, row, "go")[0] for row in range(4)]
    assert [places(o) for o in seen] == [[], [0.42], [0.42], [0.46, 0.42]]
    assert [round(p.width_m, 3) for p in seen[3].memory.past] == [0.05, 0.07]
    assert [p.keyframe.gripper_open for p in seen[3].memory.past] == [False, True]
    assert all(p.reached for p in seen[3].memory.past)
    assert {round(float(o.memory.first.gripper.T_base_gripper[0, 3]), 2) for o in seen} == {0.4}


def test_what_was_done_is_remembered_and_not_what_should_have_been(toy_store, tmp_path):
    data = dataset(chain(toy_store, tmp_path, executed={1: Keyframe(pose(0.60), True)}, origin="policy"))
    last = data.observation(0, 3, "go")[0]
    assert places(last) == [0.60, 0.42]
    assert [p.reached for p in last.memory.past] == [False, True]


def test_a_demonstration_replayed_is_remembered_as_the_one_trained_on(toy_store, tmp_path):
    store = chain(toy_store, tmp_path)
    steps = list(record_steps(store.read("toy", 0), None, None))
    data = dataset(store)
    trained = [data.observation(0, row, "go")[0] for row in (0, 1, 3)]
    assert [places(s.observation) for s in steps] == [places(o) for o in trained]


def test_training_and_acting_give_the_network_the_same(toy_store, tmp_path, debug_network, debug_info, encoder):
    data = dataset(chain(toy_store, tmp_path))
    sample = data.augmented(0, 3, np.random.default_rng(0))
    observation, _ = data.observation(0, 3, sample.given.instruction)
    trained = stack_given([sample.given], encoder)
    acting = Policy(debug_network, debug_info, encoder=encoder).network_input(observation)
    for name in ("gripper_open", "width", "tip", "frame", "past", "past_known", "step"):
        torch.testing.assert_close(getattr(trained, name), getattr(acting, name), msg=name)
    for cloud in ("points", "first"):
        assert {tuple(p) for p in getattr(trained, cloud)[0].numpy().round(3).tolist()} & {
            tuple(p) for p in getattr(acting, cloud)[0].numpy().round(3).tolist()
        }


def test_memory_moves_with_the_scene():
    observation = EpisodeMemory.begin(at(0.3)).after(Keyframe(pose(0.4, 0.3), False), at(0.4)).recalled(at(0.45))
    motion = se3.make(rotation_z(0.5), np.array([0.05, -0.1, 0.02]))
    empty = np.zeros((0, 6), np.float32)
    still, moved = (given(observation, empty, empty, SCENE_AABB_BASE, m) for m in (None, motion))
    R = motion[:3, :3]
    np.testing.assert_allclose(moved.past[0, 3:6], R @ still.past[0, 3:6], atol=1e-6)  # place relative to the tip
    np.testing.assert_allclose(moved.past[0, 6:9], R @ still.past[0, 6:9], atol=1e-6)  # approach axis
    np.testing.assert_allclose(moved.past[0, 15:], still.past[0, 15:])  # what is no place stays
    np.testing.assert_allclose(moved.past[0, :3] - moved.past[0, 3:6], moved.tip, atol=1e-6)


def test_memory_is_blurred_together_and_forgotten_now_and_then():
    memory = EpisodeMemory.begin(at(0.3)).after(Keyframe(pose(0.4), False), at(0.4, width=0.03))
    memory = memory.after(Keyframe(pose(0.5), False), at(0.5, width=0.03))
    config, rng = AugmentationConfig(forget=0.3, forget_all=0.2), np.random.default_rng(0)
    offsets = []
    for _ in range(300):
        blurred = blur_memory(memory, config, rng)
        each = [
            b.keyframe.T_base_gripper[:3, 3] - p.keyframe.T_base_gripper[:3, 3]
            for b, p in zip(blurred.past, memory.past, strict=True)
        ]
        np.testing.assert_allclose(each[0], each[1], atol=1e-12)  # else their mean would give the place away
        offsets.append(each[0])
    assert np.std(offsets) == pytest.approx(0.01, rel=0.15)
    example = given(
        memory.recalled(at(0.5)), np.zeros((5, 6), np.float32), np.ones((5, 6), np.float32), SCENE_AABB_BASE
    )
    seen = [forget(example, config, rng) for _ in range(600)]
    assert np.mean([s.past_known[:2] for s in seen]) == pytest.approx(0.8 * 0.7, abs=0.06)
    assert np.mean([(np.abs(s.first[:, :3]) > 5).all() for s in seen]) == pytest.approx(0.3, abs=0.07)
    assert not any(s.past_known[2:].any() for s in seen)


def test_a_scene_comes_twice_under_two_instructions_and_is_the_same_scene(toy_store, tmp_path):
    other = Alternative(("open it", "pull it"), Keyframe(pose(0.7), True))
    store = chain(toy_store, tmp_path, alternatives={0: (other,)})
    task = load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))
    moving = dataclasses.replace(STILL, translation_m=0.05, yaw_deg=10.0, brightness=0.1, forget=0.2)
    data = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(1024, 256, augmentation=moving))
    assert {"press it", "open it", "pull it"} <= set(data.sentences())
    samples = data.draw_batch(np.random.default_rng(0), 60, paired=True)
    assert len(samples) == 60
    pairs = [(a, b) for a, b in itertools.pairwise(samples) if b.given.instruction in other.instructions]
    assert len(pairs) > 5
    for own, second in pairs:
        assert own.given.instruction == "press it"
        for name in ("points", "first", "tip", "frame", "past", "past_known"):
            np.testing.assert_array_equal(getattr(own.given, name), getattr(second.given, name))
        np.testing.assert_allclose(own.other, second.target)
        np.testing.assert_allclose(second.other, own.target)
        assert np.linalg.norm(own.target - second.target) == pytest.approx(2 * 0.28, abs=1e-3)
        assert (own.target_open, second.target_open) == (True, True)
    alone = data.draw_batch(np.random.default_rng(0), 30)
    assert all(np.isnan(s.other).all() and s.given.instruction == "press it" for s in alone)


def test_demonstrations_are_drawn_by_their_origin(toy_store, tmp_path):
    store = toy_store(tmp_path, 4)
    for i in (1, 2):
        store.write("toy", i, dataclasses.replace(store.read("toy", i), origin="recovery"))
    rng = np.random.default_rng(0)

    def drawn(weights):
        data = dataset(store, origin_weights=weights)
        return [int(data.tasks[0].episode[data.pick(rng)[1]]) for _ in range(600)]

    assert set(drawn((1, 0, 0))) == {0, 3}
    shares = np.bincount(drawn((1, 3, 1)), minlength=4) / 600
    np.testing.assert_allclose(shares, [1 / 8, 3 / 8, 3 / 8, 1 / 8], atol=0.06)
    with pytest.raises(DatasetError, match="no usable"):
        dataset(store, origin_weights=(0, 0, 1))
