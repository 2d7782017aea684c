"""What one pretraining run is told, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.presets import Preset
from dynarend_core.training.render_validation import RenderReport


@dataclass(frozen=True)
class PretrainConfig:
    """One run.

    Attributes:
        data: Demonstration store.
        out: Run folder; the policy goes to ``out/policy``.
        preset_name: Name of the preset, for the checkpoint.
        preset: Network, training and rendering settings.
        loop: Device, seed, limits.
        validation_data: Store of held-out demonstrations; None renders training scenes.
        held_out_camera: Never a target of training, and the view that is rendered for validation.
        demonstrations: Use only the first so many of each task; None for all.
        semantics: ``"auto"`` (object names where the store has them), ``"names"``, ``"none"``, or the name under which
            `dynarend features` has cached feature maps.
        target_views: Draw pixels of extra target views, too; None where the store has some, True requires them.
        frozen_policy: Finished policy to fit a renderer to; the network itself is not trained.
        resume: Go on from ``out/state``.
        save_every_s: Time between checkpoints [s].
        validate_every_s: Time between renderings [s]; longer where one takes more than a twentieth of it.
        validation_scenes: Scenes a task at the last rendering; one a task before.

    Raises:
        ConfigurationError: No loss is left, a weight is negative, or no rays or no visible tokens.
    """

    data: Path
    out: Path
    preset_name: str
    preset: Preset
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(Preset().training))
    validation_data: Path | None = None
    held_out_camera: str | None = None
    demonstrations: int | None = None
    semantics: str = "auto"
    target_views: bool | None = None
    frozen_policy: Path | None = None
    resume: bool = False
    save_every_s: float = 180.0
    validate_every_s: float = 180.0
    validation_scenes: int = 6

    def __post_init__(self) -> None:
        r, w = self.preset.rendering, self.preset.rendering.weights
        terms = (w.rgb, w.depth, w.semantic, w.naming)
        if min(*terms, w.now, w.future) < 0 or max(w.now, w.future) == 0 or max(terms) == 0:
            raise ConfigurationError(f"no loss is left with weights {w}; none may be negative, two must be positive")
        if r.rays < 1 or not 0.0 <= r.mask_ratio[0] <= r.mask_ratio[1] < 1.0:
            raise ConfigurationError(
                "rays must be at least 1 and the mask ratio two shares 0 <= low <= high < 1 such as 0.2 0.6, "
                f"got {r.rays} and {r.mask_ratio}"
            )

    def variant(self) -> str:
        """What tells this run from others beside the loop's settings."""
        r = self.preset.rendering
        frozen = None if self.frozen_policy is None else self.frozen_policy.resolve().parts[-2:]
        return (
            f"pretrain rays={r.rays} mask={r.mask_ratio} {r.weights} without={self.held_out_camera} "
            f"demonstrations={self.demonstrations} semantics={self.semantics} targets={self.target_views} "
            f"frozen={frozen} {self.data.resolve().name} {self.preset.training.augmentation()}"
        )


@dataclass(frozen=True)
class PretrainReport:
    """Outcome of a run; ``picture`` shows renderings of such views."""

    policy: str
    picture: str
    steps: int
    seconds: float
    samples_per_s: float
    rays_per_s: float
    rendering: list[RenderReport]
