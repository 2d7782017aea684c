"""From triplane features to an action: per-plane value maps, their 3D sum, and the gripper's pose at one position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.networks import triplane
from dynarend_core.networks.transformer import Attention, rotary

REFINE_RADIUS = 2
PATCH_CELLS = 16
ROTATION_SIZE = 9


@dataclass(frozen=True)
class GripperLogits:
    """What the pose head says at one position.

    Attributes:
        rotation: ``(b, 9)``, see :func:`rotation_code`; not yet a rotation.
        gripper_open: ``(b,)`` logit.
        ignore_collisions: ``(b,)`` logit.
    """

    rotation: Tensor
    gripper_open: Tensor
    ignore_collisions: Tensor


def rotation_code(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 9"]:
    """What the network predicts of a rotation: the approach axis z, and the line along which the fingers open.

    A parallel gripper turned by 180 degrees about z is the same gripper, so the finger axis y matters only up to its
    sign: its line is the symmetric matrix ``y y^T`` (xx, yy, zz, xy, xz, yz), continuous however the gripper turns.
    Six numbers (z and y) must jump somewhere on the way round, and were learned more slowly.
    """
    z, y = rotation[..., 2], rotation[..., 1]
    return torch.cat([z, y.square(), y[..., [0, 0, 1]] * y[..., [1, 2, 2]]], dim=-1)


def rotation_from_code(code: Float[Tensor, "*b 9"]) -> Float[Tensor, "*b 3 3"]:
    """Nearest rotation, one of the two that differ by half a turn about z."""
    code = code.float()
    z = F.normalize(code[..., :3], dim=-1)
    xx, yy, zz, xy, xz, yz = code[..., 3:].unbind(-1)
    rows = [torch.stack(row, -1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    along_z = z[..., :, None] * z[..., None, :]
    level = torch.eye(3, device=code.device) - along_z
    # The strongest direction perpendicular to z; z itself is pushed to the other end of the spectrum.
    line = level @ torch.stack(rows, -2) @ level - 100.0 * along_z
    y = torch.linalg.eigh(line).eigenvectors[..., -1]
    return torch.stack([torch.linalg.cross(y, z), y, z], dim=-1)


def locate(heat: Float[Tensor, "b 3 n n"]) -> tuple[Float[Tensor, "b 3"], Float[Tensor, "b n n n"]]:
    """Best position in normalised coordinates, and the softmax over all cells.

    The position is the probability-weighted mean of the cells around the maximum, which is finer than a cell.
    """
    probability = triplane.volume(heat.float()).flatten(1).softmax(dim=-1)
    n = heat.shape[-1]
    best = probability.argmax(dim=-1)
    centre = torch.stack([best // (n * n), best // n % n, best % n], dim=-1)
    reach = torch.arange(-REFINE_RADIUS, REFINE_RADIUS + 1, device=heat.device)
    around = torch.stack(torch.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    cells = centre[:, None] + around
    inside = ((cells >= 0) & (cells < n)).all(dim=-1)
    cells = cells.clamp(0, n - 1)
    flat = (cells[..., 0] * n + cells[..., 1]) * n + cells[..., 2]
    weight = probability.gather(1, flat) * inside
    weight = weight / weight.sum(dim=1, keepdim=True)
    position = ((cells + 0.5) * (2.0 / n) - 1.0) * weight[..., None]
    return position.sum(dim=1), probability.reshape(-1, n, n, n)


class ValueDecoder(nn.Module):
    """Upsamples token planes to the value map's resolution, adding the stem's skips on the way."""

    def __init__(self, width: int, channels: int, token_cells: int, value_cells: int, skips: tuple[int, ...]) -> None:
        super().__init__()
        levels = (value_cells // token_cells).bit_length() - 1
        sizes = [width] + [channels * 2**i for i in reversed(range(levels))]
        self.lateral = nn.ModuleList(nn.Conv2d(sizes[i], sizes[i + 1], 1) for i in range(levels))
        self.smooth = nn.ModuleList(nn.Conv2d(sizes[i + 1], sizes[i + 1], 3, padding=1) for i in range(levels))
        wanted = list(reversed(skips))
        self.skip = nn.ModuleList(nn.Conv2d(c, sizes[i + 1], 1) for i, c in enumerate(wanted))
        self.heat = nn.Conv2d(sizes[-1], 1, 1)
        self.channels = sizes[-1]

    def forward(
        self, planes: Float[Tensor, "b 3 c t t"], skips: tuple[Tensor, ...]
    ) -> tuple[Float[Tensor, "b 3 k n n"], Float[Tensor, "b 3 n n"]]:
        """Features and value logits of every plane at the finest resolution."""
        b = len(planes)
        x = planes.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        for level, (lateral, smooth) in enumerate(zip(self.lateral, self.smooth, strict=True)):
            x = F.interpolate(lateral(x), scale_factor=2, mode="nearest")
            if level < len(self.skip):
                x = x + self.skip[level](skips[-1 - level].flatten(0, 1))
            x = F.gelu(x)
            x = F.gelu(smooth(x)) + x
        return x.unflatten(0, (b, 3)), self.heat(x)[:, 0].unflatten(0, (b, 3))


class PoseHead(nn.Module):
    """Rotation, gripper and collision flag at a position.

    Three ways to look around: features at the position, attention from there over the tokens with positions
    relative to it, and a window of the finest planes centred on it. The window is what shows an edge's direction.
    """

    positions: Tensor

    def __init__(self, width: int, heads: int, channels: int, token_cells: int) -> None:
        super().__init__()
        self.heads, self.token_cells = heads, token_cells
        self.local = nn.Linear(3 * (width + channels), width)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.patch = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 3, 2, 1),
            nn.GELU(),
            nn.Conv2d(2 * channels, 2 * channels, 3, 2, 1),
            nn.GELU(),
        )
        self.patch_out = nn.Linear(3 * 2 * channels * (PATCH_CELLS // 4) ** 2, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(5 * width), nn.Linear(5 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, ROTATION_SIZE + 2)
        )
        self.register_buffer("positions", triplane.cell_positions(token_cells), persistent=False)

    def forward(
        self,
        xyz: Float[Tensor, "b 3"],
        planes: Float[Tensor, "b 3 c t t"],
        features: Float[Tensor, "b 3 k n n"],
        state: Float[Tensor, "b c"],
        meaning: Float[Tensor, "b c"],
    ) -> GripperLogits:
        """Query at ``xyz``, in the normalised coordinates of the cube the planes span."""
        at = xyz[:, None]
        sampled = torch.cat([triplane.sample(planes, at), triplane.sample(features, at)], dim=-1).flatten(1)
        local = self.local(sampled)
        query = self.norm(local + state.float() + meaning)[:, None]
        head_dim = query.shape[-1] // self.heads
        cos, sin = rotary(at.float(), head_dim, self.token_cells)
        around = rotary(self.positions, head_dim, self.token_cells)
        looked = self.attention(
            query, (cos[:, None], sin[:, None]), memory=triplane.to_tokens(planes).to(query.dtype), memory_turn=around
        )
        shape = self.patch_out(
            self.patch(triplane.patches(features, xyz, PATCH_CELLS).flatten(0, 1)).reshape(len(xyz), -1)
        )
        seen = [local, looked[:, 0], shape, state, meaning]
        out = self.mlp(torch.cat([x.float() for x in seen], dim=-1)).float()
        return GripperLogits(out[:, :ROTATION_SIZE], out[:, -2], out[:, -1])
