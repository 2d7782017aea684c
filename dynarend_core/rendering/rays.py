"""Rays through pixels, in the robot's base frame.

A ray's direction is scaled to unit length along the optical axis, not to unit length: then the parameter ``t`` of
``origin + t * direction`` is the depth a depth camera measures [m], and no conversion is left to forget.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Rays:
    """A batch of rays.

    Attributes:
        origins: ``(b, r, 3)`` camera centres, base frame [m].
        directions: ``(b, r, 3)`` base frame; length 1 along the camera's optical axis.
    """

    origins: Tensor
    directions: Tensor

    def to(self, device: torch.device | str) -> Rays:
        """The same rays on another device."""
        return Rays(self.origins.to(device, non_blocking=True), self.directions.to(device, non_blocking=True))

    def at(self, t: Float[Tensor, "b r n"]) -> Float[Tensor, "b r n 3"]:
        """Points at depth ``t`` [m]."""
        return self.origins[..., None, :] + t[..., None] * self.directions[..., None, :]


def pixel_rays(
    uv: Float[Tensor, "*b r 2"], K: Float[Tensor, "*b 3 3"], T_base_camera: Float[Tensor, "*b 4 4"]
) -> tuple[Float[Tensor, "*b r 3"], Float[Tensor, "*b r 3"]]:
    """Origins and directions of the rays through image positions.

    Args:
        uv: Image positions [px], u to the right, v down; the first pixel's centre is (0.5, 0.5).
        K: Pinhole matrices [px].
        T_base_camera: Optical camera frames in the base frame.
    """
    x = (uv[..., 0] - K[..., 0, 2, None]) / K[..., 0, 0, None]
    y = (uv[..., 1] - K[..., 1, 2, None]) / K[..., 1, 1, None]
    camera = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    directions = camera @ T_base_camera[..., :3, :3].transpose(-1, -2)
    origins = T_base_camera[..., None, :3, 3].expand_as(directions)
    return origins, directions


def image_positions(height: int, width: int) -> Float[Tensor, "r 2"]:
    """Centres of all pixels of an image, row by row [px]."""
    v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([u, v], dim=-1).reshape(-1, 2)
