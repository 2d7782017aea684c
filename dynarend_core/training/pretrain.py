"""Pretraining by rendering, from demonstrations to a policy folder to fine-tune from: data, loop, pictures in order."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import cv2
import numpy as np
import torch

from dynarend_core.datasets.cache_signature import store_key
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.foresight.foresight import Foresight
from dynarend_core.foresight.scenes import stored_scenes
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CARD, CheckpointInfo, build_network, load_checkpoint, save_checkpoint
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.policy import Policy
from dynarend_core.rendering.renderer_file import save_renderer
from dynarend_core.training.card import pretraining_card_text
from dynarend_core.training.logs import RunLogs
from dynarend_core.training.loop import StepLog, TrainingLoop
from dynarend_core.training.names import NAME_CHANNELS, NameTable
from dynarend_core.training.pretrain_config import PretrainConfig, PretrainReport
from dynarend_core.training.pretrain_data import PretrainData, load_pretrain_data
from dynarend_core.training.pretrainer import Pretrainer, RenderTask
from dynarend_core.training.processes import is_main, join_processes
from dynarend_core.training.render_batch import RenderBatch, collate_rendering
from dynarend_core.training.render_validation import RenderReport, RenderValidation
from dynarend_core.training.upkeep import Upkeep


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
        self.config, self.on_step, self.on_data, self.on_rendering = config, on_step, on_data, on_rendering
        self.encoder = SentenceEncoder()

    def execute(self) -> PretrainReport:
        """Train and return the final renderings' errors.

        Raises:
            DatasetError: No demonstrations, damaged ones, or an unknown held-out camera.
            CheckpointError: Nothing to resume, a run with other settings, or a policy of another preset to fit to.
        """
        c = self.config
        join_processes(c.loop.device)
        data = load_pretrain_data(c, self.on_data)
        held_out = DemonstrationStore(c.validation_data or c.data)
        next(stored_scenes(held_out, c.held_out_camera, 1))  # an unknown camera is refused before hours have gone by
        title = "views not given, of held-out scenes" if c.validation_data else "views not given, of training scenes"
        validation = RenderValidation(functools.partial(stored_scenes, held_out, c.held_out_camera), title)
        loop, info = self._loop(data)
        if c.resume:
            loop.resume(c.out / "state")
        for sentence in data.dataset.keyframes.sentences():
            self.encoder.encode(sentence)
        logs = RunLogs(c.out, first_step=loop.step) if is_main() else None
        first_step, first_s = loop.step, loop.elapsed_s
        self._train(loop, info, validation, logs)
        reports: list[RenderReport] = []
        if logs is not None:
            self._save(loop, info, [])
            reports = self._render(loop, info, validation, logs, c.validation_scenes)
            self._save(loop, info, reports)
            logs.close()
        rate = c.loop.training.batch_size * (loop.step - first_step) / max(loop.elapsed_s - first_s, 1e-9)
        w = c.preset.rendering.weights
        rays = c.preset.rendering.rays * ((w.now > 0) + (w.future > 0))
        policy, picture = str(c.out / "policy"), str(c.out / "rendering.png")
        return PretrainReport(policy, picture, loop.step, loop.elapsed_s, rate, rate * rays, reports)

    def loop(self) -> TrainingLoop[Pretrainer]:
        """The run's data, network and optimiser, not started: for measuring its parts."""
        return self._loop(load_pretrain_data(self.config, self.on_data))[0]

    def _train(
        self,
        loop: TrainingLoop[Pretrainer],
        info: CheckpointInfo,
        validation: RenderValidation,
        logs: RunLogs | None,
    ) -> None:
        c = self.config
        upkeep = None
        if logs is not None:
            save = functools.partial(self._save, loop, info, [])
            validate = functools.partial(self._render, loop, info, validation, logs, 1)
            upkeep = Upkeep(c.save_every_s, save, c.validate_every_s, validate)
        for log in loop.run():
            if logs is None or upkeep is None:  # not the main process
                continue
            logs.step(log)
            if self.on_step is not None:
                self.on_step(log)
            upkeep.look()

    def _network(self, info: CheckpointInfo) -> tuple[DynaRend, CheckpointInfo]:
        """A new network, or the finished policy that only gets a renderer."""
        torch.manual_seed(self.config.loop.seed)
        path = self.config.frozen_policy
        if path is None:
            return build_network(info), info
        network, finished = load_checkpoint(path)
        if finished.network != info.network:
            raise CheckpointError(
                f"{path} (preset {finished.preset!r}) has other network sizes than preset {info.preset!r}; "
                f"use --preset {finished.preset}"
            )
        return network, finished

    def _loop(self, data: PretrainData) -> tuple[TrainingLoop[Pretrainer], CheckpointInfo]:
        c, r = self.config, self.config.preset.rendering
        network, info = self._network(data.info)
        source = data.dataset.semantics
        names = NameTable(source.names, self.encoder) if source.names else None
        w = r.weights
        by_name = names and (w.semantic or w.naming or (w.finding and w.future))
        if not (w.rgb or w.depth or by_name or (w.semantic and source.channels)):
            raise ConfigurationError(f"nothing to learn from: weights {w}, and no meanings of pixels are known")
        channels = (NAME_CHANNELS if names else source.channels) if r.weights.semantic else 0
        render = r.render.fitted(network.coarse.stem.skip_channels, channels)
        pretrainer = Pretrainer(
            network, RenderTask(render, r.weights, SCENE_AABB_BASE, c.frozen_policy is not None), names
        )
        tokens = 3 * info.network.coarse.token_cells**2

        def prepare(rng: np.random.Generator, count: int) -> RenderBatch:
            drawn = [data.dataset.draw(rng) for _ in range(count)]
            return collate_rendering(drawn, self.encoder, rng, tokens, r.mask_ratio, r.render.samples)

        variant = f"{c.variant()} {store_key(DemonstrationStore(c.data), c.demonstrations)}"
        loop = TrainingLoop(pretrainer, pretrainer, prepare, dataclasses.replace(c.loop, variant=variant))
        return loop, info

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
        c = self.config
        loop.save(c.out / "state")
        network, card = loop.network.network, None
        if c.frozen_policy is None:
            network.share_with_zoom()
            summary = {
                **info.training,
                "pretraining_steps": loop.step,
                "minutes": round(loop.elapsed_s / 60.0, 2),
                "seed": c.loop.seed,
                "rendering": [dataclasses.asdict(r) for r in reports],
            }
            info = dataclasses.replace(info, training=summary)
            card = pretraining_card_text(info)
        else:
            card = (c.frozen_policy / CARD).read_text() if (c.frozen_policy / CARD).is_file() else ""
        save_checkpoint(c.out / "policy", network, info, card)
        save_renderer(c.out / "policy", loop.network.renderer)
