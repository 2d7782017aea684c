"""What one pretraining run is told, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.training.render_validation import RenderReport
from dynarend_core.training.run_config import RunConfig


@dataclass(frozen=True)
class PretrainConfig(RunConfig):
    """One run. Without ``validation_data`` training scenes are rendered.

    Attributes:
        held_out_camera: Never a target of training, and the view that is rendered for validation.
        semantics: ``"auto"`` (object names where the store has them), ``"names"``, ``"none"``, or the name under which
            `dynarend features` has cached feature maps.
        target_views: Draw pixels of extra target views, too; None where the store has some, True requires them.
        frozen_policy: Finished policy to fit a renderer to; the network itself is not trained.
        validation_scenes: Scenes a task at the last rendering; one a task before.

    Raises:
        ConfigurationError: No loss is left, a weight is negative, or no rays or no visible tokens.
    """

    held_out_camera: str | None = None
    semantics: str = "auto"
    target_views: bool | None = None
    frozen_policy: Path | None = None
    validation_scenes: int = 6

    def __post_init__(self) -> None:
        r, w = self.preset.rendering, self.preset.rendering.weights
        terms = (w.rgb, w.depth, w.semantic, w.naming, w.finding)
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
