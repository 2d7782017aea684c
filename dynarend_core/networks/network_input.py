"""What the networks are given, as tensors of one batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dynarend_core.datasets.given import Given
from dynarend_core.networks.language import SentenceEncoder, WordTokens, stack_words


@dataclass(frozen=True)
class NetworkInput:
    """One batch, without labels.

    Attributes:
        points: ``(b, n, 6)`` normalised xyz and rgb in ``[-1, 1]``.
        words: Instruction tokens.
        gripper_open: ``(b,)`` 1 open, 0 closed.
        step: ``(b,)`` integer number of keyframes already done; only networks without a memory read it.
        tip: ``(b, 3)`` normalised position of the gripper tip. Its rotation is left out on purpose: a network that
            sees it copies it into the answer.
        frame: ``(b, 5)`` where the robot's base lies in the cube: normalised xyz offset from its usual place, then
            cosine and sine of its yaw. ``(0, 0, 0, 1, 0)`` except under augmentation.
        width: ``(b,)`` distance between the fingers in units of 8 cm; None for not known.
        past: ``(b, k, 22)`` the last keyframes (:mod:`dynarend_core.datasets.given`); None for none.
        past_known: ``(b, k)`` bool: there is such a keyframe.
        first: ``(b, m, 6)`` the episode's first cloud, as ``points``; None for not known.
    """

    points: Tensor
    words: WordTokens
    gripper_open: Tensor
    step: Tensor
    tip: Tensor
    frame: Tensor
    width: Tensor | None = None
    past: Tensor | None = None
    past_known: Tensor | None = None
    first: Tensor | None = None

    def to(self, device: torch.device | str) -> NetworkInput:
        """The same input on another device."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        moved = {k: v.to(device, non_blocking=True) for k, v in values.items() if isinstance(v, Tensor)}
        return dataclasses.replace(self, words=self.words.to(device), **moved)


def stack_given(examples: Sequence[Given], encoder: SentenceEncoder) -> NetworkInput:
    """Stack examples and encode their instructions (once each).

    Raises:
        InvalidInputError: An instruction is empty.
    """

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(e, name)) for e in examples]))

    return NetworkInput(
        points=stack("points"),
        words=stack_words([encoder.encode(e.instruction) for e in examples]),
        gripper_open=stack("gripper_open").float(),
        step=stack("step").long(),
        tip=stack("tip"),
        frame=stack("frame"),
        width=stack("width").float(),
        past=stack("past"),
        past_known=stack("past_known"),
        first=stack("first") if len(examples[0].first) else None,
    )
