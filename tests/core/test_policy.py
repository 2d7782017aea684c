import dataclasses

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import gripper_rotation_angle, rotation_angle, rotation_x, rotation_z
from dynarend_core.networks.checkpoint import save_checkpoint
from dynarend_core.policy import Policy
from dynarend_core.types import CameraView, EpisodeMemory, GripperState, Keyframe, Observation, PointCloud

TIP = se3.make(rotation_x(np.pi), np.array([0.3, 0.0, 0.5]))


@pytest.fixture
def policy(debug_network, debug_info, encoder):
    return Policy(debug_network, debug_info, encoder=encoder)


@pytest.fixture
def observation(coloured_boxes):
    xyz, rgb, name, _ = coloured_boxes.scene(np.random.default_rng(0))
    cloud = PointCloud(xyz.astype(np.float32), rgb.astype(np.uint8))
    return Observation((), GripperState(TIP, True), f"touch the {name} box", cloud=cloud)


def test_a_prediction_is_a_pose_in_the_workspace_with_maps_that_sum_to_one(policy, observation):
    prediction = policy.act(observation)
    T = se3.check(prediction.keyframe.T_base_gripper)
    assert (SCENE_AABB_BASE[0] <= T[:3, 3]).all()
    assert (T[:3, 3] <= SCENE_AABB_BASE[1]).all()
    coarse, zoom = prediction.value_maps
    assert coarse.probability.sum() == pytest.approx(1.0, abs=1e-4)
    assert zoom.probability.sum() == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(np.ptp(zoom.aabb_base, axis=0), 0.30)
    assert 0.0 <= prediction.confidence <= 1.0
    assert prediction.latency_s > 0


def test_the_same_observation_gives_the_same_answer(policy, observation):
    first, second = policy.act(observation), policy.act(observation)
    np.testing.assert_array_equal(first.keyframe.T_base_gripper, second.keyframe.T_base_gripper)


def test_a_policy_from_disk_answers_as_before(policy, observation, debug_info, tmp_path):
    save_checkpoint(tmp_path, policy.network, debug_info)
    loaded = Policy.from_checkpoint(tmp_path)
    np.testing.assert_array_equal(
        loaded.act(observation).keyframe.T_base_gripper, policy.act(observation).keyframe.T_base_gripper
    )


def test_the_grippers_rotation_is_not_looked_at(policy, observation):
    turned = GripperState(se3.make(TIP[:3, :3] @ rotation_z(0.7), TIP[:3, 3]), True)
    other = policy.act(dataclasses.replace(observation, gripper=turned))
    T, T_other = policy.act(observation).keyframe.T_base_gripper, other.keyframe.T_base_gripper
    np.testing.assert_array_equal(T[:3, 3], T_other[:3, 3])
    assert gripper_rotation_angle(T[:3, :3], T_other[:3, :3]) < 1e-3


def test_of_two_equal_grasps_the_one_that_turns_less_is_taken(policy, observation):
    R = policy.act(observation).keyframe.T_base_gripper[:3, :3]
    for yaw in (0.0, 0.4, 2.8):
        start = R @ rotation_z(yaw)
        now = GripperState(se3.make(start, TIP[:3, 3]), True)
        chosen = policy.act(dataclasses.replace(observation, gripper=now)).keyframe.T_base_gripper[:3, :3]
        assert rotation_angle(chosen, start) < np.pi / 2 + 1e-3


def test_words_gripper_and_memory_matter_and_the_count_of_keyframes_does_not(policy, observation):
    before = policy.act(observation).value_maps[0].probability
    counted = policy.act(dataclasses.replace(observation, step=3)).value_maps[0].probability
    np.testing.assert_array_equal(counted, before)
    begun = EpisodeMemory.begin(observation)
    seen_first = dataclasses.replace(observation, cloud=cloud(np.random.default_rng(1).uniform(0.1, 0.4, (400, 3))))
    for change in (
        {"instruction": "touch the purple thing"},
        {"gripper": GripperState(TIP, False)},
        {"gripper": GripperState(TIP, True, 0.01)},
        {"memory": begun.after(Keyframe(TIP, True), observation)},
        {"memory": EpisodeMemory.begin(seen_first)},
    ):
        after = policy.act(dataclasses.replace(observation, **change)).value_maps[0].probability
        assert np.abs(after - before).max() > 0


def test_views_are_fused_when_no_cloud_is_given(policy, observation):
    K = np.array([[60.0, 0, 32], [0, 60, 32], [0, 0, 1]])
    above = se3.make(rotation_x(np.pi), np.array([0.45, 0.0, 0.8]))
    view = CameraView("top", np.full((64, 64, 3), 90, np.uint8), np.full((64, 64), 0.75, np.float32), K, above)
    prediction = policy.act(dataclasses.replace(observation, views=(view,), cloud=None))
    assert np.isfinite(prediction.keyframe.T_base_gripper).all()


def cloud(xyz):
    return PointCloud(np.asarray(xyz, dtype=np.float32), np.zeros((len(xyz), 3), np.uint8))


@pytest.mark.parametrize(
    ("xyz", "message"),
    [
        (np.zeros((0, 3)), "none of 0 points"),
        (np.full((5, 3), 7.0), "none of 5 points"),
        ([[0.3, 0.0, 0.1], [np.nan, 0, 0]], "1 of 2 points are not finite"),
    ],
)
def test_unusable_clouds_are_refused(policy, observation, xyz, message):
    with pytest.raises(ObservationError, match=message):
        policy.act(dataclasses.replace(observation, cloud=cloud(xyz)))


def test_a_non_finite_gripper_and_an_empty_instruction_are_refused(policy, observation):
    for broken in (np.full((4, 4), np.nan), se3.make(np.full((3, 3), np.nan), TIP[:3, 3])):
        with pytest.raises(ObservationError, match="gripper"):
            policy.act(dataclasses.replace(observation, gripper=GripperState(broken, True)))
    with pytest.raises(InvalidInputError, match="empty"):
        policy.act(dataclasses.replace(observation, instruction=" "))


def test_a_single_point_is_enough_to_answer(policy, observation):
    prediction = policy.act(dataclasses.replace(observation, cloud=cloud([[0.4, 0.0, 0.1]])))
    assert np.isfinite(prediction.keyframe.T_base_gripper).all()
