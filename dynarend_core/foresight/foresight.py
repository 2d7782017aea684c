"""A policy with its renderer: from an observation to pictures of now and of the next keyframe.

    foresight = Foresight.from_policy("runs/p/policy")
    picture = foresight.look(observation).future(Viewpoint.of(camera_view, width=64))

The policy itself never renders: acting costs the same with or without a renderer in its folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dynarend_core.errors import CheckpointError
from dynarend_core.foresight.foreseen import Foreseen
from dynarend_core.policy import Policy
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.rendering.renderer_file import load_renderer
from dynarend_core.types import Observation


class Foresight:
    """Looks at what a policy foresees.

    Args:
        policy: The policy; its network is shared, not copied.
        renderer: Renderer that was trained with the policy's latents.

    Raises:
        CheckpointError: The renderer belongs to another network or workspace.
    """

    def __init__(self, policy: Policy, renderer: Renderer) -> None:
        width, expected = renderer.width, policy.network.config.coarse.width
        box = renderer.box.double().cpu().numpy()
        if width != expected or not np.allclose(box, policy.aabb, atol=1e-4):
            raise CheckpointError(
                f"the renderer was made for planes of {width} channels over {np.round(box, 3).tolist()}, the policy "
                f"has {expected} over {np.round(policy.aabb, 3).tolist()}; take the renderer of the same training run"
            )
        self.policy, self.renderer, self.aabb = policy, renderer.to(policy.device).eval(), policy.aabb

    @classmethod
    def from_policy(cls, folder: Path | str, device: torch.device | str = "cpu") -> Foresight:
        """Policy and renderer of one folder.

        Raises:
            CheckpointError: The folder is missing or damaged, or the policy has no renderer.
        """
        folder = Path(folder)
        return cls(Policy.from_checkpoint(folder, device), cls.renderer_of(folder, device))

    @staticmethod
    def renderer_of(folder: Path | str, device: torch.device | str = "cpu") -> Renderer:
        """The renderer of a policy folder, for a policy that is loaded already.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        renderer = load_renderer(Path(folder), device)
        if renderer is None:
            raise CheckpointError(
                f"{folder} holds no renderer, so what the policy foresees cannot be shown; "
                f"`dynarend pretrain --fit-renderer {folder} --data DATA --out RUN` writes the policy with one"
            )
        return renderer

    @torch.inference_mode()
    def look(self, observation: Observation) -> Foreseen:
        """Encode an observation once; pictures of it are rendered when asked for.

        Raises:
            ObservationError: No points in the workspace, or non-finite points or gripper pose.
            InvalidInputError: The instruction is empty.
        """
        latents, _ = self.policy.network.encode(self.policy.network_input(observation))
        skip = None if self.renderer.field.skip_in is None else latents.stem.skips[0]
        return Foreseen(latents.now, latents.future, skip, self.renderer)
