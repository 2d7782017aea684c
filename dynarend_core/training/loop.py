"""The optimiser's loop: draw, forward, backward, step. On a CPU, on one GPU, or on several under ``torchrun``."""

from __future__ import annotations

import copy
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dynarend_core.errors import ConfigurationError, TrainingError
from dynarend_core.training.presets import TrainingConfig
from dynarend_core.training.resume import RunProgress, load_state, save_state
from dynarend_core.training.schedule import learning_rate, progress

_BROKEN_STEPS = 20
"""Steps in a row without a finite gradient after which a run is given up."""


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Exponentials of far-away cells are denormal numbers, which are slow on a CPU; others may need them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def bf16_pays(device: str) -> bool:
    """Whether bfloat16 is faster than float32 there. A processor that must emulate it is forty times slower with it."""
    return device != "cpu" or any(has for name, has in torch.cpu.get_capabilities().items() if "bf16" in name)


@dataclass(frozen=True)
class LoopConfig:
    """How one run goes, beside the preset's training settings.

    Attributes:
        training: Steps, batch size, schedule.
        seed: Seed of data order and augmentation.
        device: ``"cpu"`` or ``"cuda"``.
        bf16: Compute in bfloat16 where it is safe.
        time_limit_s: Anneal and stop after this much training time [s]; None for no limit.
        workers: Threads that prepare batches ahead; 0 prepares them in line.
        variant: Whatever else tells this run from others; part of its key.

    Raises:
        ConfigurationError: a value out of range.
    """

    training: TrainingConfig
    seed: int = 0
    device: str = "cpu"
    bf16: bool = True
    time_limit_s: float | None = None
    workers: int = 0
    variant: str = ""

    def __post_init__(self) -> None:
        if self.workers < 0 or self.seed < 0:
            raise ConfigurationError(f"workers and seed must not be negative, got {self.workers} and {self.seed}")
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise ConfigurationError(f"the time limit must be positive, got {self.time_limit_s} s")

    def key(self) -> str:
        """Settings a resumed run must share for its continuation to be the same run."""
        t = self.training
        key = f"seed={self.seed} steps={t.steps} batch={t.batch_size} lr={t.learning_rate} bf16={self.bf16}"
        key += f" average={t.average}" if t.average else ""
        return f"{key} {self.variant}".rstrip()


@dataclass(frozen=True)
class StepLog:
    """What happened in one optimiser step."""

    step: int
    losses: dict[str, float]
    learning_rate: float
    gradient_norm: float
    elapsed_s: float
    done: float


Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Movable(Protocol):
    """What a loss module is given."""

    def to(self, device: torch.device | str) -> Any:
        """The same batch on another device."""


class TrainingLoop(Generic[Network]):
    """Optimiser and data of one run. Random choices depend on (seed, step, process) and nothing else.

    Args:
        network: What is optimised and saved; parameters that need no gradient are left alone.
        losses: Module around it: a batch in, an object with ``total`` and ``detached()`` out.
        prepare: Makes a batch of so many samples from a generator.
        config: How the run goes.
    """

    def __init__(
        self,
        network: Network,
        losses: nn.Module,
        prepare: Callable[[np.random.Generator, int], Movable],
        config: LoopConfig,
    ) -> None:
        self.network, self.prepare, self.config = network, prepare, config
        self.rank, self.world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.module: nn.Module = losses.to(config.device).train()
        if self.world > 1:
            self.module = DistributedDataParallel(self.module)
        t = config.training
        self.optimizer = torch.optim.AdamW(
            [p for p in network.parameters() if p.requires_grad],
            lr=t.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=t.weight_decay,
        )
        self.average = copy.deepcopy(network).requires_grad_(False).eval() if t.average else None
        self.step, self.elapsed_s, self._broken = 0, 0.0, 0

    @property
    def result(self) -> Network:
        """What training is for: the average of the weights if one is kept, else the network."""
        return self.network if self.average is None else self.average

    @property
    def is_main(self) -> bool:
        """True in the one process that logs and saves."""
        return self.rank == 0

    def run(self, until_step: int | None = None) -> Iterator[StepLog]:
        """Train, yielding after every step, until the preset's steps, ``until_step`` or the time limit.

        Raises:
            TrainingError: gradients stay infinite or NaN.
        """
        last = min(self.config.training.steps, until_step or self.config.training.steps)
        batches = self._batches(self.step, last)
        while self.step < last and self.done() < 1.0:
            start = time.perf_counter()
            done = self.done()
            batch = next(batches)
            with denormals_flushed():
                log = self._step(batch, done)
            self.elapsed_s += time.perf_counter() - start
            yield dataclasses.replace(log, elapsed_s=self.elapsed_s)

    def done(self) -> float:
        """How much of the run is done, in [0, 1]; all processes of a run say the same."""
        done = progress(self.step, self.config.training.steps, self.elapsed_s, self.config.time_limit_s)
        if self.world > 1 and self.config.time_limit_s is not None:
            shared = torch.tensor(done, device=self.config.device)
            torch.distributed.broadcast(shared, src=0)
            done = float(shared)
        return done

    def _step(self, batch: Movable, done: float) -> StepLog:
        t = self.config.training
        rate = learning_rate(t.learning_rate, self.step, t.warmup_steps, done)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast():
            losses = self.module(batch.to(self.config.device))
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), t.clip_norm)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._broken = 0
            self._add_to_average()
        else:
            self._count_broken()
        self.step += 1
        return StepLog(self.step, losses.detached(), rate, float(norm), self.elapsed_s, done)

    @torch.no_grad()
    def _add_to_average(self) -> None:
        """Move the average towards the weights: by more in the first steps, so that it forgets where they began."""
        if self.average is None:
            return
        kept = min(self.config.training.average, (1.0 + self.step) / (10.0 + self.step))
        new = [p.detach() for p in self.network.parameters()]
        torch._foreach_lerp_(list(self.average.parameters()), new, 1.0 - kept)

    def _count_broken(self) -> None:
        self._broken += 1
        if self._broken >= _BROKEN_STEPS:
            raise TrainingError(
                f"gradients were not finite in {self._broken} steps in a row, the last is step {self.step + 1}: "
                "lower --learning-rate, or look for NaN in the data"
            )

    def _autocast(self) -> AbstractContextManager:
        if not self.config.bf16:
            return nullcontext()
        return torch.autocast(self.config.device, torch.bfloat16)

    def _prepare(self, step: int) -> Movable:
        rng = np.random.default_rng([self.config.seed, step, self.rank])
        count = max(1, self.config.training.batch_size // self.world)
        return self.prepare(rng, count)

    def _batches(self, first: int, last: int) -> Iterator[Movable]:
        workers = self.config.workers
        if workers == 0:
            yield from map(self._prepare, range(first, last))
            return
        with ThreadPoolExecutor(workers) as pool:
            ahead = [pool.submit(self._prepare, s) for s in range(first, min(last, first + 2 * workers))]
            for step in range(first, last):
                if step + 2 * workers < last:
                    ahead.append(pool.submit(self._prepare, step + 2 * workers))
                yield ahead.pop(0).result()

    def save(self, folder: Path) -> None:
        """Write everything needed to go on exactly from here."""
        progress = RunProgress(self.step, self.elapsed_s, self.config.key())
        save_state(folder, self.network, self.optimizer, progress, self.average)

    def resume(self, folder: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            CheckpointError: Nothing to resume, damaged, or started with other settings.
        """
        state = load_state(folder, self.network, self.optimizer, self.config.key(), self.average)
        self.step, self.elapsed_s = state.step, state.elapsed_s
