"""The two text encoders of SDXL, small, and their tokenizer: words of the Toybox and of the recipes' prompts.

Podell et al. 2023, section 2.1: cross-attention reads the last hidden layer but one of both encoders, side by side; the
pooled output of the second goes in with the sizes. Both are read here as `encode_prompt` of the pipeline reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from actors.compose.inpaint import Inpaint
from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import ToySet

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

VOCABULARY = 1000  # tokens, the letters included
LENGTH = 40  # tokens to which the pipelines pad; the longest captions have about 30
WIDTH = 128
LAYERS = 2, 3  # the pooled output needs one more
START, END = "<|startoftext|>", "<|endoftext|>"
NEGATIVE = str(Inpaint.model_fields["negative_prompt"].default)
CAPTIONS = 4000
_LETTERS = [chr(code) for code in range(33, 127) if not chr(code).isupper()]


def corpus(sets: Sequence[ToySet], seed: int) -> Iterator[str]:
    """What the tokenizer learns its words from."""
    draw = rng(seed, "text_encoders", "corpus")
    yield from (*CLASSES, *(phrase for _, phrase in SCENES), NEGATIVE, "a realistic photo")
    for found in sets:
        for _ in range(CAPTIONS // len(sets)):
            yield found.caption(int(draw.integers(len(found))), draw)


def new_tokenizer(folder: Path, texts: Iterator[str]) -> CLIPTokenizer:
    """CLIP's byte-pair encoding with merges of its own, as vocab.json and merges.txt in `folder`.

    Sennrich et al. 2016. Pairs are merged within words, so that almost every word of `texts` becomes one token.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learned = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learned.normalizer = normalizers.Lowercase()
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True)]
    )
    learned.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=VOCABULARY, end_of_word_suffix="</w>", min_frequency=1, show_progress=False),
    )
    merges = [tuple(merge) for merge in json.loads(learned.to_str())["model"]["merges"]]
    ended = [f"{letter}</w>" for letter in _LETTERS]
    tokens = dict.fromkeys([*_LETTERS, *ended, *("".join(pair) for pair in merges), START, END])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{one} {other}\n" for one, other in merges))
    return cast("CLIPTokenizer", CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH))


def new_encoders(tokenizer: CLIPTokenizer) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """Both encoders with random weights.

    Embeddings of words have a deviation of 1 and not CLIP's 0.02, those of start and end stay at that: what the UNet
    reads of two classes under one prompt then differs by 0.5 and not by 0.07, before anything has been learned.
    """
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = len(cast("Any", tokenizer))
    configs = [
        CLIPTextConfig(
            vocab_size=size,
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=layers,
            num_attention_heads=4,
            max_position_embeddings=77,
            bos_token_id=size - 2,
            eos_token_id=size - 1,
            pad_token_id=size - 1,
        )
        for layers in LAYERS
    ]
    encoders = CLIPTextModel(configs[0]), CLIPTextModelWithProjection(configs[1])
    for encoder in encoders:
        with torch.no_grad():
            torch.nn.init.normal_(cast("Any", encoder).get_input_embeddings().weight[: size - 2])
    return encoders


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str], device: torch.device) -> Tensor:
    """Nx40 token numbers, padded and cut as the pipelines do."""
    call: Any = tokenizer
    found = call(list(texts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    return cast("Tensor", found.input_ids.to(device))


def read_prompts(first: Any, second: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """States NxLx256 and pooled text Nx128 of NxL tokens."""
    one, two = (encoder(tokens, output_hidden_states=True) for encoder in (first, second))
    return torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1), two.text_embeds
