"""Policies on disk: a folder with ``policy.safetensors``, ``config.json`` and ``CARD.md``. No pickle anywhere."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dynarend_core.errors import CheckpointError
from dynarend_core.networks.dynarend import DynaRend, NetworkConfig
from dynarend_core.networks.language import LANGUAGE_MODEL
from dynarend_core.networks.stage import StageConfig

SCHEMA_VERSION = 2
"""Version 1 counts keyframes instead of remembering them; its networks still run."""

_WITHOUT_MEMORY = {"memory": False, "first_points": 0}
WEIGHTS = "policy.safetensors"
CONFIG = "config.json"
CARD = "CARD.md"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a policy's folder says about the network beside its weights.

    Attributes:
        preset: Name of the preset the network was made from.
        network: Its sizes.
        aabb_base: Workspace ``(2, 3)`` [m], base frame.
        voxel_m: Voxel size of the clouds it was trained on [m].
        tasks: Names of the tasks it was trained on.
        language_model: Name of the frozen sentence encoder.
        looks: How often the policy looks at a scene before it answers (:mod:`dynarend_core.looks`).
        training: Summary of the training run: steps, samples, seconds, validation; for people, not for programs.
    """

    preset: str
    network: NetworkConfig
    aabb_base: list[list[float]]
    voxel_m: float = 0.005
    tasks: list[str] = field(default_factory=list)
    language_model: str = LANGUAGE_MODEL
    looks: int = 1
    training: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: Path, network: DynaRend, info: CheckpointInfo, card: str = "") -> None:
    """Write a policy folder; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{WEIGHTS}.tmp"
    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, temporary)
    os.replace(temporary, folder / WEIGHTS)
    config = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(info)}
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    if card:
        write_text(folder / CARD, card)


def write_text(path: Path, text: str) -> None:
    """Replace a text file in one move."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def load_info(folder: Path) -> CheckpointInfo:
    """Read ``config.json`` of a policy folder.

    Raises:
        CheckpointError: It is missing, damaged, or of another schema or language model.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; train a policy with `dynarend finetune` or give another folder")
    try:
        data = json.loads(path.read_text())
        version = data.pop("schema_version")
        if version not in (1, SCHEMA_VERSION):
            raise CheckpointError(f"{path} has schema version {version}, this program reads 1 and {SCHEMA_VERSION}")
        network = {**(_WITHOUT_MEMORY if version == 1 else {}), **data.pop("network")}
        coarse, zoom = network.pop("coarse"), network.pop("zoom")
        sizes = NetworkConfig(coarse=_stage(coarse), zoom=None if zoom is None else _stage(zoom), **network)
        info = CheckpointInfo(network=sizes, **data)
        if np.asarray(info.aabb_base, dtype=np.float64).shape != (2, 3):
            raise CheckpointError(f"{path}: aabb_base must be (2, 3), got {info.aabb_base}")
        if info.looks < 1:
            raise CheckpointError(f"{path}: looks must be at least 1, got {info.looks}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    if info.language_model != LANGUAGE_MODEL:
        raise CheckpointError(
            f"{path} needs the language model {info.language_model!r}, this program has {LANGUAGE_MODEL!r}"
        )
    return info


def _stage(data: dict[str, Any]) -> StageConfig:
    return StageConfig(**{**data, "depths": tuple(data["depths"])})


def load_checkpoint(folder: Path) -> tuple[DynaRend, CheckpointInfo]:
    """Network with its weights, in evaluation mode on the CPU, and what its folder says.

    Raises:
        CheckpointError: The folder is missing, damaged, or its weights do not fit the network it describes.
    """
    folder = Path(folder)
    info = load_info(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    with torch.random.fork_rng(devices=[]):
        network = build_network(info)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit the network described in {CONFIG}: {error}") from error
    if not all(torch.isfinite(v).all() for v in weights.values()):
        raise CheckpointError(f"{path} holds non-finite weights")
    return network.eval(), info


def build_network(info: CheckpointInfo) -> DynaRend:
    """An untrained network of the described sizes."""
    edges = np.ptp(np.asarray(info.aabb_base, dtype=np.float64), axis=0)
    return DynaRend(info.network, workspace_edge_m=float(edges.max()))
