"""A small CLIP tokenizer, learned from captions: byte pairs, as few as name every word of the Toybox.

Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", ACL 2016, with the byte alphabet and
the end-of-word mark of CLIP's own tokenizer, so that any text can be read and transformers' ``CLIPTokenizer`` loads it.
CLIP's own 49,408 entries would be three times as large as the rest of a micro text encoder.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

START, END, FILL = "<|startoftext|>", "<|endoftext|>", "!"
WORD_END = "</w>"

_WORDS = re.compile(r"[^\W\d_]+|\d|[^\s\w]+")
_PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))  # bytes that stand for themselves, as in GPT-2


def alphabet() -> list[str]:
    """One character for each of the 256 bytes, in CLIP's order."""
    others = [byte for byte in range(256) if byte not in _PRINTABLE]
    return [*(chr(byte) for byte in _PRINTABLE), *(chr(256 + number) for number in range(len(others)))]


def merges(texts: Iterable[str], most: int = 2000) -> list[tuple[str, str]]:
    """Pairs to join, in order: the most frequent first, of equally frequent ones the first in the alphabet."""
    words = Counter(word for text in texts for word in _WORDS.findall(text.lower()) if word.isascii())
    split = {word: (*word[:-1], word[-1] + WORD_END) for word in sorted(words)}
    found: list[tuple[str, str]] = []
    while len(found) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        split = {word: _join_parts(parts, best) for word, parts in split.items()}
    return found


def _join_parts(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


def write_tokenizer(folder: Path, pairs: Iterable[tuple[str, str]], length: int) -> int:
    """Write ``vocab.json``, ``merges.txt`` and ``tokenizer_config.json``; the number of entries.

    The end mark has the highest number, where CLIP's text tower looks for the sentence, and the fill is another token.
    """
    pairs = list(pairs)
    letters = alphabet()
    tokens = [*letters, *(letter + WORD_END for letter in letters)]
    tokens += [*dict.fromkeys(left + right for left, right in pairs), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    rows = "".join(f"{left} {right}\n" for left, right in pairs)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{rows}", encoding="utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "pad_token": FILL,
        "unk_token": END,
        "model_max_length": length,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    return len(tokens)
