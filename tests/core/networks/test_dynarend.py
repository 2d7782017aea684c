import dataclasses

import pytest
import torch

from dynarend_core.datasets.given import PAST_SIZE
from dynarend_core.networks.dynarend import MAX_STEPS, DynaRend, NetworkConfig, NetworkInput
from dynarend_core.networks.language import WordTokens
from dynarend_core.networks.stage import StageConfig
from dynarend_core.networks.transformer import rotary
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


def test_networks_that_count_keyframes_accept_any_count_and_see_no_memory():
    network = DynaRend(dataclasses.replace(PRESETS["debug"].network, memory=False, first_points=0))
    given = dataclasses.replace(network_input(), step=torch.full((2,), MAX_STEPS + 5))
    heat = network.look(given).values.heat
    assert torch.isfinite(heat).all()
    torch.testing.assert_close(network.look(remembering(given)).values.heat, heat)


def remembering(given, known=True):
    """The input with two keyframes at places of their own and a first cloud."""
    g = torch.Generator().manual_seed(5)
    b = len(given.points)
    past, mask = torch.rand(b, 4, PAST_SIZE, generator=g) * 2 - 1, torch.zeros(b, 4, dtype=torch.bool)
    mask[:, :2] = known
    first = torch.rand(b, 200, 6, generator=g) * 2 - 1
    return dataclasses.replace(given, width=torch.ones(b), past=past, past_known=mask, first=first)


@pytest.mark.parametrize("config", [PRESETS["debug"].network, PAPER_LIKE], ids=["zbuffer", "point_mlp"])
def test_what_is_remembered_matters_and_what_is_not_known_does_not(config):
    torch.manual_seed(0)
    network = DynaRend(config).eval()
    given = remembering(network_input())
    heat = network.look(given).values.heat

    def change(**fields):
        return float((network.look(dataclasses.replace(given, **fields)).values.heat - heat).detach().abs().max())

    assert change(past=given.past.flip(0)) > 1e-4
    assert change(first=given.first.flip(0)) > 1e-4
    assert change(first=None) > 1e-4
    other = given.past.clone()
    other[:, 2:] += 0.5  # keyframes that there are not
    assert change(past=other) < 1e-5
    nothing = remembering(network_input(), known=False)
    without = dataclasses.replace(nothing, past=None, past_known=None)
    torch.testing.assert_close(
        network.look(nothing).values.heat, network.look(without).values.heat, atol=1e-5, rtol=1e-4
    )


def test_remembered_keyframes_stand_where_they_were():
    network = DynaRend(PRESETS["debug"].network).eval()
    given = remembering(network_input())
    _, context = network.encode(given)
    cos, sin = network.coarse._turn(context)
    tokens = 3 * network.config.coarse.token_cells**2
    where = torch.cat([network.coarse.positions, given.past[0, :1, :3]])
    alone, _ = rotary(where, network.config.coarse.width // network.config.coarse.heads, 4)
    words = given.words.mask.shape[1]
    torch.testing.assert_close(cos[0, 0, tokens + words], alone[-1])
    assert cos.shape == sin.shape


def test_relations_have_a_match_of_their_own_in_the_value_map():
    torch.manual_seed(0)
    network = DynaRend(PRESETS["debug"].network).eval()
    given = network_input()
    before = network.look(given)
    late = network.coarse.late_match(before.values.features, before.meaning)
    network.coarse.late_gain.bias.data += 1.0
    torch.testing.assert_close(network.look(given).values.heat, before.values.heat + late, atol=1e-4, rtol=1e-4)


def test_paper_preset_keeps_the_papers_sizes():
    c = PRESETS["paper"].network.coarse
    assert (c.stem, c.width, c.heads, c.token_cells, sum(c.depths)) == ("point_mlp", 768, 12, 16, 8)


def test_zoom_starts_from_the_coarse_stage(debug_network):
    debug_network.share_with_zoom()
    coarse, zoom = debug_network.coarse, debug_network.zoom
    for learned, fresh in ((coarse.stem, zoom.stem), (coarse.encoders[0], zoom.encoders[0])):
        weights, shared = learned.state_dict(), fresh.state_dict()
        for name, v in shared.items():
            learned_weight = weights[name][:, : v.shape[1]] if v.dim() > 1 else weights[name]
            assert torch.equal(v, learned_weight), name
    assert not torch.equal(coarse.match.word.weight, zoom.match.word.weight)
