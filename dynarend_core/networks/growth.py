"""A network that starts from the weights of one that had less: no memory, no comparison with points or relations."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from dynarend_core.networks.dynarend import COUNTER_STATE_SIZE, DynaRend, NetworkConfig

_STATE = "reader.state_in.0.weight"
_TIP_AND_FRAME = 8


def can_grow(start: NetworkConfig, wanted: NetworkConfig) -> bool:
    """Whether ``wanted`` is ``start`` with something added, or the same."""
    more = [(start.memory, wanted.memory), (start.first_points > 0, wanted.first_points > 0)]
    for name in ("point_match", "late_match"):
        more.append((getattr(start.coarse, name), getattr(wanted.coarse, name)))
    return _common(start) == _common(wanted) and all(before <= after for before, after in more)


def _common(config: NetworkConfig) -> NetworkConfig:
    coarse = dataclasses.replace(config.coarse, point_match=False, late_match=False)
    return dataclasses.replace(config, coarse=coarse, memory=False, first_points=0)


@torch.no_grad()
def grow(start: DynaRend, wanted: DynaRend) -> None:
    """Give ``wanted`` all that ``start`` has learned; what is new reads nothing yet, or is fresh."""
    known, weights = start.state_dict(), wanted.state_dict()
    for name, weight in weights.items():
        if name not in known:
            continue
        if name == _STATE and weight.shape != known[name].shape:
            weights[name] = _without_counter(known[name])
        else:
            weights[name] = fitted(known[name], weight)
    wanted.load_state_dict(weights)


def fitted(known: Tensor, fresh: Tensor) -> Tensor:
    """Learned weights for a layer with more inputs: the additional ones, at the end, count nothing."""
    if known.shape == fresh.shape:
        return known
    out = torch.zeros_like(fresh)
    out[:, : known.shape[1]] = known
    return out


def _without_counter(known: Tensor) -> Tensor:
    """Weights of the state (gripper, count, tip, frame) for the state with a memory (gripper, width, tip, frame)."""
    assert known.shape[1] == COUNTER_STATE_SIZE
    is_open, rest = known[:, :1], known[:, -_TIP_AND_FRAME:]
    return torch.cat([is_open, torch.zeros_like(is_open), rest], dim=1)
