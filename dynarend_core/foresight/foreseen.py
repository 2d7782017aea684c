"""A scene's latents of now and of the next keyframe, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dynarend_core.foresight.picture import Picture
from dynarend_core.rendering.rays import Rays, image_positions, pixel_rays
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.visualization.splat import Viewpoint


@dataclass(frozen=True)
class Foreseen:
    """What the network made of one observation; nothing is rendered until a picture is asked for.

    Attributes:
        now: ``(1, 3, c, t, t)`` token planes of the scene as it is.
        later: ``(1, 3, c, t, t)`` token planes of the scene at the next keyframe.
        skip: ``(1, 3, s, f, f)`` the stem's finest features, if the renderer reads them.
        renderer: Renders either.
    """

    now: Tensor
    later: Tensor
    skip: Tensor | None
    renderer: Renderer

    def present(self, view: Viewpoint) -> Picture:
        """The scene as it is, seen from ``view``."""
        return self._render(self.now, view)

    def future(self, view: Viewpoint) -> Picture:
        """The scene at the next keyframe, before anything moved, seen from ``view``."""
        return self._render(self.later, view)

    @torch.inference_mode()
    def _render(self, planes: Tensor, view: Viewpoint) -> Picture:
        K, T = (torch.as_tensor(x, dtype=torch.float32, device=planes.device) for x in (view.K, view.T_base_camera))
        pixels = image_positions(view.height, view.width).to(planes.device)
        origins, directions = pixel_rays(pixels, K, T)
        seen = self.renderer.image(planes, Rays(origins[None], directions[None]), skip=self.skip)
        shape = (view.height, view.width)
        semantic = None if seen.semantic is None else seen.semantic[0].float().cpu().numpy().reshape(*shape, -1)
        return Picture(
            (seen.rgb[0].clamp(0, 1) * 255).round().byte().cpu().numpy().reshape(*shape, 3),
            seen.depth[0].float().cpu().numpy().reshape(shape),
            seen.opacity[0].float().cpu().numpy().reshape(shape),
            semantic,
        )
