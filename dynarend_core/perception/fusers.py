"""Which fuser runs where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dynarend_core.errors import ConfigurationError
from dynarend_core.perception.fusion import CloudFuser, FusionConfig
from dynarend_core.types import Array, CameraView, PointCloud

DEVICES = ("cpu", "cuda")


class Fuser(Protocol):
    """Fuses views into clouds: compiled for the CPU, or with torch. Both give the same cloud."""

    config: FusionConfig

    def fuse(self, views: Sequence[CameraView], without: Array | None = None) -> PointCloud:
        """See :meth:`dynarend_core.perception.fusion.CloudFuser.fuse`."""


def create_fuser(config: FusionConfig, device: str) -> Fuser:
    """The fuser for ``cpu`` or ``cuda``; torch is imported for the latter only.

    Raises:
        ConfigurationError: another device, or torch sees no GPU.
    """
    if device not in DEVICES:
        raise ConfigurationError(f"fusion device {device!r} is not one of {', '.join(DEVICES)}")
    if device == "cpu":
        return CloudFuser(config)
    import torch

    if not torch.cuda.is_available():
        raise ConfigurationError("fusion device 'cuda': torch sees no GPU here; use cpu (`dynarend doctor` says more)")
    from dynarend_core.perception.fusion_torch import TorchCloudFuser

    return TorchCloudFuser(config, device)
