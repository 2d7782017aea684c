"""The renderer against a loop over rays and samples, and on a scene whose pixels are known."""

import pytest
import torch

from dynarend_core.networks import triplane
from dynarend_core.rendering import reference
from dynarend_core.rendering.radiance_field import FieldConfig, FieldValues, RadianceField, lookup
from dynarend_core.rendering.rays import Rays
from dynarend_core.rendering.renderer import RenderConfig, Renderer

BOX = torch.tensor([[0.0, -0.5, 0.0], [1.0, 0.5, 1.0]])
SMALL = RenderConfig(
    FieldConfig(channels=4, upsample=2, hidden=8, semantic_channels=5, skip_channels=3), strata=6, guided=4
)


def some_rays(b=2, r=3):
    origins = torch.tensor([0.5, 0.0, 1.5]) + 0.1 * torch.randn(b, r, 3)
    aims = torch.tensor([0.5, 0.0, 0.2]) + 0.2 * torch.randn(b, r, 3)
    return Rays(origins, aims - origins)


def test_lookup_is_the_sum_of_three_interpolations_with_gradients():
    torch.manual_seed(0)
    planes = torch.randn(2, 3, 4, 5, 5, requires_grad=True)
    xyz = (torch.rand(2, 6, 3) * 2 - 1).requires_grad_()
    results = []
    for function in (lookup, reference.lookup):
        out = function(planes, xyz)
        results.append((out, *torch.autograd.grad((out**2).sum(), (planes, xyz))))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lookup(planes, xyz), triplane.sample(planes, xyz).sum(2))


def test_renderer_equals_the_loop_with_gradients():
    torch.manual_seed(0)
    renderer = Renderer(SMALL, 6, BOX)
    planes = torch.randn(2, 3, 6, 4, 4, requires_grad=True)
    rays, jitter, guide = some_rays(), torch.rand(2, 3, SMALL.samples), torch.full((2, 3), 1.0)
    skip = torch.randn(2, 3, 3, 8, 8, requires_grad=True)
    fast = renderer(planes, rays, jitter, guide, skip)
    results = []
    for seen in (fast, reference.render(renderer, planes, rays, jitter, guide, skip)):
        loss = (seen.rgb**2).sum() + (seen.depth**2).sum() + (seen.semantic**2).sum()
        field = renderer.field
        parameters = [planes, skip, field.density.weight, field.unfold.weight, field.semantic.weight]
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        results.append((seen.rgb, seen.depth, seen.opacity, seen.semantic, *gradients))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert fast.semantic.shape == (2, 3, 5)
    assert (fast.opacity <= 1 + 1e-6).all()


class Wall(RadianceField):
    """Red and dense below z = 0.25 m, empty above."""

    def forward(self, fine, xyz, direction):
        z = (xyz[..., 2] + 1) / 2
        red = torch.tensor([1.0, 0.0, 0.0]).expand(*z.shape, 3)
        return FieldValues(torch.where(z < 0.25, 1e4, 0.0), red, torch.zeros(*z.shape, 1))


@pytest.mark.parametrize("guided", [True, False])
def test_a_wall_is_seen_where_it_stands(guided):
    renderer = Renderer(RenderConfig(FieldConfig(), strata=24, guided=24), 6, BOX)
    renderer.field = Wall(FieldConfig(), 6)
    rays = Rays(torch.tensor([[[0.5, 0.0, 2.0]]]), torch.tensor([[[0.1, 0.0, -1.0]]]))
    guide = torch.tensor([[1.75]]) if guided else None
    seen = renderer(torch.zeros(1, 3, 6, 4, 4), rays, torch.full((1, 1, 48), 0.5), guide)
    torch.testing.assert_close(seen.rgb[0, 0], torch.tensor([1.0, 0.0, 0.0]))
    assert float(seen.depth) == pytest.approx(1.75, abs=0.01)


def test_an_image_in_pieces_is_the_same_image():
    torch.manual_seed(0)
    renderer = Renderer(SMALL, 6, BOX)
    planes, rays = torch.randn(1, 3, 6, 4, 4), some_rays(1, 7)
    whole, pieces = renderer.image(planes, rays), renderer.image(planes, rays, chunk=3)
    torch.testing.assert_close(whole.rgb, pieces.rgb)
    torch.testing.assert_close(whole.depth, pieces.depth)
