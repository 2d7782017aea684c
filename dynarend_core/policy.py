"""The policy: one observation in, the next keyframe out. Start reading here.

    prediction = Policy.from_checkpoint("models/policies/small").act(observation)

``act`` looks twice. First at the whole workspace: which of 32^3 cells is the place to go to, given the instruction?
Then at a small cube around that place, with finer cells. At the position found there it reads off rotation, gripper
and whether contact on the way is intended. A policy may do so several times, with the scene moved a little
(:mod:`dynarend_core.looks`).
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dynarend_core.datasets import points
from dynarend_core.datasets.given import given, move
from dynarend_core.errors import ObservationError
from dynarend_core.geometry import aabb as boxes
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import nearer_half_turn
from dynarend_core.looks import agreed, scene_motions
from dynarend_core.networks.action_decoder import locate, rotation_from_code
from dynarend_core.networks.checkpoint import CheckpointInfo, load_checkpoint
from dynarend_core.networks.dynarend import DynaRend, Look, NetworkInput
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.networks.network_input import stack_given
from dynarend_core.perception.fusion import fuse
from dynarend_core.types import Keyframe, Observation, PointCloud, Prediction, ValueMap

Array = np.ndarray


class Policy:
    """A trained network with everything it needs around it. One instance serves one thread at a time.

    Args:
        network: The network.
        info: What the checkpoint says about it: workspace, voxel size, preset.
        device: Where it runs.
        encoder: Sentence encoder; give the same one to several policies to load it once.
    """

    def __init__(
        self,
        network: DynaRend,
        info: CheckpointInfo,
        device: torch.device | str = "cpu",
        encoder: SentenceEncoder | None = None,
    ) -> None:
        self.network = network.to(device).eval()
        self.info = info
        self.device = torch.device(device)
        self.encoder = encoder or SentenceEncoder()
        self.aabb = np.asarray(info.aabb_base, dtype=np.float64)
        self._motions = scene_motions(info.looks, self.aabb)
        self._first: tuple[Observation, Array] | None = None

    @classmethod
    def from_checkpoint(cls, path: Path | str, device: torch.device | str = "cpu") -> Policy:
        """Load a policy folder (``policy.safetensors`` and ``config.json``).

        Raises:
            CheckpointError: The folder is missing, damaged or does not fit the network.
        """
        network, info = load_checkpoint(Path(path))
        return cls(network, info, device)

    @torch.inference_mode()
    def act(self, observation: Observation) -> Prediction:
        """Choose the next keyframe. ``observation.memory`` says what was done before; without it an episode begins.

        Raises:
            ObservationError: No points in the workspace, or non-finite points or gripper pose.
            InvalidInputError: The instruction is empty.
        """
        start = time.perf_counter()
        cloud = self._cloud(observation)
        keyframe, confidence, maps = self._answer(cloud, observation)
        if len(self._motions) > 1:
            moved = [self._answer_moved(cloud, observation, motion) for motion in self._motions[1:]]
            keyframe, share = agreed([keyframe, *moved])
            confidence *= share
        keyframe = self._reachable(keyframe, observation)
        return Prediction(keyframe, confidence, maps, time.perf_counter() - start)

    def _answer(
        self, cloud: Array, observation: Observation, motion: Array | None = None
    ) -> tuple[Keyframe, float, tuple[ValueMap, ...]]:
        """Keyframe, confidence and value maps of one look, all in the frame of the given cloud."""
        network_input = self._network_input(cloud, observation, motion)
        look = self.network.look(network_input)
        position, coarse = locate(look.values.heat)
        maps = [_value_map(coarse, self.aabb)]
        query = position
        if self.network.zoom is not None:
            look = self._look_closer(cloud, position, network_input.tip, look)
            query, fine = locate(look.values.heat)
            centre_m = points.denormalise(position[0].cpu().numpy(), self.aabb)
            maps.append(_value_map(fine, boxes.cube(centre_m, self.network.config.zoom_edge_m)))
            position = self.network.from_zoom(query, position)
        return self._keyframe(position, query, look), _confidence(maps[0].probability), tuple(maps)

    def _answer_moved(self, cloud: Array, observation: Observation, motion: Array) -> Keyframe:
        """The keyframe of one look at the moved scene, moved back."""
        keyframe, _, _ = self._answer(move(cloud, motion, self.aabb), observation, motion)
        return dataclasses.replace(keyframe, T_base_gripper=se3.inverse(motion) @ keyframe.T_base_gripper)

    def network_input(self, observation: Observation) -> NetworkInput:
        """What the network is given for an observation; for looking at its latents.

        Raises:
            ObservationError: As :meth:`act`.
        """
        return self._network_input(self._cloud(observation), observation)

    def _cloud(self, observation: Observation) -> Array:
        """``(n, 6)`` normalised points of the workspace, the given cloud or the fused views."""
        cloud: PointCloud | None = observation.cloud
        if cloud is None:
            cloud = fuse(observation.views, self.aabb, self.info.voxel_m)
        xyz = points.normalise(cloud.xyz, self.aabb)
        if not np.isfinite(xyz).all():
            raise ObservationError(f"{int((~np.isfinite(xyz)).any(axis=1).sum())} of {len(xyz)} points are not finite")
        if len(inside := points.crop(xyz, np.zeros(3), 1.0)) == 0:
            raise ObservationError(
                f"none of {len(xyz)} points lies in the policy's workspace {np.round(self.aabb, 3).tolist()}; "
                "check depth and extrinsics"
            )
        return points.pack(xyz[inside], cloud.rgb[inside].astype(np.float32) / 255.0, len(inside))

    def _network_input(self, cloud: Array, observation: Observation, motion: Array | None = None) -> NetworkInput:
        c = self.network.config
        first = cloud
        if observation.memory is not None and c.first_points:
            first = self._first_cloud(observation.memory.first)
            first = first if motion is None else move(first, motion, self.aabb)
        chosen, before = (each[points.spread(len(each), n)] for each, n in ((cloud, c.points), (first, c.first_points)))
        return stack_given([given(observation, chosen, before, self.aabb, motion)], self.encoder).to(self.device)

    def _first_cloud(self, first: Observation) -> Array:
        """The cloud of an episode's first observation, which is fused once."""
        if self._first is None or self._first[0] is not first:
            self._first = (first, self._cloud(first))
        return self._first[1]

    def _look_closer(self, cloud: Array, position: Tensor, tip: Tensor, look: Look) -> Look:
        near = points.crop(cloud, position[0].cpu().numpy(), self.network.zoom_scale)
        near = near[points.spread(len(near), self.network.config.zoom_points)]
        close = points.pack(cloud[near, :3], cloud[near, 3:] / 2.0 + 0.5, max(1, len(near)))
        return self.network.look_closer(self._tensor(close), position, tip, look)

    def _keyframe(self, position: Tensor, query: Tensor, look: Look) -> Keyframe:
        logits = self.network.gripper(query, look)
        rotation = rotation_from_code(logits.rotation)[0].double().cpu().numpy()
        return Keyframe(
            se3.make(rotation, points.denormalise(position[0].cpu().numpy(), self.aabb)),
            gripper_open=bool(logits.gripper_open[0] > 0),
            ignore_collisions=bool(logits.ignore_collisions[0] > 0),
        )

    def _reachable(self, keyframe: Keyframe, observation: Observation) -> Keyframe:
        """The same grasp, inside the workspace and with the half turn that turns the hand less."""
        T = keyframe.T_base_gripper
        rotation = nearer_half_turn(T[:3, :3], observation.gripper.T_base_gripper[:3, :3])
        xyz = np.clip(T[:3, 3], self.aabb[0], self.aabb[1])
        return dataclasses.replace(keyframe, T_base_gripper=se3.make(rotation, xyz))

    def _tensor(self, array: Array) -> Tensor:
        return torch.as_tensor(array, device=self.device)[None]


def _value_map(probability: Tensor, aabb: Array) -> ValueMap:
    return ValueMap(probability[0].float().cpu().numpy(), aabb)


def _confidence(probability: Array) -> float:
    """Probability within one cell of the best one."""
    best = np.unravel_index(int(probability.argmax()), probability.shape)
    around = tuple(slice(max(0, i - 1), i + 2) for i in best)
    return float(probability[around].sum())
