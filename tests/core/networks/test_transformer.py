import torch

from dynarend_core.networks.transformer import Attention, Transformer, rotary, rotate


def test_rotary_scores_depend_on_relative_positions_only():
    torch.manual_seed(0)
    q, k = torch.randn(1, 1, 5, 32), torch.randn(1, 1, 5, 32)
    positions = torch.rand(5, 3) * 2 - 1
    shift = torch.tensor([0.3, -0.2, 0.15])

    def scores(p):
        turn = rotary(p, 32, cells=8)
        return rotate(q, turn) @ rotate(k, turn).transpose(-1, -2)

    torch.testing.assert_close(scores(positions), scores(positions + shift), atol=1e-4, rtol=1e-4)
    assert (scores(positions) - scores(positions * 0.5)).abs().max() > 0.1


def test_rotary_turns_with_every_axis():
    origin = rotary(torch.zeros(1, 3), 32, cells=8)
    for axis in range(3):
        moved = rotary(torch.eye(3)[axis : axis + 1] * 0.25, 32, cells=8)
        assert (moved[1] - origin[1]).abs().max() > 0.5


def test_rotation_keeps_lengths():
    x = torch.randn(2, 3, 7, 16)
    turned = rotate(x, rotary(torch.rand(7, 3), 16, cells=4))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


def test_masked_tokens_change_nothing():
    torch.manual_seed(0)
    net = Transformer(32, heads=2, depth=2, hidden=64).eval()
    x = torch.randn(1, 6, 32)
    mask = torch.tensor([[True, True, True, True, False, False]])
    other = x.clone()
    other[:, 4:] = 100.0
    torch.testing.assert_close(net(x, mask=mask)[:, :4], net(other, mask=mask)[:, :4])


def test_plain_and_fused_attention_agree_in_bfloat16():
    torch.manual_seed(0)
    attention = Attention(32, 2).to(torch.bfloat16)
    x = torch.randn(2, 9, 32, dtype=torch.bfloat16)
    mask = torch.arange(9).expand(2, -1) < 7
    with torch.no_grad():
        fused = attention(x, mask=mask)
    torch.testing.assert_close(attention(x, mask=mask).detach(), fused, atol=2e-2, rtol=5e-2)


def test_queries_are_normalised_before_the_product():
    torch.manual_seed(0)
    attention = Attention(32, 2)
    x = torch.randn(1, 5, 32)
    before = attention(x)
    with torch.no_grad():
        attention.query.weight *= 7.0
    torch.testing.assert_close(attention(x), before, atol=1e-4, rtol=1e-3)
