"""Training on the toy world: it resumes exactly, and it learns."""

import dataclasses

import numpy as np
import pytest
import torch

from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.errors import CheckpointError, ConfigurationError, TrainingError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import build_network
from dynarend_core.training.batch import LossModule, collate
from dynarend_core.training.loop import LoopConfig, TrainingLoop
from dynarend_core.training.presets import TrainingConfig
from dynarend_core.training.resume import PROGRESS, STATE


@pytest.fixture(scope="module")
def dataset(coloured_boxes):
    return KeyframeDataset([coloured_boxes.task_clouds(6)], SCENE_AABB_BASE, SampleConfig(1024, 512))


def make_loop(dataset, encoder, info, **changes):
    torch.manual_seed(0)
    training = TrainingConfig(steps=4, batch_size=2, warmup_steps=2, learning_rate=1e-3)
    config = dataclasses.replace(LoopConfig(training, bf16=False), **changes)
    network = build_network(info)

    def prepare(rng, count):
        return collate([dataset.draw(rng) for _ in range(count)], encoder, rng)

    return TrainingLoop(network, LossModule(network, 0.01), prepare, config)


def test_two_steps_and_two_more_after_resuming_equal_four(dataset, encoder, debug_info, tmp_path):
    straight = make_loop(dataset, encoder, debug_info)
    losses = [log.losses["total"] for log in straight.run()]
    first = make_loop(dataset, encoder, debug_info)
    halves = [log.losses["total"] for log in first.run(until_step=2)]
    first.save(tmp_path)
    torch.manual_seed(99)
    second = make_loop(dataset, encoder, debug_info)
    with torch.no_grad():
        for p in second.network.parameters():
            p.add_(1.0)
    second.resume(tmp_path)
    halves += [log.losses["total"] for log in second.run()]
    assert halves == losses
    assert len(losses) == 4
    for name, value in straight.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


def test_a_diverged_run_stops_and_says_so(dataset, encoder, debug_info):
    loop = make_loop(dataset, encoder, debug_info, training=TrainingConfig(steps=50, batch_size=1, warmup_steps=2))
    with torch.no_grad():
        loop.network.coarse.stem.first.weight.fill_(float("nan"))
    steps = []
    with pytest.raises(TrainingError, match="20 steps in a row"):
        steps.extend(log.step for log in loop.run())
    assert len(steps) == 19


def test_batches_prepared_ahead_are_the_same(dataset, encoder, debug_info):
    inline = [log.losses["total"] for log in make_loop(dataset, encoder, debug_info).run()]
    ahead = [log.losses["total"] for log in make_loop(dataset, encoder, debug_info, workers=2).run()]
    assert ahead == inline


def test_resuming_with_other_settings_is_refused(dataset, encoder, debug_info, tmp_path):
    make_loop(dataset, encoder, debug_info).save(tmp_path)
    with pytest.raises(CheckpointError, match="seed=7"):
        make_loop(dataset, encoder, debug_info, seed=7).resume(tmp_path)


def test_damaged_and_missing_state_is_refused(dataset, encoder, debug_info, tmp_path):
    loop = make_loop(dataset, encoder, debug_info)
    with pytest.raises(CheckpointError, match="nothing to resume"):
        loop.resume(tmp_path)
    loop.save(tmp_path)
    (tmp_path / STATE).write_bytes(b"\x00" * 100)
    with pytest.raises(CheckpointError, match="damaged"):
        loop.resume(tmp_path)


def test_a_time_limit_ends_the_run(dataset, encoder, debug_info):
    assert len(list(make_loop(dataset, encoder, debug_info, time_limit_s=1e-3).run())) == 1


def test_a_few_samples_are_learned(coloured_boxes, encoder, debug_info):
    """Forty steps on two scenes must bring the value maps' losses close to their floor."""
    task = coloured_boxes.task_clouds(2)
    data = KeyframeDataset([task], SCENE_AABB_BASE, SampleConfig(2048, 1024))
    training = TrainingConfig(steps=40, batch_size=8, warmup_steps=5, learning_rate=3e-3)
    logs = list(make_loop(data, encoder, debug_info, training=training).run())
    start = np.mean([log.losses["coarse"] + log.losses["zoom"] for log in logs[:3]])
    end = np.mean([log.losses["coarse"] + log.losses["zoom"] for log in logs[-3:]])
    assert end < 0.65 * start
    assert logs[-1].losses["gripper"] < 0.3


def test_the_state_of_another_network_is_refused(dataset, encoder, debug_info, tmp_path):
    make_loop(dataset, encoder, debug_info).save(tmp_path)
    larger = dataclasses.replace(debug_info, network=dataclasses.replace(debug_info.network, reader_depth=2))
    with pytest.raises(CheckpointError, match="another network"):
        make_loop(dataset, encoder, larger).resume(tmp_path)


def test_counters_belong_to_the_weights_even_if_a_crash_came_between_the_two_files(
    dataset, encoder, debug_info, tmp_path
):
    loop = make_loop(dataset, encoder, debug_info)
    loop.save(tmp_path)
    stale = (tmp_path / PROGRESS).read_text()
    list(loop.run(until_step=2))
    loop.save(tmp_path)
    (tmp_path / PROGRESS).write_text(stale)
    again = make_loop(dataset, encoder, debug_info)
    again.resume(tmp_path)
    assert again.step == 2


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_time_limit_that_is_over_before_it_starts_is_refused(limit):
    with pytest.raises(ConfigurationError, match="time limit"):
        LoopConfig(TrainingConfig(), time_limit_s=limit)
