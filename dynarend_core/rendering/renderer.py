"""Triplane and rays in, pixels out. The order of the method: box, samples, field, weights, sums."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dynarend_core.rendering import compositing, sampling
from dynarend_core.rendering.radiance_field import FieldConfig, FieldValues, RadianceField
from dynarend_core.rendering.rays import Rays


@dataclass(frozen=True)
class RenderConfig:
    """Field and samples.

    Attributes:
        field: Sizes of the field.
        strata: Samples spread over the whole ray.
        guided: Samples where the surface is: around the measured depth in training, by weight otherwise.
        guide_reach_m: Half the range of the depth-guided samples [m].
    """

    field: FieldConfig = field(default_factory=FieldConfig)
    strata: int = 24
    guided: int = 16
    guide_reach_m: float = 0.06

    @property
    def samples(self) -> int:
        """Samples a ray."""
        return self.strata + self.guided

    def fitted(self, stem_skips: tuple[int, ...], semantic_channels: int | None = None) -> RenderConfig:
        """The same for a network whose stem has these skip channels: the field reads the finest beside the tokens.

        Args:
            stem_skips: The coarse stem's ``skip_channels``, finest first; empty if it has no grid.
            semantic_channels: Of the semantic head; None keeps the field's.
        """
        semantic = self.field.semantic_channels if semantic_channels is None else semantic_channels
        fitted = dataclasses.replace(self.field, semantic_channels=semantic, skip_channels=sum(stem_skips[:1]))
        return dataclasses.replace(self, field=fitted)


@dataclass(frozen=True)
class Rendering:
    """What rays see.

    Attributes:
        rgb: ``(b, r, 3)`` in ``[0, 1]``; black where nothing is.
        depth: ``(b, r)`` along the optical axis [m].
        opacity: ``(b, r)`` in ``[0, 1]``.
        semantic: ``(b, r, s)`` or None.
    """

    rgb: Tensor
    depth: Tensor
    opacity: Tensor
    semantic: Tensor | None


class Renderer(nn.Module):
    """Renders the cube between two corners in the base frame.

    Args:
        config: Field and samples.
        width: Channels of the token planes.
        aabb_base: ``(2, 3)`` corners [m].
    """

    box: Tensor

    def __init__(self, config: RenderConfig, width: int, aabb_base: Float[Tensor, "2 3"]) -> None:
        super().__init__()
        self.config, self.width = config, width
        self.field = RadianceField(config.field, width)
        self.register_buffer("box", aabb_base.float(), persistent=False)

    def forward(
        self,
        planes: Float[Tensor, "b 3 c t t"],
        rays: Rays,
        jitter: Float[Tensor, "b r n"],
        guide: Float[Tensor, "b r"] | None = None,
        skip: Float[Tensor, "b 3 s f f"] | None = None,
    ) -> Rendering:
        """Render rays.

        Args:
            planes: Token planes of the scene.
            rays: Rays, base frame.
            jitter: Random numbers in ``[0, 1)``, ``config.samples`` a ray; all 0.5 renders the same every time.
            guide: Measured depth [m] to sample around; without it a first pass over the strata finds the surface.
            skip: The stem's finest features, if the field reads them.
        """
        fine = self.field.fine_planes(planes, skip)
        near, far = sampling.ray_box(rays.origins, rays.directions, self.box)
        coarse, close = jitter.split([self.config.strata, self.config.guided], dim=-1)
        t = sampling.stratified(near, far, coarse)
        if guide is None:
            edges = compositing.interval_edges(t, near, far)
            with torch.no_grad():
                first = compositing.weights(self._ask(fine, rays, t).density, self._lengths(edges, rays))
            extra = sampling.by_weight(edges, first, close)
        else:
            extra = sampling.around_depth(guide, self.config.guide_reach_m, near, far, close)
        t = sampling.merge(t, extra)
        values = self._ask(fine, rays, t)
        lengths = self._lengths(compositing.interval_edges(t, near, far), rays)
        weight = compositing.weights(values.density, lengths)
        semantic = self._semantic(weight, values)
        rgb = compositing.composite(weight, values.rgb)
        return Rendering(rgb, compositing.composite_depth(weight, t, far), weight.sum(-1), semantic)

    def _semantic(self, weight: Float[Tensor, "b r n"], values: FieldValues) -> Float[Tensor, "b r s"] | None:
        """The linear semantic head after compositing: equal to before, at a fraction of the cost."""
        head = self.field.semantic
        if head is None:
            return None
        together = compositing.composite(weight.to(values.features.dtype), values.features)
        flat = torch.nn.functional.linear(together, head.weight)
        return flat.float() + weight.sum(-1, keepdim=True) * head.bias

    @torch.inference_mode()
    def image(
        self,
        planes: Float[Tensor, "1 3 c t t"],
        rays: Rays,
        chunk: int = 4096,
        skip: Float[Tensor, "1 3 s f f"] | None = None,
    ) -> Rendering:
        """All rays of one scene in pieces, without random numbers."""
        parts = []
        for origins, directions in zip(rays.origins.split(chunk, 1), rays.directions.split(chunk, 1), strict=True):
            jitter = origins.new_full((*origins.shape[:2], self.config.samples), 0.5)
            parts.append(self(planes, Rays(origins, directions), jitter, skip=skip))
        semantic = None if parts[0].semantic is None else torch.cat([p.semantic for p in parts], 1)
        return Rendering(
            torch.cat([p.rgb for p in parts], 1),
            torch.cat([p.depth for p in parts], 1),
            torch.cat([p.opacity for p in parts], 1),
            semantic,
        )

    def _ask(self, fine: Tensor, rays: Rays, t: Float[Tensor, "b r n"]) -> FieldValues:
        b, r, n = t.shape
        xyz = (rays.at(t) - self.box[0]) / (self.box[1] - self.box[0]) * 2.0 - 1.0
        unit = torch.nn.functional.normalize(rays.directions, dim=-1)
        direction = unit[:, :, None].expand(b, r, n, 3)
        values = self.field(fine, xyz.flatten(1, 2), direction.flatten(1, 2))
        return FieldValues(*(x.unflatten(1, (r, n)) for x in (values.density, values.rgb, values.features)))

    @staticmethod
    def _lengths(edges: Float[Tensor, "b r m"], rays: Rays) -> Float[Tensor, "b r n"]:
        """Metres along the ray, which is longer than depth away from the image's centre."""
        return edges.diff(dim=-1) * rays.directions.norm(dim=-1, keepdim=True)
