import numpy as np
import torch

from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import unproject
from dynarend_core.geometry.rotations import rotation_x, rotation_z
from dynarend_core.rendering.rays import Rays, image_positions, pixel_rays

K = np.array([[60.0, 0, 4.5], [0, 55.0, 3.0], [0, 0, 1]])
T = se3.make(rotation_z(0.4) @ rotation_x(2.5), np.array([0.4, -0.1, 0.9]))


def test_a_ray_at_the_measured_depth_is_the_unprojected_point():
    depth = np.random.default_rng(0).uniform(0.3, 1.5, (6, 9))
    origins, directions = pixel_rays(image_positions(6, 9).double(), torch.from_numpy(K), torch.from_numpy(T))
    points = Rays(origins[None], directions[None]).at(torch.from_numpy(depth).reshape(1, -1, 1))
    np.testing.assert_allclose(points[0, :, 0].numpy(), unproject(depth, K, T).reshape(-1, 3), atol=1e-12)


def test_the_principal_ray_is_the_optical_axis():
    _, directions = pixel_rays(torch.tensor([[4.5, 3.0]]).double(), torch.from_numpy(K), torch.from_numpy(T))
    np.testing.assert_allclose(directions[0].numpy(), T[:3, 2], atol=1e-12)
