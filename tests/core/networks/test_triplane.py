import torch

from dynarend_core.networks import triplane


def test_tokens_and_planes_are_inverse():
    planes = torch.randn(2, 3, 5, 4, 4)
    torch.testing.assert_close(triplane.to_planes(triplane.to_tokens(planes), 4), planes)


def test_token_order_matches_cell_positions():
    n = 4
    positions = triplane.cell_positions(n)
    planes = triplane.to_planes(positions[None], n)
    for plane, (first, second) in enumerate(triplane.PLANE_AXES):
        assert planes[0, plane, first, 3, 0] > planes[0, plane, first, 0, 0]
        assert planes[0, plane, second, 0, 3] > planes[0, plane, second, 0, 0]
        assert (planes[0, plane, triplane.NORMAL_AXIS[plane]] == 0).all()


def test_sampling_at_cell_centres_returns_the_cells():
    n = 6
    planes = torch.randn(1, 3, 2, n, n)
    centre = (torch.tensor([1, 4, 2]) + 0.5) * 2 / n - 1
    got = triplane.sample(planes, centre[None, None])[0, 0]
    want = torch.stack([planes[0, 0, :, 1, 4], planes[0, 1, :, 1, 2], planes[0, 2, :, 4, 2]])
    torch.testing.assert_close(got, want)


def test_sampling_is_linear_between_centres():
    n = 8
    xyz = torch.rand(1, 10, 3) * 1.5 - 0.75
    ramp = triplane.to_planes(triplane.cell_positions(n)[None], n)
    got = triplane.sample(ramp, xyz)
    for plane, (first, second) in enumerate(triplane.PLANE_AXES):
        torch.testing.assert_close(got[:, :, plane, first], xyz[..., first])
        torch.testing.assert_close(got[:, :, plane, second], xyz[..., second])


def test_volume_sums_the_planes():
    heat = torch.randn(2, 3, 5, 5)
    volume = triplane.volume(heat)
    torch.testing.assert_close(volume[1, 2, 3, 4], heat[1, 0, 2, 3] + heat[1, 1, 2, 4] + heat[1, 2, 3, 4])


def test_patches_are_centred_on_the_position():
    n = 16
    ramp = triplane.to_planes(triplane.cell_positions(n)[None], n)
    xyz = torch.tensor([[0.13, -0.22, 0.05]])
    cut = triplane.patches(ramp, xyz, 4)
    assert cut.shape == (1, 3, 3, 4, 4)
    for plane, (first, second) in enumerate(triplane.PLANE_AXES):
        torch.testing.assert_close(cut[0, plane, first].mean(), xyz[0, first])
        torch.testing.assert_close(cut[0, plane, second].mean(), xyz[0, second])
        assert (cut[0, plane, first, 1:] > cut[0, plane, first, :-1]).all()
