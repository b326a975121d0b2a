"""Tokenizers of dummies: those of the micro family, and words by their letters."""

from __future__ import annotations

import tempfile
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from transformers import AutoTokenizer, BertTokenizer

from actors.models.weights import SHIPPED_FOLDER

WORDPIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", ".", *ascii_lowercase, *(f"##{each}" for each in ascii_lowercase))


def shipped_tokenizer(name: str, **options: Any) -> Any:
    """That of a part of the micro family."""
    folder = SHIPPED_FOLDER / "micro" / name
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)


def bert_tokenizer() -> Any:
    """Words by their letters."""
    with tempfile.TemporaryDirectory(prefix="mcv") as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(WORDPIECES))
        return BertTokenizer(str(path))
