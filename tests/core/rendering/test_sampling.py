import torch

from dynarend_core.rendering import sampling

BOX = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])


def test_a_ray_enters_and_leaves_the_box():
    origins = torch.tensor([[-3.0, 0.2, 0.0], [0.0, 0.0, 0.0], [-3.0, 5.0, 0.0]])
    directions = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    near, far = sampling.ray_box(origins, directions, BOX)
    torch.testing.assert_close(near[:2], torch.tensor([1.0, 0.01]))
    torch.testing.assert_close(far[:2], torch.tensor([2.0, 1.0]))
    assert near[2] == far[2]


def test_one_sample_in_every_stratum():
    near, far = torch.tensor([0.5]), torch.tensor([2.5])
    t = sampling.stratified(near, far, torch.rand(1, 8))
    cells = ((t - near) / (far - near) * 8).floor()
    torch.testing.assert_close(cells, torch.arange(8.0)[None])


def test_guided_samples_surround_the_depth_and_stay_inside():
    near, far = torch.tensor([0.5, 0.5]), torch.tensor([1.0, 1.0])
    t = sampling.around_depth(torch.tensor([0.7, 0.99]), 0.05, near, far, torch.rand(2, 6))
    assert ((t[0] >= 0.65) & (t[0] <= 0.75)).all()
    assert (t[0] < 0.7).any()
    assert (t[0] > 0.7).any()
    assert (t[1] <= 1.0).all()


def test_samples_by_weight_go_where_the_weight_is():
    edges = torch.linspace(0, 1, 11)[None]
    weights = torch.zeros(1, 10)
    weights[0, 6] = 0.9
    t = sampling.by_weight(edges, weights, torch.rand(1, 64))
    assert ((t > 0.6 - 1e-4) & (t < 0.7 + 1e-4)).float().mean() > 0.97
    even = sampling.by_weight(edges, torch.zeros(1, 10), torch.full((1, 20), 0.5))
    torch.testing.assert_close(even, ((torch.arange(20) + 0.5) / 20)[None])


def test_merged_samples_ascend():
    t = sampling.merge(torch.rand(4, 5), torch.rand(4, 3))
    assert t.shape == (4, 8)
    assert (t.diff(dim=-1) >= 0).all()
