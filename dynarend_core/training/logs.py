"""A run's logs: ``metrics.jsonl``, one object a line, and TensorBoard when it is installed."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from dynarend_core.training.loop import StepLog
from dynarend_core.training.render_validation import RenderReport
from dynarend_core.training.validation import StepReport

Array = np.ndarray


class RunLogs:
    """Writes both logs.

    Args:
        folder: Run folder.
        first_step: Step the run (re)starts at; lines of later steps, from before an interruption, are dropped.
        every: Steps between training lines.
    """

    def __init__(self, folder: Path, first_step: int = 0, every: int = 10) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        kept = []
        if first_step > 0 and path.is_file():
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= first_step]
        path.write_text("".join(line + "\n" for line in kept))
        self._file = open(path, "a", buffering=1)  # noqa: SIM115
        self._every = every
        self._shares: dict[str, list[float]] = {}
        self._board = _board(folder / "tensorboard", first_step)

    def step(self, log: StepLog) -> None:
        """Log an optimiser step, if it is its turn; shares of right answers as their mean since the last line."""
        for name, value in log.losses.items():
            if "/" in name:
                self._shares.setdefault(name, []).append(value)
        if log.step % self._every and log.step != 1:
            return
        values = {name if "/" in name else f"loss/{name}": value for name, value in log.losses.items()}
        values |= {name: float(np.mean(shares)) for name, shares in self._shares.items()}
        self._shares.clear()
        values |= {"optimizer/learning_rate": log.learning_rate, "optimizer/gradient_norm": log.gradient_norm}
        self._write({"step": log.step, "elapsed_s": round(log.elapsed_s, 2), **values})
        for name, value in values.items():
            self._scalar(name, value, log.step)

    def validation(self, step: int, reports: list[StepReport]) -> None:
        """Log a validation."""
        self._write({"step": step, "validation": [dataclasses.asdict(r) for r in reports]})
        for r in reports:
            name = f"{r.task}/{'all' if r.step < 0 else f'step{r.step}'}{'_displaced' if r.displaced else ''}"
            self._scalar(f"validation_position_cm/{name}", r.position_cm[0], step)
            self._scalar(f"validation_rotation_deg/{name}", r.rotation_deg[0], step)

    def rendering(self, step: int, reports: list[RenderReport], picture: Array) -> None:
        """Log how well views are rendered, and a picture of them."""
        self._write({"step": step, "rendering": [dataclasses.asdict(r) for r in reports]})
        for r in reports:
            self._scalar(f"rendering_psnr_db/{r.when}/{r.source}", r.psnr_db, step)
            self._scalar(f"rendering_depth_cm/{r.when}/{r.source}", r.depth_cm, step)
        if self._board is not None:
            self._board.add_image("rendering", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close both logs."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")

    def _scalar(self, name: str, value: float, step: int) -> None:
        if self._board is not None:
            self._board.add_scalar(name, value, step)


def _step_of(line: str) -> float:
    """Step of a log line; infinite if a crash cut the line off."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _board(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step or None)
