"""What pretraining minimises: colours and depths of rendered pixels, now and at the next keyframe."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SILOG_BALANCE = 0.5
_NEAREST_M = 0.01


@dataclass(frozen=True)
class RenderWeights:
    """Weight of each term; 0 switches it off, and a time whose weight is 0 is not rendered at all.

    Attributes:
        rgb: Mean squared error of colours in ``[0, 1]``.
        depth: Scale-invariant logarithmic depth error.
        now: Reconstruction of what the cameras see.
        future: Prediction of what they see at the next keyframe.
    """

    rgb: float = 10.0
    depth: float = 1.0
    now: float = 1.0
    future: float = 1.0


@dataclass(frozen=True)
class RenderLosses:
    """Scalars of one batch, unweighted; ``total`` is what is minimised."""

    now_rgb: Tensor
    now_depth: Tensor
    future_rgb: Tensor
    future_depth: Tensor
    weights: RenderWeights

    @property
    def total(self) -> Tensor:
        """Weighted sum."""
        w = self.weights
        now = w.rgb * self.now_rgb + w.depth * self.now_depth
        return w.now * now + w.future * (w.rgb * self.future_rgb + w.depth * self.future_depth)

    def detached(self) -> dict[str, float]:
        """Plain numbers for logs."""
        names = ("now_rgb", "now_depth", "future_rgb", "future_depth", "total")
        return {name: float(getattr(self, name).detach()) for name in names}


def rgb_loss(
    rendered: Float[Tensor, "b r 3"], truth: Float[Tensor, "b r 3"], valid: Bool[Tensor, "b r"]
) -> Float[Tensor, ""]:
    """Mean squared error over the valid pixels."""
    error = (rendered - truth).square().mean(-1)
    return (error * valid).sum() / valid.sum().clamp(min=1)


def silog_loss(
    rendered: Float[Tensor, "b r"], truth: Float[Tensor, "b r"], valid: Bool[Tensor, "b r"]
) -> Float[Tensor, ""]:
    """Mean square of the log depth error less half of its squared mean, over the valid pixels."""
    error = torch.where(valid, rendered.clamp(min=_NEAREST_M).log() - truth.clamp(min=_NEAREST_M).log(), 0.0)
    count = valid.sum().clamp(min=1)
    return error.square().sum() / count - SILOG_BALANCE * (error.sum() / count).square()
