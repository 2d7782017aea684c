"""Words are compared with cells and with single points."""

import dataclasses

import torch
import torch.nn.functional as F

from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.match_head import PointMatch
from dynarend_core.networks.point_stem import z_buffer
from dynarend_core.training.presets import PRESETS

CELLS = 8


def column(x, y, heights, colours):
    """Points above each other, each twice: every other one is compared."""
    return [[x, y, z, *c] for z, c in zip(heights, colours, strict=True) for _ in range(2)]


def test_a_column_has_the_best_of_its_points():
    torch.manual_seed(0)
    head = PointMatch(16)
    points, meaning = torch.rand(2, 400, 6) * 2 - 1, torch.randn(2, 16)
    found = head(points, meaning, CELLS)
    word, vectors = F.normalize(head.word(meaning), dim=-1), head.points(points[:, ::2, 2:])
    alike = F.cosine_similarity(vectors, word[:, None], dim=-1)
    cells = ((points[:, ::2, :2] + 1) * CELLS / 2).long()
    for b in range(2):
        i, j = cells[b, 0].tolist()
        there = alike[b][(cells[b] == cells[b, 0]).all(dim=1)]
        torch.testing.assert_close(found[b, 0, i, j], there.max())


def test_what_a_cover_hides_from_the_planes_is_found():
    torch.manual_seed(0)
    white, red, blue = (0.9, 0.9, 0.9), (0.9, -0.9, -0.9), (-0.9, -0.9, 0.9)
    heights = (0.5, 0.0, -0.5)
    red_left = torch.tensor(
        [column(-0.6, 0.1, heights, (white, red, white)) + column(0.6, 0.1, heights, (white, blue, white))]
    )
    blue_left = torch.tensor(
        [column(-0.6, 0.1, heights, (white, blue, white)) + column(0.6, 0.1, heights, (white, red, white))]
    )
    assert torch.equal(z_buffer(red_left, CELLS)[:, 0], z_buffer(blue_left, CELLS)[:, 0])  # seen from above and below
    head, meaning = PointMatch(16), torch.randn(1, 16)
    optimizer = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(100):
        here, there = head(red_left, meaning, CELLS)[0, 0, 1, 4], head(red_left, meaning, CELLS)[0, 0, 6, 4]
        loss = -(F.logsigmoid(5 * (here - there)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seen = head(blue_left, meaning, CELLS)[0, 0]
    assert seen[6, 4] > seen[1, 4] + 0.3


def test_empty_columns_and_points_outside_count_nothing():
    torch.manual_seed(0)
    points = torch.full((1, 10, 6), 3.0)
    assert PointMatch(16)(points, torch.randn(1, 16), CELLS).abs().max() == 0


def test_comparing_with_points_starts_silent():
    torch.manual_seed(0)
    config = PRESETS["debug"].network
    plain = DynaRend(config).eval()
    grown = DynaRend(dataclasses.replace(config, coarse=dataclasses.replace(config.coarse, point_match=True))).eval()
    missing = grown.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("coarse.point_") for name in missing)
