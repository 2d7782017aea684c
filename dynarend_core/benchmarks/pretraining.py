"""What a pretraining step costs: rays per second, the share of rendering, memory, and the plain loop beside it."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dynarend_core.benchmarks.memory import peak_bytes
from dynarend_core.benchmarks.timing import measure
from dynarend_core.datasets.records import EpisodeRecord, FrameRecord, Transition
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.cameras import scale_intrinsics
from dynarend_core.rendering import reference
from dynarend_core.rendering.rays import Rays
from dynarend_core.training.loop import LoopConfig, TrainingLoop, denormals_flushed
from dynarend_core.training.presets import preset
from dynarend_core.training.pretrain import Pretrain, PretrainConfig
from dynarend_core.training.pretrainer import Pretrainer
from dynarend_core.training.render_batch import PixelTargets, RenderBatch
from dynarend_core.types import CameraView, GripperState, Keyframe

INSTRUCTION = "push the maroon button"
REFERENCE_RAYS = 2
_MIB = 2**20


def time_pretraining(
    name: str, views: Sequence[CameraView], threads: int, device: str = "cpu", repeats: int = 10
) -> dict[str, Any]:
    """Time pretraining steps of a preset on batches drawn from one scene; weights are random.

    Args:
        name: Preset.
        views: VGA views of the scene.
        threads: CPU threads.
        device: ``"cpu"`` or ``"cuda"``.
        repeats: Timed calls each, fewer where 10 s do not suffice.

    Returns:
        ``step`` (forward, backward, optimiser), ``encode`` and ``render`` (forward and backward of the two encoders,
        and of the renderer for both times), each ``_ms`` with percentiles; ``prepare_ms`` (drawing a batch);
        ``render_share`` of the step; ``rays_per_s`` of the renderer, ``reference_rays_per_s`` of the plain loop;
        ``memory_per_scene_mib`` and ``render_memory_per_scene_mib`` at the peak (see :func:`peak_bytes`).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
            return _Bench(name, _loop(name, views, Path(folder), device), repeats).fields()
    finally:
        torch.set_num_threads(before)


def _loop(name: str, views: Sequence[CameraView], folder: Path, device: str) -> TrainingLoop[Pretrainer]:
    """The loop of `dynarend pretrain` over one recorded scene."""
    above = GripperState(se3.make(rotations.rotation_x(np.pi), np.array([0.3, 0.0, 0.5])), is_open=True)
    small = tuple(_fifth(view) for view in views)
    frames = tuple(FrameRecord(small, above, np.zeros(7)) for _ in range(2))
    move = Transition(0, 1, Keyframe(above.T_base_gripper, False), 0)
    record = EpisodeRecord("bench", 0, 0, (INSTRUCTION,), INSTRUCTION, frames, (move,))
    DemonstrationStore(folder).write("bench", 0, record)
    chosen = preset(name)
    return Pretrain(PretrainConfig(folder, folder, name, chosen, LoopConfig(chosen.training, device=device))).loop()


def _fifth(view: CameraView) -> CameraView:
    """Every fifth pixel of VGA images: 128 x 96, about what stores hold. Their centres stay where they were."""
    pixels = slice(2, None, 5), slice(2, None, 5)
    K = scale_intrinsics(view.K, 0.2)
    return CameraView(view.name, view.rgb[pixels], view.depth_m[pixels], K, view.T_base_camera, view.stamp_ns)


class _Bench:
    """One batch, and what is timed on it."""

    def __init__(self, name: str, loop: TrainingLoop[Pretrainer], repeats: int) -> None:
        self.name, self.loop, self.repeats, self.device = name, loop, repeats, loop.config.device
        self.scenes = loop.config.training.batch_size
        self.batch: RenderBatch = loop.prepare(np.random.default_rng(0), self.scenes).to(self.device)
        with self._autocast():
            latents, _ = loop.network.network.encode(self.batch.given)
        self.plain = copy.deepcopy(loop.network.renderer).float().cpu()
        self.planes = [planes.detach().requires_grad_() for planes in (latents.now, latents.future)]
        self.skip = latents.stem.skips[0].detach() if latents.stem.skips else None

    def fields(self) -> dict[str, Any]:
        """Everything measured, flat."""
        prepare = self._time(lambda: self.loop.prepare(np.random.default_rng(0), self.scenes), "prepare")
        self.loop.prepare = lambda rng, count: self.batch
        steps = self.loop.run()
        step = self._time(lambda: next(steps), "step")
        encode, render = self._time(self._encode, "encode"), self._time(self._render, "render")
        rays = sum(t.depth.numel() for t in (self.batch.now, self.batch.future))
        slow = measure(self._reference, min(3, self.repeats), warm_up=1)
        memory = {"memory": self._losses, "render_memory": self._render}
        return {
            **step,
            **encode,
            **render,
            **prepare,
            "render_share": round(render["render_ms"] / step["step_ms"], 3),
            "rays_per_s": round(1e3 * rays / render["render_ms"]),
            "reference_rays_per_s": round(1e3 * REFERENCE_RAYS / slow.median_ms, 2),
            **{f"{k}_per_scene_mib": round(self._peak(f) / self.scenes / _MIB, 2) for k, f in memory.items()},
            "preset": self.name,
            "scenes": self.scenes,
            "rays": rays,
            "samples_per_ray": self.loop.network.renderer.config.samples,
            "device": self.device if self.device == "cpu" else torch.cuda.get_device_name(self.device),
        }

    def _time(self, function: Callable[[], object], name: str) -> dict[str, float]:
        def finished() -> None:
            with denormals_flushed():
                function()
            if self.device != "cpu":
                torch.cuda.synchronize()

        return measure(finished, self.repeats, warm_up=1, budget_s=10.0).fields(name)

    def _peak(self, function: Callable[[], object]) -> int:
        function()  # gradients and caches are there before the counting starts
        return peak_bytes(function, self.device)

    def _losses(self) -> None:
        with self._autocast():
            losses = self.loop.network(self.batch)
        losses.total.backward()

    def _encode(self) -> None:
        with self._autocast():
            latents, _ = self.loop.network.network.encode(self.batch.given)
        (latents.now.float().mean() + latents.future.float().mean()).backward()

    def _render(self) -> None:
        for planes, pixels in zip(self.planes, (self.batch.now, self.batch.future), strict=True):
            with self._autocast():
                seen = self.loop.network.renderer(planes, pixels.rays, pixels.jitter, pixels.depth, self.skip)
            _backward(seen.rgb, seen.depth)

    def _reference(self) -> None:
        """A few rays of one scene, in the loop that tests hold the renderer to; float32 on the CPU."""
        pixels: PixelTargets = self.batch.now.to("cpu")
        few = slice(0, 1), slice(0, REFERENCE_RAYS)
        rays = Rays(pixels.rays.origins[few], pixels.rays.directions[few])
        planes = self.planes[0][:1].detach().float().cpu().requires_grad_()
        skip = None if self.skip is None else self.skip[:1].float().cpu()
        seen = reference.render(self.plain, planes, rays, pixels.jitter[few], pixels.depth[few], skip)
        _backward(seen.rgb, seen.depth)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.loop.config.bf16)


def _backward(rgb: Tensor, depth: Tensor) -> None:
    (rgb.square().mean() + depth.square().mean()).backward()
