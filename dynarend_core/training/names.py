"""The semantic target of simulated scenes: text embeddings of the segmented objects' names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.language import LANGUAGE_WIDTH, SentenceEncoder, WordTokens, stack_words
from dynarend_core.networks.match_head import MatchHead
from dynarend_core.networks.triplane import sample
from dynarend_core.rendering.rays import Rays

NAME_CHANNELS = LANGUAGE_WIDTH // 2
SHARPNESS = 5.0
"""Scale of a plane's similarity, as the match head starts in the policy."""


class NameTable(nn.Module):
    """Names as vectors that rendered features are compared with, and as words that the policy reads.

    Args:
        names: Vocabulary; ids are positions in it.
        encoder: The frozen sentence encoder.
    """

    vectors: Tensor
    features: Tensor
    mask: Tensor

    def __init__(self, names: Sequence[str], encoder: SentenceEncoder) -> None:
        super().__init__()
        self.names = tuple(names)
        stacked = stack_words([encoder.encode(name) for name in self.names])
        vectors = name_vectors(names, encoder)
        for key, value in (("vectors", vectors), ("features", stacked.features), ("mask", stacked.mask)):
            self.register_buffer(key, value, persistent=False)

    def logits(self, match: MatchHead, meanings: Tensor, planes: Tensor, xyz: Float[Tensor, "b r 3"]) -> Tensor:
        """How well each name fits each point, by the policy's own way of finding what it is told.

        The reader reads a name as if it were the instruction and picks the words that matter; the match head compares
        them with the features of a cell, in each plane. Here the cell is given by a point on a surface, and every name
        is compared.

        Args:
            match: A match head of the policy's coarse stage.
            meanings: ``(n, c)`` of :meth:`meanings`.
            planes: ``(b, 3, k, n, n)`` plane features that this head compares.
            xyz: Points, normalised coordinates.

        Returns:
            ``(b, r, n)`` logits.
        """
        word = F.normalize(match.word(meanings).float(), dim=-1)
        at = sample(F.normalize(match.cells(planes), dim=2), xyz)
        return SHARPNESS * torch.einsum("brpc,nc->brn", at, word)

    def meanings(
        self, network: DynaRend, state: Float[Tensor, "b s"], ids: Int[Tensor, n] | None = None
    ) -> Float[Tensor, "n c"]:
        """What the reader picks of each name, read in one or another state of the robot.

        Args:
            network: Its reader reads.
            state: States, used in turn.
            ids: Names to read; None for all.
        """
        features, mask = self.features, self.mask
        if ids is not None:
            features, mask = features[ids], mask[ids]
        states = state.repeat(len(mask) // len(state) + 1, 1)[: len(mask)]
        return network.reader(WordTokens(features, mask), states).meaning


def name_vectors(names: Sequence[str], encoder: SentenceEncoder) -> Float[Tensor, "n s"]:
    """Unit vectors of names, less what they share: sentence encoders put all short phrases close together."""
    contextual = slice(0, NAME_CHANNELS)
    plain = torch.stack([encoder.encode(name)[:, contextual].mean(0) for name in names])
    unit = F.normalize(plain, dim=-1)
    return F.normalize(unit - unit.mean(0, keepdim=True), dim=-1) if len(names) > 1 else unit


def surface_points(rays: Rays, depth: Float[Tensor, "b r"], box: Float[Tensor, "2 3"]) -> Float[Tensor, "b r 3"]:
    """Where the rays' measured depths lie, in the cube ``[-1, 1]^3``."""
    xyz = rays.origins + depth[..., None] * rays.directions
    return (xyz - box[0]) / (box[1] - box[0]) * 2.0 - 1.0
