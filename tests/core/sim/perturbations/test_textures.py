"""Textures show two colours that differ, in patterns that repeat without a seam."""

from __future__ import annotations

import numpy as np

from dynarend_core.sim.mujoco.perturbations.textures import COLOR_DISTANCE, SIZE, random_image


def test_a_texture_has_contrast_and_depends_on_its_generator_alone() -> None:
    images = [random_image(np.random.default_rng(seed)) for seed in range(40)]
    again = [random_image(np.random.default_rng(seed)) for seed in range(40)]
    np.testing.assert_array_equal(images, again)
    assert len({image.tobytes() for image in images}) == len(images)
    for image in images:
        assert image.shape == (SIZE, SIZE, 3)
        spread = (image.reshape(-1, 3).max(axis=0).astype(float) - image.reshape(-1, 3).min(axis=0)) / 255
        assert np.linalg.norm(spread) > 0.8 * COLOR_DISTANCE


def test_smooth_textures_repeat_without_a_seam() -> None:
    """Over the edge a pixel's neighbour differs no more than inside."""
    for seed in range(40):
        image = random_image(np.random.default_rng(seed)).astype(float)
        inside = np.abs(np.diff(image, axis=0)).max()
        assert np.abs(image[0] - image[-1]).max() <= 1.5 * inside + 1
