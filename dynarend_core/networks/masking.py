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
