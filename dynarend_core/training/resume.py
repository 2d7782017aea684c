"""The state of an interrupted run: weights, optimiser moments, counters. Safetensors and JSON, no pickle.

Batches are drawn from generators seeded by (seed, step, process), so the step number is the whole position of
the sampler and of every random choice in the data.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dynarend_core.errors import CheckpointError
from dynarend_core.networks.checkpoint import write_text

STATE = "state.safetensors"
PROGRESS = "state.json"


@dataclass(frozen=True)
class RunProgress:
    """Counters of a run.

    Attributes:
        step: Optimiser steps done.
        elapsed_s: Training time so far, over all sessions [s].
        run_key: Identifies data order and schedule (``LoopConfig.key``); a resumed run must agree.
    """

    step: int
    elapsed_s: float
    run_key: str


def save_state(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: RunProgress,
    average: nn.Module | None = None,
) -> None:
    """Write weights, optimiser, random state and counters in one file; the previous one stays until it is complete.

    ``average`` is the network with the average of the weights, if one is kept. The counters stand in ``state.json``
    once more, for people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {f"network.{k}": v.detach().contiguous() for k, v in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{k}": v.detach().contiguous() for k, v in average.state_dict().items()}
    tensors["random.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value).detach().clone().contiguous()
    temporary = folder / f".{STATE}.tmp"
    save_file(tensors, temporary, metadata={"progress": json.dumps(asdict(progress))})
    os.replace(temporary, folder / STATE)
    write_text(folder / PROGRESS, json.dumps(asdict(progress), indent=2) + "\n")


def load_state(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    run_key: str,
    average: nn.Module | None = None,
) -> RunProgress:
    """Restore everything :func:`save_state` wrote.

    Raises:
        CheckpointError: State missing or damaged, or the run was started with other settings or another preset.
    """
    path = folder / STATE
    if not path.is_file():
        raise CheckpointError(f"nothing to resume: {path} does not exist; start without --resume")
    try:
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            progress = RunProgress(**json.loads(file.metadata()["progress"]))
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if progress.run_key != run_key:
        raise CheckpointError(
            f"the run in {folder} was started with {progress.run_key}, now it is {run_key}; "
            "resume with the same settings or choose another --out"
        )
    try:
        for module, prefix in ((network, "network."), (average, "average.")):
            if module is not None:
                module.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
    except RuntimeError as error:
        raise CheckpointError(f"{path} is the state of another network; resume with the run's own --preset") from error
    torch.set_rng_state(tensors["random.torch"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    _load_optimizer(optimizer, tensors)
    return progress


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, number, name = key.split(".", 2)
            state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
