import torch

from dynarend_core.networks.dynarend import NetworkInput
from dynarend_core.networks.language import stack_words
from dynarend_core.networks.masking import TokenMask, show_skip
from dynarend_core.networks.triplane import to_tokens


def given_input(encoder):
    torch.manual_seed(1)
    return NetworkInput(
        points=torch.rand(1, 500, 6) * 2 - 1,
        words=stack_words([encoder.encode("open the drawer")]),
        gripper_open=torch.ones(1),
        step=torch.zeros(1, dtype=torch.long),
        tip=torch.zeros(1, 3),
        frame=torch.tensor([[0.0, 0, 0, 1, 0]]),
    )


def test_hidden_tokens_all_become_the_embedding_and_teach_it():
    mask, tokens = TokenMask(4), torch.randn(2, 5, 4)
    hidden = torch.tensor([[True, False, True, False, False]] * 2)
    out = mask(tokens, hidden)
    assert torch.equal(out[~hidden], tokens[~hidden])
    assert (out[hidden] == mask.embedding).all()
    out.sum().backward()
    torch.testing.assert_close(mask.embedding.grad, torch.full((4,), 4.0))


def test_finer_features_vanish_just_where_tokens_are_hidden():
    """Pooled back to the tokens' cells, shown features are those of the scene and the others are zero."""
    skip, hidden = torch.randn(2, 3, 4, 8, 8), torch.rand(2, 3 * 4 * 4) < 0.5
    shown = show_skip(skip, hidden)
    pooled = [to_tokens(torch.nn.functional.avg_pool2d(x.flatten(0, 1), 2).unflatten(0, (2, 3))) for x in (skip, shown)]
    assert (pooled[1][hidden] == 0).all()
    torch.testing.assert_close(pooled[1][~hidden], pooled[0][~hidden])
    assert torch.equal(show_skip(skip, torch.zeros_like(hidden)), skip)


def test_what_is_hidden_cannot_reach_the_latents(debug_network, encoder):
    """With every token hidden, two scenes look alike; with none hidden, encoding is what the policy computes."""
    network, given = debug_network.eval(), given_input(encoder)
    mask, count = TokenMask(network.config.coarse.width), 3 * network.config.coarse.token_cells**2
    moved = NetworkInput(given.points.flip(-1), given.words, given.gripper_open, given.step, given.tip, given.frame)

    def future(scene, hidden):
        return network.encode(scene, lambda tokens: mask(tokens, hidden))[0].future

    with torch.no_grad():
        everything, nothing = torch.ones(1, count, dtype=torch.bool), torch.zeros(1, count, dtype=torch.bool)
        torch.testing.assert_close(future(given, everything), future(moved, everything))
        assert not torch.allclose(future(given, nothing), future(moved, nothing), atol=1e-3)
        assert torch.equal(future(given, nothing), network.look(given).latents.future)
