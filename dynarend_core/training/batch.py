"""Samples to tensors, and one forward pass with losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dynarend_core.datasets.keyframe_dataset import Sample
from dynarend_core.networks.dynarend import DynaRend, Look
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.networks.network_input import NetworkInput, stack_given
from dynarend_core.training.grounding import Grounding, answers_right
from dynarend_core.training.losses import Heats, Losses, policy_losses
from dynarend_core.training.render_losses import naming_loss


@dataclass(frozen=True)
class Batch:
    """Network input and labels; fields as in :class:`dynarend_core.datasets.keyframe_dataset.Sample`.

    Attributes:
        named_xyz: ``(b, k, 3)``.
        named_ids: ``(b, k)``.
        other: ``(b, 3)``, NaN where a scene comes under one instruction only.
        task: ``(b,)``.
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
    other: Tensor
    task: Tensor
    query_noise: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        names = list(self.__dataclass_fields__)[1:]
        return Batch(self.given.to(device), *(getattr(self, name).to(device, non_blocking=True) for name in names))


def collate(samples: Sequence[Sample], encoder: SentenceEncoder, rng: np.random.Generator) -> Batch:
    """Stack samples and encode their instructions (once each)."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(s, name)) for s in samples]))

    return Batch(
        stack_given([s.given for s in samples], encoder),
        zoom_points=stack("zoom_points"),
        zoom_centre=stack("zoom_centre"),
        target=stack("target"),
        target_rotation=stack("target_rotation"),
        target_open=stack("target_open").float(),
        target_ignore=stack("target_ignore").float(),
        named_xyz=stack("named_xyz"),
        named_ids=stack("named_ids"),
        other=stack("other"),
        task=stack("task"),
        query_noise=torch.from_numpy(rng.standard_normal((len(samples), 3)).astype(np.float32)),
    )


class LossModule(nn.Module):
    """Network and losses as one module, so that distributed training wraps exactly one forward pass.

    Args:
        network: The policy network.
        query_noise: Standard deviation of the pose head's query, workspace cube coordinates.
        grounding: Names to find in the batches' named points; None if that is not trained.
        tasks: Names of the tasks by number, for the logs.
    """

    def __init__(
        self, network: DynaRend, query_noise: float, grounding: Grounding | None = None, tasks: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.network = network
        self.query_noise, self.grounding, self.tasks = query_noise, grounding, tuple(tasks)

    def forward(self, batch: Batch) -> Losses:
        """Losses of one batch. The zoom stage looks around the label, the pose head is asked near the label."""
        network = self.network
        coarse = look = network.look(batch.given)
        heats = Heats(coarse.values.heat)
        query = batch.target + self.query_noise * batch.query_noise
        if network.zoom is not None:
            look = network.look_closer(batch.zoom_points, batch.zoom_centre, batch.given.tip, coarse)
            heats = Heats(coarse.values.heat, look.values.heat, network.to_zoom(batch.target, batch.zoom_centre))
            query = network.to_zoom(query, batch.zoom_centre)
        logits = network.gripper(query, look)
        losses = policy_losses(
            heats, logits, batch.target, batch.target_rotation, batch.target_open, batch.target_ignore
        )
        right = answers_right(coarse.values.heat.detach(), batch.target, batch.other, batch.task, self.tasks)
        return self._with_names(dataclasses.replace(losses, accuracies=right), batch, coarse)

    def _with_names(self, losses: Losses, batch: Batch, coarse: Look) -> Losses:
        """The same losses with those of names."""
        g = self.grounding
        if g is None:
            return losses
        if g.early:
            meanings = g.names.meanings(self.network, self.network.state(batch.given))
            early = coarse.latents.stem.early
            logits = g.names.logits(self.network.coarse.match, meanings, early, batch.named_xyz)
            losses = dataclasses.replace(losses, naming=naming_loss(logits, batch.named_ids))
        if g.late:
            late, shares = g.find(self.network, coarse.values.features, batch.named_xyz, batch.named_ids)
            losses = dataclasses.replace(losses, late_naming=late, accuracies={**losses.accuracies, **shares})
        return losses
