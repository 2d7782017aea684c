"""Where along a ray the field is asked. All functions are pure: random numbers in ``[0, 1)`` are arguments."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_PARALLEL = 1e-9


def ray_box(
    origins: Float[Tensor, "*b 3"],
    directions: Float[Tensor, "*b 3"],
    box: Float[Tensor, "2 3"],
    nearest_m: float = 0.01,
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """Depths at which rays enter and leave a box, the entry not before ``nearest_m``; equal where they miss it."""
    safe = torch.where(directions.abs() < _PARALLEL, torch.full_like(directions, _PARALLEL), directions)
    first, second = (box[0] - origins) / safe, (box[1] - origins) / safe
    near = torch.minimum(first, second).amax(dim=-1).clamp(min=nearest_m)
    far = torch.maximum(first, second).amin(dim=-1)
    return near, torch.maximum(near, far)


def stratified(
    near: Float[Tensor, "*b"], far: Float[Tensor, "*b"], jitter: Float[Tensor, "*b n"]
) -> Float[Tensor, "*b n"]:
    """One sample in each of ``n`` equal parts of ``[near, far]``, at the part ``jitter`` of it; ascending."""
    n = jitter.shape[-1]
    part = (torch.arange(n, device=near.device, dtype=near.dtype) + jitter) / n
    return near[..., None] + (far - near)[..., None] * part


def around_depth(
    depth: Float[Tensor, "*b"],
    reach_m: float,
    near: Float[Tensor, "*b"],
    far: Float[Tensor, "*b"],
    jitter: Float[Tensor, "*b n"],
) -> Float[Tensor, "*b n"]:
    """Depth-guided samples: one in each of ``n`` parts of ``depth +- reach_m``, kept inside ``[near, far]``."""
    t = stratified(depth - reach_m, depth + reach_m, jitter)
    return torch.minimum(torch.maximum(t, near[..., None]), far[..., None])


def by_weight(
    edges: Float[Tensor, "*b m"], weights: Float[Tensor, "*b k"], jitter: Float[Tensor, "*b n"]
) -> Float[Tensor, "*b n"]:
    """Samples where a first pass found matter: the inverse of the piecewise linear distribution of its weights.

    Args:
        edges: ``k + 1`` ascending borders of the first pass's intervals [m].
        weights: Its weights; a small floor keeps empty rays sampled evenly.
        jitter: Random numbers in ``[0, 1)``.
    """
    mass = weights.detach() + 1e-5
    cumulative = torch.cumsum(mass / mass.sum(-1, keepdim=True), dim=-1)
    cumulative = torch.cat([torch.zeros_like(cumulative[..., :1]), cumulative], dim=-1)
    n = jitter.shape[-1]
    wanted = (torch.arange(n, device=edges.device, dtype=edges.dtype) + jitter) / n
    after = torch.searchsorted(cumulative.contiguous(), wanted.contiguous(), right=True).clamp(1, weights.shape[-1])
    low, high = cumulative.gather(-1, after - 1), cumulative.gather(-1, after)
    start, end = edges.gather(-1, after - 1), edges.gather(-1, after)
    return start + (end - start) * ((wanted - low) / (high - low).clamp(min=1e-12)).clamp(0.0, 1.0)


def merge(first: Float[Tensor, "*b n"], second: Float[Tensor, "*b m"]) -> Float[Tensor, "*b k"]:
    """Both sets of samples in ascending order."""
    return torch.cat([first, second], dim=-1).sort(dim=-1).values
