"""What `pretrain` and `finetune` understand by their options."""

import argparse

import pytest
import torch

from dynarend_core.commands import finetune, pretrain
from dynarend_core.commands.training_options import training_settings
from dynarend_core.errors import ConfigurationError


def parse(*words):
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for verb in (pretrain, finetune):
        verb.register(subparsers)
    return parser.parse_args(words)


def test_given_options_change_the_preset_and_nothing_else(tmp_path):
    words = ("--data", "d", "--out", str(tmp_path), "--preset", "debug", "--steps", "7", "--device", "cpu", "--fp32")
    preset, loop = training_settings(parse("pretrain", *words))
    assert (preset.training.steps, loop.training.steps, preset.training.batch_size) == (7, 7, 16)
    assert (loop.device, loop.bf16) == ("cpu", False)


def test_weights_and_mask_reach_the_rendering(tmp_path):
    words = ("--data", "d", "--out", str(tmp_path), "--future-weight", "0", "--mask-ratio", "0.1", "0.3")
    args = parse("pretrain", *words)
    preset, _ = training_settings(args)
    rendering = pretrain._rendering(args, preset.rendering)
    assert (rendering.weights.future, rendering.weights.now, rendering.mask_ratio) == (0.0, 1.0, (0.1, 0.3))


def test_from_is_the_policy_to_start_from(tmp_path):
    args = parse("finetune", "--data", "d", "--out", str(tmp_path), "--from", "runs/p/policy")
    assert str(args.initial_policy) == "runs/p/policy"


@pytest.mark.parametrize("verb", ["pretrain", "finetune"])
def test_a_run_is_not_overwritten(verb, tmp_path):
    (tmp_path / "state").mkdir()
    with pytest.raises(ConfigurationError, match="--resume"):
        training_settings(parse(verb, "--data", "d", "--out", str(tmp_path)))


@pytest.mark.parametrize("has", [True, False])
def test_bfloat16_is_used_where_the_processor_has_it(has, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": has})
    options = ("finetune", "--data", "d", "--out", str(tmp_path), "--preset", "debug", "--device", "cpu")
    assert training_settings(parse(*options))[1].bf16 is has
    assert not training_settings(parse(*options, "--fp32"))[1].bf16


def test_the_late_match_head_may_be_left_out(tmp_path):
    options = ("finetune", "--data", "d", "--out", str(tmp_path), "--preset", "debug")
    chosen = [training_settings(parse(*options, *o))[0] for o in ((), ("--no-late-match",))]
    assert [c.network.coarse.late_match for c in chosen] == [True, False]
