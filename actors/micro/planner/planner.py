"""The layout model: a small Qwen2 that reads a cast and a ground line and writes boxes.

Yang et al., "Qwen2 Technical Report", 2024: rotary positions, grouped queries, SwiGLU, tied embeddings, a byte-level
BPE in which every digit is a token. It is trained on `actors.micro.planner.layout_corpus`, on the tokens of answers
alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional

from actors.chat.chat_stage import CHAT_MODELS
from actors.compose.layout import Layout
from actors.micro.planner.layout_corpus import CorpusExample, Texts, held_out, open_texts
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import PlannerTraining
from actors.training.loop import TrainingTask, best_device, fit
from engine.errors import SampleError
from engine.seeds import rng
from engine.toybox import CLASSES
from engine.training.context import TrainContext
from planners.chat.layout_answer import parse
from planners.chat.layout_brief import brief_request
from planners.compose.sizes import METRES

log = logging.getLogger(__name__)

USER, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 1024  # tokens; a question of five objects and its answer have 180 at most
IGNORED = -100
ASKED = 256
TARGET = 0.95


def train_part(spec: PlannerTraining, context: TrainContext, folders: PartFolders) -> None:
    """Answer the questions where that is not done yet, train, and save in the format of `save_pretrained`."""
    texts = open_texts(
        folders.data, spec.seed, spec.examples, CLASSES, share=(context.rank, context.world_size), wait=_meet
    )
    tokenizer = build_tokenizer(texts, spec.vocabulary)
    torch.manual_seed(spec.seed)
    net = network(spec, tokenizer)
    fit(_Answers(spec, net, encode(texts, tokenizer)), spec.schedule, context, device=best_device())
    if context.rank == 0:
        save(folders.part, net, tokenizer)


def network(spec: PlannerTraining, tokenizer: Any) -> Any:
    """Qwen2ForCausalLM with random weights."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=-(-len(tokenizer) // 64) * 64,
            hidden_size=spec.hidden,
            intermediate_size=spec.inner,
            num_hidden_layers=spec.layers,
            num_attention_heads=spec.heads,
            num_key_value_heads=max(spec.heads // 3, 1),
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
            pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
            use_cache=False,
        )
    )


