"""Settings of one fine-tuning run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.training.run_config import RunConfig


@dataclass(frozen=True)
class FinetuneConfig(RunConfig):
    """One run. Without ``validation_data`` some of ``data`` is held out: what ``demonstrations`` leaves, or 5 %.

    Attributes:
        initial_policy: Policy folder whose weights the network starts from.
        naming: Also teach the network to find every named object in view, not only those that instructions name.
        naming_late: Also tell the named places in view apart by features that have seen the whole scene.
        paired: Scenes with answers to other instructions come twice in a batch, under two of them.
        focus: Draw more often what the initial policy gets wrong.
        focus_from: From this share of the run on, draw more often what the network gets wrong then; asked again after
            every tenth of the run. None for never.
        origin_weights: How often plain, mended and policy-driven demonstrations are drawn; 0 for never.
        validation_frames: Frames a task at each validation; the last one uses four times as many.

    Raises:
        ConfigurationError: ``focus`` without an initial policy, ``naming_late`` for a network without the head for it,
            or a value out of range.
    """

    initial_policy: Path | None = None
    naming: bool = False
    naming_late: bool = False
    paired: bool = False
    focus: bool = False
    focus_from: float | None = None
    origin_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    validation_frames: int = 40

    def __post_init__(self) -> None:
        if self.focus and self.initial_policy is None:
            raise ConfigurationError("--focus needs a policy whose misses it can look at: give --from POLICY")
        if self.naming_late and not self.preset.network.coarse.late_match:
            raise ConfigurationError("--naming-late teaches the late match head, which is switched off: --late-match")
        if self.focus_from is not None and not 0.0 < self.focus_from < 1.0:
            raise ConfigurationError(f"--focus-from must lie between 0 and 1, got {self.focus_from}; 0.5 is usual")
        if min(self.origin_weights) < 0 or max(self.origin_weights) <= 0:
            raise ConfigurationError(
                f"weights of origins must not be negative, nor all 0, got {self.origin_weights}; 1 1 1 draws all alike"
            )

    def variant(self) -> str:
        """What tells this run from others beside the loop's settings."""
        start = None if self.initial_policy is None else self.initial_policy.resolve().parts[-2:]
        data = f"{self.data.resolve().name} demonstrations={self.demonstrations}"
        chosen = f"naming={self.naming} focus={self.focus} late={self.naming_late} paired={self.paired}"
        chosen += f" focus_from={self.focus_from} origins={self.origin_weights}"
        return f"finetune {data} from={start} {chosen} {self.preset.training.augmentation()}"
