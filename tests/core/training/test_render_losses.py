import math

import pytest
import torch

from dynarend_core.networks.triplane import volume
from dynarend_core.training.render_losses import (
    RenderLosses,
    RenderWeights,
    TimeLosses,
    finding_loss,
    free_space_loss,
    naming_loss,
    rgb_loss,
    semantic_loss,
    silog_loss,
)

EVERY = torch.ones(2, 5, dtype=torch.bool)


def test_truth_costs_nothing_and_invalid_pixels_do_not_count():
    depth, rgb = torch.rand(2, 5) + 0.5, torch.rand(2, 5, 3)
    valid = torch.arange(5).expand(2, 5) < 3
    wrong_depth, wrong_rgb = torch.where(valid, depth, 9.0), torch.where(valid[..., None], rgb, 9.0)
    assert float(silog_loss(wrong_depth, depth, valid)) == 0
    assert float(rgb_loss(wrong_rgb, rgb, valid)) == 0
    assert float(rgb_loss(rgb, rgb, torch.zeros_like(valid))) == 0


def test_silog_of_one_common_factor_is_half_its_squared_logarithm():
    depth = torch.rand(2, 5) + 0.5
    assert float(silog_loss(1.3 * depth, depth, EVERY)) == pytest.approx(0.5 * math.log(1.3) ** 2, rel=1e-4)
    torch.testing.assert_close(silog_loss(7 * depth, 7 * depth + 0.7, EVERY), silog_loss(depth, depth + 0.1, EVERY))


def test_each_term_can_be_switched_off():
    now, future = (TimeLosses(*(torch.tensor(float(x)) for x in terms)) for terms in ((1, 2, 4), (8, 16, 32)))
    naming, finding = torch.tensor(64.0), torch.tensor(128.0)
    names = ("rgb", "depth", "semantic", "naming", "finding", "now", "future")
    shares = dict(zip(names, (9, 18, 36, 64, 128, 7, 56 + 128), strict=True))
    ones = dict.fromkeys(names, 1.0)
    assert float(RenderLosses(now, future, naming, finding, RenderWeights(**ones)).total) == 255
    for name, share in shares.items():
        weights = RenderWeights(**{**ones, name: 0.0})
        assert float(RenderLosses(now, future, naming, finding, weights).total) == 255 - share, name


def test_meaning_is_a_direction_and_unknown_names_do_not_count():
    truth = torch.randn(2, 5, 7)
    assert float(semantic_loss(3 * truth, truth, EVERY)) == pytest.approx(0, abs=1e-6)
    assert float(semantic_loss(-truth, truth, EVERY)) == pytest.approx(2)
    names = torch.tensor([[0, 1, 2, -1, -1], [2, 2, -1, 0, 1]])
    right = 50 * torch.nn.functional.one_hot(names.clamp(min=0), 3).float()
    right[names < 0] = torch.tensor([0.0, 0.0, 50.0])
    assert float(naming_loss(right, names)) == pytest.approx(0, abs=1e-6)
    assert float(naming_loss(torch.zeros(2, 5, 3), names)) == pytest.approx(math.log(3))


def test_finding_is_the_cross_entropy_over_all_cells_of_the_names_own_map():
    """Against a volume that is really built; points at cells' centres, where interpolation is exact."""
    heat, names = torch.randn(2, 3, 3, 4, 4), torch.tensor([[0, 2, -1], [1, 1, 0]])
    cells = torch.randint(0, 4, (2, 3, 3))
    expected = []
    for b, r in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2)):
        x, y, z = cells[b, r]
        logits = volume(heat[b, names[b, r]][None])[0]
        expected.append(logits.flatten().logsumexp(0) - logits[x, y, z])
    found = finding_loss(heat, (cells + 0.5) / 2 - 1, names)
    torch.testing.assert_close(found, torch.stack(expected).mean())
    assert float(finding_loss(heat, torch.zeros(2, 3, 3), torch.full_like(names, -1))) == 0


def test_only_free_rays_must_be_empty():
    opacity = torch.tensor([[0.0, 1.0, 0.5, 1.0]])
    assert float(free_space_loss(opacity, torch.tensor([[True, False, True, False]]))) == pytest.approx(0.125)
    assert float(free_space_loss(opacity, torch.zeros(1, 4, dtype=torch.bool))) == 0
