"""Three orthogonal feature planes over a cube with normalised coordinates ``[-1, 1]^3``.

Planes come in the order xy, xz, yz. A plane tensor is ``(b, 3, c, n, n)``: its last two dimensions are the
plane's own axes in that order. Tokens are the cells of all planes, ``(b, 3 * n * n, c)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

PLANE_AXES = ((0, 1), (0, 2), (1, 2))
NORMAL_AXIS = (2, 1, 0)


def cell_positions(n: int) -> Float[Tensor, "tokens 3"]:
    """Centres of all cells of three ``n x n`` planes; the coordinate along a plane's normal is 0, the cube's centre."""
    line = (torch.arange(n, dtype=torch.float32) + 0.5) * (2.0 / n) - 1.0
    a, c = torch.meshgrid(line, line, indexing="ij")
    planes = []
    for first, second in PLANE_AXES:
        position = torch.zeros(n, n, 3)
        position[..., first], position[..., second] = a, c
        planes.append(position.reshape(-1, 3))
    return torch.cat(planes)


def cell_indices(xyz: Float[Tensor, "*b 3"], n: int) -> Int[Tensor, "*b 3"]:
    """Cell of each point along each axis, not clamped: outside ``[0, n)`` means outside the cube."""
    return torch.floor((xyz + 1.0) * (n / 2.0)).long()


def to_tokens(planes: Float[Tensor, "b 3 c n n"]) -> Float[Tensor, "b tokens c"]:
    """Cells of all planes as one sequence."""
    return planes.permute(0, 1, 3, 4, 2).flatten(1, 3)


def to_planes(tokens: Float[Tensor, "b tokens c"], n: int) -> Float[Tensor, "b 3 c n n"]:
    """Inverse of :func:`to_tokens`."""
    b, _, c = tokens.shape
    return tokens.reshape(b, 3, n, n, c).permute(0, 1, 4, 2, 3)


def sample(planes: Float[Tensor, "b 3 c n n"], xyz: Float[Tensor, "b m 3"]) -> Float[Tensor, "b m 3 c"]:
    """Bilinear interpolation of every plane at 3D positions; positions outside the cube take the border's value."""
    b, _, c, n, _ = planes.shape
    m = xyz.shape[1]
    # grid_sample wants (last dimension, second-last dimension) order.
    grids = torch.stack([xyz[..., [second, first]] for first, second in PLANE_AXES], dim=1)
    flat = F.grid_sample(
        planes.reshape(b * 3, c, n, n).float(),
        grids.reshape(b * 3, m, 1, 2).float(),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return flat.reshape(b, 3, c, m).permute(0, 3, 1, 2)


def patches(planes: Float[Tensor, "b 3 c n n"], xyz: Float[Tensor, "b 3"], cells: int) -> Float[Tensor, "b 3 c k k"]:
    """Square windows of ``cells`` x ``cells`` around a position, at the planes' own spacing; zero outside.

    The window is centred on the position itself and not on its cell, so what it shows does not shift with it.
    """
    b, _, c, n, _ = planes.shape
    reach = (torch.arange(cells, device=planes.device, dtype=torch.float32) - (cells - 1) / 2.0) * (2.0 / n)
    window = torch.stack(torch.meshgrid(reach, reach, indexing="ij"), dim=-1)
    centres = torch.stack([xyz[:, [first, second]] for first, second in PLANE_AXES], dim=1).float()
    grid = (centres[:, :, None, None] + window).flip(-1).reshape(b * 3, cells, cells, 2)
    flat = planes.reshape(b * 3, c, n, n).float()
    cut = F.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return cut.reshape(b, 3, c, cells, cells)


def volume(heat: Float[Tensor, "b 3 n n"]) -> Float[Tensor, "b n n n"]:
    """Broadcast sum of three per-plane maps to one map over x, y, z."""
    return heat[:, 0, :, :, None] + heat[:, 1, :, None, :] + heat[:, 2, None, :, :]
