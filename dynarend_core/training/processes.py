"""What several processes of one run, started by ``torchrun``, must agree on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def is_main() -> bool:
    """True in the one process that logs and saves."""
    return int(os.environ.get("RANK", "0")) == 0


def join_processes(device: str) -> None:
    """Join the process group when started by ``torchrun``."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.distributed.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")


def main_first(action: Callable[[], Result]) -> Result:
    """Run ``action`` in the main process, then in the others, so that caches on disk are built once."""
    if not is_main():
        torch.distributed.barrier()
    result = action()
    if is_main() and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
    return result
