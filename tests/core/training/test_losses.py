import numpy as np
import torch
from scipy.spatial.transform import Rotation

from dynarend_core.networks import triplane
from dynarend_core.networks.action_decoder import rotation_code
from dynarend_core.training.losses import line_targets, log_partition, rotation_loss, value_loss


def rotations(n, seed=0):
    return torch.from_numpy(Rotation.random(n, rng=seed).as_matrix()).float()


def test_log_partition_equals_the_sum_over_the_volume():
    torch.manual_seed(0)
    for scale in (0.1, 5.0, 15.0):
        heat = torch.randn(3, 3, 12, 12) * scale
        want = triplane.volume(heat).flatten(1).logsumexp(dim=1)
        torch.testing.assert_close(log_partition(heat), want, rtol=1e-5, atol=1e-4)


def test_value_loss_is_the_cross_entropy_of_the_volume():
    torch.manual_seed(0)
    heat, xyz = torch.randn(2, 3, 8, 8), torch.rand(2, 3) * 1.6 - 0.8
    lines = line_targets(xyz, 8)
    target = torch.einsum("bi,bj,bk->bijk", *lines.unbind(1))
    want = -(target * triplane.volume(heat).flatten(1).log_softmax(1).reshape(2, 8, 8, 8)).sum() / 2
    torch.testing.assert_close(value_loss(heat, xyz), want)


def test_value_loss_is_least_at_the_label():
    n, xyz = 16, torch.tensor([[0.2, -0.3, 0.5]])
    lines = line_targets(xyz, n).clamp(min=1e-12).log()
    zero = torch.zeros(1, n, n)
    heat = torch.stack([lines[:, 0, :, None] + lines[:, 1, None], lines[:, 2, None].expand(-1, n, -1), zero], dim=1)
    best = value_loss(heat, xyz)
    assert best < value_loss(heat, xyz + 0.1)
    assert best < value_loss(torch.zeros_like(heat), xyz)


def test_rotation_loss_does_not_tell_a_gripper_from_its_half_turn():
    predicted, label = rotation_code(rotations(20)), rotations(20, seed=1)
    flipped = label @ torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    torch.testing.assert_close(rotation_loss(predicted, label), rotation_loss(predicted, flipped))
    torch.testing.assert_close(rotation_loss(rotation_code(flipped), label), torch.tensor(0.0))


def test_rotation_loss_tells_every_other_turn():
    label = rotations(1)
    for axis, angle in (("x", np.pi), ("z", np.pi / 2), ("y", 0.1)):
        turned = label @ torch.from_numpy(Rotation.from_euler(axis, angle).as_matrix()).float()
        assert rotation_loss(rotation_code(turned), label) > 0.05
