"""What a policy misses is drawn more often."""

import numpy as np
import pytest

from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.policy import Policy
from dynarend_core.training.focus import FLOOR, apply_focus, measure_focus
from dynarend_core.types import Keyframe, Prediction


@pytest.fixture
def dataset(toy_store, tmp_path):
    store = toy_store(tmp_path / "data", episodes=4)
    return KeyframeDataset([load_task(store, "toy", FusionConfig(SCENE_AABB_BASE))], SCENE_AABB_BASE, SampleConfig())


class RightBut(Policy):
    """Says what was demonstrated, but lies by 10 cm at one step."""

    def __init__(self, dataset, wrong_step):
        self.dataset, self.wrong_step = dataset, wrong_step

    def act(self, observation):
        task = self.dataset.tasks[0]
        row = next(
            r
            for r in self.dataset.rows[0]
            if np.allclose(task.tip[task.frame[r]], observation.gripper.T_base_gripper)
            and task.step[r] == observation.step
        )
        target = task.target[row]
        if observation.step == self.wrong_step:
            target = se3.make(target[:3, :3], target[:3, 3] + [0.1, 0, 0])
        keyframe = Keyframe(target, bool(task.target_open[row]), bool(task.target_ignore[row]))
        return Prediction(keyframe, 1.0, (), 0.0)


def test_shares_follow_misses_and_draws_follow_shares(dataset):
    steps = dataset.tasks[0].step[dataset.rows[0]]
    wrong = int(steps[0])
    focus = measure_focus(RightBut(dataset, wrong), dataset)
    assert sum(f.share for f in focus) == pytest.approx(1.0)
    assert {f.step: f.missed for f in focus} == {s: float(s == wrong) for s in np.unique(steps).tolist()}
    apply_focus(dataset, focus)
    rng = np.random.default_rng(0)
    drawn = [dataset.tasks[0].step[dataset.pick(rng)[1]] for _ in range(2000)]
    others = len(focus) - 1
    assert np.mean(np.array(drawn) == wrong) == pytest.approx((1 + FLOOR) / (1 + FLOOR + others * FLOOR), abs=0.03)


def test_a_long_task_does_not_take_the_draws_of_a_short_one(dataset):
    twice = KeyframeDataset([dataset.tasks[0]] * 2, SCENE_AABB_BASE, SampleConfig())
    focus = measure_focus(RightBut(dataset, -1), twice)
    assert sum(f.share for f in focus) == pytest.approx(1.0)
    assert {round(f.share, 6) for f in focus} == {round(0.5 / (len(focus) // 2), 6)}


def test_tasks_are_drawn_by_their_shares_too(dataset):
    both = KeyframeDataset([dataset.tasks[0]] * 2, SCENE_AABB_BASE, SampleConfig())
    both.weigh([np.full(len(rows), w) for rows, w in zip(both.rows, (3.0, 1.0), strict=True)])
    rng = np.random.default_rng(0)
    assert np.mean([both.pick(rng)[0] == 0 for _ in range(2000)]) == pytest.approx(0.75, abs=0.03)


def test_weights_of_another_dataset_are_refused(dataset):
    with pytest.raises(DatasetError, match="weights"):
        dataset.weigh([np.ones(1)])
    with pytest.raises(DatasetError, match="weights"):
        dataset.weigh([-np.ones(len(dataset.rows[0]))])
