"""A triplane as a field: at any point of the cube a density, a colour, and optionally semantic features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

PLANE_AXES = ((0, 1), (0, 2), (1, 2))
"""Axes of the planes xy, xz, yz in this order, as in ``networks.triplane``."""


@dataclass(frozen=True)
class FieldConfig:
    """Sizes of the field.

    Attributes:
        channels: Channels of the fine planes.
        upsample: Fine cells along one edge of a token's cell.
        hidden: Width of the heads.
        semantic_channels: Channels of the semantic head; 0 leaves it out.
        skip_channels: Channels of the stem's finest features, which the field may read beside the tokens; 0: none.
        octaves: Sines and cosines of the position that the heads are given beside the planes' sum: a plane knows how
            far along its normal the surface lies, and the heads must compare that with where they are asked.
        density_scale: Density of a raw output of about 1 [1/m]: a surface must be dense within a centimetre.
    """

    channels: int = 32
    upsample: int = 4
    hidden: int = 64
    semantic_channels: int = 0
    skip_channels: int = 16
    octaves: int = 4
    density_scale: float = 30.0


@dataclass(frozen=True)
class FieldValues:
    """Density ``(b, m)`` [1/m], rgb ``(b, m, 3)`` in ``[0, 1]``, and the heads' input ``(b, m, h)``."""

    density: Tensor
    rgb: Tensor
    features: Tensor


def lookup(planes: Float[Tensor, "b 3 c n n"], xyz: Float[Tensor, "b m 3"]) -> Float[Tensor, "b m c"]:
    """Sum of the three planes' bilinear interpolations at positions in ``[-1, 1]^3``; border values outside."""
    b, _, c, n, _ = planes.shape
    # grid_sample wants (last dimension, second-last dimension) order.
    grid = torch.stack([xyz[..., [second, first]] for first, second in PLANE_AXES], dim=1)
    flat = F.grid_sample(
        planes.reshape(b * 3, c, n, n).float(),
        grid.reshape(b * 3, -1, 1, 2).float(),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return flat.reshape(b, 3, c, -1).sum(dim=1).transpose(1, 2)


def encode_position(xyz: Float[Tensor, "*b 3"], octaves: int) -> Float[Tensor, "*b k"]:
    """Coordinates with sines and cosines of ``pi 2^i`` times them, ``k = 3 + 6 octaves``."""
    angles = xyz[..., None] * (torch.pi * 2.0 ** torch.arange(octaves, device=xyz.device, dtype=xyz.dtype))
    return torch.cat([xyz, angles.sin().flatten(-2), angles.cos().flatten(-2)], dim=-1)


class RadianceField(nn.Module):
    """Unfolds each token to a patch of finer cells, then reads density, colour and semantics with small heads.

    A token cell of the small networks is 12.5 cm wide; its vector has room for a patch, as in masked autoencoders.
    The stem's finest features (``skip``) come in through a gate that the tokens hold: most of a scene does not move,
    and what the tokens say has moved is shut out.

    Args:
        config: Sizes.
        width: Channels of the token planes.
    """

    def __init__(self, config: FieldConfig, width: int) -> None:
        super().__init__()
        c = self.config = config
        gates = 1 if c.skip_channels else 0
        self.unfold = nn.Conv2d(width, (c.channels + gates) * c.upsample**2, 1)
        self.skip_in = nn.Conv2d(c.skip_channels, c.channels, 1) if c.skip_channels else None
        self.smooth = nn.Conv2d(c.channels, c.channels, 3, padding=1, padding_mode="replicate")
        self.plane_bias = nn.Parameter(torch.randn(3, c.channels, 1, 1) * 0.02)
        self.trunk_in = nn.Linear(c.channels + 3 + 6 * c.octaves, c.hidden)
        self.trunk = nn.Linear(c.hidden, c.hidden)
        self.density = nn.Linear(c.hidden, 1)
        self.rgb = nn.Sequential(nn.Linear(c.hidden + 3, c.hidden // 2), nn.SiLU(), nn.Linear(c.hidden // 2, 3))
        self.semantic = nn.Linear(c.hidden + 3, c.semantic_channels) if c.semantic_channels else None
        nn.init.constant_(self.density.bias, -2.0)  # start nearly transparent, or gradients stop at the first samples

    def fine_planes(
        self, planes: Float[Tensor, "b 3 c t t"], skip: Float[Tensor, "b 3 s g g"] | None = None
    ) -> Float[Tensor, "b 3 k f f"]:
        """Token planes, and the stem's finest features where they are used, to the planes that are looked up."""
        b = len(planes)
        fine = F.pixel_shuffle(self.unfold(planes.flatten(0, 1)), self.config.upsample)
        if self.skip_in is not None:
            fine, gate = fine[:, :-1], torch.sigmoid(fine[:, -1:])
            if skip is not None:
                seen = self.skip_in(skip.flatten(0, 1))
                if seen.shape[-1] != fine.shape[-1]:
                    seen = F.interpolate(seen, size=fine.shape[-2:], mode="bilinear", align_corners=False)
                fine = fine + gate * seen
        return (fine + self.smooth(F.silu(fine))).unflatten(0, (b, 3)) + self.plane_bias

    def forward(
        self, fine: Float[Tensor, "b 3 k f f"], xyz: Float[Tensor, "b m 3"], direction: Float[Tensor, "b m 3"]
    ) -> FieldValues:
        """The field at normalised positions, seen along unit directions."""
        x = F.silu(self.trunk_in(torch.cat([lookup(fine, xyz), encode_position(xyz, self.config.octaves)], dim=-1)))
        x = x + F.silu(self.trunk(x))
        density = self.config.density_scale * F.softplus(self.density(x).float())[..., 0]
        seen = torch.cat([x, direction.to(x.dtype)], dim=-1)
        return FieldValues(density, torch.sigmoid(self.rgb(seen).float()), seen)
