"""Transformer over triplane and language tokens: 3D rotary positions, QK-norm, SwiGLU."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

Rotary = tuple[Tensor, Tensor]


def rotary(positions: Float[Tensor, "*b n 3"], head_dim: int, cells: int) -> Rotary:
    """Cosines and sines of 3D rotary positions, ``(*b, n, head_dim / 2)`` each.

    A third of the channel pairs turns with each axis; pairs that are left over do not turn. Frequencies run from
    1 rad per unit to a half turn between neighbouring cells, so that every cell offset is told from every other.

    Args:
        positions: Normalised coordinates in ``[-1, 1]``.
        head_dim: Channels of one attention head, at least 6.
        cells: Cells along one edge of the planes.
    """
    pairs = head_dim // 2
    per_axis = pairs // 3
    top = math.pi * cells / 2.0
    exponent = torch.linspace(0.0, 1.0, per_axis, device=positions.device) if per_axis > 1 else torch.ones(1)
    frequencies = top ** exponent.to(positions.device)
    angles = (positions[..., :, None] * frequencies).flatten(-2)
    angles = F.pad(angles, (0, pairs - 3 * per_axis))
    return angles.cos(), angles.sin()


def rotate(x: Float[Tensor, "b h n d"], turn: Rotary) -> Float[Tensor, "b h n d"]:
    """Turn channel pairs ``(i, i + d / 2)`` by their token's angles."""
    cos, sin = turn
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def _attend(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax attention. PyTorch's fused backward pass in bfloat16 is 1.7 times slower on CPUs than the plain one."""
    if not (torch.is_grad_enabled() and v.device.type == "cpu" and v.dtype == torch.bfloat16):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if allowed is not None:
        scores = scores + torch.zeros_like(allowed, dtype=scores.dtype).masked_fill_(~allowed, -1e4)
    return scores.softmax(dim=-1, dtype=scores.dtype) @ v


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys; self-attention unless ``memory`` is given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.query_norm = nn.LayerNorm(width // heads, bias=False)
        self.key_norm = nn.LayerNorm(width // heads, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        x: Float[Tensor, "b n c"],
        turn: Rotary | None = None,
        mask: Bool[Tensor, "b m"] | None = None,
        memory: Float[Tensor, "b m c"] | None = None,
        memory_turn: Rotary | None = None,
    ) -> Float[Tensor, "b n c"]:
        """Attend. ``mask`` is True where a key may be read; turns broadcast over heads."""
        source = x if memory is None else memory
        b, n, c = x.shape
        q = self.query(x).reshape(b, n, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(source).reshape(b, source.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = self.query_norm(q), self.key_norm(k)
        if turn is not None:
            q = rotate(q, turn).to(v.dtype)
            k = rotate(k, turn if memory_turn is None else memory_turn).to(v.dtype)
        allowed = None if mask is None else mask[:, None, None, :]
        out = _attend(q.to(v.dtype), k.to(v.dtype), v, allowed)
        return self.out(out.transpose(1, 2).reshape(b, n, c))


class SwiGLU(nn.Module):
    """Gated feed-forward layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_value = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Float[Tensor, "*b c"]) -> Float[Tensor, "*b c"]:
        """Apply to the last dimension."""
        gate, value = self.gate_value(x).chunk(2, dim=-1)
        return self.out(F.silu(gate) * value)


class Block(nn.Module):
    """Pre-norm attention and feed-forward with residuals."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width, bias=False)
        self.feed_forward = SwiGLU(width, hidden)

    def forward(
        self, x: Float[Tensor, "b n c"], turn: Rotary | None = None, mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n c"]:
        """One layer; ``mask`` is True where a token exists."""
        x = x + self.attention(self.attention_norm(x), turn, mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """A stack of blocks; weights of residual branches start small so that depth does not hurt at first."""

    def __init__(self, width: int, heads: int, depth: int, hidden: int) -> None:
        super().__init__()
        blocks = [Block(width, heads, hidden) for _ in range(depth)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width, bias=False)
        for block in blocks:
            for branch in (block.attention.out, block.feed_forward.out):
                nn.init.normal_(branch.weight, std=0.02 / math.sqrt(2 * depth))

    def forward(
        self, x: Float[Tensor, "b n c"], turn: Rotary | None = None, mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n c"]:
        """Run all layers and the final norm."""
        for block in self.blocks:
            x = block(x, turn, mask)
        return self.norm(x)
