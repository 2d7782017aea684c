"""Fine-tuning from demonstrations to a policy folder: data, loop, logs, validation, checkpoints in order."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
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
    write_text,
)
from dynarend_core.networks.dynarend import DynaRend, NetworkConfig
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.policy import Policy
from dynarend_core.training.batch import Batch, LossModule, collate
from dynarend_core.training.card import card_text, lineage
from dynarend_core.training.finetune_config import FinetuneConfig
from dynarend_core.training.finetune_data import load_finetune_data
from dynarend_core.training.focus import Focus, apply_focus, measure_focus
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
            self._focus(train, loop, info)
        if self.config.resume:
            loop.resume(self.config.out / "state")
        for sentence in train.sentences():
            self.encoder.encode(sentence)
        logs = RunLogs(self.config.out, first_step=loop.step) if self.is_main else None
        losses = self._train(loop, info, held_out, logs)
        reports: list[StepReport] = []
        if self.is_main and logs is not None:
            self._save(loop, info, [])
            reports = self._validate(loop, info, held_out, logs, 4 * self.config.validation_frames)
            self._save(loop, info, reports)
            logs.close()
        samples = loop.step * self.config.loop.training.batch_size
        policy = str(self.config.out / "policy")
        return FinetuneReport(policy, loop.step, loop.elapsed_s, samples / max(loop.elapsed_s, 1e-9), losses, reports)

    def _train(
        self, loop: TrainingLoop[DynaRend], info: CheckpointInfo, held_out: KeyframeDataset, logs: RunLogs | None
    ) -> dict[str, float]:
        c = self.config
        upkeep = None
        if logs is not None:
            save = functools.partial(self._save, loop, info, [])
            check = functools.partial(self._validate, loop, info, held_out, logs, c.validation_frames)
            upkeep = Upkeep(c.save_every_s, save, c.validate_every_s, check)
        average: dict[str, float] = {}
        for log in loop.run():
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
            network, start = load_checkpoint(self.config.initial_policy)
            if start.network != info.network:
                if start.network != _without_points(info.network):
                    raise CheckpointError(
                        f"{self.config.initial_policy} (preset {start.preset!r}) has other network sizes than preset "
                        f"{info.preset!r}; train with --preset {start.preset} or from scratch"
                    )
                grown = build_network(info)
                grown.load_state_dict(network.state_dict(), strict=False)  # comparing with points starts silent
                network = grown
        else:
            network = build_network(info)
        edge = float(np.ptp(SCENE_AABB_BASE, axis=0).max())
        query_noise = 2.0 * self.config.preset.training.query_noise_m / edge

        def prepare(rng: np.random.Generator, count: int) -> Batch:
            return collate([train.draw(rng) for _ in range(count)], self.encoder, rng)

        names = NameTable(train.names, self.encoder) if train.names else None
        key = store_key(DemonstrationStore(self.config.data), self.config.demonstrations)
        config = dataclasses.replace(self.config.loop, variant=f"{self.config.variant()} {key}")
        return TrainingLoop(network, LossModule(network, query_noise, names), prepare, config)

    def _focus(self, train: KeyframeDataset, loop: TrainingLoop[DynaRend], info: CheckpointInfo) -> None:
        """Measured once; a resumed run reads what the first one wrote."""
        path = self.config.out / "focus.json"

        def measured() -> list[Focus]:
            if self.is_main and not (self.config.resume and path.is_file()):
                policy = self._policy(loop, info)
                text = json.dumps([dataclasses.asdict(f) for f in measure_focus(policy, train, self.on_data)], indent=2)
                loop.network.train()
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, text + "\n")
            return [Focus(**f) for f in json.loads(path.read_text())]

        apply_focus(train, main_first(measured))

    def _policy(self, loop: TrainingLoop[DynaRend], info: CheckpointInfo) -> Policy:
        """The network as it is, with one look: several would only make the same errors a little smaller."""
        return Policy(loop.network, dataclasses.replace(info, looks=1), self.config.loop.device, self.encoder)

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
        save_checkpoint(self.config.out / "policy", loop.network, info, card_text(info))


def _without_points(config: NetworkConfig) -> NetworkConfig:
    return dataclasses.replace(config, coarse=dataclasses.replace(config.coarse, point_match=False))
