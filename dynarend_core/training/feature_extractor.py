"""A vision model of the user's, from disk, as a function from images to feature maps."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from dynarend_core.errors import ConfigurationError

Array = np.ndarray

NORMALISATIONS: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
"""Mean and standard deviation that are taken out of images in [0, 1]: RADIO wants none, DINO imagenet, CLIP its own."""


@dataclass(frozen=True)
class ExtractorConfig:
    """Which model, and how images are given to it.

    Attributes:
        model: A TorchScript file, or ``"module:Class"``.
        weights: ``.safetensors`` file, or a ``.pt`` file of tensors only, for ``"module:Class"``.
        input_size: Images are resized to squares of this edge [px]; a multiple of the model's patch.
        normalisation: One of :data:`NORMALISATIONS`.
        batch_size: Images at a time.
        device: ``"cpu"`` or ``"cuda"``.
    """

    model: str
    weights: Path | None = None
    input_size: int = 224
    normalisation: str = "none"
    batch_size: int = 8
    device: str = "cpu"

    @property
    def identity(self) -> str:
        """Changes with the model's file, its weights and its input."""
        files = [p for p in (Path(self.model), self.weights) if p is not None and p.is_file()]
        stats = [(p.stat().st_size, p.stat().st_mtime_ns) for p in files]
        return repr((self.model, stats, self.input_size, self.normalisation))


class FeatureExtractor:
    """Calls the model: ``(n, h, w, 3)`` uint8 in, ``(n, gh, gw, s)`` float16 out.

    The model is given ``(n, 3, input_size, input_size)`` float32. It returns a map ``(n, s, gh, gw)`` or tokens
    ``(n, gh * gw, s)`` of a square grid, perhaps with one class token in front; of several outputs the last counts
    (RADIO returns a summary, then the spatial features).

    Raises:
        ConfigurationError: no such model or device, weights that do not fit, or an unknown normalisation.
    """

    def __init__(self, config: ExtractorConfig) -> None:
        if config.normalisation not in NORMALISATIONS:
            raise ConfigurationError(
                f"unknown normalisation {config.normalisation!r}; choose one of {', '.join(NORMALISATIONS)}"
            )
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigurationError("no CUDA device is available; use the device cpu")
        if config.input_size < 1 or config.batch_size < 1:
            raise ConfigurationError(
                f"input size and batch size must be at least 1, got {config.input_size} and {config.batch_size}"
            )
        self.config = config
        self._model = _load_model(config).eval().to(config.device)
        mean, std = (
            torch.tensor(x, device=config.device).view(1, 3, 1, 1) for x in NORMALISATIONS[config.normalisation]
        )
        self._mean, self._std = mean, std

    @torch.inference_mode()
    def __call__(self, images: Array) -> Array:
        """Feature maps of images.

        Raises:
            ConfigurationError: the model's output is no feature map.
        """
        parts = []
        for i in range(0, len(images), self.config.batch_size):
            x = torch.from_numpy(np.ascontiguousarray(images[i : i + self.config.batch_size])).to(self.config.device)
            x = x.permute(0, 3, 1, 2).float() / 255.0
            size = (self.config.input_size,) * 2
            x = nn.functional.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)
            parts.append(_as_map(self._model((x - self._mean) / self._std)).half().cpu().numpy())
        return np.concatenate(parts)


def _as_map(output: Any) -> torch.Tensor:
    """``(n, gh, gw, s)`` from what a model returned."""
    while isinstance(output, (tuple, list)) and output:
        output = output[-1]
    if isinstance(output, torch.Tensor) and output.ndim == 4:
        return output.permute(0, 2, 3, 1)
    if isinstance(output, torch.Tensor) and output.ndim == 3:
        for class_tokens in (0, 1):
            edge = round((output.shape[1] - class_tokens) ** 0.5)
            if edge > 0 and edge**2 + class_tokens == output.shape[1]:
                return output[:, class_tokens:].unflatten(1, (edge, edge))
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    raise ConfigurationError(
        f"the model returned {shape}; it must return a map (n, s, gh, gw) or the tokens (n, gh * gw, s) of a square "
        "grid, with at most one class token: wrap it in a module that does"
    )


def _load_model(config: ExtractorConfig) -> nn.Module:
    path = Path(config.model)
    try:
        if path.is_file():
            if config.weights is not None:
                raise ConfigurationError("a TorchScript file brings its weights; leave --weights out")
            return torch.jit.load(path, map_location=config.device)
        module, separator, name = config.model.partition(":")
        if not separator:
            raise ConfigurationError(
                f"{config.model} does not exist; give a TorchScript file, or a class as module:Class"
            )
        model = getattr(importlib.import_module(module), name)()
        if config.weights is not None:
            model.load_state_dict(_read_weights(config.weights))
        return model
    except (ImportError, AttributeError, RuntimeError, OSError, ValueError, pickle.UnpicklingError) as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigurationError(f"model {config.model} cannot be used: {text}") from error


def _read_weights(path: Path) -> Mapping[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
