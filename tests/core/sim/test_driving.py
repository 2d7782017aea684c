"""Recoveries and labeled policies: what is recorded is what happened, and equal seeds give equal episodes."""

from __future__ import annotations

import numpy as np

from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.geometry import se3
from dynarend_core.sim.mujoco.driving import Recording, label_policy, recover
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import MEMORY, Keyframe, Observation, Prediction

TASK = "turn_tap"


class Clumsy:
    """Does what the expert would, 4 cm beside it at first."""

    def __init__(self, environment: MujocoEnvironment, misses: int) -> None:
        self.environment, self.misses = environment, misses
        self.recalled: list[list[bool]] = []

    def act(self, observation: Observation) -> Prediction:
        assert observation.memory is not None
        self.recalled.append([past.reached for past in observation.memory.past])
        world = self.environment.world
        label = world.task.next_keyframe(world)
        assert label is not None
        if observation.step >= self.misses:
            return Prediction(label, 1.0, ())
        T = label.T_base_gripper @ se3.make(t=[0.0, 0.04, 0.0])
        return Prediction(Keyframe(T, label.gripper_open, label.ignore_collisions), 1.0, ())


def test_a_recovery_says_what_the_arm_did_instead_of_the_label(environment: MujocoEnvironment) -> None:
    episodes = [recover(environment, TASK, seed, Recording(displaced=0)) for seed in (502, 503, 504)]
    assert any(result.episode is not None and result.episode.executed for result in episodes)
    for result in episodes:
        if result.episode is None:
            continue
        assert result.episode.origin == "recovery"
        for t in result.episode.transitions:
            done = result.episode.executed.get(t.frame_index, t.keyframe)
            reached = result.episode.frames[t.target_index].gripper.T_base_gripper
            assert np.linalg.norm(reached[:3, 3] - done.T_base_gripper[:3, 3]) < 0.02


def test_equal_seeds_give_equal_recoveries(environment: MujocoEnvironment, tmp_path) -> None:
    files = []
    for name in "ab":
        episode = recover(environment, TASK, 502, Recording()).episode
        assert episode is not None
        files.append(DemonstrationStore(tmp_path / name).write(TASK, 0, episode).read_bytes())
    assert files[0] == files[1]


def test_every_state_of_a_policy_has_the_experts_label(environment: MujocoEnvironment) -> None:
    policy = Clumsy(environment, misses=3)
    result = label_policy(environment, policy, TASK, 505, recording=Recording(displaced=0))
    assert result.success
    assert [len(past) for past in policy.recalled] == [min(i, MEMORY) for i in range(len(policy.recalled))]
    episode = result.episode
    assert episode is not None
    assert episode.origin == "policy"
    beside = [np.linalg.norm((episode.executed[t.frame_index].T_base_gripper - t.keyframe.T_base_gripper)[:3, 3])
              for t in episode.transitions]  # fmt: skip
    np.testing.assert_allclose(beside[:3], 0.04, atol=1e-6)
    np.testing.assert_allclose(beside[3:], 0.0, atol=1e-6)
    assert [t.step for t in episode.transitions] == list(range(len(episode.transitions)))


def test_the_expert_drives_the_rest(environment: MujocoEnvironment) -> None:
    result = label_policy(environment, Clumsy(environment, misses=99), TASK, 505, 0.5, Recording(displaced=0))
    assert result.episode is not None
    share = len(result.episode.executed) / len(result.episode.transitions)
    assert 0.1 < share < 0.9
