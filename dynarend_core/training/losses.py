"""What the policy is trained on: one 3D cross entropy a stage, rotation, gripper and collision flag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from dynarend_core.networks import triplane
from dynarend_core.networks.action_decoder import GripperLogits, rotation_code

TARGET_SIGMA_CELLS = 0.7
ROTATION_WEIGHT = 2.0
NAMING_WEIGHT, LATE_NAMING_WEIGHT = 0.2, 0.5


@dataclass(frozen=True)
class Losses:
    """Scalars of one batch; ``total`` is what is minimised.

    ``accuracies`` are no losses: shares of right answers, of what this batch had questions for.
    """

    coarse: Tensor
    zoom: Tensor
    rotation: Tensor
    gripper: Tensor
    collision: Tensor
    naming: Tensor
    late_naming: Tensor
    accuracies: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """Weighted sum."""
        pose = self.coarse + self.zoom + ROTATION_WEIGHT * self.rotation
        naming = NAMING_WEIGHT * self.naming + LATE_NAMING_WEIGHT * self.late_naming
        return pose + self.gripper + 0.5 * self.collision + naming

    def detached(self) -> dict[str, float]:
        """Plain numbers for logs; shares of right answers as ``accuracy/<of what>``."""
        names = ("coarse", "zoom", "rotation", "gripper", "collision", "naming", "late_naming", "total")
        losses = {name: float(getattr(self, name).detach()) for name in names}
        return losses | {f"accuracy/{name}": float(share) for name, share in self.accuracies.items()}


def line_targets(xyz: Float[Tensor, "b 3"], n: int, sigma: float = TARGET_SIGMA_CELLS) -> Float[Tensor, "b 3 n"]:
    """Normalised Gaussians over the cells of each axis around a position; their product is the 3D target."""
    centres = (torch.arange(n, device=xyz.device, dtype=torch.float32) + 0.5) * (2.0 / n) - 1.0
    distance = (centres - xyz[..., None]) * (n / (2.0 * sigma))
    return (-0.5 * distance.square()).softmax(dim=-1)


def log_partition(heat: Float[Tensor, "b 3 n n"]) -> Float[Tensor, b]:
    """``logsumexp`` over the n^3 cells of the summed volume, without building it.

    For fixed x and y the sum over z of ``exp(xz + yz)`` is a matrix product of the two exponentiated planes: n times
    fewer exponentials, and nothing of size n^3. Exact as long as one column's best sum is within 60 of the sum of
    its planes' best; logits of this size do not occur.
    """
    xy, xz, yz = heat.float().unbind(1)
    top_x, top_y = xz.amax(-1, keepdim=True).detach(), yz.amax(-1, keepdim=True).detach()
    with torch.autocast(heat.device.type, enabled=False):
        over_z = torch.bmm((xz - top_x).exp(), (yz - top_y).exp().transpose(1, 2))
    columns = xy + top_x + top_y.transpose(1, 2) + over_z.clamp(min=1e-30).log()
    return torch.logsumexp(columns.flatten(1), dim=-1)


def value_loss(heat: Float[Tensor, "b 3 n n"], xyz: Float[Tensor, "b 3"]) -> Float[Tensor, ""]:
    """Cross entropy of the softmax over all n^3 cells with a Gaussian around the label.

    The volume is the sum of three planes and the target a product of three lines, so the expected logit needs
    the planes only.
    """
    lines = line_targets(xyz, heat.shape[-1])
    expected = heat.new_zeros(len(heat))
    for plane, (first, second) in enumerate(triplane.PLANE_AXES):
        expected = expected + torch.einsum("bij,bi,bj->b", heat[:, plane], lines[:, first], lines[:, second])
    return (log_partition(heat) - expected).mean()


def rotation_loss(code: Float[Tensor, "b 9"], rotation: Float[Tensor, "b 3 3"]) -> Float[Tensor, ""]:
    """L1 distance of rotation codes; a gripper turned by 180 degrees about its approach axis has the same code."""
    return (code - rotation_code(rotation)).abs().sum(-1).mean()


@dataclass(frozen=True)
class Heats:
    """Value logits of both stages; ``zoom`` and its target are None for a network without that stage.

    Attributes:
        coarse: ``(b, 3, n, n)``.
        zoom: ``(b, 3, m, m)``.
        zoom_target: ``(b, 3)`` label in the zoom cube's coordinates.
    """

    coarse: Tensor
    zoom: Tensor | None = None
    zoom_target: Tensor | None = None


def policy_losses(
    heats: Heats,
    logits: GripperLogits,
    target: Float[Tensor, "b 3"],
    rotation: Float[Tensor, "b 3 3"],
    target_open: Float[Tensor, b],
    target_ignore: Float[Tensor, b],
) -> Losses:
    """The action's terms of one batch, without those of names; ``target`` in the coarse stage's coordinates."""
    coarse = value_loss(heats.coarse, target)
    zero = coarse.new_zeros(())
    zoom = zero
    if heats.zoom is not None and heats.zoom_target is not None:
        zoom = value_loss(heats.zoom, heats.zoom_target)
    return Losses(
        coarse=coarse,
        zoom=zoom,
        rotation=rotation_loss(logits.rotation, rotation),
        gripper=F.binary_cross_entropy_with_logits(logits.gripper_open, target_open),
        collision=F.binary_cross_entropy_with_logits(logits.ignore_collisions, target_ignore),
        naming=zero,
        late_naming=zero,
    )
