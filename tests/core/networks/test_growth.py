"""A network that gets a memory, or another comparison, keeps what it has learned."""

import dataclasses
import json

import pytest
import torch

from dynarend_core.errors import CheckpointError
from dynarend_core.networks.checkpoint import build_network, load_checkpoint, load_info, save_checkpoint
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.growth import can_grow, grow
from dynarend_core.networks.language import WordTokens
from dynarend_core.networks.network_input import NetworkInput
from dynarend_core.training.presets import preset

WITH = preset("debug").network
WITHOUT = dataclasses.replace(
    WITH, memory=False, first_points=0, coarse=dataclasses.replace(WITH.coarse, late_match=False)
)


def some_input(b=2):
    g = torch.Generator().manual_seed(0)
    return NetworkInput(
        points=torch.rand(b, 300, 6, generator=g) * 2 - 1,
        words=WordTokens(torch.randn(b, 4, 768, generator=g), torch.ones(b, 4, dtype=torch.bool)),
        gripper_open=torch.ones(b),
        step=torch.zeros(b, dtype=torch.long),
        tip=torch.rand(b, 3, generator=g),
        frame=torch.tensor([[0.0, 0, 0, 1, 0]]).expand(b, -1),
        first=torch.rand(b, 300, 6, generator=g) * 2 - 1,
    )


def test_what_is_new_says_nothing_before_it_is_trained():
    torch.manual_seed(0)
    start = DynaRend(WITHOUT).eval()
    for column in range(1, 18):  # what the counter had learned is lost
        start.reader.state_in[0].weight.data[:, column] = 0.0
    wanted = dataclasses.replace(WITH, coarse=dataclasses.replace(WITH.coarse, late_match=False))
    grown = DynaRend(wanted).eval()
    grow(start, grown)
    given = some_input()
    torch.testing.assert_close(grown.look(given).values.heat, start.look(given).values.heat, atol=1e-4, rtol=1e-4)


def test_networks_grow_and_do_not_shrink_or_change_their_sizes():
    assert can_grow(WITHOUT, WITH)
    assert can_grow(WITH, WITH)
    assert not can_grow(WITH, WITHOUT)
    assert not can_grow(WITHOUT, dataclasses.replace(WITH, reader_depth=2))


def test_a_folder_of_format_version_1_counts_keyframes(tmp_path, debug_info):
    old = dataclasses.replace(debug_info, network=WITHOUT)
    network = build_network(old)
    save_checkpoint(tmp_path, network, old)
    config = json.loads((tmp_path / "config.json").read_text())
    for name in ("memory", "first_points"):
        del config["network"][name]
    for stage in ("coarse", "zoom"):
        del config["network"][stage]["late_match"]
    config["schema_version"] = 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded, info = load_checkpoint(tmp_path)
    assert info.network == WITHOUT
    given = some_input()
    counted = dataclasses.replace(given, step=given.step + 2)
    assert not torch.equal(loaded.look(given).values.heat, loaded.look(counted).values.heat)
    config["schema_version"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="reads 1 and 2"):
        load_info(tmp_path)
