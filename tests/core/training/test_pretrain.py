"""The command's road, from a store to pictures and to a network that fine-tuning starts from."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import CheckpointError, ConfigurationError, DatasetError
from dynarend_core.networks.checkpoint import build_network, load_checkpoint
from dynarend_core.rendering.renderer_file import load_renderer
from dynarend_core.training.finetune import Finetune
from dynarend_core.training.finetune_config import FinetuneConfig
from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.presets import preset
from dynarend_core.training.pretrain import Pretrain
from dynarend_core.training.pretrain_config import PretrainConfig
from dynarend_core.training.render_losses import RenderWeights


@pytest.fixture
def config(tmp_path, toy_store):
    toy_store(tmp_path / "data")
    debug = preset("debug")
    training = dataclasses.replace(debug.training, steps=4, batch_size=2)
    debug = dataclasses.replace(debug, training=training)
    return PretrainConfig(
        tmp_path / "data",
        tmp_path / "run",
        "debug",
        debug,
        LoopConfig(training, bf16=False),
        held_out_camera="side",
        validation_scenes=1,
    )


def with_weights(config, **weights):
    rendering = dataclasses.replace(config.preset.rendering, weights=RenderWeights(**weights))
    return dataclasses.replace(config, preset=dataclasses.replace(config.preset, rendering=rendering))


def test_a_run_leaves_pictures_logs_and_a_network_to_fine_tune(config):
    report = Pretrain(config).execute()
    assert {(r.when, r.source, r.camera) for r in report.rendering} >= {
        ("now", "rendered", "side"),
        ("future", "rendered", "side"),
        ("now", "splat", "side"),
    }
    assert all(np.isfinite([r.psnr_db, r.depth_cm]).all() for r in report.rendering)
    assert cv2.imread(report.picture) is not None
    rows = [json.loads(line) for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss/future_depth"] > 0
    assert rows[-1]["rendering"][0]["camera"] == "side"
    network, _ = load_checkpoint(config.out / "policy")
    assert not [k for k in network.state_dict() if "renderer" in k or "mask" in k]
    assert load_renderer(config.out / "policy") is not None
    tune = FinetuneConfig(
        config.data,
        config.out.parent / "tuned",
        "debug",
        config.preset,
        config.loop,
        initial_policy=config.out / "policy",
    )
    assert Finetune(tune).execute().steps == 4


def test_an_interrupted_run_ends_like_an_uninterrupted_one(config):
    class Interrupted(Exception):
        pass

    def stop(log):
        if log.step == 3:
            raise Interrupted

    straight, broken = [], []
    Pretrain(config, on_step=lambda log: straight.append(log.losses)).execute()
    config = dataclasses.replace(config, out=config.out.parent / "broken", save_every_s=0.0)
    with pytest.raises(Interrupted):
        Pretrain(config, on_step=stop).execute()
    config = dataclasses.replace(config, resume=True)
    Pretrain(config, on_step=lambda log: broken.append(log.losses)).execute()
    assert broken == straight[-len(broken) :]
    assert broken
    weights = [load_file(config.out.parent / run / "policy" / "policy.safetensors") for run in ("run", "broken")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    with pytest.raises(CheckpointError, match="without=None"):
        Pretrain(dataclasses.replace(config, held_out_camera=None)).execute()


def test_without_prediction_nothing_that_reads_or_predicts_is_taught(config):
    only_now = with_weights(config, future=0.0)
    seen = []
    Pretrain(only_now, on_step=lambda log: seen.append(log.losses)).execute()
    assert all(s["future_rgb"] == 0 for s in seen)
    network, info = load_checkpoint(config.out / "policy")
    torch.manual_seed(config.loop.seed)
    fresh = build_network(info).state_dict()
    trained = network.state_dict()
    stays = ("coarse.encoders.1.", "coarse.match", "coarse.decoder", "reader.")
    assert all(torch.equal(trained[k], fresh[k]) for k in trained if k.startswith(stays))
    assert not all(torch.equal(trained[k], fresh[k]) for k in trained if k.startswith("coarse.encoders.0."))


def test_the_future_teaches_to_read_but_no_value_map(config):
    """Which future comes depends on the instruction; where to go, no image tells."""
    Pretrain(config).execute()
    network, info = load_checkpoint(config.out / "policy")
    torch.manual_seed(config.loop.seed)
    fresh, trained = build_network(info).state_dict(), network.state_dict()
    for part in ("reader.", "coarse.encoders.1.", "coarse.match_in."):
        assert not all(torch.equal(trained[k], fresh[k]) for k in trained if k.startswith(part)), part
    for part in ("coarse.decoder.heat.", "coarse.match_gain.", "pose."):
        assert all(torch.equal(trained[k], fresh[k]) for k in trained if k.startswith(part)), part


def test_rendering_is_learned(config):
    """Eighty steps on three tables: every term falls, depths fast."""
    training = dataclasses.replace(config.preset.training, steps=80, batch_size=4, translation_m=0.02, yaw_deg=5.0)
    config = with_weights(config, rgb=10.0, depth=1.0)
    chosen = dataclasses.replace(config.preset, training=training)
    seen = []
    config = dataclasses.replace(config, preset=chosen, loop=LoopConfig(training, bf16=False))
    Pretrain(config, on_step=lambda log: seen.append(log.losses)).execute()
    for name, share in {"now_rgb": 0.9, "now_depth": 0.3, "future_rgb": 0.9, "future_depth": 0.3}.items():
        start, end = (np.mean([s[name] for s in part]) for part in (seen[:5], seen[-5:]))
        assert end < share * start, name


def test_a_run_without_losses_or_data_is_refused(config, tmp_path):
    with pytest.raises(ConfigurationError, match="no loss is left"):
        with_weights(config, rgb=0.0, depth=0.0, semantic=0.0, naming=0.0, finding=0.0)
    with pytest.raises(ConfigurationError, match="none may be negative"):
        with_weights(config, finding=-0.5)
    with pytest.raises(DatasetError, match="dynarend collect"):
        Pretrain(dataclasses.replace(config, data=tmp_path / "empty")).execute()


@pytest.mark.parametrize("change", [{"rays": 0}, {"mask_ratio": (20.0, 60.0)}, {"mask_ratio": (0.6, 0.2)}])
def test_rays_and_masks_out_of_range_are_refused(config, change):
    preset_ = config.preset
    with pytest.raises(ConfigurationError, match="rays must be at least 1"):
        dataclasses.replace(
            config, preset=dataclasses.replace(preset_, rendering=dataclasses.replace(preset_.rendering, **change))
        )


def test_a_run_that_only_unknown_names_could_teach_is_refused(config):
    with pytest.raises(ConfigurationError, match="nothing to learn from"):
        Pretrain(dataclasses.replace(with_weights(config, rgb=0.0, depth=0.0), semantics="none")).execute()


def test_a_validation_store_is_looked_at_before_training(config, tmp_path):
    seen = []
    with pytest.raises(DatasetError, match="dynarend collect"):
        Pretrain(dataclasses.replace(config, validation_data=tmp_path / "no"), on_step=seen.append).execute()
    assert not seen


def test_a_run_is_not_resumed_with_other_episodes(config):
    Pretrain(dataclasses.replace(config, save_every_s=0.0)).execute()
    store = DemonstrationStore(config.data)
    store.write("toy", 77, store.read("toy", 0))
    with pytest.raises(CheckpointError, match="settings"):
        Pretrain(dataclasses.replace(config, resume=True)).execute()
