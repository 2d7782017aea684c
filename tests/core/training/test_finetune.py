"""The command's road, from a store on disk to a policy that acts."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dynarend_core.datasets.records import Alternative
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import CheckpointError, ConfigurationError, DatasetError
from dynarend_core.networks.checkpoint import load_info
from dynarend_core.policy import Policy
from dynarend_core.training.finetune import Finetune
from dynarend_core.training.finetune_config import FinetuneConfig
from dynarend_core.training.finetune_data import load_finetune_data
from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.presets import preset
from dynarend_core.types import Keyframe


@pytest.fixture
def config(tmp_path, toy_store):
    toy_store(tmp_path / "data")
    debug = preset("debug")
    training = dataclasses.replace(debug.training, steps=4, batch_size=2)
    return FinetuneConfig(
        tmp_path / "data",
        tmp_path / "run",
        "debug",
        dataclasses.replace(debug, training=training),
        LoopConfig(training, bf16=False),
    )


def test_a_run_leaves_a_policy_that_acts_logs_and_a_card(config):
    report = Finetune(config).execute()
    assert report.steps == 4
    assert report.validation[0].task == "toy"
    policy = Policy.from_checkpoint(config.out / "policy")
    record = DemonstrationStore(config.data).read("toy", 0)
    keyframe = policy.act(record.observation(record.transitions[0])).keyframe
    assert np.isfinite(keyframe.T_base_gripper).all()
    rows = [json.loads(line) for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["step"] == 1
    assert rows[-1]["validation"][0]["frames"] == 1
    assert "toy (3)" in (config.out / "policy" / "CARD.md").read_text()
    assert not list(config.out.rglob("*.pkl"))
    assert not list(config.out.rglob("*.pt"))


def test_an_interrupted_run_goes_on(config):
    class Interrupted(Exception):
        pass

    def stop(log):
        if log.step == 2:
            raise Interrupted

    config = dataclasses.replace(config, save_every_s=0.0)
    with pytest.raises(Interrupted):
        Finetune(config, on_step=lambda log: stop(log)).execute()
    seen = []
    report = Finetune(dataclasses.replace(config, resume=True), on_step=lambda log: seen.append(log.step)).execute()
    assert seen[0] == 2
    assert report.steps == 4
    steps = [json.loads(line)["step"] for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_a_run_is_not_resumed_with_other_demonstrations(config):
    Finetune(config).execute()
    with pytest.raises(CheckpointError, match="demonstrations=2"):
        Finetune(dataclasses.replace(config, resume=True, demonstrations=2)).execute()


def test_all_demonstrations_asked_for_are_trained_on_and_others_validated_with(config):
    train, held_out = load_finetune_data(dataclasses.replace(config, demonstrations=2), None)
    assert set(train.tasks[0].episode[train.rows[0]]) == {0, 1}
    assert set(held_out.tasks[0].episode[held_out.rows[0]]) == {2}
    train, held_out = load_finetune_data(dataclasses.replace(config, validation_data=config.data), None)
    assert set(train.tasks[0].episode[train.rows[0]]) == {0, 1, 2}
    with pytest.raises(DatasetError, match="4 episodes"):
        load_finetune_data(dataclasses.replace(config, demonstrations=4), None)


def test_naming_is_learned_beside_the_actions(config, named_store):
    training = dataclasses.replace(config.loop.training, steps=120, batch_size=4, translation_m=0.02, yaw_deg=5.0)
    config = dataclasses.replace(
        config,
        data=named_store.root,
        out=config.out.parent / "named",
        preset=dataclasses.replace(config.preset, training=training),
        loop=LoopConfig(training, bf16=False),
        naming=True,
    )
    seen = []
    Finetune(config, on_step=lambda log: seen.append(log.losses["naming"])).execute()
    assert np.mean(seen[-5:]) < 0.8 * np.mean(seen[:5])


def test_places_are_told_apart_pairs_drawn_and_both_logged(config, named_store):
    for i in named_store.episodes("toy"):
        record = named_store.read("toy", i)
        T = record.transitions[0].keyframe.T_base_gripper.copy()
        T[0, 3] += 0.2
        others = {0: (Alternative(("push it",), Keyframe(T, True)),)}
        named_store.write("toy", i, dataclasses.replace(record, alternatives=others))
    config = dataclasses.replace(
        config, data=named_store.root, out=config.out.parent / "grounded", naming_late=True, paired=True
    )
    seen = []
    Finetune(config, on_step=lambda log: seen.append(log.losses)).execute()
    assert {"accuracy/naming", "accuracy/answer", "accuracy/toy answer"} <= set(seen[-1])
    assert seen[0]["late_naming"] > 0
    assert seen[0]["naming"] == 0
    first = json.loads((config.out / "metrics.jsonl").read_text().splitlines()[0])
    assert 0.0 <= first["accuracy/answer"] <= 1.0
    coarse = dataclasses.replace(config.preset.network.coarse, late_match=False)
    without = dataclasses.replace(config.preset, network=dataclasses.replace(config.preset.network, coarse=coarse))
    with pytest.raises(ConfigurationError, match="--late-match"):
        dataclasses.replace(config, preset=without)


def averaged(config, **changes):
    training = dataclasses.replace(config.loop.training, average=0.9, steps=6)
    loop = dataclasses.replace(config.loop, training=training)
    return dataclasses.replace(
        config, preset=dataclasses.replace(config.preset, training=training), loop=loop, **changes
    )


def weights(folder):
    return load_file(folder / "policy" / "policy.safetensors")


def test_a_run_with_average_and_focus_goes_on_as_if_it_had_not_stopped(config):
    class Interrupted(Exception):
        pass

    def stop(log):
        if log.step == 5:
            raise Interrupted

    config = averaged(config, focus_from=0.5, save_every_s=0.0)
    whole = dataclasses.replace(config, out=config.out.parent / "whole")
    Finetune(whole).execute()
    with pytest.raises(Interrupted):
        Finetune(config, on_step=stop).execute()
    assert (config.out / "focus_0000003.json").is_file()
    Finetune(dataclasses.replace(config, resume=True)).execute()
    straight, broken = weights(whole.out), weights(config.out)
    assert all(torch.equal(straight[k], broken[k]) for k in straight)
    files = [sorted(p.name for p in out.glob("focus_*.json")) for out in (whole.out, config.out)]
    assert files[0] == files[1] == ["focus_0000003.json", "focus_0000004.json", "focus_0000005.json"]
    state = load_file(config.out / "state" / "state.safetensors")
    assert all(torch.equal(state[f"average.{k}"], v) for k, v in broken.items())
    assert any(not torch.equal(state[f"network.{k}"], v) for k, v in broken.items())


def test_plain_demonstrations_alone_are_drawn_on_request(config):
    store = DemonstrationStore(config.data)
    store.write("toy", 1, dataclasses.replace(store.read("toy", 1), origin="policy"))
    config = dataclasses.replace(config, validation_data=config.data, origin_weights=(1.0, 0.0, 0.0))
    train, held_out = load_finetune_data(config, None)
    assert set(train.tasks[0].episode[train.rows[0]]) == {0, 2}
    assert set(held_out.tasks[0].episode[held_out.rows[0]]) == {0, 1, 2}
    for wrong in ((0.0, 0.0, 0.0), (1.0, -1.0, 0.0)):
        with pytest.raises(ConfigurationError, match="origins"):
            dataclasses.replace(config, origin_weights=wrong)
    with pytest.raises(ConfigurationError, match="--focus-from"):
        dataclasses.replace(config, focus_from=1.5)


def test_an_empty_store_is_refused(config, tmp_path):
    with pytest.raises(DatasetError, match="dynarend collect"):
        Finetune(dataclasses.replace(config, data=tmp_path / "empty")).execute()


def test_a_log_line_cut_off_by_a_crash_does_not_stop_the_next_run(config):
    Finetune(dataclasses.replace(config, save_every_s=0.0)).execute()
    log = config.out / "metrics.jsonl"
    log.write_text(log.read_text() + '{"step": 4, "loss/co')
    Finetune(dataclasses.replace(config, resume=True)).execute()
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert rows[0]["step"] == 1
    assert "validation" in rows[-1]


def test_a_damaged_episode_is_named(config):
    path = DemonstrationStore(config.data).path("toy", 1)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"episode_000001\.npz"):
        Finetune(config).execute()


def test_starting_from_a_policy_of_another_size_is_refused(config, tmp_path):
    Finetune(config).execute()
    network = dataclasses.replace(config.preset.network, reader_depth=2)
    other = dataclasses.replace(
        config,
        out=tmp_path / "other",
        preset=dataclasses.replace(config.preset, network=network),
        initial_policy=config.out / "policy",
    )
    with pytest.raises(CheckpointError, match="sizes"):
        Finetune(other).execute()


def test_a_policy_may_get_the_comparison_with_points_and_draws_what_it_misses(config):
    Finetune(config).execute()
    coarse = dataclasses.replace(config.preset.network.coarse, point_match=True)
    network = dataclasses.replace(config.preset.network, coarse=coarse)
    second = dataclasses.replace(
        config,
        out=config.out.parent / "second",
        preset=dataclasses.replace(config.preset, network=network),
        initial_policy=config.out / "policy",
        focus=True,
    )
    Finetune(second).execute()
    assert load_info(second.out / "policy").network.coarse.point_match
    shares = json.loads((second.out / "focus.json").read_text())
    assert sum(f["share"] for f in shares) == pytest.approx(1.0)
    (second.out / "focus.json").write_text(json.dumps(shares[::-1]))
    Finetune(dataclasses.replace(second, resume=True)).execute()
    assert json.loads((second.out / "focus.json").read_text()) == shares[::-1]
    with pytest.raises(ConfigurationError, match="--from"):
        dataclasses.replace(config, focus=True)


def test_a_card_tells_what_a_policy_started_from(config):
    Finetune(config).execute()
    second = dataclasses.replace(config, out=config.out.parent / "second", initial_policy=config.out / "policy")
    Finetune(second).execute()
    third = dataclasses.replace(config, out=config.out.parent / "third", initial_policy=second.out / "policy")
    Finetune(third).execute()
    runs = load_info(third.out / "policy").training["started_from"]
    assert [run["steps"] for run in runs] == [4, 4]
    assert (third.out / "policy" / "CARD.md").read_text().count("Started from a policy of 4 steps") == 2
    assert "Started from" not in (config.out / "policy" / "CARD.md").read_text()
