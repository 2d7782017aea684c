"""Masking of scene tokens by one learned embedding. Pretraining only: no policy checkpoint holds it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class TokenMask(nn.Module):
    """The embedding that stands where a token was taken away."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, tokens: Float[Tensor, "b n c"], hidden: Bool[Tensor, "b n"]) -> Float[Tensor, "b n c"]:
        """Tokens with the hidden ones replaced."""
        return torch.where(hidden[..., None], self.embedding.to(tokens.dtype), tokens)


def show_skip(skip: Float[Tensor, "b 3 c f f"], hidden: Bool[Tensor, "b n"]) -> Float[Tensor, "b 3 c f f"]:
    """Finer plane features with the cells of hidden tokens set to zero.

    Args:
        skip: Features of the three planes.
        hidden: The tokens in the order of :func:`dynarend_core.networks.triplane.to_tokens`.
    """
    cells = round((hidden.shape[1] / 3) ** 0.5)
    shown = (~hidden).to(skip.dtype).reshape(len(hidden), 3, 1, cells, cells)
    times = skip.shape[-1] // cells
    return skip * shown.repeat_interleave(times, -2).repeat_interleave(times, -1)
