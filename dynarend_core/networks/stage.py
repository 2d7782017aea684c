"""One look at one cube: cloud and words in, triplane of the present, triplane of the future, value logits out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.networks import triplane
from dynarend_core.networks.action_decoder import ValueDecoder
from dynarend_core.networks.match_head import MatchHead, PointMatch
from dynarend_core.networks.point_stem import PointMlpStem, StemFeatures, ZBufferStem
from dynarend_core.networks.transformer import Rotary, Transformer, rotary

Hide = Callable[[Tensor], Tensor]
"""Scene tokens ``(b, n, c)`` to tokens with some of them replaced."""


@dataclass(frozen=True)
class StageConfig:
    """Sizes of one stage.

    Attributes:
        stem: ``"zbuffer"`` or ``"point_mlp"``.
        width: Channels of a token.
        heads: Attention heads.
        depths: Layers of each transformer in the chain. Two entries are the paper's E_recon and E_pred.
        hidden: Hidden channels of the feed-forward layers.
        token_cells: Cells along one edge of the token planes.
        value_cells: Cells along one edge of the value map (and of the z-buffer).
        channels: Channels of the finest plane features.
        point_match: Also compare words with every point, for things that planes show only from outside.
        late_match: Also compare words with decoded features, which have seen the whole scene: for relations.
    """

    stem: str = "zbuffer"
    width: int = 128
    heads: int = 4
    depths: tuple[int, ...] = (2, 2)
    hidden: int = 256
    token_cells: int = 8
    value_cells: int = 32
    channels: int = 16
    point_match: bool = False
    late_match: bool = False


@dataclass(frozen=True)
class Context:
    """What accompanies the scene's tokens.

    Attributes:
        tokens: ``(b, m, c)`` tokens.
        mask: ``(b, m)`` True where a token exists.
        state: ``(b, c)`` the robot's state after reading the instruction.
        meaning: ``(b, c)`` plain meaning of the words that matter now.
        past: ``(b, k, p)`` remembered keyframes, whose tokens come just before the last one; they begin with the place.
    """

    tokens: Tensor
    mask: Tensor
    state: Tensor
    meaning: Tensor
    past: Tensor | None = None


@dataclass(frozen=True)
class Latents:
    """Triplanes ``(b, 3, c, t, t)`` after each encoder of the chain.

    Attributes:
        now: After the first encoder: what the scene is (rendering for pretraining reads this).
        future: After the last encoder: what the scene will be at the next keyframe.
        context: ``(b, m, c)`` context tokens after the last encoder.
        stem: Features before the first encoder.
        match: ``(b, 3, n, n)`` similarity of every cell with the words that matter now.
        point_match: The same of the best point in every column; None where points are not compared.
    """

    now: Tensor
    future: Tensor
    context: Tensor
    stem: StemFeatures
    match: Tensor
    point_match: Tensor | None = None


@dataclass(frozen=True)
class Values:
    """Value logits ``(b, 3, n, n)`` per plane and the features ``(b, 3, k, n, n)`` behind them."""

    heat: Tensor
    features: Tensor


class Stage(nn.Module):
    """Stem, chained encoders and value decoder over one cube.

    Args:
        config: Sizes.
        first: Whether the stem is also given the episode's first cloud.
    """

    positions: Tensor

    def __init__(self, config: StageConfig, first: bool = False) -> None:
        super().__init__()
        c = self.config = config
        stem: ZBufferStem | PointMlpStem
        if c.stem == "zbuffer":
            stem = ZBufferStem(c.width, c.value_cells, c.token_cells, c.channels, first)
        else:
            stem = PointMlpStem(c.width, c.token_cells, first=first)
        self.stem = stem
        self.encoders = nn.ModuleList(Transformer(c.width, c.heads, depth, c.hidden) for depth in c.depths)
        self.decoder = ValueDecoder(c.width, c.channels, c.token_cells, c.value_cells, stem.skip_channels)
        self.match = MatchHead(c.width, stem.early_channels)
        match_in = nn.Conv2d(2, c.width, 1)
        # Silent until fine-tuning finds it useful: pretraining follows no instruction, what matches there says nothing.
        for parameter in match_in.parameters():
            nn.init.zeros_(parameter)
        self.match_in = match_in
        self.match_gain = nn.Linear(c.width, 1)
        nn.init.zeros_(self.match_gain.weight)
        nn.init.constant_(self.match_gain.bias, 5.0)
        self.point_match: PointMatch | None = None
        if c.point_match:
            self.point_match = PointMatch(c.width)
            self.point_in, self.point_gain = nn.Conv2d(2, c.width, 1), nn.Linear(c.width, 1)
            for layer in (self.point_in, self.point_gain):  # silent, like match_in: a trained stage may be given it
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(cast(Tensor, layer.bias))
        self.late_match: MatchHead | None = None
        if c.late_match:
            self.late_match = MatchHead(c.width, self.decoder.channels, hidden=64)
            self.late_gain = nn.Linear(c.width, 1)
            nn.init.zeros_(self.late_gain.weight)
            nn.init.constant_(self.late_gain.bias, 5.0)
        self.register_buffer("positions", triplane.cell_positions(c.token_cells), persistent=False)

    def encode(
        self,
        points: Float[Tensor, "b n 6"],
        tip: Float[Tensor, "b 3"],
        context: Context,
        hide: Hide | None = None,
        first: Float[Tensor, "b m 6"] | None = None,
    ) -> Latents:
        """Run the stem and the chain of encoders on one sequence of plane and context tokens.

        ``hide`` replaces some of the scene's tokens before the first encoder; only pretraining does. ``first`` is the
        episode's first cloud.
        """
        stem = self.stem(points, tip, first)
        match = self.match(stem.early, context.meaning)
        scene = stem.tokens + self._match_tokens(self.match_in, match)
        point_match = None
        if self.point_match is not None:
            point_match = self.point_match(points, context.meaning, self.config.value_cells)
            scene = scene + self._match_tokens(self.point_in, point_match)
        scene = triplane.to_tokens(scene)
        if hide is not None:
            scene = hide(scene)
        b, n, _ = scene.shape
        tokens = torch.cat([scene, context.tokens.to(scene.dtype)], dim=1)
        mask = torch.cat([context.mask.new_ones(b, n), context.mask], dim=1)
        turn = self._turn(context)
        planes = []
        for encoder in self.encoders:
            tokens = encoder(tokens, turn, mask)
            planes.append(triplane.to_planes(tokens[:, :n], self.config.token_cells))
        return Latents(planes[0], planes[-1], tokens[:, n:], stem, match, point_match)

    def _match_tokens(self, lift: nn.Conv2d, match: Float[Tensor, "b 3 n n"]) -> Float[Tensor, "b 3 c t t"]:
        """Tell the encoders where the named thing is: the place to go to may be another one, but depends on it."""
        t = self.config.token_cells
        pooled = torch.stack([F.adaptive_avg_pool2d(match, t), F.adaptive_max_pool2d(match, t)], dim=2)
        return lift(pooled.flatten(0, 1)).unflatten(0, (len(match), 3))

    def _turn(self, context: Context) -> Rotary:
        """Rotary angles of the sequence: keyframes sit where they were, other context tokens at the cube's centre."""
        head_dim = self.config.width // self.config.heads
        if context.past is None:
            positions = F.pad(self.positions, (0, 0, 0, context.mask.shape[1]))
            return rotary(positions, head_dim, self.config.token_cells)
        b, k, _ = context.past.shape
        words = context.mask.shape[1] - k - 1
        scene = F.pad(self.positions, (0, 0, 0, words)).expand(b, -1, -1)
        positions = torch.cat([scene, context.past[..., :3], scene.new_zeros(b, 1, 3)], dim=1)
        cos, sin = rotary(positions, head_dim, self.config.token_cells)
        return cos[:, None], sin[:, None]

    def decode(self, latents: Latents, context: Context) -> Values:
        """Value logits of the future triplane, plus matches of words and features as far as the state asks."""
        features, heat = self.decoder(latents.future, latents.stem.skips)
        match = latents.match * self.match_gain(context.state).float()[..., None, None]
        if latents.point_match is not None:
            match = match + latents.point_match * self.point_gain(context.state).float()[..., None, None]
        if match.shape[-1] != heat.shape[-1]:
            match = F.interpolate(match, size=heat.shape[-2:], mode="bilinear", align_corners=False)
        if self.late_match is not None:
            late = self.late_match(features, context.meaning)
            match = match + late * self.late_gain(context.state).float()[..., None, None]
        return Values(heat.float() + match, features)
