"""Pretraining by rendering, from demonstrations to a policy folder to fine-tune from: data, loop, pictures in order."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.rendering_dataset import RenderingDataset
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.datasets.view_cache import load_views
from dynarend_core.errors import ConfigurationError, DatasetError
from dynarend_core.foresight import Foresight
from dynarend_core.foresight.scenes import stored_scenes
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network, save_checkpoint
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.policy import Policy
from dynarend_core.rendering.renderer_file import save_renderer
from dynarend_core.training.card import pretraining_card_text
from dynarend_core.training.logs import RunLogs
from dynarend_core.training.loop import LoopConfig, StepLog, TrainingLoop
from dynarend_core.training.presets import Preset
from dynarend_core.training.pretrainer import Pretrainer
from dynarend_core.training.processes import is_main, join_processes, main_first
from dynarend_core.training.render_batch import RenderBatch, collate_rendering
from dynarend_core.training.render_validation import RenderReport, RenderValidation


@dataclass(frozen=True)
class PretrainConfig:
    """One run.

    Attributes:
        data: Demonstration store.
        out: Run folder; the policy goes to ``out/policy``.
        preset_name: Name of the preset, for the checkpoint.
        preset: Network, training and rendering settings.
        loop: Device, seed, limits.
        validation_data: Store of held-out demonstrations; None renders scenes of ``data``.
        held_out_camera: Never a target of training, and the view that is rendered for validation.
        resume: Go on from ``out/state``.
        save_every_s: Time between checkpoints [s].
        validate_every_s: Time between renderings of held-out scenes [s].
        validation_scenes: Scenes a task at the last rendering; one a task before.
    """

    data: Path
    out: Path
    preset_name: str
    preset: Preset
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(Preset().training))
    validation_data: Path | None = None
    held_out_camera: str | None = None
    resume: bool = False
    save_every_s: float = 180.0
    validate_every_s: float = 180.0
    validation_scenes: int = 6


@dataclass(frozen=True)
class PretrainReport:
    """Outcome of a run; ``picture`` shows renderings of held-out scenes."""

    policy: str
    picture: str
    steps: int
    seconds: float
    samples_per_s: float
    rays_per_s: float
    rendering: list[RenderReport]


class Pretrain:
    """A run in its order. ``execute`` is the table of contents.

    Args:
        config: The run.
        on_step: Called after every optimiser step.
        on_data: Called while caches are built: task, episodes done, episodes in all.
        on_rendering: Called with the optimiser step and the reports of every validation.
    """

    def __init__(
        self,
        config: PretrainConfig,
        on_step: Callable[[StepLog], None] | None = None,
        on_data: Callable[[str, int, int], None] | None = None,
        on_rendering: Callable[[int, list[RenderReport]], None] | None = None,
    ) -> None:
        w = config.preset.rendering.weights
        if min(w.rgb, w.depth, w.now, w.future) < 0 or max(w.now, w.future) == 0 or max(w.rgb, w.depth) == 0:
            raise ConfigurationError(f"no loss is left with weights {w}; none may be negative, two must be positive")
        self.config, self.on_step, self.on_data, self.on_rendering = config, on_step, on_data, on_rendering
        self.encoder = SentenceEncoder()

    def loop(self) -> TrainingLoop[Pretrainer]:
        """The run's loop before its first step, for looking at what a step does.

        Raises:
            DatasetError: As :meth:`execute`.
        """
        return self._loop(*self._dataset())

    def execute(self) -> PretrainReport:
        """Train and return the final renderings' errors.

        Raises:
            DatasetError: No demonstrations, damaged ones, or an unknown held-out camera.
            CheckpointError: Nothing to resume, or a run with other settings.
        """
        c = self.config
        join_processes(c.loop.device)
        data, info = self._dataset()
        held_out = DemonstrationStore(c.validation_data or c.data)
        validation = RenderValidation(functools.partial(stored_scenes, held_out, c.held_out_camera))
        loop = self._loop(data, info)
        if c.resume:
            loop.resume(c.out / "state")
        for sentence in data.keyframes.sentences():
            self.encoder.encode(sentence)
        logs = RunLogs(c.out, first_step=loop.step) if is_main() else None
        first_step, first_s = loop.step, loop.elapsed_s
        self._train(loop, info, validation, logs)
        reports: list[RenderReport] = []
        if logs is not None:
            reports = self._render(loop, info, validation, logs, c.validation_scenes)
            self._save(loop, info, reports)
            logs.close()
        rate = c.loop.training.batch_size * (loop.step - first_step) / max(loop.elapsed_s - first_s, 1e-9)
        w = c.preset.rendering.weights
        rays = c.preset.rendering.rays * ((w.now > 0) + (w.future > 0))
        policy, picture = str(c.out / "policy"), str(c.out / "rendering.png")
        return PretrainReport(policy, picture, loop.step, loop.elapsed_s, rate, rate * rays, reports)

    def _train(
        self,
        loop: TrainingLoop[Pretrainer],
        info: CheckpointInfo,
        validation: RenderValidation,
        logs: RunLogs | None,
    ) -> None:
        saved = rendered = time.monotonic()
        for log in loop.run():
            if logs is None:
                continue
            logs.step(log)
            if self.on_step is not None:
                self.on_step(log)
            now = time.monotonic()
            if now - rendered > self.config.validate_every_s:
                self._render(loop, info, validation, logs, 1)
                rendered = time.monotonic()
            if now - saved > self.config.save_every_s:
                self._save(loop, info, [])
                saved = time.monotonic()

    def _dataset(self) -> tuple[RenderingDataset, CheckpointInfo]:
        c, p = self.config, self.config.preset
        store = DemonstrationStore(c.data)
        names = store.tasks()
        if not names:
            raise DatasetError(f"{c.data} holds no demonstrations; record some with `dynarend collect --out {c.data}`")
        fusion = FusionConfig(SCENE_AABB_BASE)
        tasks = main_first(lambda: [load_task(store, name, fusion, self.on_data) for name in names])
        views = main_first(lambda: [load_views(store, name, self.on_data) for name in names])
        # The targets keep their colours, so the input must, too: a changed light could not be undone.
        augmentation = AugmentationConfig(
            p.training.translation_m, p.training.yaw_deg, brightness=0.0, contrast=0.0, tint=0.0
        )
        config = SampleConfig(p.network.points, zoom_edge_m=0.0, augmentation=augmentation)
        keyframes = KeyframeDataset(tasks, SCENE_AABB_BASE, config)
        summary = {"episodes": {t.task: len(t.instructions) for t in tasks}}
        info = CheckpointInfo(c.preset_name, p.network, SCENE_AABB_BASE.tolist(), tasks=names, training=summary)
        return RenderingDataset(keyframes, views, p.rendering.rays, c.held_out_camera), info

    def _loop(self, data: RenderingDataset, info: CheckpointInfo) -> TrainingLoop[Pretrainer]:
        r = self.config.preset.rendering
        torch.manual_seed(self.config.loop.seed)
        pretrainer = Pretrainer(build_network(info), r.render, r.weights, SCENE_AABB_BASE)
        tokens = 3 * info.network.coarse.token_cells**2

        def prepare(rng: np.random.Generator, count: int) -> RenderBatch:
            drawn = [data.draw(rng) for _ in range(count)]
            return collate_rendering(drawn, self.encoder, rng, tokens, r.mask_ratio, r.render.samples)

        variant = f"pretrain rays={r.rays} mask={r.mask_ratio} {r.weights} without={self.config.held_out_camera}"
        config = dataclasses.replace(self.config.loop, variant=variant)
        return TrainingLoop(pretrainer, pretrainer, prepare, config)

    def _render(
        self,
        loop: TrainingLoop[Pretrainer],
        info: CheckpointInfo,
        validation: RenderValidation,
        logs: RunLogs,
        scenes: int,
    ) -> list[RenderReport]:
        loop.network.eval()
        policy = Policy(loop.network.network, info, self.config.loop.device, self.encoder)
        reports, picture = validation.run(Foresight(policy, loop.network.renderer), scenes)
        loop.network.train()
        cv2.imwrite(str(self.config.out / "rendering.png"), picture[..., ::-1])
        logs.rendering(loop.step, reports, picture)
        if self.on_rendering is not None:
            self.on_rendering(loop.step, reports)
        return reports

    def _save(self, loop: TrainingLoop[Pretrainer], info: CheckpointInfo, reports: list[RenderReport]) -> None:
        loop.save(self.config.out / "state")
        summary = {
            **info.training,
            "pretraining_steps": loop.step,
            "minutes": round(loop.elapsed_s / 60.0, 2),
            "seed": self.config.loop.seed,
            "rendering": [dataclasses.asdict(r) for r in reports],
        }
        info = dataclasses.replace(info, training=summary)
        save_checkpoint(self.config.out / "policy", loop.network.network, info, pretraining_card_text(info))
        save_renderer(self.config.out / "policy", loop.network.renderer)
