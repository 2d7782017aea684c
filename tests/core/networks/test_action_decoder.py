import numpy as np
import torch
from scipy.spatial.transform import Rotation

from dynarend_core.geometry.rotations import gripper_rotation_angle
from dynarend_core.networks.action_decoder import locate, rotation_code, rotation_from_code
from dynarend_core.training.losses import line_targets


def test_the_code_gives_the_rotation_back_up_to_half_a_turn():
    R = torch.from_numpy(Rotation.random(20, rng=0).as_matrix()).float()
    back = rotation_from_code(rotation_code(R) * 1.7)
    assert gripper_rotation_angle(back.double().numpy(), R.double().numpy()).max() < 2e-3


def test_the_code_does_not_tell_half_a_turn_about_the_approach_axis():
    R = torch.from_numpy(Rotation.random(20, rng=0).as_matrix()).float()
    torch.testing.assert_close(rotation_code(R @ torch.diag(torch.tensor([-1.0, -1.0, 1.0]))), rotation_code(R))


def test_any_nine_numbers_are_a_proper_rotation():
    R = rotation_from_code(torch.randn(50, 9)).double().numpy()
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(R), 1.0, atol=1e-5)


def test_value_map_sums_to_one():
    _, probability = locate(torch.randn(3, 3, 16, 16) * 5)
    torch.testing.assert_close(probability.sum(dim=(1, 2, 3)), torch.ones(3))


def test_locating_a_gaussian_is_finer_than_a_cell():
    n = 32
    xyz = torch.tensor([[0.123, -0.456, 0.789]])
    lines = line_targets(xyz, n).clamp(min=1e-20).log()
    # A product of three lines, written as three planes.
    heat = torch.stack(
        [lines[:, 0, :, None] + lines[:, 1, None], lines[:, 2, None].expand(-1, n, -1), torch.zeros(1, n, n)], dim=1
    )
    found, _ = locate(heat)
    assert (found - xyz).abs().max() < 0.1 * 2 / n


def test_locating_at_the_border_stays_inside():
    heat = torch.zeros(1, 3, 8, 8)
    heat[:, :, 0, 0] = 50.0
    found, _ = locate(heat)
    assert (found >= -1).all()
    assert (found < -0.8).all()
