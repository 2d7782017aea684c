"""Filmstrips hold every frame, in reading order, with the outcome's colour."""

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError
from dynarend_core.visualization import filmstrip
from dynarend_core.visualization.text import FAILURE, SUCCESS, text_width, wrap


def frames(n: int) -> list[np.ndarray]:
    return [np.full((60, 80, 3), 40 + 25 * i, dtype=np.uint8) for i in range(n)]


def test_frames_lie_in_reading_order_in_balanced_rows():
    image = filmstrip(frames(8), [""] * 8, columns=6, frame_width=80)
    assert image.shape[1] == 4 * 90 + 10  # 8 frames in two rows of 4, not 6 and 2
    for i in range(8):
        row, column = divmod(i, 4)
        y, x = 10 + row * (60 + 8 + 10) + 30, 10 + column * 90 + 40
        assert (image[y, x] == 40 + 25 * i).all()


@pytest.mark.parametrize(("success", "color"), [(True, SUCCESS), (False, FAILURE)])
def test_the_outcome_colours_the_bar(success, color):
    image = filmstrip(frames(2), ["start", "end"], title="press the button", success=success)
    assert (image[2] == color).all()


def test_captions_are_drawn_and_long_titles_cut():
    bare = filmstrip(frames(2), ["", ""], title="x")
    told = filmstrip(frames(2), ["one", "two\nlines"], title="a very long title " * 20)
    assert told.shape[1] == bare.shape[1]
    assert told.shape[0] > bare.shape[0]
    assert (told[-30:] > 130).any()


def test_wrong_input_is_named():
    with pytest.raises(InvalidInputError, match="0 frames"):
        filmstrip([], [])
    with pytest.raises(InvalidInputError, match="2 frames, 1 captions"):
        filmstrip(frames(2), ["a"])


def test_wrapped_lines_fit_and_lose_no_word():
    words = "put the block on the green square\nand come back"
    lines = wrap(words, 120, 15)
    assert " ".join(lines).split() == words.split()
    assert all(text_width(line, 15) <= 120 for line in lines)
