import math

import pytest
import torch

from dynarend_core.training.render_losses import RenderLosses, RenderWeights, rgb_loss, silog_loss

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
    terms = [torch.tensor(float(x)) for x in (1, 2, 4, 8)]
    assert float(RenderLosses(*terms, RenderWeights(1.0, 1.0, 1.0, 1.0)).total) == 15
    assert float(RenderLosses(*terms, RenderWeights(0.0, 1.0, 1.0, 1.0)).total) == 10
    assert float(RenderLosses(*terms, RenderWeights(1.0, 0.0, 1.0, 1.0)).total) == 5
    assert float(RenderLosses(*terms, RenderWeights(1.0, 1.0, 0.0, 1.0)).total) == 12
    assert float(RenderLosses(*terms, RenderWeights(1.0, 1.0, 1.0, 0.0)).total) == 3
