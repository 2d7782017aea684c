"""Several looks agree on what most of them say, and moving a scene there and back changes nothing."""

import dataclasses

import numpy as np
import pytest

from dynarend_core.datasets import points
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.geometry.rotations import rotation_x, rotation_z
from dynarend_core.looks import SHIFT_M, agreed, scene_motions
from dynarend_core.policy import Policy
from dynarend_core.types import GripperState, Keyframe, Observation, PointCloud

DOWN = rotation_x(np.pi)


def keyframe(x, yaw=0.0, gripper_open=True, ignore_collisions=False):
    return Keyframe(se3.make(rotation_z(yaw) @ DOWN, np.array([x, 0.0, 0.2])), gripper_open, ignore_collisions)


def test_motions_are_rigid_small_and_always_the_same():
    motions = scene_motions(5, SCENE_AABB_BASE)
    np.testing.assert_array_equal(motions[0], np.eye(4))
    for motion, again in zip(motions, scene_motions(5, SCENE_AABB_BASE), strict=True):
        se3.check(motion)
        np.testing.assert_array_equal(motion, again)
        middle = SCENE_AABB_BASE.mean(axis=0)
        assert np.abs(se3.apply(motion, middle[None])[0] - middle).max() <= SHIFT_M
    assert len({m.tobytes() for m in motions}) == 5


def test_the_largest_group_answers_with_its_mean_and_majority():
    found, share = agreed([keyframe(0.5), keyframe(0.30, 0.1, False), keyframe(0.31, 0.2, False), keyframe(0.32, 0.3)])
    assert share == 0.75
    np.testing.assert_allclose(found.T_base_gripper, keyframe(0.31, 0.2).T_base_gripper)
    assert not found.gripper_open


def test_at_a_draw_the_first_look_counts():
    found, share = agreed([keyframe(0.3, gripper_open=False), keyframe(0.5)])
    assert (found.T_base_gripper[0, 3], share, found.gripper_open) == (0.3, 0.5, False)
    assert not agreed([keyframe(0.3, gripper_open=False), keyframe(0.3)])[0].gripper_open


def test_a_policy_that_follows_the_scene_answers_as_with_one_look(debug_network, debug_info, encoder, monkeypatch):
    rng = np.random.default_rng(0)
    xyz = rng.uniform([0.3, -0.1, 0.1], [0.5, 0.1, 0.3], (500, 3)).astype(np.float32)
    cloud = PointCloud(xyz, np.full((500, 3), 99, np.uint8))
    observation = Observation((), GripperState(se3.make(DOWN, xyz[0].astype(float)), True), "go", cloud=cloud)
    policy = Policy(debug_network, dataclasses.replace(debug_info, looks=4), encoder=encoder)
    given = []

    def centre(cloud, observation, motion=None):
        """Where the cloud's middle is, turned as the network is told that the scene is."""
        network_input = policy._network_input(cloud, observation, motion)
        given.append(network_input)
        c, s = network_input.frame[0, 3:].double().numpy()
        T = se3.make(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ DOWN,
                     points.denormalise(cloud[:, :3].mean(axis=0), policy.aabb).astype(float))  # fmt: skip
        return Keyframe(T, True), 1.0, ()

    monkeypatch.setattr(policy, "_answer", centre)
    found = policy.act(observation)
    assert found.confidence == pytest.approx(1.0)
    np.testing.assert_allclose(found.keyframe.T_base_gripper, se3.make(DOWN, xyz.mean(axis=0)), atol=1e-5)
    assert len(given) == 4
    for one in given:  # the tip moves with the scene
        nearest = (one.points[0, :, :3] - one.tip).norm(dim=1).min()
        assert nearest < 1e-4
