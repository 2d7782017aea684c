"""The whole policy network: a coarse look at the workspace, a close look at the chosen place, a pose there.

Coordinates are normalised: the workspace cube is ``[-1, 1]^3``. The coarse stage chains two encoders as the paper
does: E_recon turns the observed cloud into a triplane of the present, E_pred turns that into a triplane of the
scene at the next keyframe. Rendering losses for pretraining attach to :class:`Latents` ``now`` and ``future``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.datasets.given import PAST_SIZE
from dynarend_core.networks.action_decoder import GripperLogits, PoseHead
from dynarend_core.networks.match_head import InstructionReader
from dynarend_core.networks.network_input import NetworkInput
from dynarend_core.networks.stage import Context, Hide, Latents, Stage, StageConfig, Values

__all__ = ["DynaRend", "Look", "NetworkConfig", "NetworkInput"]

MAX_STEPS = 16
FRAME_SIZE = 5
COUNTER_STATE_SIZE = 1 + 1 + MAX_STEPS + 3 + FRAME_SIZE
STATE_SIZE = 1 + 1 + 3 + FRAME_SIZE


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        coarse: Stage over the workspace.
        zoom: Stage over a small cube around the coarse choice; None decodes from the coarse stage alone.
        zoom_edge_m: Edge of that cube [m].
        points: Points the coarse stage is given.
        zoom_points: Points the zoom stage is given.
        reader_depth: Layers of the instruction reader.
        memory: Remember the last keyframes; else count them, as networks of format version 1 do.
        first_points: Points of the episode's first cloud that the coarse stage is given; 0 for none.
    """

    coarse: StageConfig = field(default_factory=StageConfig)
    zoom: StageConfig | None = field(default_factory=lambda: StageConfig(depths=(2,)))
    zoom_edge_m: float = 0.30
    points: int = 16384
    zoom_points: int = 8192
    reader_depth: int = 2
    memory: bool = True
    first_points: int = 8192


@dataclass(frozen=True)
class Look:
    """One stage's results: latents, value logits, and what language and state said."""

    latents: Latents
    values: Values
    state: Tensor
    meaning: Tensor


class DynaRend(nn.Module):
    """Points, words and gripper state to value maps and a gripper pose."""

    def __init__(self, config: NetworkConfig, workspace_edge_m: float = 1.0) -> None:
        super().__init__()
        self.config = config
        width, heads = config.coarse.width, config.coarse.heads
        state_size, past_size = (STATE_SIZE, PAST_SIZE) if config.memory else (COUNTER_STATE_SIZE, 0)
        self.reader = InstructionReader(width, heads, config.reader_depth, state_size, past_size)
        self.coarse = Stage(config.coarse, first=config.first_points > 0)
        self.zoom: Stage | None = None
        last = config.coarse
        if config.zoom is not None:
            last = config.zoom
            self.zoom = Stage(config.zoom)
            self.hand_over = nn.Linear(width, last.width)
            self.hand_over_meaning = nn.Linear(width, last.width)
        self.pose = PoseHead(last.width, last.heads, last.channels, last.token_cells)
        self.zoom_scale = config.zoom_edge_m / workspace_edge_m

    @torch.no_grad()
    def share_with_zoom(self) -> None:
        """Start the zoom stage from what the coarse stage has learned, as far as their sizes agree.

        Both look at a cloud in a cube; only the scale differs. Pretraining renders the coarse cube alone. The zoom's
        match head stays fresh: it is told the words' meaning through a layer that has learned nothing yet.
        """
        if self.zoom is None:
            return
        for learned, fresh in ((self.coarse.stem, self.zoom.stem), (self.coarse.encoders[0], self.zoom.encoders[0])):
            weights, wanted = learned.state_dict(), fresh.state_dict()
            # The zoom is not given the first cloud, whose channels are the last ones.
            fits = {k: v[:, : wanted[k].shape[1]] if v.dim() > 1 else v for k, v in weights.items() if k in wanted}
            if {k: v.shape for k, v in fits.items()} == {k: v.shape for k, v in wanted.items()}:
                fresh.load_state_dict(fits)

    def look(self, given: NetworkInput) -> Look:
        """The coarse stage: read the instruction, encode the workspace, value every cell."""
        latents, context = self.encode(given)
        return Look(latents, self.coarse.decode(latents, context), latents.context[:, -1], context.meaning)

    def encode(self, given: NetworkInput, hide: Hide | None = None) -> tuple[Latents, Context]:
        """The coarse stage up to its triplanes of now and future.

        Args:
            given: One batch.
            hide: Masks tokens in pretraining.
        """
        past, known = (given.past, given.past_known) if self.config.memory else (None, None)
        read = self.reader(given.words, self.state(given), past, known)
        state = read.state
        tokens = torch.cat([read.words, read.past, state[:, None].to(read.words.dtype)], dim=1)
        mask = torch.cat([read.mask, read.mask.new_ones(len(state), 1)], dim=1)
        context = Context(tokens, mask, state, read.meaning, past)
        return self.coarse.encode(given.points, given.tip, context, hide, given.first), context

    def look_closer(
        self, points: Float[Tensor, "b n 6"], centre: Float[Tensor, "b 3"], tip: Float[Tensor, "b 3"], coarse: Look
    ) -> Look:
        """The zoom stage over the cube around ``centre``; points and tip in workspace coordinates."""
        assert self.zoom is not None
        close = torch.cat([self.to_zoom(points[..., :3], centre[:, None]), points[..., 3:]], dim=-1)
        state, meaning = self.hand_over(coarse.state), self.hand_over_meaning(coarse.meaning)
        tokens = torch.stack([state.float(), meaning.float()], dim=1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        context = Context(tokens, mask, state, meaning)
        latents = self.zoom.encode(close, self.to_zoom(tip, centre), context)
        return Look(latents, self.zoom.decode(latents, context), latents.context[:, 0], meaning)

    def gripper(self, xyz: Float[Tensor, "b 3"], look: Look) -> GripperLogits:
        """Rotation, gripper and collision flag at a position in the coordinates of the look's own cube."""
        return self.pose(xyz, look.latents.future, look.values.features, look.state, look.meaning)

    def to_zoom(self, xyz: Tensor, centre: Tensor) -> Tensor:
        """Workspace coordinates to those of the zoom cube around ``centre``."""
        return (xyz - centre) / self.zoom_scale

    def from_zoom(self, xyz: Tensor, centre: Tensor) -> Tensor:
        """Inverse of :meth:`to_zoom`."""
        return centre + xyz * self.zoom_scale

    def state(self, given: NetworkInput) -> Float[Tensor, "b s"]:
        """What the reader is told of the robot, beside what it remembers."""
        is_open = given.gripper_open[:, None].float()
        if self.config.memory:
            width = is_open if given.width is None else given.width[:, None].float()
            return torch.cat([is_open, width, given.tip, given.frame], dim=-1)
        step = given.step.clamp(0, MAX_STEPS - 1)  # later ones are told apart by their number alone
        counted = [given.step[:, None].float() / 8.0, F.one_hot(step, MAX_STEPS).float()]
        return torch.cat([is_open, *counted, given.tip, given.frame], dim=-1)

    @property
    def state_size(self) -> int:
        """Numbers that :meth:`state` tells."""
        return STATE_SIZE if self.config.memory else COUNTER_STATE_SIZE
