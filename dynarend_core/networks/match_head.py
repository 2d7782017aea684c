"""Which words matter now, and where in the scene they are: the instruction's own path to the value map.

A transformer alone needs many epochs to discover that the word "maroon" and a maroon patch belong together. The
match head makes this one dot product: the state of the episode (which step, where the gripper is) picks words,
and their plain word-piece embedding is compared with early plane features, before anything has mixed them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.networks import triplane
from dynarend_core.networks.language import LANGUAGE_WIDTH, MAX_WORDS, WordTokens
from dynarend_core.networks.transformer import Transformer

PLAIN = slice(LANGUAGE_WIDTH // 2, LANGUAGE_WIDTH)


class InstructionReader(nn.Module):
    """Reads the instruction in the light of the robot's state.

    A short transformer over words and one state token can count ("the second colour"); the state token then
    attends over the words and collects their plain embeddings.
    """

    def __init__(self, width: int, heads: int, depth: int, state_size: int) -> None:
        super().__init__()
        self.words_in = nn.Sequential(nn.LayerNorm(LANGUAGE_WIDTH), nn.Linear(LANGUAGE_WIDTH, width))
        self.order = nn.Parameter(torch.randn(MAX_WORDS, width) * 0.5)
        self.state_in = nn.Sequential(nn.Linear(state_size, width), nn.GELU(), nn.Linear(width, width))
        self.transformer = Transformer(width, heads, depth, 2 * width)
        self.pick_query = nn.Linear(width, width)
        self.pick_key = nn.Linear(width, width)
        self.value = nn.Sequential(nn.LayerNorm(LANGUAGE_WIDTH // 2), nn.Linear(LANGUAGE_WIDTH // 2, width))

    def forward(
        self, words: WordTokens, state: Float[Tensor, "b s"]
    ) -> tuple[Float[Tensor, "b w c"], Float[Tensor, "b c"], Float[Tensor, "b c"]]:
        """Words in context, state token after reading, and the picked words' plain meaning."""
        tokens = self.words_in(words.features) + self.order[: words.features.shape[1]]
        token = self.state_in(state)[:, None]
        mask = torch.cat([words.mask, words.mask.new_ones(len(state), 1)], dim=1)
        mixed = self.transformer(torch.cat([tokens, token.to(tokens.dtype)], dim=1), mask=mask)
        tokens, token = mixed[:, :-1], mixed[:, -1]
        scores = torch.einsum("bc,bwc->bw", self.pick_query(token), self.pick_key(tokens)) / tokens.shape[-1] ** 0.5
        weights = scores.float().masked_fill(~words.mask, -1e4).softmax(dim=-1)
        meaning = torch.einsum("bw,bwc->bc", weights, self.value(words.features[..., PLAIN]).float())
        return tokens, token, meaning


class MatchHead(nn.Module):
    """Similarity of picked words and early plane features, in ``[-1, 1]``."""

    def __init__(self, width: int, early_channels: int, size: int = 32) -> None:
        super().__init__()
        self.word = nn.Linear(width, size)
        self.planes = nn.Sequential(nn.Conv2d(early_channels, size, 1), nn.GELU(), nn.Conv2d(size, size, 1, bias=False))

    def forward(self, early: Float[Tensor, "b 3 k n n"], meaning: Float[Tensor, "b c"]) -> Float[Tensor, "b 3 n n"]:
        """Cosine similarity of every cell with the picked words."""
        b = len(early)
        cells = self.planes(early.flatten(0, 1)).unflatten(0, (b, 3)).float()
        word = F.normalize(self.word(meaning).float(), dim=-1)
        product = torch.einsum("bpcij,bc->bpij", cells, word)
        # Dividing the product by the length is cheaper than normalising every cell's vector.
        return product * torch.rsqrt(cells.square().sum(dim=2) + 1e-6)


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
