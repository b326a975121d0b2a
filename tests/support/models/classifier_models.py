"""A ViT that classifies pictures and a BERT that classifies texts, made tiny, as `save_pretrained` writes them."""

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "beach", "on", "the", "rex", "pot", "knife")


def labelled(*labels):
    """How a config names its outputs."""
    return {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}


def save_vit(folder):
    """Labels that exclude each other: normal, nsfw."""
    torch.manual_seed(0)
    config = ViTConfig(image_size=32, patch_size=16, **SIZES, **labelled("normal", "nsfw"))
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_bert(folder):
    """Labels that may all hold: toxic, threat."""
    torch.manual_seed(0)
    kind = {"problem_type": "multi_label_classification", **labelled("toxic", "threat")}
    BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), **SIZES, **kind)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
