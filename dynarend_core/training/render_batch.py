"""Pretraining samples to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dynarend_core.datasets.rendering_dataset import PixelSample, RenderSample
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.networks.network_input import NetworkInput, stack_given
from dynarend_core.rendering.rays import Rays, pixel_rays


@dataclass(frozen=True)
class PixelTargets:
    """Rays and what they should see.

    Attributes:
        rays: ``(b, r)`` rays.
        rgb: ``(b, r, 3)`` in ``[0, 1]``.
        depth: ``(b, r)`` [m].
        valid: ``(b, r)`` bool: a surface of the workspace is seen.
        free: ``(b, r)`` bool: the ray meets nothing in the workspace.
        jitter: ``(b, r, n)`` random numbers of the samples along each ray.
        names: ``(b, r)`` ids of the objects seen, -1 where none is known.
        features: ``(b, r, s)`` semantic features seen; s is 0 where there are none.
    """

    rays: Rays
    rgb: Tensor
    depth: Tensor
    valid: Tensor
    free: Tensor
    jitter: Tensor
    names: Tensor
    features: Tensor

    def to(self, device: torch.device | str) -> PixelTargets:
        """The same pixels on another device."""
        tensors = (self.rgb, self.depth, self.valid, self.free, self.jitter, self.names, self.features)
        return PixelTargets(self.rays.to(device), *(x.to(device, non_blocking=True) for x in tensors))


@dataclass(frozen=True)
class RenderBatch:
    """Network input, which tokens are hidden ``(b, tokens)``, and the pixels of both times."""

    given: NetworkInput
    hidden: Tensor
    now: PixelTargets
    future: PixelTargets

    def to(self, device: torch.device | str) -> RenderBatch:
        """The same batch on another device."""
        hidden = self.hidden.to(device, non_blocking=True)
        return RenderBatch(self.given.to(device), hidden, self.now.to(device), self.future.to(device))


def collate_rendering(
    samples: Sequence[RenderSample],
    encoder: SentenceEncoder,
    rng: np.random.Generator,
    tokens: int,
    mask_ratio: tuple[float, float],
    ray_samples: int,
) -> RenderBatch:
    """Stack samples and draw what is random: each sample's share of hidden tokens lies in ``mask_ratio``."""
    shares = rng.uniform(*mask_ratio, (len(samples), 1))
    hidden = rng.random((len(samples), tokens)) < shares
    return RenderBatch(
        stack_given([s.sample.given for s in samples], encoder),
        torch.from_numpy(hidden),
        _targets([s.now for s in samples], rng, ray_samples),
        _targets([s.future for s in samples], rng, ray_samples),
    )


def _targets(pixels: Sequence[PixelSample], rng: np.random.Generator, ray_samples: int) -> PixelTargets:
    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(p, name) for p in pixels]))

    depth = stack("depth")
    jitter = torch.from_numpy(rng.random((*depth.shape, ray_samples), dtype=np.float32))
    rays = Rays(*pixel_rays(stack("uv"), stack("K"), stack("T_base_camera")))
    return PixelTargets(
        rays, stack("rgb"), depth, stack("valid"), stack("free"), jitter, stack("names"), stack("features")
    )
