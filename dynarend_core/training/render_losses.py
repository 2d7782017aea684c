"""What pretraining minimises: colours, depths and meanings of rendered pixels, now and at the next keyframe."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dynarend_core.networks import triplane
from dynarend_core.training.losses import log_partition

SILOG_BALANCE = 0.5
FREE_SPACE = 0.1
_NEAREST_M = 0.01


@dataclass(frozen=True)
class RenderWeights:
    """Weight of each term; 0 switches it off, and a time whose weight is 0 is not rendered at all.

    Attributes:
        rgb: Mean squared error of colours in ``[0, 1]``.
        depth: Scale-invariant logarithmic depth error; with :data:`FREE_SPACE` of it, opacity where nothing is.
        semantic: Cosine distance of rendered semantic features.
        naming: Cross entropy of the object's name at measured points, read through the policy's match head.
        finding: Cross entropy of the place of each named object at the next keyframe, through the policy's decoder.
        now: Reconstruction of what the cameras see.
        future: Prediction of what they see at the next keyframe.
    """

    rgb: float = 10.0
    depth: float = 5.0
    semantic: float = 0.5
    naming: float = 0.2
    finding: float = 0.5
    now: float = 1.0
    future: float = 1.0


@dataclass(frozen=True)
class TimeLosses:
    """Scalars of one rendered time, unweighted."""

    rgb: Tensor
    depth: Tensor
    semantic: Tensor

    def total(self, weights: RenderWeights) -> Tensor:
        """Weighted sum."""
        return weights.rgb * self.rgb + weights.depth * self.depth + weights.semantic * self.semantic


@dataclass(frozen=True)
class RenderLosses:
    """Scalars of one batch, unweighted; ``total`` is what is minimised."""

    now: TimeLosses
    future: TimeLosses
    naming: Tensor
    finding: Tensor
    weights: RenderWeights

    @property
    def total(self) -> Tensor:
        """Weighted sum."""
        w = self.weights
        future = self.future.total(w) + w.finding * self.finding
        return w.now * self.now.total(w) + w.future * future + w.naming * self.naming

    def detached(self) -> dict[str, float]:
        """Plain numbers for logs."""
        terms = {
            f"{when}_{term}": getattr(losses, term)
            for when, losses in (("now", self.now), ("future", self.future))
            for term in ("rgb", "depth", "semantic")
        }
        return {
            name: float(x.detach())
            for name, x in {**terms, "naming": self.naming, "finding": self.finding, "total": self.total}.items()
        }


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


def free_space_loss(opacity: Float[Tensor, "b r"], free: Bool[Tensor, "b r"]) -> Float[Tensor, ""]:
    """Mean squared opacity of the rays that meet nothing."""
    return (opacity.square() * free).sum() / free.sum().clamp(min=1)


def semantic_loss(
    rendered: Float[Tensor, "b r s"], truth: Float[Tensor, "b r s"], valid: Bool[Tensor, "b r"]
) -> Float[Tensor, ""]:
    """Mean cosine distance over the valid pixels."""
    error = 1.0 - F.cosine_similarity(rendered, truth, dim=-1)
    return (error * valid).sum() / valid.sum().clamp(min=1)


def naming_loss(logits: Float[Tensor, "b r n"], names: Int[Tensor, "b r"]) -> Float[Tensor, ""]:
    """Cross entropy over the pixels whose name is known (not negative)."""
    known = names >= 0
    each = F.cross_entropy(logits.flatten(0, 1), names.clamp(min=0).flatten(), reduction="none")
    return (each * known.flatten()).sum() / known.sum().clamp(min=1)


def finding_loss(
    heat: Float[Tensor, "b n 3 k k"], xyz: Float[Tensor, "b r 3"], names: Int[Tensor, "b r"]
) -> Float[Tensor, ""]:
    """Cross entropy over all cells of the cube: in the map of its own name, a point should stand out.

    Args:
        heat: For each name logits of the three planes, whose sum is a logit for every cell.
        xyz: Points on surfaces, normalised coordinates.
        names: Their names, -1 where none is known.
    """
    known = names >= 0
    chosen = names.clamp(min=0)
    everywhere = log_partition(heat.flatten(0, 1)).unflatten(0, heat.shape[:2])
    there = triplane.sample(heat.transpose(1, 2), xyz).sum(dim=2)
    each = everywhere.gather(1, chosen) - there.gather(2, chosen[..., None])[..., 0]
    return (each * known).sum() / known.sum().clamp(min=1)
