import dataclasses

import pytest
import torch

from dynarend_core.networks.dynarend import MAX_STEPS, DynaRend, NetworkConfig, NetworkInput
from dynarend_core.networks.language import WordTokens
from dynarend_core.networks.stage import StageConfig
from dynarend_core.training.presets import PRESETS

PAPER_LIKE = NetworkConfig(
    coarse=StageConfig("point_mlp", 48, 4, (1, 1), 64, token_cells=4, value_cells=16, channels=8), zoom=None
)


def network_input(b=2, n=300, words=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    return NetworkInput(
        points=torch.rand(b, n, 6, generator=g) * 2 - 1,
        words=WordTokens(torch.randn(b, words, 768, generator=g), torch.ones(b, words, dtype=torch.bool)),
        gripper_open=torch.ones(b),
        step=torch.zeros(b, dtype=torch.long),
        tip=torch.zeros(b, 3),
        frame=torch.tensor([[0.0, 0, 0, 1, 0]]).expand(b, -1),
    )


@pytest.mark.parametrize("config", [PRESETS["debug"].network, PAPER_LIKE], ids=["zbuffer", "point_mlp"])
def test_shapes_of_a_look(config):
    torch.manual_seed(0)
    network = DynaRend(config)
    given = network_input()
    look = network.look(given)
    n, t, c = config.coarse.value_cells, config.coarse.token_cells, config.coarse.width
    assert look.values.heat.shape == (2, 3, n, n)
    assert look.latents.now.shape == look.latents.future.shape == (2, 3, c, t, t)
    if network.zoom is not None:
        look = network.look_closer(given.points, torch.zeros(2, 3), given.tip, look)
    logits = network.gripper(torch.zeros(2, 3), look)
    assert logits.rotation.shape == (2, 9)
    assert logits.gripper_open.shape == (2,)


def test_present_and_future_are_two_chained_encoders():
    torch.manual_seed(0)
    network = DynaRend(PRESETS["debug"].network)
    latents = network.look(network_input()).latents
    assert len(network.coarse.encoders) == 2
    assert (latents.now - latents.future).abs().max() > 1e-3


def test_padding_points_and_padding_words_change_nothing():
    torch.manual_seed(0)
    network = DynaRend(PRESETS["debug"].network).eval()
    given = network_input(words=4)
    points = torch.cat([given.points, torch.full((2, 50, 6), 10.0)], dim=1)
    features = torch.cat([given.words.features, torch.full((2, 3, 768), 3.0)], dim=1)
    mask = torch.cat([given.words.mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    padded = dataclasses.replace(given, points=points, words=WordTokens(features, mask))
    torch.testing.assert_close(network.look(padded).values.heat, network.look(given).values.heat, atol=1e-4, rtol=1e-4)


def test_zoom_coordinates_are_inverse():
    network = DynaRend(PRESETS["debug"].network)
    xyz, centre = torch.rand(5, 3), torch.rand(5, 3)
    torch.testing.assert_close(network.from_zoom(network.to_zoom(xyz, centre), centre), xyz)
    assert float(network.to_zoom(centre + 0.30, centre)[0, 0]) == pytest.approx(1.0)


def test_steps_beyond_the_last_known_are_accepted():
    network = DynaRend(PRESETS["debug"].network)
    given = dataclasses.replace(network_input(), step=torch.full((2,), MAX_STEPS + 5))
    assert torch.isfinite(network.look(given).values.heat).all()


def test_paper_preset_keeps_the_papers_sizes():
    c = PRESETS["paper"].network.coarse
    assert (c.stem, c.width, c.heads, c.token_cells, sum(c.depths)) == ("point_mlp", 768, 12, 16, 8)


def test_zoom_starts_from_the_coarse_stage(debug_network):
    debug_network.share_with_zoom()
    coarse, zoom = debug_network.coarse, debug_network.zoom
    for learned, fresh in ((coarse.stem, zoom.stem), (coarse.encoders[0], zoom.encoders[0])):
        weights = learned.state_dict()
        assert all(torch.equal(v, weights[k]) for k, v in fresh.state_dict().items())
    assert not torch.equal(coarse.match.word.weight, zoom.match.word.weight)