def evaluate(spec: PlannerTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """The share of 256 questions whose first answer obeys every rule as it is, for each backend that is there."""
    del data
    asked = [held_out(seed, number, CLASSES) for number in range(ASKED)]
    rows = [
        Measurement(
            spec.name, "accepted_transformers", acceptance_rate("transformers", family / spec.name, asked), TARGET
        )
    ]
    if find_spec("vllm") is None:
        log.warning("vllm is not installed: accepted_vllm is not measured")
        return rows
    return [
        *rows,
        Measurement(spec.name, "accepted_vllm", acceptance_rate("vllm", family / spec.name, asked), TARGET),
    ]


def acceptance_rate(backend: str, folder: Path, asked: Sequence[CorpusExample]) -> float:
    """The share of questions that a backend with the model of `folder` answers without breaking a rule."""
    spec = Layout(backend=backend, model=str(folder), prompt="short", max_tokens=160)
    writer = CHAT_MODELS.resolve(backend)(spec)
    good = 0
    for start in range(0, len(asked), 64):
        part = asked[start : start + 64]
        answers = writer.write([brief_request(each.cast, each.ground_line) for each in part], list(range(len(part))))
        good += sum(_obeys(str(answer), each) for answer, each in zip(answers, part, strict=True))
    return good / len(asked)


def _obeys(answer: str, asked: CorpusExample) -> bool:
    try:
        parse(answer, asked.cast, asked.ground_line)
    except SampleError as error:
        log.info("%s: %s", error.code, error.why)
        return False
    return True


def build_tokenizer(texts: Texts, vocabulary: int) -> Any:
    """Qwen2's byte-level BPE, its merges learned from the corpus and from every class that has a known size."""
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer().train_new_from_iterator(
        _lines(texts), vocab_size=vocabulary, new_special_tokens=[USER, END], show_progress=False
    )
    tokenizer.eos_token = END
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def _lines(texts: Texts) -> Iterator[str]:
    yield from ("user\n", "assistant\n") * len(texts)
    yield from (json.dumps({"class": name}, separators=(",", ":")) for name in [*METRES, *CLASSES] * 10)
    for question, answer in texts:
        yield question
        yield answer


@final
class Tokens:
    """Examples as one flat array of tokens: `of(i)` are those of example i, its answer begins at `answers[i]`."""

    def __init__(self, questions: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.flat = np.concatenate([np.asarray([*q, *a], np.int32) for q, a in zip(questions, answers, strict=True)])
        self.lengths = np.asarray([len(q) + len(a) for q, a in zip(questions, answers, strict=True)])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.answers = np.asarray([len(q) for q in questions])
        self.by_length = np.argsort(self.lengths, kind="stable")

    def batch(self, numbers: NDArray[np.int64], pad: int) -> tuple[Tensor, Tensor]:
        """Inputs BxT and targets BxT, int64; a target that is no part of an answer is -100."""
        longest = int(self.lengths[numbers].max())
        inputs = np.full((len(numbers), longest), pad, np.int64)
        targets = np.full((len(numbers), longest), IGNORED, np.int64)
        for row, number in enumerate(numbers):
            length, answer = int(self.lengths[number]), int(self.answers[number])
            inputs[row, :length] = self.flat[self.starts[number] : self.starts[number] + length]
            targets[row, answer - 1 : length - 1] = inputs[row, answer:length]
        return torch.from_numpy(inputs), torch.from_numpy(targets)


def encode(texts: Texts, tokenizer: Any) -> Tokens:
    """Questions through the chat template, answers with the token that ends them."""
    chats = [[{"role": "user", "content": question}] for question, _ in texts]
    asked = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) for chat in chats]
    answers = [f"{answer}{END}" for _, answer in texts]
    return Tokens(
        tokenizer(asked, add_special_tokens=False)["input_ids"],
        tokenizer(answers, add_special_tokens=False)["input_ids"],
    )


@final
class _Answers(TrainingTask):
    """The cross entropy of answers, given their questions."""

    def __init__(self, spec: PlannerTraining, net: Any, tokens: Tokens) -> None:
        self.net, self.seed = net, spec.seed
        self.spec, self.tokens = spec, tokens

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Of a batch of examples that are nearly of one length, so that little is padded."""
        draw = rng(self.seed, self.spec.name, f"{step}/{rank}")
        net: Any = self.net
        numbers = _window(draw, self.tokens.by_length, self.spec.batch)
        inputs, targets = (part.to(net.device) for part in self.tokens.batch(numbers, net.config.pad_token_id))
        asked = targets != IGNORED
        hidden = net.model(input_ids=inputs, use_cache=False).last_hidden_state
        loss = functional.cross_entropy(net.lm_head(hidden[asked]).float(), targets[asked])
        return loss, {"tokens": float(inputs.numel())}


def _window(draw: np.random.Generator, order: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """`size` examples at random out of eight times as many neighbours in length."""
    wide = min(8 * size, len(order))
    start = int(draw.integers(-wide // 2, len(order) - wide // 2))
    start = min(max(start, 0), len(order) - wide)
    return order[start + draw.choice(wide, size=min(size, wide), replace=False)]


def _meet() -> None:
    if dist.is_available() and dist.is_initialized():
        dist.barrier()


def save(folder: Path, net: Any, tokenizer: Any) -> None:
    """Model, config, tokenizer and model card, in float16."""
    net.config.use_cache = True
    net.half().save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    (folder / "README.md").write_text(CARD, encoding="utf-8")


CARD = """---
license: apache-2.0
---
# planner

A Qwen2 that lays out toys: the question of `planners/chat/layout_brief.py::brief_request` as the user's message, boxes
as the answer (`planners/chat/layout_answer.py::BriefAnswer`). Trained by `mycanvas micro train --parts planner` on
answers of
`planners/compose/layout.py::solve` to random casts; no data from elsewhere.
"""
