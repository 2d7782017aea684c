import json

import numpy as np
import pytest
import torch

from dynarend_core.errors import CheckpointError
from dynarend_core.networks.checkpoint import CONFIG, WEIGHTS, load_checkpoint, save_checkpoint


@pytest.fixture
def folder(tmp_path, debug_network, debug_info):
    save_checkpoint(tmp_path / "policy", debug_network, debug_info, "# a card\n")
    return tmp_path / "policy"


def test_round_trip(folder, debug_network, debug_info):
    network, info = load_checkpoint(folder)
    assert info == debug_info
    assert not network.training
    for name, value in debug_network.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_loading_leaves_the_global_generator_alone(folder):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load_checkpoint(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
@pytest.mark.parametrize("keep", [0, 10, 0.5])
def test_truncated_files_are_refused(folder, name, keep):
    path = folder / name
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_weights_of_another_network_are_refused(folder):
    config = json.loads((folder / CONFIG).read_text())
    config["network"]["coarse"]["width"] = 96
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(folder)


def test_other_schema_and_language_model_are_refused(folder):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "schema_version": 99}))
    with pytest.raises(CheckpointError, match="99"):
        load_checkpoint(folder)
    (folder / CONFIG).write_text(json.dumps({**config, "language_model": "another"}))
    with pytest.raises(CheckpointError, match="another"):
        load_checkpoint(folder)


def test_non_finite_weights_are_refused(tmp_path, debug_network, debug_info):
    with torch.no_grad():
        next(debug_network.parameters()).view(-1)[0] = np.nan
    save_checkpoint(tmp_path, debug_network, debug_info)
    with pytest.raises(CheckpointError, match="non-finite"):
        load_checkpoint(tmp_path)
