import pytest
import torch

from dynarend_core.errors import InvalidInputError, MissingDependencyError
from dynarend_core.networks import language


def test_a_colour_word_stays_the_same_word_in_every_sentence(encoder):
    a, b = encoder.encode("push the maroon button"), encoder.encode("now press maroon")
    assert a.shape == (4, 768)
    assert b.shape == (3, 768)
    torch.testing.assert_close(a[2, 384:], b[2, 384:])
    assert (a[2, :384] - b[2, :384]).abs().max() > 0.05


def test_sentences_are_encoded_once_whatever_their_case(encoder):
    assert encoder.encode("Open the  Top drawer") is encoder.encode("open the top drawer")


def test_an_empty_instruction_is_refused(encoder):
    with pytest.raises(InvalidInputError, match="empty"):
        encoder.encode("  ")


def test_stacking_pads_and_masks():
    words = language.stack_words([torch.ones(2, 768), torch.ones(5, 768)])
    assert words.features.shape == (2, 5, 768)
    assert words.mask.sum(dim=1).tolist() == [2, 5]
    assert words.features[0, 2:].abs().sum() == 0


def test_a_missing_encoder_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(language, "_PACKAGE", "no_such_package_here")
    with pytest.raises(MissingDependencyError, match="pip install"):
        language.SentenceEncoder().encode("open the drawer")
