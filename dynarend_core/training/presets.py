"""Named sizes of the policy network and how each is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from dynarend_core.errors import ConfigurationError
from dynarend_core.networks.dynarend import NetworkConfig
from dynarend_core.networks.stage import StageConfig
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.renderer import RenderConfig
from dynarend_core.training.render_losses import RenderWeights


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained.

    Attributes:
        steps: Optimiser steps.
        batch_size: Samples a step, over all processes.
        learning_rate: Peak of the cosine schedule.
        warmup_steps: Linear warm-up.
        weight_decay: AdamW's decoupled decay.
        clip_norm: Largest gradient norm.
        translation_m: Largest shift of the SE(3) augmentation along each axis [m].
        yaw_deg: Largest turn about the vertical [degrees].
        zoom_noise_m: Largest offset of the zoom cube's centre from the label along each axis [m].
        query_noise_m: Standard deviation of the position at which the pose head is trained [m].
        average: Share that an average of the weights keeps at each step, which becomes the policy; 0 for no average.

    Raises:
        ConfigurationError: a value out of range.
    """

    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 50
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    translation_m: float = 0.125
    yaw_deg: float = 45.0
    zoom_noise_m: float = 0.05
    query_noise_m: float = 0.004
    average: float = 0.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0.0 <= self.average < 1.0:
            raise ConfigurationError(f"average must lie in [0, 1), got {self.average}; 0.999 is usual")
        if not 0.0 <= self.yaw_deg <= 180.0:
            raise ConfigurationError(f"yaw_deg must lie between 0 and 180, got {self.yaw_deg}")

    def augmentation(self) -> str:
        """Ranges of the augmentation in words that tell runs apart."""
        return (
            f"translation={self.translation_m} yaw={self.yaw_deg} zoom={self.zoom_noise_m} query={self.query_noise_m}"
        )


@dataclass(frozen=True)
class RenderingConfig:
    """What pretraining adds to a network, and how it is trained.

    Attributes:
        render: Sizes of the renderer.
        weights: Weights of the losses.
        rays: Rays a sample and time.
        mask_ratio: Smallest and largest share of hidden scene tokens.
    """

    render: RenderConfig = field(default_factory=RenderConfig)
    weights: RenderWeights = field(default_factory=RenderWeights)
    rays: int = 96
    mask_ratio: tuple[float, float] = (0.2, 0.6)


@dataclass(frozen=True)
class Preset:
    """A network, its training and its pretraining, and how often the policy looks at a scene before it answers."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    rendering: RenderingConfig = field(default_factory=RenderingConfig)
    looks: int = 1


def _tiny(depths: tuple[int, ...], late_match: bool = False) -> StageConfig:
    return StageConfig(
        width=48, heads=2, depths=depths, hidden=96, token_cells=4, value_cells=16, channels=16, late_match=late_match
    )


def _base(depths: tuple[int, ...], late_match: bool = False) -> StageConfig:
    return StageConfig(
        width=384, heads=6, depths=depths, hidden=1024, token_cells=16, value_cells=64, channels=48,
        late_match=late_match,
    )  # fmt: skip


PRESETS = {
    "debug": Preset(
        NetworkConfig(
            coarse=_tiny((1, 1), late_match=True),
            zoom=_tiny((1,)),
            points=4096,
            zoom_points=2048,
            reader_depth=1,
            first_points=2048,
        ),
        TrainingConfig(steps=300, batch_size=16, learning_rate=2e-3),
        RenderingConfig(RenderConfig(FieldConfig(channels=16, hidden=32), strata=16, guided=8), rays=48),
    ),
    "small": Preset(NetworkConfig(coarse=StageConfig(late_match=True))),
    "tasks": Preset(NetworkConfig(coarse=StageConfig(point_match=True, late_match=True)), looks=6),
    "base": Preset(
        NetworkConfig(coarse=_base((4, 4), late_match=True), zoom=_base((4,)), points=32768, zoom_points=16384),
        TrainingConfig(steps=20_000, batch_size=128, learning_rate=3e-4, warmup_steps=500),
        RenderingConfig(RenderConfig(FieldConfig(channels=64, hidden=128), strata=48, guided=24), rays=192),
    ),
    "paper": Preset(
        NetworkConfig(
            coarse=StageConfig("point_mlp", 768, 12, (4, 4), 3072, token_cells=16, value_cells=64, channels=96),
            zoom=None,
            points=32768,
        ),
        TrainingConfig(steps=30_000, batch_size=256, learning_rate=1e-4, warmup_steps=1000),
        RenderingConfig(RenderConfig(FieldConfig(channels=64, hidden=768), strata=64, guided=32), rays=32),
    ),
}


def preset(name: str) -> Preset:
    """Look a preset up.

    Raises:
        ConfigurationError: No preset has this name.
    """
    if name not in PRESETS:
        raise ConfigurationError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
