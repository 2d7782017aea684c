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
        focus: Draw more often what the initial policy gets wrong.
        validation_frames: Frames a task at each validation; the last one uses four times as many.

    Raises:
        ConfigurationError: ``focus`` without an initial policy.
    """

    initial_policy: Path | None = None
    naming: bool = False
    focus: bool = False
    validation_frames: int = 40

    def __post_init__(self) -> None:
        if self.focus and self.initial_policy is None:
            raise ConfigurationError("--focus needs a policy whose misses it can look at: give --from POLICY")

    def variant(self) -> str:
        """What tells this run from others beside the loop's settings."""
        start = None if self.initial_policy is None else self.initial_policy.resolve().parts[-2:]
        data = f"{self.data.resolve().name} demonstrations={self.demonstrations}"
        chosen = f"naming={self.naming} focus={self.focus}"
        return f"finetune {data} from={start} {chosen} {self.preset.training.augmentation()}"
