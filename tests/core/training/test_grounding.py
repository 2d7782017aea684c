"""Names told apart at their places, and how often answers are right."""

import dataclasses

import numpy as np
import pytest
import torch

from dynarend_core.errors import ConfigurationError
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.training.grounding import Grounding, answers_right, name_patterns
from dynarend_core.training.names import NameTable
from dynarend_core.training.presets import preset

NAMES = ("left tap", "right tap", "robot arm", "bulb in the red holder", "bulb in the blue holder", "red tap")


def test_names_that_differ_in_one_word_share_a_pattern():
    labels, numbers = name_patterns(NAMES)
    assert sorted(labels) == ["bulb in the … holder", "… tap"]
    of = dict(zip(NAMES, numbers, strict=True))
    assert of["left tap"] == of["right tap"] == of["red tap"] == labels.index("… tap")
    assert of["bulb in the red holder"] == of["bulb in the blue holder"] == labels.index("bulb in the … holder")
    assert of["robot arm"] == -1
    assert name_patterns(["gripper", "table"]) == ([], [-1, -1])


@pytest.fixture
def grounding(encoder):
    return Grounding(NameTable(NAMES, encoder), early=False, late=True)


def test_two_places_are_learned_apart_by_the_late_head(grounding):
    torch.manual_seed(0)
    network = DynaRend(preset("debug").network)
    features = torch.randn(4, 3, 16, 16, 16)
    xyz = torch.tensor([[-0.5, -0.5, 0.0], [0.5, 0.5, 0.3], [0.0, 0.0, 0.0]]).expand(4, -1, -1)
    features = features[:1].expand(4, -1, -1, -1, -1)
    ids = torch.tensor([[0, 1, -1]]).expand(4, -1)
    optimizer = torch.optim.Adam(network.coarse.late_match.parameters(), 1e-2)
    first, shares = grounding.find(network, features, xyz, ids)
    assert set(shares) == {"naming", "… tap"}
    for _ in range(60):
        optimizer.zero_grad()
        loss, shares = grounding.find(network, features, xyz, ids)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first.item()
    assert float(shares["naming"]) == float(shares["… tap"]) == 1.0


def test_only_names_in_view_of_the_same_scene_compete(grounding):
    torch.manual_seed(0)
    network = DynaRend(preset("debug").network)
    features, xyz = torch.randn(2, 3, 16, 16, 16), torch.rand(2, 2, 3)
    alone = torch.tensor([[0, 0], [1, 1]])  # each scene shows one tap only
    loss, shares = grounding.find(network, features, xyz, alone)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert set(shares) == {"naming"}
    nothing, shares = grounding.find(network, features, xyz, torch.full((2, 2), -1))
    assert (float(nothing), shares) == (0.0, {})


def test_a_network_without_the_head_is_refused(grounding):
    config = preset("debug").network
    network = DynaRend(dataclasses.replace(config, coarse=dataclasses.replace(config.coarse, late_match=False)))
    with pytest.raises(ConfigurationError, match="--late-match"):
        grounding.find(
            network, torch.zeros(1, 3, 16, 16, 16), torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.long)
        )


def test_an_answer_is_right_where_it_is_valued_above_the_other():
    heat = torch.zeros(4, 3, 8, 8)
    heat[:, 0, 6, 6] = 5.0  # x and y high
    high, low = torch.tensor([0.6, 0.6, 0.0]), torch.tensor([-0.6, -0.6, 0.0])
    target = torch.stack([high, low, high, high])
    other = torch.stack([low, high, torch.full((3,), np.nan), high + 0.01])
    shares = answers_right(heat, target, other, torch.tensor([0, 1, 0, 0]), ("push", "turn"))
    assert {k: float(v) for k, v in shares.items()} == {"answer": 0.5, "push answer": 1.0, "turn answer": 0.0}
    assert answers_right(heat[2:], target[2:], other[2:], torch.tensor([0, 0]), ("push",)) == {}
