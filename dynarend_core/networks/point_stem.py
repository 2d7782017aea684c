"""From a coloured cloud to triplane features, without ever building a voxel grid.

Two stems: :class:`ZBufferStem` looks at the cloud along the three axes from both sides and is cheap on a CPU;
:class:`PointMlpStem` is the paper's (per-point MLP, then maximum along each axis).
Points are ``(b, n, 6)``: normalised xyz in ``[-1, 1]`` and rgb in ``[-1, 1]``. Points outside the cube are ignored,
so a shorter cloud is padded with far-away points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.networks import triplane

SEEN_CHANNELS = 14
_INDEX_BITS = 20
_DEPTH_STEPS = 65535


@dataclass(frozen=True)
class StemFeatures:
    """What a stem hands on.

    Attributes:
        tokens: ``(b, 3, width, t, t)`` planes that become tokens.
        skips: Finer planes ``(b, 3, c, r, r)``, finest first, for the decoder; may be empty.
        early: ``(b, 3, c, r, r)`` finest features before any mixing with language: what the match head compares
            with words.
    """

    tokens: Tensor
    skips: tuple[Tensor, ...]
    early: Tensor


@torch.no_grad()
def z_buffer(points: Float[Tensor, "b n 6"], cells: int) -> Float[Tensor, "b 3 14 cells cells"]:
    """The outermost points of each plane's cells, seen from both sides along the plane's normal.

    Channels, for each side: in-plane offset from the cell's centre (2, in cells), coordinate along the normal, rgb (3),
    and 1 where a point was seen.
    """
    b, n, _ = points.shape
    xyz = points[..., :3]
    ijk = triplane.cell_indices(xyz, cells)
    inside = ((ijk >= 0) & (ijk < cells)).all(dim=-1)
    depth = ((xyz.clamp(-1, 1) + 1.0) * (_DEPTH_STEPS / 2.0)).long()
    number = torch.arange(n, device=points.device)
    columns, keys = [], []
    for (first, second), normal in zip(triplane.PLANE_AXES, triplane.NORMAL_AXIS, strict=True):
        column = torch.where(inside, ijk[..., first] * cells + ijk[..., second], cells * cells)
        columns += [column, column]
        keys += [
            (depth[..., normal] << _INDEX_BITS) | number,
            ((_DEPTH_STEPS - depth[..., normal]) << _INDEX_BITS) | number,
        ]
    best = torch.full((b, 6, cells * cells + 1), -1, dtype=torch.long, device=points.device)
    best.scatter_reduce_(2, torch.stack(columns, 1), torch.stack(keys, 1), "amax")
    best = best[..., : cells * cells]
    seen = best >= 0
    chosen = (best & ((1 << _INDEX_BITS) - 1)).clamp(max=n - 1).reshape(b, -1)
    gathered = points.gather(1, chosen[..., None].expand(-1, -1, 6)).reshape(b, 3, 2, cells, cells, 6)
    return _describe(gathered, seen.reshape(b, 3, 2, cells, cells, 1), cells)


def _describe(gathered: Tensor, seen: Tensor, cells: int) -> Float[Tensor, "b 3 14 n n"]:
    """Channels of the seen points relative to their cells."""
    positions = triplane.cell_positions(cells).to(gathered.device).reshape(3, 1, cells, cells, 3)
    sides = []
    for plane, ((first, second), normal) in enumerate(zip(triplane.PLANE_AXES, triplane.NORMAL_AXIS, strict=True)):
        points = gathered[:, plane]
        offset = (points[..., [first, second]] - positions[plane][..., [first, second]]) * (cells / 2.0)
        sides.append(torch.cat([offset, points[..., normal : normal + 1], points[..., 3:]], dim=-1))
    channels = torch.cat([torch.stack(sides, 1), torch.ones_like(gathered[..., :1])], dim=-1) * seen
    return channels.permute(0, 1, 2, 5, 3, 4).flatten(2, 3)


class ZBufferStem(nn.Module):
    """Z-buffer channels, cell coordinates and the way to the gripper, then a short convolutional pyramid.

    Args:
        width: Channels of a token.
        plane_cells: Cells along one edge of the z-buffer.
        token_cells: Cells along one edge of the token planes.
        channels: Channels of the finest features.
        first: Also look at the episode's first cloud, in channels of its own: what the arm hides now was seen then.
    """

    where: Tensor

    def __init__(self, width: int, plane_cells: int, token_cells: int, channels: int, first: bool = False) -> None:
        super().__init__()
        self.plane_cells, self.sees_first = plane_cells, first
        levels = (plane_cells // token_cells).bit_length() - 1
        self.first = nn.Conv2d(22 + SEEN_CHANNELS * first, channels, 3, padding=1)
        sizes = [channels * 2**i for i in range(levels)] + [width]
        self.down = nn.ModuleList(nn.Conv2d(sizes[i], sizes[i + 1], 3, 2, 1) for i in range(levels))
        self.skip_channels = tuple(sizes[:-1])
        self.early_channels = channels
        self.register_buffer("where", self._cell_channels(plane_cells), persistent=False)

    @staticmethod
    def _cell_channels(n: int) -> Float[Tensor, "3 5 n n"]:
        positions = triplane.cell_positions(n).reshape(3, n, n, 3)
        in_plane = torch.stack([positions[p][..., list(axes)] for p, axes in enumerate(triplane.PLANE_AXES)])
        one_hot = torch.eye(3)[:, :, None, None].expand(3, 3, n, n)
        return torch.cat([in_plane.permute(0, 3, 1, 2), one_hot], dim=1)

    def _to_tip(self, tip: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 3 n n"]:
        """Each cell's in-plane offset from the gripper tip, and the tip's coordinate along the normal."""
        planes = []
        for plane, (axes, normal) in enumerate(zip(triplane.PLANE_AXES, triplane.NORMAL_AXIS, strict=True)):
            offset = self.where[plane, :2] - tip[:, list(axes), None, None]
            height = tip[:, normal, None, None, None].expand(-1, 1, *offset.shape[-2:])
            planes.append(torch.cat([offset, height], dim=1))
        return torch.stack(planes, 1).clamp(-2.0, 2.0)

    def forward(
        self, points: Float[Tensor, "b n 6"], tip: Float[Tensor, "b 3"], first: Float[Tensor, "b m 6"] | None = None
    ) -> StemFeatures:
        """Encode clouds (now, and at first) seen from a gripper tip, all in this cube's normalised coordinates."""
        b = len(points)
        seen = z_buffer(points, self.plane_cells)
        channels = [seen, self.where.expand(b, -1, -1, -1, -1), self._to_tip(tip)]
        if self.sees_first:
            channels.append(torch.zeros_like(seen) if first is None else z_buffer(first, self.plane_cells))
        x = torch.cat(channels, dim=2).flatten(0, 1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.gelu(self.first(x))
        skips = []
        for layer in self.down:
            skips.append(x.unflatten(0, (b, 3)))
            x = layer(x if layer is self.down[0] else F.gelu(x))
        return StemFeatures(x.unflatten(0, (b, 3)), tuple(skips), skips[0])


class PointMlpStem(nn.Module):
    """The paper's stem: an MLP lifts every point to full width, each plane keeps the maximum along its normal.

    Args:
        width: Channels of a token.
        token_cells: Cells along one edge of the token planes.
        hidden: Channels inside the MLP.
        first: Also look at the episode's first cloud, whose planes are added.
    """

    def __init__(self, width: int, token_cells: int, hidden: int = 128, first: bool = False) -> None:
        super().__init__()
        self.token_cells = token_cells
        self.mlp = nn.Sequential(
            nn.Linear(9, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
        self.plane_embedding = nn.Parameter(torch.zeros(3, width, 1, 1))
        self.first_in = nn.Conv2d(width, width, 1) if first else None
        self.skip_channels: tuple[int, ...] = ()
        self.early_channels = width

    def forward(
        self, points: Float[Tensor, "b n 6"], tip: Float[Tensor, "b 3"], first: Float[Tensor, "b m 6"] | None = None
    ) -> StemFeatures:
        """Encode clouds (now, and at first) seen from a gripper tip, all in this cube's normalised coordinates."""
        tokens = self._planes(points, tip) + self.plane_embedding
        if self.first_in is not None and first is not None:
            before = self._planes(first, tip)
            tokens = tokens + self.first_in(before.flatten(0, 1)).unflatten(0, before.shape[:2])
        return StemFeatures(tokens, (), tokens)

    def _planes(self, points: Float[Tensor, "b n 6"], tip: Float[Tensor, "b 3"]) -> Float[Tensor, "b 3 c t t"]:
        """Maxima of the lifted points in the columns of each plane."""
        cells = self.token_cells
        ijk = triplane.cell_indices(points[..., :3], cells)
        inside = ((ijk >= 0) & (ijk < cells)).all(dim=-1)
        features = self.mlp(torch.cat([points, (points[..., :3] - tip[:, None]).clamp(-2, 2)], dim=-1))
        planes = []
        for first, second in triplane.PLANE_AXES:
            column = torch.where(inside, ijk[..., first] * cells + ijk[..., second], cells * cells)
            pooled = features.new_zeros(len(points), cells * cells + 1, features.shape[-1])
            index = column[..., None].expand_as(features)
            pooled = pooled.scatter_reduce(1, index, features, "amax", include_self=False)
            planes.append(pooled[:, :-1].transpose(1, 2).unflatten(2, (cells, cells)))
        return torch.stack(planes, 1)
