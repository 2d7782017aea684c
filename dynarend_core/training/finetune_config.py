"""Settings of one fine-tuning run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.presets import Preset


@dataclass(frozen=True)
class FinetuneConfig:
    """One run.

    Attributes:
        data: Demonstration store.
        out: Run folder; the policy goes to ``out/policy``.
        preset_name: Name of the preset, for the checkpoint.
        preset: Network and training settings.
        loop: Device, seed, limits.
        validation_data: Store of held-out demonstrations; None holds some of ``data`` out: the last 5 %, or those that
            ``demonstrations`` leaves over.
        demonstrations: Use only the first so many of each task; None for all.
        initial_policy: Policy folder whose weights the network starts from.
        naming: Also teach the network to find every named object in view, not only those that instructions name.
        focus: Draw more often what the initial policy gets wrong.
        resume: Go on from ``out/state``.
        save_every_s: Time between checkpoints [s].
        validate_every_s: Time between validations [s]; longer where one takes more than a twentieth of it.
        validation_frames: Frames a task at each validation; the last one uses four times as many.

    Raises:
        ConfigurationError: ``focus`` without an initial policy.
    """

    data: Path
    out: Path
    preset_name: str
    preset: Preset
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(Preset().training))
    validation_data: Path | None = None
    demonstrations: int | None = None
    initial_policy: Path | None = None
    naming: bool = False
    focus: bool = False
    resume: bool = False
    save_every_s: float = 180.0
    validate_every_s: float = 300.0
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
