"""The network with what pretraining adds: a mask embedding and a renderer. Its forward pass gives the losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.masking import TokenMask, show_skip
from dynarend_core.networks.stage import Latents
from dynarend_core.rendering.renderer import RenderConfig, Renderer
from dynarend_core.training.names import NameTable, surface_points
from dynarend_core.training.render_batch import PixelTargets, RenderBatch
from dynarend_core.training.render_losses import (
    FREE_SPACE,
    RenderLosses,
    RenderWeights,
    TimeLosses,
    finding_loss,
    free_space_loss,
    naming_loss,
    rgb_loss,
    semantic_loss,
    silog_loss,
)


@dataclass(frozen=True)
class RenderTask:
    """What is rendered and what it is compared with.

    Attributes:
        render: Sizes of the renderer.
        weights: Weights of the losses.
        aabb_base: Workspace ``(2, 3)`` [m].
        frozen: Train the renderer alone: the network is a finished policy.
    """

    render: RenderConfig
    weights: RenderWeights
    aabb_base: np.ndarray
    frozen: bool = False


class Pretrainer(nn.Module):
    """Masked reconstruction of the present and prediction of the future through one renderer.

    Only what this can teach is trained: the coarse stage's stem and encoders; the instruction reader and what brings
    its words to the encoders, because which future comes depends on the instruction; and the features of the coarse
    decoder, if named objects are to be found in the future.

    Args:
        network: The policy network.
        task: What is rendered.
        names: Vocabulary of the named objects; None if semantic targets are features, or there are none.
    """

    def __init__(self, network: DynaRend, task: RenderTask, names: NameTable | None = None) -> None:
        super().__init__()
        width = network.config.coarse.width
        self.network, self.weights, self.names, self.frozen = network, task.weights, names, task.frozen
        self.mask = TokenMask(width)
        self.renderer = Renderer(task.render, width, torch.as_tensor(task.aabb_base, dtype=torch.float32))
        self.finder = nn.Linear(width, network.coarse.decoder.channels)
        self.finds = names is not None and min(task.weights.finding, task.weights.future) > 0 and not self.frozen
        self.requires_grad_(False)
        self.renderer.requires_grad_(True)
        if not self.frozen:
            for part in self._taught():
                part.requires_grad_(True)

    def _taught(self) -> list[nn.Module]:
        """What learns beside the renderer. The value map itself stays fresh: no action has been seen."""
        coarse, weights = self.network.coarse, self.weights
        parts: list[nn.Module] = [self.mask, coarse.stem, coarse.encoders[0]]
        if self.names is not None and weights.naming > 0:
            parts += [self.network.reader, coarse.match]
        if weights.future > 0:
            parts += [self.network.reader, coarse.match, coarse.match_in, coarse.encoders[-1]]
        if self.finds:
            decoder = coarse.decoder
            parts += [self.finder, decoder.lateral, decoder.smooth, decoder.skip]
        return parts

    def forward(self, batch: RenderBatch) -> RenderLosses:
        """Losses of one batch."""
        if self.frozen:
            with torch.no_grad():
                latents, _ = self.network.encode(batch.given)
        else:
            latents, _ = self.network.encode(batch.given, lambda tokens: self.mask(tokens, batch.hidden))
        skip = self._skip(latents, batch.hidden)
        now = self._losses(latents.now, skip, batch.now, self.weights.now)
        future = self._losses(latents.future, skip, batch.future, self.weights.future)
        naming = finding = batch.now.rgb.new_zeros(())
        if self.names is not None and not self.frozen and (self.weights.naming or self.finds):
            meanings = self.names.meanings(self.network, self.network.state(batch.given))
            naming = self._naming(self.names, meanings, latents, batch) if self.weights.naming else naming
            finding = self._finding(meanings, latents, batch) if self.finds else finding
        return RenderLosses(now, future, naming, finding, self.weights)

    def _skip(self, latents: Latents, hidden: Bool[Tensor, "b n"]) -> Tensor | None:
        """The stem's finest features where no token is hidden: what must be guessed may not be read elsewhere."""
        if self.renderer.field.skip_in is None:
            return None
        return show_skip(latents.stem.skips[0], torch.zeros_like(hidden) if self.frozen else hidden)

    def _losses(self, planes: Tensor, skip: Tensor | None, pixels: PixelTargets, weight: float) -> TimeLosses:
        zero = pixels.rgb.new_zeros(())
        if weight == 0:
            return TimeLosses(zero, zero, zero)
        seen = self.renderer(planes, pixels.rays, pixels.jitter, pixels.depth, skip)
        rgb = rgb_loss(seen.rgb, pixels.rgb, pixels.valid) if self.weights.rgb else zero
        depth = zero
        if self.weights.depth:
            depth = silog_loss(seen.depth, pixels.depth, pixels.valid)
            depth = depth + FREE_SPACE * free_space_loss(seen.opacity, pixels.free)
        semantic = zero
        if seen.semantic is not None and self.weights.semantic:
            semantic = semantic_loss(seen.semantic, *self._meaning(pixels))
        return TimeLosses(rgb, depth, semantic)

    def _meaning(self, pixels: PixelTargets) -> tuple[Float[Tensor, "b r s"], Bool[Tensor, "b r"]]:
        if self.names is None:
            return pixels.features, pixels.valid
        return self.names.vectors[pixels.names.clamp(min=0)], pixels.valid & (pixels.names >= 0)

    def _naming(self, names: NameTable, meanings: Tensor, latents: Latents, batch: RenderBatch) -> Tensor:
        points = surface_points(batch.now.rays, batch.now.depth, self.renderer.box)
        logits = names.logits(self.network.coarse.match, meanings, latents.stem.early, points)
        return naming_loss(logits, torch.where(batch.now.valid, batch.now.names, -1))

    def _finding(self, meanings: Tensor, latents: Latents, batch: RenderBatch) -> Tensor:
        """Where each named object in view will be: the decoder's features against what the reader makes of names."""
        pixels = batch.future
        skips = tuple(show_skip(skip, batch.hidden) for skip in latents.stem.skips)
        features, _ = self.network.coarse.decoder(latents.future, skips)
        heat = torch.einsum("bpkij,nk->bnpij", features.float(), self.finder(meanings).float())
        points = surface_points(pixels.rays, pixels.depth, self.renderer.box)
        return finding_loss(heat, points, torch.where(pixels.valid, pixels.names, -1))
