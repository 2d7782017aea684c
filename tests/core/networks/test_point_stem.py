import torch

from dynarend_core.networks.point_stem import PointMlpStem, ZBufferStem, z_buffer


def one_point(x, y, z):
    return torch.tensor([[[x, y, z, 0.1, 0.2, 0.3]]])


def test_z_buffer_keeps_the_outermost_points_of_both_sides():
    cloud = torch.cat([one_point(0.1, 0.1, z) for z in (-0.5, 0.0, 0.7)], dim=1)
    xy = z_buffer(cloud, 4)[0, 0]
    depth = xy[[2, 9], 2, 2]
    torch.testing.assert_close(depth, torch.tensor([0.7, -0.5]))


def test_z_buffer_places_a_point_in_every_plane():
    planes = z_buffer(one_point(-0.9, 0.1, 0.6), 4)[0]
    seen = planes[:, 6]
    assert seen.sum() == 3
    assert seen[0, 0, 2]
    assert seen[1, 0, 3]
    assert seen[2, 2, 3]
    torch.testing.assert_close(planes[0, 3:6, 0, 2], torch.tensor([0.1, 0.2, 0.3]))


def test_points_outside_the_cube_are_ignored():
    assert z_buffer(torch.full((1, 5, 6), 10.0), 4).abs().sum() == 0


def test_stems_do_not_depend_on_the_order_of_points():
    torch.manual_seed(0)
    points, tip = torch.rand(2, 400, 6) * 2 - 1, torch.zeros(2, 3)
    shuffled = points[:, torch.randperm(400)]
    for stem in (ZBufferStem(24, 16, 4, 8), PointMlpStem(24, 8)):
        torch.testing.assert_close(stem(points, tip).tokens, stem(shuffled, tip).tokens)


def test_stems_have_the_promised_shapes():
    points, tip = torch.rand(2, 100, 6) * 2 - 1, torch.zeros(2, 3)
    z = ZBufferStem(width=24, plane_cells=32, token_cells=8, channels=6)
    features = z(points, tip)
    assert features.tokens.shape == (2, 3, 24, 8, 8)
    assert [s.shape[2:] for s in features.skips] == [(6, 32, 32), (12, 16, 16)]
    assert PointMlpStem(24, 8)(points, tip).tokens.shape == (2, 3, 24, 8, 8)


def test_gradients_reach_the_point_mlp():
    stem = PointMlpStem(8, 4)
    stem(torch.rand(1, 50, 6), torch.zeros(1, 3)).tokens.sum().backward()
    assert stem.mlp[0].weight.grad.abs().sum() > 0
