"""What fine-tuning and pretraining runs are both told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dynarend_core.training.loop import LoopConfig
from dynarend_core.training.presets import Preset


@dataclass(frozen=True)
class RunConfig:
    """One run.

    Attributes:
        data: Demonstration store.
        out: Run folder; the policy goes to ``out/policy``.
        preset_name: Name of the preset, for the checkpoint.
        preset: Network, training and rendering settings.
        loop: Device, seed, limits.
        validation_data: Store of held-out demonstrations; None: see the kind of run.
        demonstrations: Use only the first so many of each task; None for all.
        resume: Go on from ``out/state``.
        save_every_s: Time between checkpoints [s].
        validate_every_s: Time between validations [s]; longer where one takes more than a twentieth of it.
    """

    data: Path
    out: Path
    preset_name: str
    preset: Preset
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(Preset().training))
    validation_data: Path | None = None
    demonstrations: int | None = None
    resume: bool = False
    save_every_s: float = 180.0
    validate_every_s: float = 300.0
