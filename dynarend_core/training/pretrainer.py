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

    Only what this can teach is trained: the coarse stage's stem and encoders, and the instruction reader. The reader
    learns from names alone: through the rendered future it would learn by heart which of few sentences goes with which
    scene, and that is in the way of learning what to do.

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
        coarse = network.coarse
        network.requires_grad_(False)
        if self.frozen:
            self.mask.requires_grad_(False)
            return
        for part in (coarse.stem, coarse.encoders):
            part.requires_grad_(True)
        if names is not None and task.weights.naming > 0:
            network.reader.requires_grad_(True)
            coarse.match.requires_grad_(True)
        if task.weights.future == 0:
            coarse.encoders[-1].requires_grad_(False)

    def forward(self, batch: RenderBatch) -> RenderLosses:
        """Losses of one batch."""
        if self.frozen:
            with torch.no_grad():
                latents, _ = self.network.encode(batch.given)
        else:
            latents, _ = self.network.encode(
                batch.given, lambda tokens: self.mask(tokens, batch.hidden), learn_reading=False
            )
        skip = self._skip(latents, batch.hidden)
        now = self._losses(latents.now, skip, batch.now, self.weights.now)
        future = self._losses(latents.future, skip, batch.future, self.weights.future)
        return RenderLosses(now, future, self._naming(latents, batch), self.weights)

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

    def _naming(self, latents: Latents, batch: RenderBatch) -> Tensor:
        pixels = batch.now
        if self.names is None or self.weights.naming == 0 or self.frozen:
            return pixels.rgb.new_zeros(())
        points = surface_points(pixels.rays, pixels.depth, self.renderer.box)
        logits = self.names.logits(self.network, latents.stem.early, points, self.network.state(batch.given))
        return naming_loss(logits, torch.where(pixels.valid, pixels.names, -1))
