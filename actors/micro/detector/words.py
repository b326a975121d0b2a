"""The detector's own small tokenizer, in CLIP's format: byte pairs over the words that it is trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

END = "</w>"
BEGINS, ENDS = "<|startoftext|>", "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], size: int, longest: int) -> Any:
    """A `CLIPTokenizer` with up to `size` entries, at least 514: every byte, inside a word and at its end, is one.

    The end mark has the highest number: the text tower pools where the largest token stands.
    """
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    alphabet = [*letters, *(letter + END for letter in letters)]
    merges = _merges(sorted(texts), size - len(alphabet) - 2)
    tokens = list(dict.fromkeys([*alphabet, *(first + second for first, second in merges), BEGINS, ENDS]))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=longest)


def _merges(texts: list[str], count: int) -> list[tuple[str, str]]:
    """The first `count` byte pairs to merge, the most frequent first."""
    learned = Tokenizer(models.BPE(end_of_word_suffix=END))
    learned.normalizer = normalizers.Lowercase()
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=100_000, end_of_word_suffix=END, show_progress=False)
    learned.train_from_iterator(texts, trainer)
    pairs = json.loads(learned.to_str())["model"]["merges"]
    return [(first, second) for first, second in pairs][: max(count, 0)]
