"""A policy's renderer on disk: ``renderer.safetensors`` and ``renderer.json`` in the policy's folder. No pickle."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dynarend_core.errors import CheckpointError
from dynarend_core.rendering.radiance_field import FieldConfig
from dynarend_core.rendering.renderer import RenderConfig, Renderer

SCHEMA_VERSION = 1
WEIGHTS = "renderer.safetensors"
CONFIG = "renderer.json"


def save_renderer(folder: Path, renderer: Renderer) -> None:
    """Write a renderer into a policy folder; each file appears whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().cpu().contiguous() for k, v in renderer.state_dict().items()}
    config = {
        "schema_version": SCHEMA_VERSION,
        "width": renderer.width,
        "aabb_base": renderer.box.double().cpu().numpy().tolist(),
        "render": dataclasses.asdict(renderer.config),
    }
    _replace(folder / WEIGHTS, lambda path: save_file(weights, path))
    _replace(folder / CONFIG, lambda path: path.write_text(json.dumps(config, indent=2) + "\n"))


def load_renderer(folder: Path, device: torch.device | str = "cpu") -> Renderer | None:
    """The renderer of a policy folder, in evaluation mode; None when the policy was saved without one.

    Raises:
        CheckpointError: One of the two files is missing or damaged, of another schema, or they do not fit each other.
    """
    path, weights_path = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    if not path.is_file() and not weights_path.is_file():
        return None
    for needed in (path, weights_path):
        if not needed.is_file():
            raise CheckpointError(f"{needed} does not exist, but {folder} has the other half of a renderer; {_REMEDY}")
    config, width, box = _read_config(path)
    try:
        weights = load_file(weights_path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{weights_path} is damaged: {error}; {_REMEDY}") from error
    with torch.random.fork_rng(devices=[]):
        renderer = Renderer(config, width, torch.as_tensor(box))
    try:
        renderer.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{weights_path} does not fit the renderer described in {CONFIG}: {error}") from error
    if not all(torch.isfinite(v).all() for v in weights.values()):
        raise CheckpointError(f"{weights_path} holds non-finite weights; {_REMEDY}")
    return renderer.to(device).eval()


_REMEDY = "copy the whole policy folder again, or delete both files to go on without a renderer"


def _read_config(path: Path) -> tuple[RenderConfig, int, np.ndarray]:
    """Sizes, width of the token planes and workspace ``(2, 3)``."""
    try:
        data: dict[str, Any] = json.loads(path.read_text())
        version = data["schema_version"]
        if version != SCHEMA_VERSION:
            raise CheckpointError(f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}")
        render = data["render"]
        known = {f.name for f in (*dataclasses.fields(RenderConfig), *dataclasses.fields(FieldConfig))}
        if missing := sorted(known - set(render) - set(render["field"])):
            raise CheckpointError(f"{path} lacks {', '.join(missing)}: another version wrote it; pretrain again")
        config = RenderConfig(**{**render, "field": FieldConfig(**render["field"])})
        box = np.asarray(data["aabb_base"], dtype=np.float64)
        if box.shape != (2, 3) or not np.isfinite(box).all():
            raise CheckpointError(f"{path}: aabb_base must be (2, 3) and finite, got {data['aabb_base']}")
        return config, int(data["width"]), box
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged ({type(error).__name__}: {error}); {_REMEDY}") from error


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside ``path`` and move it there."""
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    os.replace(temporary, path)
