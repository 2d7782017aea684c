"""Fine-tuning from demonstrations to a policy folder: data, loop, logs, validation, checkpoints in order."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynarend_core.datasets.cache_signature import store_key
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import CheckpointError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import (
    CheckpointInfo,
    build_network,
    load_checkpoint,
    load_info,
    save_checkpoint,
)
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.growth import can_grow, grow
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.policy import Policy
from dynarend_core.training.batch import Batch, LossModule, collate
from dynarend_core.training.card import card_text, lineage
from dynarend_core.training.finetune_config import FinetuneConfig
from dynarend_core.training.finetune_data import load_finetune_data
from dynarend_core.training.focus import Focus, FocusPlan, apply_focus, measure_focus, read_focus, write_focus
from dynarend_core.training.grounding import Grounding
from dynarend_core.training.logs import RunLogs
from dynarend_core.training.loop import StepLog, TrainingLoop
from dynarend_core.training.names import NameTable
from dynarend_core.training.processes import is_main, join_processes, main_first
from dynarend_core.training.upkeep import Upkeep
from dynarend_core.training.validation import StepReport, validate


@dataclass(frozen=True)
class FinetuneReport:
    """Outcome of a run."""

    policy: str
    steps: int
    seconds: float
    samples_per_s: float
    final_losses: dict[str, float]
    validation: list[StepReport]


class Finetune:
    """A run in its order. ``execute`` is the table of contents.

    Args:
        config: The run.
        on_step: Called after every optimiser step.
        on_data: Called while clouds are fused for the first time: task, episodes done, episodes in all.
        on_validation: Called with the optimiser step and the reports of every validation.
    """

    def __init__(
        self,
        config: FinetuneConfig,
        on_step: Callable[[StepLog], None] | None = None,
        on_data: Callable[[str, int, int], None] | None = None,
        on_validation: Callable[[int, list[StepReport]], None] | None = None,
    ) -> None:
        self.config, self.on_step, self.on_data, self.on_validation = config, on_step, on_data, on_validation
        self.encoder = SentenceEncoder()
        self.is_main = is_main()

    def execute(self) -> FinetuneReport:
        """Train and return the final validation.

        Raises:
            DatasetError: No demonstrations, or damaged ones.
            CheckpointError: Nothing to resume, or an initial policy that does not fit.
        """
        join_processes(self.config.loop.device)
        train, held_out = load_finetune_data(self.config, self.on_data)
        info = self._info(train)
        loop = self._loop(train, info)
        if self.config.focus:
            self._focus(train, loop, info, self.config.out / "focus.json", anew=not self.config.resume)
        if self.config.resume:
            loop.resume(self.config.out / "state")
        plan = self._plan(train, loop)
        for sentence in train.sentences():
            self.encoder.encode(sentence)
        logs = RunLogs(self.config.out, first_step=loop.step) if self.is_main else None
        losses = self._train(self._steps(train, loop, info, plan), loop, info, held_out, logs)
        reports: list[StepReport] = []
        if self.is_main and logs is not None:
            self._save(loop, info, [])
            reports = self._validate(loop, info, held_out, logs, 4 * self.config.validation_frames)
            self._save(loop, info, reports)
            logs.close()
        samples = loop.step * self.config.loop.training.batch_size
        policy = str(self.config.out / "policy")
        return FinetuneReport(policy, loop.step, loop.elapsed_s, samples / max(loop.elapsed_s, 1e-9), losses, reports)

    def _plan(self, train: KeyframeDataset, loop: TrainingLoop[DynaRend]) -> FocusPlan | None:
        """When to look at what is missed; what a run that goes on saw last is drawn by at once."""
        if self.config.focus_from is None:
            return None
        plan = FocusPlan(self.config.out, self.config.focus_from)
        last = main_first(lambda: plan.resume(loop.step))
        if last is not None:
            apply_focus(train, read_focus(last))
        return plan

    def _steps(
        self, train: KeyframeDataset, loop: TrainingLoop[DynaRend], info: CheckpointInfo, plan: FocusPlan | None
    ) -> Iterator[StepLog]:
        """The loop's steps; between them, where it is due, what is missed is looked at and drawn more often."""
        while True:
            if plan is not None and plan.due(loop.step, loop.done()):
                self._focus(train, loop, info, plan.path(loop.step), anew=True)
                plan.looked()
            for log in loop.run():
                yield log
                if plan is not None and plan.due(loop.step, loop.done()):
                    break  # batches drawn ahead are drawn again
            else:
                return

    def _train(
        self,
        steps: Iterator[StepLog],
        loop: TrainingLoop[DynaRend],
        info: CheckpointInfo,
        held_out: KeyframeDataset,
        logs: RunLogs | None,
    ) -> dict[str, float]:
        c = self.config
        upkeep = None
        if logs is not None:
            save = functools.partial(self._save, loop, info, [])
            check = functools.partial(self._validate, loop, info, held_out, logs, c.validation_frames)
            upkeep = Upkeep(c.save_every_s, save, c.validate_every_s, check)
        average: dict[str, float] = {}
        for log in steps:
            for name, value in log.losses.items():
                average[name] = value if name not in average else 0.98 * average[name] + 0.02 * value
            if logs is None or upkeep is None:  # not the main process
                continue
            logs.step(log)
            if self.on_step is not None:
                self.on_step(dataclasses.replace(log, losses=dict(average)))
            upkeep.look()
        return {name: round(value, 4) for name, value in average.items()}

    def _info(self, train: KeyframeDataset) -> CheckpointInfo:
        most = self.config.demonstrations or sys.maxsize
        training: dict[str, Any] = {"episodes": {t.task: min(len(t.instructions), most) for t in train.tasks}}
        if self.config.initial_policy is not None:
            training["started_from"] = lineage(load_info(self.config.initial_policy))
        return CheckpointInfo(
            self.config.preset_name,
            self.config.preset.network,
            SCENE_AABB_BASE.tolist(),
            tasks=[task.task for task in train.tasks],
            looks=self.config.preset.looks,
            training=training,
        )

    def _loop(self, train: KeyframeDataset, info: CheckpointInfo) -> TrainingLoop[DynaRend]:
        torch.manual_seed(self.config.loop.seed)
        if self.config.initial_policy is not None:
            network = self._grown(self.config.initial_policy, info)
        else:
            network = build_network(info)
        edge = float(np.ptp(SCENE_AABB_BASE, axis=0).max())
        query_noise = 2.0 * self.config.preset.training.query_noise_m / edge

        def prepare(rng: np.random.Generator, count: int) -> Batch:
            return collate(train.draw_batch(rng, count, self.config.paired), self.encoder, rng)

        key = store_key(DemonstrationStore(self.config.data), self.config.demonstrations)
        config = dataclasses.replace(self.config.loop, variant=f"{self.config.variant()} {key}")
        losses = LossModule(network, query_noise, self._grounding(train), [task.task for task in train.tasks])
        return TrainingLoop(network, losses, prepare, config)

    def _grown(self, folder: Path, info: CheckpointInfo) -> DynaRend:
        """The initial policy's network, with what this run's has more.

        Raises:
            CheckpointError: It has other sizes.
        """
        network, start = load_checkpoint(folder)
        if start.network == info.network:
            return network
        if not can_grow(start.network, info.network):
            raise CheckpointError(
                f"{folder} (preset {start.preset!r}) has other network sizes than preset "
                f"{info.preset!r}; train with --preset {start.preset} or from scratch"
            )
        grown = build_network(info)
        grow(network, grown)
        return grown

    def _grounding(self, train: KeyframeDataset) -> Grounding | None:
        if not train.names:
            return None
        return Grounding(NameTable(train.names, self.encoder), self.config.naming, self.config.naming_late)

    def _focus(
        self, train: KeyframeDataset, loop: TrainingLoop[DynaRend], info: CheckpointInfo, path: Path, anew: bool
    ) -> None:
        """Draw by what the network misses: measured now, or read where it was written before."""

        def measured() -> list[Focus]:
            if self.is_main and (anew or not path.is_file()):
                focus = measure_focus(self._policy(loop, info), train, self.on_data)
                loop.network.train()
                write_focus(path, focus)
            return read_focus(path)

        apply_focus(train, main_first(measured))

    def _policy(self, loop: TrainingLoop[DynaRend], info: CheckpointInfo) -> Policy:
        """The network as it is, with one look: several would only make the same errors a little smaller."""
        return Policy(loop.result, dataclasses.replace(info, looks=1), self.config.loop.device, self.encoder)

    def _validate(
        self, loop: TrainingLoop[DynaRend], info: CheckpointInfo, held_out: KeyframeDataset, logs: RunLogs, frames: int
    ) -> list[StepReport]:
        policy = self._policy(loop, info)
        reports = validate(policy, held_out, frames)
        loop.network.train()
        logs.validation(loop.step, reports)
        if self.on_validation is not None:
            self.on_validation(loop.step, reports)
        return reports

    def _save(self, loop: TrainingLoop[DynaRend], info: CheckpointInfo, reports: list[StepReport]) -> None:
        loop.save(self.config.out / "state")
        summary: dict[str, Any] = {
            **info.training,
            "steps": loop.step,
            "samples": loop.step * self.config.loop.training.batch_size,
            "minutes": round(loop.elapsed_s / 60.0, 2),
            "seed": self.config.loop.seed,
            "validation": [dataclasses.asdict(r) for r in reports],
        }
        info = dataclasses.replace(info, training=summary)
        save_checkpoint(self.config.out / "policy", loop.result, info, card_text(info))
