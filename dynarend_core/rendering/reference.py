"""The renderer once more, slow and obvious: one ray, one sample, one plane, one corner after the other.

Tests hold the fast renderer to it, gradients included; `dynarend bench` measures what the fast one gains.
"""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from dynarend_core.rendering.radiance_field import PLANE_AXES
from dynarend_core.rendering.rays import Rays
from dynarend_core.rendering.renderer import Renderer, Rendering

_NEAREST_M = 0.01


def lookup(planes: Float[Tensor, "b 3 c n n"], xyz: Float[Tensor, "b m 3"]) -> Float[Tensor, "b m c"]:
    """What :func:`dynarend_core.rendering.radiance_field.lookup` computes."""
    return torch.stack(
        [
            torch.stack([_interpolated(scene, point) for point in points])
            for scene, points in zip(planes, xyz, strict=True)
        ]
    )


def _interpolated(scene: Tensor, point: Tensor) -> Tensor:
    """Sum of three planes ``(3, c, n, n)`` at one point, ``(c,)``."""
    n = scene.shape[-1]
    total = torch.zeros_like(scene[0, :, 0, 0])
    for plane, axes in zip(scene, PLANE_AXES, strict=True):
        a, c = (((point[axis] + 1) * n / 2 - 0.5).clamp(0, n - 1) for axis in axes)
        i, k = (min(math.floor(float(x.detach())), n - 2) for x in (a, c))
        for di in (0, 1):
            for dk in (0, 1):
                share = (1 - (a - i - di).abs()) * (1 - (c - k - dk).abs())
                total = total + share * plane[:, i + di, k + dk]
    return total


def weights(density: Float[Tensor, "*b n"], lengths: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """What :func:`dynarend_core.rendering.compositing.weights` computes."""
    light, row = torch.ones_like(density[..., 0]), []
    for sigma, length in zip(density.unbind(-1), lengths.unbind(-1), strict=True):
        alpha = 1 - torch.exp(-sigma * length)
        row.append(light * alpha)
        light = light * (1 - alpha)
    return torch.stack(row, dim=-1)


def render(
    renderer: Renderer,
    planes: Float[Tensor, "b 3 c t t"],
    rays: Rays,
    jitter: Float[Tensor, "b r n"],
    guide: Float[Tensor, "b r"],
    skip: Float[Tensor, "b 3 s f f"] | None = None,
) -> Rendering:
    """Rays with depth-guided samples; arguments as in ``Renderer.forward``."""
    fine = renderer.field.fine_planes(planes, skip)
    pixels = []
    for b, r in itertools.product(range(len(planes)), range(rays.origins.shape[1])):
        at = _samples(renderer, rays.origins[b, r], rays.directions[b, r], jitter[b, r].tolist(), float(guide[b, r]))
        pixels.append(_pixel(renderer, fine[b : b + 1], rays.origins[b, r], rays.directions[b, r], at))
    shape = rays.origins.shape[:2]
    colour, depth, opacity, semantic = (torch.stack(x).unflatten(0, shape) for x in zip(*pixels, strict=True))
    return Rendering(colour, depth, opacity, semantic if renderer.field.semantic is not None else None)


def _samples(renderer: Renderer, origin: Tensor, direction: Tensor, u: list[float], guide: float) -> list[float]:
    """Ascending depths of one ray's samples between the depths at which it enters and leaves the box."""
    box, config = renderer.box, renderer.config
    slabs = [sorted(((box[:, a] - origin[a]) / direction[a]).tolist()) for a in range(3)]
    near, far = max(_NEAREST_M, *(s[0] for s in slabs)), min(s[1] for s in slabs)
    t = [near + (far - near) * (i + u[i]) / config.strata for i in range(config.strata)]
    for i in range(config.guided):
        along = guide + config.guide_reach_m * (2 * (i + u[config.strata + i]) / config.guided - 1)
        t.append(min(max(along, near), far))
    return [near, *sorted(t), far]


def _pixel(renderer: Renderer, fine: Tensor, origin: Tensor, direction: Tensor, at: list[float]) -> tuple:
    """Colour, depth, opacity and semantics of one ray; ``at`` are its near end, its samples and its far end."""
    box, (near, *t, far) = renderer.box, at
    edges = [near, *((a + c) / 2 for a, c in itertools.pairwise(t)), far]
    unit = direction / direction.norm()
    head = renderer.field.semantic
    density, rgb, semantic = [], [], []
    for depth in t:
        xyz = (origin + depth * direction - box[0]) / (box[1] - box[0]) * 2 - 1
        value = renderer.field(fine, xyz[None, None], unit[None, None])
        density.append(value.density[0, 0])
        rgb.append(value.rgb[0, 0])
        semantic.append(value.features.new_zeros(0) if head is None else head(value.features[0, 0]))
    lengths = [(end - start) * direction.norm() for start, end in itertools.pairwise(edges)]
    w = weights(torch.stack(density), torch.stack(lengths))
    colour, meaning = ((w[:, None] * torch.stack(x)).sum(0) for x in (rgb, semantic))
    return colour, sum(wi * depth for wi, depth in zip(w, t, strict=True)) + (1 - w.sum()) * far, w.sum(), meaning
