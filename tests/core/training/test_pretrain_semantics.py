"""What things are called, from the store's masks or from feature maps, into losses; and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from dynarend_core.datasets.feature_maps import compute_features
from dynarend_core.errors import CheckpointError, DatasetError
from dynarend_core.foresight import Foresight
from dynarend_core.networks.checkpoint import load_checkpoint, save_checkpoint
from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.names import name_vectors
from dynarend_core.training.presets import preset
from dynarend_core.training.pretrain import Pretrain
from dynarend_core.training.pretrain_config import PretrainConfig


def config_of(store, steps=4, **options):
    debug = preset("debug")
    training = dataclasses.replace(debug.training, steps=steps, batch_size=4, translation_m=0.02, yaw_deg=5.0)
    debug = dataclasses.replace(debug, training=training)
    out = store.root.parent / "run"
    return PretrainConfig(
        store.root, out, "debug", debug, LoopConfig(training, bf16=False), validation_scenes=1, **options
    )


def losses_of(config):
    seen = []
    Pretrain(config, on_step=lambda log: seen.append(log.losses)).execute()
    return {name: np.array([s[name] for s in seen]) for name in seen[0]}


def test_names_are_learned_in_the_field_and_in_the_match_head(named_store):
    losses = losses_of(config_of(named_store, steps=150))
    for name in ("now_semantic", "future_semantic", "naming", "finding"):
        assert losses[name][-5:].mean() < 0.8 * losses[name][:5].mean(), name


def test_without_masks_training_goes_on_without_meaning_and_says_so_once(toy_store, tmp_path, caplog):
    losses = losses_of(config_of(toy_store(tmp_path / "data")))
    assert not losses["now_semantic"].any()
    assert not losses["naming"].any()
    assert not losses["finding"].any()
    assert [r.message for r in caplog.records].count("no semantic targets: the store has no object masks") == 1


def test_feature_maps_are_targets_too(toy_store, tmp_path):
    store = toy_store(tmp_path / "data")

    def grey(images):
        return images.mean(-1, keepdims=True)[:, ::8, ::8].astype(np.float32).repeat(3, -1)

    compute_features(store, "toy", "grey", grey, "grey-1")
    losses = losses_of(config_of(store, semantics="grey"))
    assert losses["now_semantic"].all()
    assert not losses["naming"].any()


def test_what_was_asked_for_and_is_not_there_is_refused_with_the_remedy(toy_store, tmp_path):
    store = toy_store(tmp_path / "data")
    for options, remedy in (
        ({"semantics": "names"}, "--semantics none"),
        ({"semantics": "radio"}, "dynarend features"),
        ({"target_views": True}, "--target-views K"),
    ):
        with pytest.raises(DatasetError, match=remedy):
            Pretrain(config_of(store, **options)).execute()


def test_a_renderer_is_fitted_to_a_finished_policy_and_the_policy_stays(
    named_store, debug_network, debug_info, tmp_path
):
    finished = tmp_path / "finished"
    save_checkpoint(finished, debug_network, debug_info, "# the card\n")
    with pytest.raises(CheckpointError, match="fit-renderer"):
        Foresight.from_policy(finished)
    config = config_of(named_store, frozen_policy=finished)
    Pretrain(config).execute()
    weights, _ = load_checkpoint(config.out / "policy")
    assert all(torch.equal(v, debug_network.state_dict()[k]) for k, v in weights.state_dict().items())
    assert (config.out / "policy" / "CARD.md").read_text() == "# the card\n"
    assert Foresight.from_policy(config.out / "policy").renderer is not None
    small = dataclasses.replace(config, preset_name="small", preset=preset("small"))
    with pytest.raises(CheckpointError, match="--preset debug"):
        Pretrain(small).execute()


def test_vectors_of_names_tell_colours_apart(encoder):
    names = ("red button", "blue button", "green button", "top drawer", "table", "steak")
    vectors = name_vectors(names, encoder)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(len(names)))
    assert float((vectors[0] * vectors[1]).sum()) < 0.7
