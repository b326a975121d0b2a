"""Dummies that write, and one that judges texts."""

from __future__ import annotations

from typing import Any

from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Qwen2VLImageProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from actors.models.dummy.published import Sizes, with_labels
from actors.models.dummy.tokenizers import bert_tokenizer, shipped_tokenizer

CHAT = """{% for message in messages %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}\
{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def qwen3(sizes: Sizes) -> list[Any]:
    """`Qwen3ForCausalLM` and a tokenizer with a chat template; part text."""
    tokenizer = shipped_tokenizer("planner")
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return [Qwen3ForCausalLM(Qwen3Config(**sizes["text"], **ends)), tokenizer]


def qwen3_vl(sizes: Sizes) -> list[Any]:
    """`Qwen3VLForConditionalGeneration` and its processor; parts text, vision."""
    tokenizer = shipped_tokenizer("planner")
    marks = {name: f"<|{name}|>" for name in ("image_pad", "video_pad", "vision_start", "vision_end")}
    tokenizer.add_special_tokens({"additional_special_tokens": [*marks.values()]})
    ids = {name: tokenizer.convert_tokens_to_ids(mark) for name, mark in marks.items()}
    patches = {"patch_size": sizes["vision"].get("patch_size", 16)}
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(**patches), tokenizer, Qwen3VLVideoProcessor(**patches), chat_template=CHAT
    )
    config = Qwen3VLConfig(
        text_config=dict(sizes["text"]), vision_config=dict(sizes["vision"]), image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"], vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )  # fmt: skip
    return [Qwen3VLForConditionalGeneration(config), processor]


def bert(sizes: Sizes) -> list[Any]:
    """`BertForSequenceClassification` whose labels may all hold; sizes of its config, and labels."""
    config = BertConfig(**with_labels(sizes), problem_type="multi_label_classification")
    return [BertForSequenceClassification(config), bert_tokenizer()]
