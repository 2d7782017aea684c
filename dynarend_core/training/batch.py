"""Samples to tensors, and one forward pass with losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dynarend_core.datasets.keyframe_dataset import Sample
from dynarend_core.networks.dynarend import DynaRend, NetworkInput
from dynarend_core.networks.language import SentenceEncoder, stack_words
from dynarend_core.training.losses import Losses, policy_losses
from dynarend_core.training.names import NameTable
from dynarend_core.training.render_losses import naming_loss


@dataclass(frozen=True)
class Batch:
    """Network input and labels; fields as in :class:`dynarend_core.datasets.keyframe_dataset.Sample`.

    Attributes:
        named_xyz: ``(b, k, 3)``.
        named_ids: ``(b, k)``.
        query_noise: ``(b, 3)`` standard normal offsets of the position at which the pose head is trained.
    """

    given: NetworkInput
    zoom_points: Tensor
    zoom_centre: Tensor
    target: Tensor
    target_rotation: Tensor
    target_open: Tensor
    target_ignore: Tensor
    named_xyz: Tensor
    named_ids: Tensor
    query_noise: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        names = list(self.__dataclass_fields__)[1:]
        return Batch(self.given.to(device), *(getattr(self, name).to(device, non_blocking=True) for name in names))


def collate(samples: Sequence[Sample], encoder: SentenceEncoder, rng: np.random.Generator) -> Batch:
    """Stack samples and encode their instructions (once each)."""

    def stack(name: str) -> Tensor:
        return _stack(samples, name)

    return Batch(
        given_of(samples, encoder),
        zoom_points=stack("zoom_points"),
        zoom_centre=stack("zoom_centre"),
        target=stack("target"),
        target_rotation=stack("target_rotation"),
        target_open=stack("target_open").float(),
        target_ignore=stack("target_ignore").float(),
        named_xyz=stack("named_xyz"),
        named_ids=stack("named_ids"),
        query_noise=torch.from_numpy(rng.standard_normal((len(samples), 3)).astype(np.float32)),
    )


def given_of(samples: Sequence[Sample], encoder: SentenceEncoder) -> NetworkInput:
    """The part of samples that the network is given."""
    return NetworkInput(
        points=_stack(samples, "points"),
        words=stack_words([encoder.encode(s.instruction) for s in samples]),
        gripper_open=_stack(samples, "gripper_open").float(),
        step=_stack(samples, "step").long(),
        tip=_stack(samples, "tip"),
        frame=_stack(samples, "frame"),
    )


def _stack(samples: Sequence[Sample], name: str) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(getattr(s, name)) for s in samples]))


class LossModule(nn.Module):
    """Network and losses as one module, so that distributed training wraps exactly one forward pass.

    Args:
        network: The policy network.
        query_noise: Standard deviation of the pose head's query, workspace cube coordinates.
        names: Names to find in the batches' named points; None if that is not trained.
    """

    def __init__(self, network: DynaRend, query_noise: float, names: NameTable | None = None) -> None:
        super().__init__()
        self.network = network
        self.query_noise, self.names = query_noise, names

    def forward(self, batch: Batch) -> Losses:
        """Losses of one batch. The zoom stage looks around the label, the pose head is asked near the label."""
        network = self.network
        look = network.look(batch.given)
        coarse_heat, zoom_heat, zoom_target = look.values.heat, None, None
        naming = self._naming(batch, look.latents.stem.early)
        query = batch.target + self.query_noise * batch.query_noise
        if network.zoom is not None:
            look = network.look_closer(batch.zoom_points, batch.zoom_centre, batch.given.tip, look)
            zoom_heat = look.values.heat
            zoom_target = network.to_zoom(batch.target, batch.zoom_centre)
            query = network.to_zoom(query, batch.zoom_centre)
        return policy_losses(
            coarse_heat,
            zoom_heat,
            network.gripper(query, look),
            batch.target,
            zoom_target,
            batch.target_rotation,
            batch.target_open,
            batch.target_ignore,
            naming,
        )

    def _naming(self, batch: Batch, early: Tensor) -> Tensor | None:
        if self.names is None:
            return None
        meanings = self.names.meanings(self.network, self.network.state(batch.given))
        logits = self.names.logits(self.network, meanings, early, batch.named_xyz)
        return naming_loss(logits, batch.named_ids)
