"""Emission and absorption along rays: densities to weights, weights to colour, depth and any other channel.

``w_i = T_i (1 - exp(-sigma_i delta_i))`` with ``T_i = exp(-sum_{j<i} sigma_j delta_j)``.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def interval_edges(
    t: Float[Tensor, "*b n"], near: Float[Tensor, "*b"], far: Float[Tensor, "*b"]
) -> Float[Tensor, "*b m"]:
    """``n + 1`` borders of the intervals that ascending samples stand for: half way to the neighbours, near and far.

    Together the intervals cover ``[near, far]`` exactly once, however unevenly the samples lie.
    """
    between = (t[..., 1:] + t[..., :-1]) / 2.0
    return torch.cat([near[..., None], between, far[..., None]], dim=-1)


def transmittance(density: Float[Tensor, "*b n"], lengths: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """Share of light that reaches the start of each interval; 1 at the first, never rising.

    Args:
        density: Extinction [1/m].
        lengths: Lengths of the intervals [m].
    """
    optical = torch.cumsum(density * lengths, dim=-1)
    before = torch.cat([torch.zeros_like(optical[..., :1]), optical[..., :-1]], dim=-1)
    return torch.exp(-before)


def weights(density: Float[Tensor, "*b n"], lengths: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """Share of a pixel that each interval contributes; sums to at most 1."""
    return transmittance(density, lengths) * -torch.expm1(-density * lengths)


def composite(weight: Float[Tensor, "*b n"], values: Float[Tensor, "*b n c"]) -> Float[Tensor, "*b c"]:
    """Weighted sum of colours or semantic features along each ray; what is left over is black."""
    return (weight[..., None] * values).sum(dim=-2)


def composite_depth(
    weight: Float[Tensor, "*b n"], t: Float[Tensor, "*b n"], far: Float[Tensor, "*b"]
) -> Float[Tensor, "*b"]:
    """Expected depth [m]; what passes through the whole scene counts as ``far``."""
    return (weight * t).sum(-1) + (1.0 - weight.sum(-1)) * far
