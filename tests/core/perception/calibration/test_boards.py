"""What is drawn is found, to a fraction of a pixel; impossible boards are refused."""

import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.perception.calibration.boards import Board, BoardConfig, BoardKind

PIXELS_PER_M, MARGIN_M = 2000.0, 0.02


@pytest.mark.parametrize("kind", list(BoardKind))
def test_corners_of_the_drawing_are_found_where_they_are_drawn(kind):
    board = Board(BoardConfig(kind))
    found = board.find(board.draw(PIXELS_PER_M, MARGIN_M))
    assert len(found.ids) == len(board.points)
    expected = (found.points_board[:, :2] + board.size_m / 2 + MARGIN_M) * PIXELS_PER_M
    assert np.abs(found.pixels - expected).max() < 0.5
    assert np.abs((found.pixels - expected).mean(axis=0)).max() < 0.15  # no bias: half a pixel would show


def test_another_board_is_not_mistaken():
    image = Board(BoardConfig(BoardKind.APRILTAG)).draw(PIXELS_PER_M, MARGIN_M)
    assert len(Board().find(image).ids) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"square_m": 40.0, "marker_m": 30.0}, "metres"),
        ({"marker_m": 0.05}, "marker_m < square_m"),
        ({"columns": 2}, "at least 3"),
        ({"dictionary": "9X9_1"}, "choose from"),
    ],
)
def test_impossible_boards_are_refused(change, words):
    with pytest.raises(ConfigurationError, match=words):
        BoardConfig(**change)
