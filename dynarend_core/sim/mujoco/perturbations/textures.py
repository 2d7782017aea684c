"""Procedural textures: six patterns in two random colours, as materials of a scene."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.types import Array

SIZE = 128
"""Edge of a texture [px]; it repeats without a seam."""

COLOR_DISTANCE = 0.5
"""How far the two colours of a pattern lie apart at least, RGB in [0, 1]."""

PATTERNS = ("checker", "stripes", "dots", "bricks", "wood", "marble")


def random_image(rng: np.random.Generator) -> Array:
    """A random pattern in two random colours, ``(SIZE, SIZE, 3)`` uint8."""
    share = _pattern(str(rng.choice(PATTERNS)), rng)[..., None]
    first = second = rng.uniform(size=3)
    while np.linalg.norm(first - second) < COLOR_DISTANCE:
        second = rng.uniform(size=3)
    return np.round(255 * (first * (1 - share) + second * share)).astype(np.uint8)


def _pattern(name: str, rng: np.random.Generator) -> Array:
    """Share of the second colour, ``(SIZE, SIZE)`` in [0, 1]."""
    v, u = np.mgrid[:SIZE, :SIZE] / SIZE
    count = int(rng.integers(2, 5))
    if name == "checker":
        return ((np.floor(2 * count * u) + np.floor(2 * count * v)) % 2).astype(np.float64)
    if name == "stripes":
        along = u if rng.random() < 0.5 else v
        return (np.sin(2 * np.pi * 2 * count * along) > 0).astype(np.float64)
    if name == "dots":
        return (np.hypot((2 * count * u) % 1 - 0.5, (2 * count * v) % 1 - 0.5) < 0.3).astype(np.float64)
    if name == "bricks":
        row = np.floor(4 * count * v)
        joint = ((4 * count * v) % 1 < 0.12) | ((2 * count * u + 0.5 * (row % 2)) % 1 < 0.06)
        return joint.astype(np.float64)
    if name == "wood":
        return 0.5 + 0.5 * np.sin(2 * np.pi * (2 * count * v + 0.6 * _noise(u, v, rng)))
    return np.clip(0.5 + 0.5 * _noise(u, v, rng), 0.0, 1.0)


def _noise(u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Smooth noise of mean 0 that repeats without a seam."""
    total = np.zeros_like(u)
    for octave in (1, 2, 4, 8):
        for _ in range(4):
            frequency_u, frequency_v = rng.integers(-octave, octave + 1, size=2)
            phase = rng.uniform(0, 2 * np.pi)
            total += np.cos(2 * np.pi * (frequency_u * u + frequency_v * v) + phase) / octave
    return total / 2.0


def add_material(spec: mujoco.MjSpec, name: str, rng: np.random.Generator, repeat_per_m: float | None = None) -> None:
    """Add a material with a random texture.

    Args:
        spec: The scene.
        name: Of the material.
        rng: Draws the texture.
        repeat_per_m: How often it repeats on flat faces [1/m]; None wraps it once round an object, whatever its shape.
    """
    image = random_image(rng)
    if repeat_per_m is None:
        kind, image = mujoco.mjtTexture.mjTEXTURE_CUBE, np.tile(image, (6, 1, 1))
    else:
        kind = mujoco.mjtTexture.mjTEXTURE_2D
    height, width = image.shape[:2]
    texture = spec.add_texture(name=name, type=kind, width=width, height=height, nchannel=3)
    texture.data = image.tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    if repeat_per_m is not None:
        material.texuniform, material.texrepeat = True, [repeat_per_m, repeat_per_m]


def cover(geoms: list[mujoco.MjsGeom], material: str, tinted: bool = False) -> None:
    """Give geoms a material; its texture replaces their colour, or is tinted with it."""
    for geom in geoms:
        geom.material = material
        if not tinted:
            geom.rgba = [1.0, 1.0, 1.0, 1.0]
