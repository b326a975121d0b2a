import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from actors.micro.composer.captions import NOBODY, CaptionReader, caption_pieces, caption_text, toy_names
from actors.micro.diffusion.text_encoders import LENGTH, NEGATIVE, tokenize
from actors.models.weights import SHIPPED_FOLDER
from engine.seeds import rng
from engine.toybox import SCENES
from engine.toybox.concepts import draw_concept

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tokenizer():
    folder = SHIPPED_FOLDER / "micro" / "generator" / "tokenizer"
    return CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH, local_files_only=True)


def drawn_pieces(number):
    draw = rng(3, "captions", str(number))
    toys = [draw_concept(5, int(concept)) for concept in draw.integers(0, 500, 1 + number % 4)]
    names = toy_names(toys, draw)
    return names, caption_pieces([(name, turn) for turn, name in enumerate(names)], SCENES[number % 5][1], draw)


def test_every_word_of_a_toy_knows_its_toy_and_no_other_word_does(tokenizer):
    reader = CaptionReader(tokenizer)
    for number in range(40):
        names, pieces = drawn_pieces(number)
        read = reader.read(pieces, len(names))
        if caption_text(pieces).startswith("a photo of") or any(owner != NOBODY for _, owner in pieces):
            spoken = [tokenizer.decode(read.tokens[read.owners[toy] == 1]).strip() for toy in range(len(names))]
            assert spoken == names
        else:
            assert not read.owners.any(), "a caption that speaks of the scene alone"
        assert read.owners.sum(0).max() <= 1
        assert not read.owners[:, 0].any()


def test_captions_are_padded_and_cut_as_the_pipelines_do(tokenizer):
    reader = CaptionReader(tokenizer)
    captions = [drawn_pieces(number)[1] for number in range(40)]
    captions += [[(text, NOBODY)] for text in ("", NEGATIVE)]
    captions.append([("red and white striped mug", turn % 4) for turn in range(12)])
    for pieces in captions:
        read = reader.read(pieces, 4)
        assert np.array_equal(read.tokens, tokenize(tokenizer, [caption_text(pieces)], CPU)[0].numpy())
    assert read.owners.shape == (4, LENGTH)
    assert read.owners[:, 1:-1].sum() == LENGTH - 2, "the last caption was cut within its toys"
    assert not read.owners[:, -1].any()


def test_a_caption_reads_like_one_of_the_toybox():
    pieces = caption_pieces([("mug", 0), ("hourglass", 1), ("duck", 2)], "on the moon", rng(0, "caption", "0"))
    text = caption_text(pieces).removeprefix("a photo of ")
    assert text == "a mug, an hourglass and a duck on the moon"
