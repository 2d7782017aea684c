"""Compositing against a slow loop that follows the formula word by word, and against what physics demands."""

import math

import pytest
import torch

from dynarend_core.rendering import compositing, reference


@pytest.fixture
def along():
    torch.manual_seed(0)
    density = (torch.rand(2, 3, 7, dtype=torch.float64) * 40).requires_grad_()
    t = torch.rand(2, 3, 7, dtype=torch.float64).sort(-1).values + 0.2
    near, far = torch.full((2, 3), 0.2, dtype=torch.float64), torch.full((2, 3), 1.2, dtype=torch.float64)
    rgb = torch.rand(2, 3, 7, 3, dtype=torch.float64, requires_grad=True)
    return density, t, near, far, rgb


def test_equal_to_the_slow_reference_with_gradients(along):
    density, t, near, far, rgb = along
    lengths = compositing.interval_edges(t, near, far).diff(dim=-1)
    results = []
    for function in (compositing.weights, reference.weights):
        w = function(density, lengths)
        colour = (w[..., None] * rgb).sum(-2) if function is reference.weights else compositing.composite(w, rgb)
        rest = 1 - w.sum(-1)
        depth = (
            (w * t).sum(-1) + rest * far if function is reference.weights else compositing.composite_depth(w, t, far)
        )
        gradients = torch.autograd.grad((colour**2).sum() + (depth**3).sum(), (density, rgb))
        results.append((w, colour, depth, *gradients))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow)


def test_gradient_against_finite_differences(along):
    density, t, near, far, rgb = along
    lengths = compositing.interval_edges(t, near, far).diff(dim=-1)

    def render(d, c):
        w = compositing.weights(d, lengths)
        return compositing.composite(w, c), compositing.composite_depth(w, t, far)

    assert torch.autograd.gradcheck(render, (density, rgb))


def test_a_uniform_slab_follows_the_closed_form():
    """Opacity 1 - exp(-sigma L), and depth as the integral of the transmittance."""
    sigma, near, far, n = 3.0, 0.4, 1.4, 2000
    t = (near + (torch.arange(n, dtype=torch.float64) + 0.5) / n * (far - near))[None]
    ends = torch.tensor([near], dtype=torch.float64), torch.tensor([far], dtype=torch.float64)
    w = compositing.weights(torch.full_like(t, sigma), compositing.interval_edges(t, *ends).diff(dim=-1))
    assert float(w.sum()) == pytest.approx(1 - math.exp(-sigma * (far - near)), abs=1e-12)
    depth = near + (1 - math.exp(-sigma * (far - near))) / sigma
    assert float(compositing.composite_depth(w, t, ends[1])) == pytest.approx(depth, abs=1e-6)


def test_opacity_of_a_slab_does_not_depend_on_where_the_samples_lie(along):
    _, t, near, far, _ = along
    w = compositing.weights(torch.full_like(t, 2.5), compositing.interval_edges(t, near, far).diff(dim=-1))
    torch.testing.assert_close(w.sum(-1), torch.full((2, 3), 1 - math.exp(-2.5), dtype=torch.float64))


def test_weights_sum_to_at_most_one_and_light_only_fades(along):
    density, t, near, far, _ = along
    lengths = compositing.interval_edges(t, near, far).diff(dim=-1)
    for scale in (0.0, 1.0, 1e6):
        w = compositing.weights(density * scale, lengths)
        light = compositing.transmittance(density * scale, lengths)
        assert (w >= 0).all()
        assert (w.sum(-1) <= 1 + 1e-12).all()
        assert (light.diff(dim=-1) <= 0).all()
        assert (light[..., 0] == 1).all()


def test_an_opaque_wall_hides_what_is_behind():
    density = torch.tensor([[0.0, 1e6, 1e6]])
    w = compositing.weights(density, torch.full((1, 3), 0.1))
    torch.testing.assert_close(w, torch.tensor([[0.0, 1.0, 0.0]]))
