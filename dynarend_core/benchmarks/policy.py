"""How long a policy takes from a fused cloud to a keyframe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynarend_core.benchmarks.timing import measure
from dynarend_core.errors import CheckpointError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network, load_info
from dynarend_core.policy import Policy
from dynarend_core.training.presets import preset
from dynarend_core.types import GripperState, Observation, PointCloud

INSTRUCTION = "push the maroon button, then push the green button"


def time_policy(name: str, cloud: PointCloud, threads: int, policies: Path, repeats: int = 20) -> dict[str, Any]:
    """Time ``Policy.act`` of a preset, with shipped weights if there are any, else with random ones.

    Returns:
        Fields ``<name>_ms`` (with percentiles), ``<name>_weights`` (a folder, or "random"), ``<name>_parameters``.
    """
    policy, weights = _load(name, policies)
    above = se3.make(rotations.rotation_x(np.pi), np.array([0.3, 0.0, 0.5]))
    observation = Observation((), GripperState(above, is_open=True), INSTRUCTION, cloud=cloud)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        fields: dict[str, Any] = measure(lambda: policy.act(observation), repeats).fields(name)
    finally:
        torch.set_num_threads(before)
    parameters = sum(p.numel() for p in policy.network.parameters())
    return {**fields, f"{name}_weights": weights, f"{name}_parameters": parameters}


def _load(name: str, policies: Path) -> tuple[Policy, str]:
    for folder in sorted(path.parent for path in policies.glob("*/config.json")):
        try:
            if load_info(folder).preset == name:
                return Policy.from_checkpoint(folder), str(folder)
        except CheckpointError:  # another program's, or half written: time random weights instead
            continue
    info = CheckpointInfo(name, preset(name).network, SCENE_AABB_BASE.tolist())
    return Policy(build_network(info), info), "random"
