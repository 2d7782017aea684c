"""Which words matter now, and where in the scene they are: the instruction's own path to the value map.

A transformer alone needs many epochs to discover that the word "maroon" and a maroon patch belong together. The
match head makes this one dot product: the state of the episode (what was done, where the gripper is) picks words,
and their plain word-piece embedding is compared with early plane features, before anything has mixed them. Those see
9 cm around a cell. What depends on more ("left", "the one under the bulb") is compared by a second head of the same
kind with features that have seen the whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dynarend_core.networks import triplane
from dynarend_core.networks.language import LANGUAGE_WIDTH, MAX_WORDS, WordTokens
from dynarend_core.networks.transformer import Transformer

PLAIN = slice(LANGUAGE_WIDTH // 2, LANGUAGE_WIDTH)


@dataclass(frozen=True)
class Reading:
    """What the reader says.

    Attributes:
        words: ``(b, w, c)`` words in context.
        past: ``(b, k, c)`` remembered keyframes in context; k is 0 without a memory.
        mask: ``(b, w + k)`` True where there is such a token.
        state: ``(b, c)`` state token after reading.
        meaning: ``(b, c)`` plain meaning of the picked words.
    """

    words: Tensor
    past: Tensor
    mask: Tensor
    state: Tensor
    meaning: Tensor


class InstructionReader(nn.Module):
    """Reads the instruction in the light of the robot's state and of what it did last.

    A short transformer over words, remembered keyframes and one state token can count ("the second colour"); the state
    token then attends over the words and collects their plain embeddings.
    """

    def __init__(self, width: int, heads: int, depth: int, state_size: int, past_size: int = 0) -> None:
        super().__init__()
        self.words_in = nn.Sequential(nn.LayerNorm(LANGUAGE_WIDTH), nn.Linear(LANGUAGE_WIDTH, width))
        self.order = nn.Parameter(torch.randn(MAX_WORDS, width) * 0.5)
        self.state_in = nn.Sequential(nn.Linear(state_size, width), nn.GELU(), nn.Linear(width, width))
        self.transformer = Transformer(width, heads, depth, 2 * width)
        self.pick_query = nn.Linear(width, width)
        self.pick_key = nn.Linear(width, width)
        self.value = nn.Sequential(nn.LayerNorm(LANGUAGE_WIDTH // 2), nn.Linear(LANGUAGE_WIDTH // 2, width))
        self.past_in: nn.Sequential | None = None
        if past_size:
            self.past_in = nn.Sequential(nn.Linear(past_size, width), nn.GELU(), nn.Linear(width, width))

    def forward(
        self,
        words: WordTokens,
        state: Float[Tensor, "b s"],
        past: Float[Tensor, "b k p"] | None = None,
        past_known: Bool[Tensor, "b k"] | None = None,
    ) -> Reading:
        """Read; ``past`` are remembered keyframes and ``past_known`` says which of them there are."""
        tokens = self.words_in(words.features) + self.order[: words.features.shape[1]]
        b, w, c = tokens.shape
        remembered, known = tokens.new_zeros(b, 0, c), words.mask[:, :0]
        if self.past_in is not None and past is not None and past_known is not None:
            remembered, known = self.past_in(past).to(tokens.dtype), past_known
        token = self.state_in(state)[:, None].to(tokens.dtype)
        mask = torch.cat([words.mask, known], dim=1)
        everything = torch.cat([mask, mask.new_ones(b, 1)], dim=1)
        mixed = self.transformer(torch.cat([tokens, remembered, token], dim=1), mask=everything)
        tokens, remembered, token = mixed[:, :w], mixed[:, w:-1], mixed[:, -1]
        scores = torch.einsum("bc,bwc->bw", self.pick_query(token), self.pick_key(tokens)) / c**0.5
        weights = scores.float().masked_fill(~words.mask, -1e4).softmax(dim=-1)
        meaning = torch.einsum("bw,bwc->bc", weights, self.value(words.features[..., PLAIN]).float())
        return Reading(tokens, remembered, mask, token, meaning)


class MatchHead(nn.Module):
    """Similarity of picked words and plane features, in ``[-1, 1]``.

    Args:
        width: Channels of a meaning.
        channels: Channels of the plane features.
        size: Channels of what is compared.
        hidden: Channels in between; None for as many as are compared.
    """

    def __init__(self, width: int, channels: int, size: int = 32, hidden: int | None = None) -> None:
        super().__init__()
        between = size if hidden is None else hidden
        self.word = nn.Linear(width, size)
        self.planes = nn.Sequential(nn.Conv2d(channels, between, 1), nn.GELU(), nn.Conv2d(between, size, 1, bias=False))

    def forward(self, features: Float[Tensor, "b 3 k n n"], meaning: Float[Tensor, "b c"]) -> Float[Tensor, "b 3 n n"]:
        """Cosine similarity of every cell with the picked words."""
        cells = self.cells(features)
        word = F.normalize(self.word(meaning).float(), dim=-1)
        product = torch.einsum("bpcij,bc->bpij", cells, word)
        # Dividing the product by the length is cheaper than normalising every cell's vector.
        return product * torch.rsqrt(cells.square().sum(dim=2) + 1e-6)

    def cells(self, features: Float[Tensor, "b 3 k n n"]) -> Float[Tensor, "b 3 s n n"]:
        """What is compared of every cell, not of unit length."""
        return self.planes(features.flatten(0, 1)).unflatten(0, (len(features), 3)).float()


class PointMatch(nn.Module):
    """Similarity of picked words and the colours of single points: the best of each column of each plane.

    Plane features are of the outermost points, and miss what hangs below or stands behind: the coloured holder under a
    bulb, a square under a cube. Here the colour and height of single points are compared; every other one is enough.
    """

    def __init__(self, width: int, size: int = 16) -> None:
        super().__init__()
        self.word = nn.Linear(width, size)
        self.points = nn.Sequential(nn.Linear(4, size), nn.GELU(), nn.Linear(size, size, bias=False))

    def forward(
        self, points: Float[Tensor, "b m 6"], meaning: Float[Tensor, "b c"], cells: int
    ) -> Float[Tensor, "b 3 cells cells"]:
        """Best cosine similarity in each column, 0 where no point is."""
        points = points[:, ::2]
        word = F.normalize(self.word(meaning).float(), dim=-1)
        vectors = self.points(points[..., 2:]).float()
        alike = torch.einsum("bmc,bc->bm", vectors, word) * torch.rsqrt(vectors.square().sum(dim=-1) + 1e-6)
        ijk = triplane.cell_indices(points[..., :3], cells)
        inside = ((ijk >= 0) & (ijk < cells)).all(dim=-1)
        columns = torch.stack([ijk[..., a] * cells + ijk[..., b] for a, b in triplane.PLANE_AXES], dim=1)
        columns = torch.where(inside[:, None], columns, cells * cells)
        best = alike.new_zeros(len(points), 3, cells * cells + 1)
        best = best.scatter_reduce(2, columns, alike[:, None].expand(-1, 3, -1), "amax", include_self=False)
        return best[..., :-1].unflatten(2, (cells, cells))
