"""What teaches relations: names of places, told apart by features that have seen the scene.

"left tap" and "right tap" look alike; which is which depends on a spout beside them. A policy that must find the place
of an instruction learns that late, after a long plateau. Here each named place in view says which of the names in view
is its own, and the shares of right answers, pattern by pattern ("… tap"), show when the plateau ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dynarend_core.errors import ConfigurationError
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.triplane import sample
from dynarend_core.training.names import NameTable
from dynarend_core.training.render_losses import naming_loss

APART = 0.08
"""Answers nearer to each other than this, in the workspace's coordinates (4 cm), are not told apart."""

_NOT_IN_VIEW = -1e4


class Grounding(nn.Module):
    """Names to find, and by which of the policy's match heads.

    Args:
        names: Vocabulary of the named points.
        early: By the one that compares words with early features.
        late: By the one that compares them with decoded features.
    """

    patterns: Tensor

    def __init__(self, names: NameTable, early: bool, late: bool) -> None:
        super().__init__()
        self.names, self.early, self.late = names, early, late
        self.labels, numbers = name_patterns(names.names)
        self.register_buffer("patterns", torch.tensor(numbers), persistent=False)

    def find(
        self,
        network: DynaRend,
        features: Float[Tensor, "b 3 k n n"],
        xyz: Float[Tensor, "b r 3"],
        ids: Int[Tensor, "b r"],
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Cross entropy over the names in view at each named point, and the shares of right answers.

        Args:
            network: Its reader reads the names, knowing nothing of the robot; its late match head compares them.
            features: Decoded plane features of its coarse stage.
            xyz: Points, normalised coordinates.
            ids: Their names, -1 where none is known.

        Raises:
            ConfigurationError: The network has no late match head.
        """
        if network.coarse.late_match is None:
            raise ConfigurationError("names are found by the late match head, which this network lacks: --late-match")
        known = ids >= 0
        present = ids[known].unique()
        if len(present) == 0:
            return features.new_zeros(()), {}
        meanings = self.names.meanings(network, features.new_zeros(1, network.state_size), present)
        logits = self.names.logits(network.coarse.late_match, meanings, features, xyz)
        own = torch.searchsorted(present, ids.clamp(min=0)).clamp(max=len(present) - 1)
        in_view = torch.zeros(len(ids), len(present), dtype=torch.bool, device=ids.device)
        rows = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)
        in_view[rows[known], own[known]] = True
        logits = logits.masked_fill(~in_view[:, None], _NOT_IN_VIEW)
        loss = naming_loss(logits, torch.where(known, own, -1))
        return loss, self._shares(logits.detach(), own, known, self.patterns[present])

    def _shares(self, logits: Tensor, own: Tensor, known: Tensor, patterns: Tensor) -> dict[str, Tensor]:
        """Shares of points whose own name fits best: of all in view, and of those of the same pattern in view."""
        shares = {"naming": (logits.argmax(-1) == own)[known].float().mean()}
        alike = patterns[own][..., None] == patterns
        among = logits.masked_fill(~alike, 2 * _NOT_IN_VIEW)
        rivals = (alike & (logits > _NOT_IN_VIEW)).sum(-1) > 1
        right = among.argmax(-1) == own
        for number in patterns[own][known & rivals].unique().tolist():
            if number >= 0:
                asked = known & rivals & (patterns[own] == number)
                shares[self.labels[number]] = right[asked].float().mean()
        return shares


def name_patterns(names: Sequence[str]) -> tuple[list[str], list[int]]:
    """Names that differ in one word: patterns such as "… tap", and each name's number among them, -1 for none.

    A name that fits several patterns belongs to the one with the most names.
    """
    words = [tuple(name.split()) for name in names]
    options = [[(*w[:i], "…", *w[i + 1 :]) for i in range(len(w))] for w in words]
    counts = Counter(pattern for each in options for pattern in each)
    best = [max(each, key=lambda pattern: counts[pattern], default=()) for each in options]
    labels = sorted({pattern for pattern in best if counts[pattern] > 1 and len(pattern) > 1})
    numbers = {pattern: number for number, pattern in enumerate(labels)}
    return [" ".join(pattern) for pattern in labels], [numbers.get(pattern, -1) for pattern in best]


def answers_right(
    heat: Float[Tensor, "b 3 n n"],
    target: Float[Tensor, "b 3"],
    other: Float[Tensor, "b 3"],
    task: Int[Tensor, b],
    names: Sequence[str],
) -> dict[str, Tensor]:
    """Of scenes that came under two instructions: how often the answer asked for is valued above the other.

    Args:
        heat: Value logits of the coarse stage.
        target: Answers asked for.
        other: Answers to the other instruction, NaN where there is none.
        task: Numbers of the tasks.
        names: Names of the tasks.

    Returns:
        ``answer`` over all tasks and ``<task> answer`` of each, of those that can be told apart.
    """
    asked = (target - other).norm(dim=-1) > APART  # False for NaN
    if not asked.any():
        return {}
    places = torch.stack([target[asked], other[asked]], dim=1)
    value = sample(heat[asked][:, :, None], places).sum(dim=(2, 3))
    right = (value[:, 0] > value[:, 1]).float()
    shares = {"answer": right.mean()}
    for number in task[asked].unique().tolist():
        if number < len(names):
            shares[f"{names[number]} answer"] = right[task[asked] == number].mean()
    return shares
