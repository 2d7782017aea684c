"""How long a policy takes from a fused cloud to a keyframe."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynarend_core.benchmarks.timing import measure, measure_in_turn
from dynarend_core.errors import CheckpointError
from dynarend_core.foresight import Foresight
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.checkpoint import CheckpointInfo, build_network, load_info
from dynarend_core.policy import Policy
from dynarend_core.rendering.renderer import Renderer
from dynarend_core.training.presets import preset
from dynarend_core.types import GripperState, Observation, PointCloud
from dynarend_core.visualization.splat import look_at

INSTRUCTION = "push the maroon button, then push the green button"


def time_policy(name: str, cloud: PointCloud, threads: int, policies: Path, repeats: int = 20) -> dict[str, Any]:
    """Time ``Policy.act`` of a preset, with shipped weights if there are any, else with random ones.

    A second copy that holds a renderer acts in turn with it; nobody asks for pictures, so both must cost the same.
    Then one is asked for.

    Returns:
        Fields ``<name>_ms`` (with percentiles), ``<name>_with_renderer_ms``, ``<name>_renderer_calls`` (meanwhile),
        ``<name>_future_128_ms`` (encoding, and a 128 x 128 picture of the next keyframe), ``<name>_weights`` (a folder,
        or "random"), ``<name>_parameters``.
    """
    policy, weights = _load(name, policies)
    above = se3.make(rotations.rotation_x(np.pi), np.array([0.3, 0.0, 0.5]))
    observation = Observation((), GripperState(above, is_open=True), INSTRUCTION, cloud=cloud)
    foresight = _with_renderer(policy, name)
    view = look_at(np.array([1.2, 0.0, 0.8]), np.array([0.4, 0.0, 0.1]), np.deg2rad(45.0), 128, 128)
    calls: list[int] = []
    foresight.renderer.register_forward_hook(lambda *_: calls.append(1))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        acts = (lambda: policy.act(observation), lambda: foresight.policy.act(observation))
        alone, beside = measure_in_turn(acts, repeats)
        fields: dict[str, Any] = {**alone.fields(name), **beside.fields(f"{name}_with_renderer")}
        fields[f"{name}_renderer_calls"] = len(calls)
        seen = measure(lambda: foresight.look(observation).future(view), min(3, repeats), warm_up=1)
    finally:
        torch.set_num_threads(before)
    fields |= seen.fields(f"{name}_future_128")
    parameters = sum(p.numel() for p in policy.network.parameters())
    return {**fields, f"{name}_weights": weights, f"{name}_parameters": parameters}


def _with_renderer(policy: Policy, name: str) -> Foresight:
    """A copy of the policy with a renderer, whose weights do not matter for its speed."""
    copied = Policy(copy.deepcopy(policy.network), policy.info, encoder=policy.encoder)
    box = torch.as_tensor(policy.aabb, dtype=torch.float32)
    render = preset(name).rendering.render.fitted(copied.network.coarse.stem.skip_channels)
    return Foresight(copied, Renderer(render, policy.network.config.coarse.width, box))


def _load(name: str, policies: Path) -> tuple[Policy, str]:
    for folder in sorted(path.parent for path in policies.glob("*/config.json")):
        try:
            if load_info(folder).preset == name:
                return Policy.from_checkpoint(folder), str(folder)
        except CheckpointError:  # another program's, or half written: time random weights instead
            continue
    info = CheckpointInfo(name, preset(name).network, SCENE_AABB_BASE.tolist())
    return Policy(build_network(info), info), "random"
