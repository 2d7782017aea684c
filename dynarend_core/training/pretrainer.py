"""The network with what pretraining adds: a mask embedding and a renderer. Its forward pass gives the losses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.masking import TokenMask
from dynarend_core.rendering.renderer import RenderConfig, Renderer
from dynarend_core.training.render_batch import PixelTargets, RenderBatch
from dynarend_core.training.render_losses import RenderLosses, RenderWeights, rgb_loss, silog_loss


class Pretrainer(nn.Module):
    """Masked reconstruction of the present and prediction of the future through one renderer.

    Only what rendering can teach is trained: the instruction reader and the coarse stage's stem and encoders.

    Args:
        network: The policy network.
        render: Sizes of the renderer.
        weights: Weights of the losses.
        aabb_base: Workspace ``(2, 3)`` [m].
    """

    def __init__(self, network: DynaRend, render: RenderConfig, weights: RenderWeights, aabb_base: np.ndarray) -> None:
        super().__init__()
        width = network.config.coarse.width
        self.network, self.weights = network, weights
        self.mask = TokenMask(width)
        self.renderer = Renderer(render, width, torch.as_tensor(aabb_base, dtype=torch.float32))
        coarse = network.coarse
        network.requires_grad_(False)
        for part in (network.reader, coarse.stem, coarse.encoders, coarse.match, coarse.match_in):
            part.requires_grad_(True)
        if weights.future == 0:
            coarse.encoders[-1].requires_grad_(False)

    def forward(self, batch: RenderBatch) -> RenderLosses:
        """Losses of one batch."""
        latents, _ = self.network.encode(batch.given, lambda tokens: self.mask(tokens, batch.hidden))
        now = self._losses(latents.now, batch.now, self.weights.now)
        future = self._losses(latents.future, batch.future, self.weights.future)
        return RenderLosses(*now, *future, self.weights)

    def _losses(self, planes: Tensor, pixels: PixelTargets, weight: float) -> tuple[Tensor, Tensor]:
        if weight == 0:
            zero = pixels.rgb.new_zeros(())
            return zero, zero
        seen = self.renderer(planes, pixels.rays, pixels.jitter, pixels.depth)
        return rgb_loss(seen.rgb, pixels.rgb, pixels.valid), silog_loss(seen.depth, pixels.depth, pixels.valid)
