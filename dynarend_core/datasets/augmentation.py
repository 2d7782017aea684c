"""Training-time changes to a cloud: a rigid motion of scene, gripper and label; colours; sensor noise.

Each function takes its own random generator and draws from nothing else.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.given import Given
from dynarend_core.datasets.points import pack
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import matrix_from_rotation_vector, rotation_z
from dynarend_core.types import EpisodeMemory

Array = np.ndarray

_ALIKE, _NAMED_WITHIN_M = 0.1, 0.06


@dataclass(frozen=True)
class AugmentationConfig:
    """Ranges of the augmentation.

    Attributes:
        translation_m: Largest shift along each axis [m].
        yaw_deg: Largest turn about the vertical through the label [degrees].
        margin_m: The label stays this far inside the workspace [m].
        brightness: Largest relative change of all channels together.
        contrast: Largest relative change of the distance from middle grey.
        tint: Largest relative change of each channel on its own.
        colour_noise: Standard deviation of per-point noise, colours in ``[0, 1]``.
        position_noise_m: Largest standard deviation of per-point noise [m]; each sample draws its own.
        dropout: Largest share of points left out.
        recolour: How often one large surface gets another colour.
        surface: Smallest share of a cloud that counts as a large surface: words name small things by their colour.
        past_noise_m: Standard deviation of where remembered keyframes were, the same for all of a sample [m].
        past_noise_deg: Standard deviation of how they were turned, the same for all of a sample [degrees]. Exact
            rotations would be copied into the answer.
        width_noise_m: Standard deviation of remembered and present widths of the gripper [m].
        forget: How often a remembered keyframe is left out, and how often the first cloud is.
        forget_all: How often nothing is remembered.
    """

    translation_m: float = 0.125
    yaw_deg: float = 45.0
    margin_m: float = 0.01
    brightness: float = 0.10
    contrast: float = 0.10
    tint: float = 0.05
    colour_noise: float = 0.02
    position_noise_m: float = 0.002
    dropout: float = 0.3
    recolour: float = 0.3
    surface: float = 0.08
    past_noise_m: float = 0.01
    past_noise_deg: float = 8.0
    width_noise_m: float = 0.002
    forget: float = 0.1
    forget_all: float = 0.05


def rigid_motion(target_m: Array, aabb: Array, config: AugmentationConfig, rng: np.random.Generator) -> Array:
    """``(4, 4)`` motion of the whole scene: a turn about the vertical through ``target_m``, then a shift.

    The shift is clipped so that the moved target stays inside ``aabb`` by the margin.
    """
    yaw = np.deg2rad(rng.uniform(-config.yaw_deg, config.yaw_deg))
    shift = rng.uniform(-config.translation_m, config.translation_m, 3)
    low, high = aabb[0] + config.margin_m - target_m, aabb[1] - config.margin_m - target_m
    # A target outside the workspace is not pulled in: that could take more than the allowed shift.
    shift = np.clip(shift, np.minimum(low, 0.0), np.maximum(high, 0.0))
    R = rotation_z(yaw)
    return se3.make(R, target_m + shift - R @ target_m)


def jitter_colours(rgb: Array, config: AugmentationConfig, rng: np.random.Generator) -> Array:
    """``(n, 3)`` colours in ``[0, 1]`` under another light: brightness, contrast, tint, then noise per point."""
    gain = (1.0 + rng.uniform(-config.brightness, config.brightness)) * (
        1.0 + rng.uniform(-config.tint, config.tint, 3)
    )
    contrast = 1.0 + rng.uniform(-config.contrast, config.contrast)
    out = (rgb * gain.astype(np.float32) - 0.5) * np.float32(contrast) + 0.5
    out += rng.standard_normal(rgb.shape, dtype=np.float32) * config.colour_noise
    return np.clip(out, 0.0, 1.0, out=out)


def recolour_surface(
    xyz_m: Array, rgb: Array, target_m: Array, config: AugmentationConfig, rng: np.random.Generator
) -> Array:
    """``(n, 3)`` colours in ``[0, 1]`` with those of one large surface (table, cabinet, arm) moved to another colour.

    A surface is all that has nearly the colour of a point drawn at random. Its shading stays. Tables and furniture
    differ from lab to lab, and one simulator shows only its own. What lies near the target keeps its colour: words may
    name it.
    """
    apply, point, colour = rng.random() < config.recolour, int(rng.integers(len(rgb))), rng.uniform(0.0, 1.0, 3)
    if not apply:
        return rgb
    alike = np.abs(rgb - rgb[point]).max(axis=1) < _ALIKE
    if alike.mean() < config.surface:
        return rgb
    alike &= np.abs(xyz_m - target_m).max(axis=1) > _NAMED_WITHIN_M
    moved = rgb.copy()
    moved[alike] = np.clip(rgb[alike] + (colour - rgb[point]).astype(rgb.dtype), 0.0, 1.0)
    return moved


def jitter_positions(xyz_m: Array, config: AugmentationConfig, rng: np.random.Generator) -> Array:
    """Points with sensor-like noise of one strength a sample."""
    sigma = rng.uniform(0.0, config.position_noise_m)
    return xyz_m + rng.standard_normal(xyz_m.shape, dtype=np.float32) * np.float32(sigma)


def drop_points(n: int, count: int, config: AugmentationConfig, rng: np.random.Generator) -> Array:
    """Indices of at most ``count`` of ``n`` points, some left out at random."""
    kept = max(1, int(min(n, count) * (1.0 - rng.uniform(0.0, config.dropout))))
    return rng.integers(0, n, kept)


def blur_memory(memory: EpisodeMemory, config: AugmentationConfig, rng: np.random.Generator) -> EpisodeMemory:
    """Memory whose keyframes are shifted and turned together a little: enough to know them, not to copy them."""
    shift = rng.normal(0.0, config.past_noise_m, 3)
    turn = matrix_from_rotation_vector(rng.normal(0.0, np.deg2rad(config.past_noise_deg) / np.sqrt(3.0), 3))
    widths = rng.normal(0.0, config.width_noise_m, len(memory.past))
    past = []
    for done, width in zip(memory.past, widths, strict=True):
        T = done.keyframe.T_base_gripper
        keyframe = dataclasses.replace(done.keyframe, T_base_gripper=se3.make(turn @ T[:3, :3], T[:3, 3] + shift))
        past.append(dataclasses.replace(done, keyframe=keyframe, width_m=max(0.0, done.width_m + width)))
    return dataclasses.replace(memory, past=tuple(past))


def forget(given: Given, config: AugmentationConfig, rng: np.random.Generator) -> Given:
    """An example that remembers less: some keyframes are gone, or all, or the first cloud."""
    kept = rng.random(len(given.past_known)) >= config.forget
    kept &= rng.random() >= config.forget_all
    first = given.first
    if rng.random() < config.forget:
        first = pack(first[:0, :3], first[:0, 3:], len(first))
    return dataclasses.replace(given, past_known=given.past_known & kept, first=first)
