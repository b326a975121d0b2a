"""A language model through transformers: one batched generation for all questions of a call, with pictures or without.

The form of the answer is not enforced: a model that was trained on short questions writes it by itself, and the stage
mends or replaces what is wrong. For constrained decoding there is `vllm_chat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from actors.backends.chat.chat_files import content, sees, with_chat_template
from actors.chat.chat_stage import ChatSpec
from actors.models.provenance import identify
from actors.models.weights import CHAT_FILES, forbid_code, local_weights
from engine.seeds import rng
from planners.chat.question import Question


@final
class TransformersChat:
    """Any causal language model with a chat template, and any that takes pictures as well.

    Raises:
        UsageError: those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`; CHAT_TEMPLATE where the tokenizer has none.
    """

    def __init__(self, spec: ChatSpec) -> None:
        forbid_code()
        import transformers
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec = spec
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        automatic = "bfloat16" if device.type == "cuda" else "float32"
        folder = local_weights(spec.model, spec.revision, files=CHAT_FILES)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._sees = sees(folder)
        left: dict[str, Any] = {**options, "padding_side": "left"}  # answers begin where questions end
        if self._sees:
            self._reader: Any = transformers.AutoProcessor.from_pretrained(folder, **left)
            self._tokenizer = self._reader.tokenizer
        else:
            self._reader = self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **left)
        self._template = with_chat_template(folder, self._tokenizer, self._reader)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        dtype = getattr(torch, automatic if spec.dtype == "auto" else spec.dtype)
        kind: Any = transformers.AutoModelForImageTextToText if self._sees else transformers.AutoModelForCausalLM
        net: Any = kind.from_pretrained(folder, dtype=dtype, use_safetensors=True, **options)
        self._net = net.to(device).eval()
        self._net.generation_config = _plain(self._net.generation_config, self._tokenizer)
        self.model = identify(spec.model, folder)

    @torch.inference_mode()
    def write(self, questions: Sequence[Question], seeds: Sequence[int]) -> list[str]:
        """The model's answers, without the question and without the tokens that end it.

        Args:
            questions: all with a picture or all without.
            seeds: of each question; not read at temperature 0.
        """
        inputs = self._inputs(questions)
        chance = [_Chance(self.spec.temperature, seeds)] if self.spec.temperature > 0 else []
        tokens = self._net.generate(**inputs, max_new_tokens=self.spec.max_tokens, logits_processor=chance)
        return list(self._tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

    def _inputs(self, questions: Sequence[Question]) -> Any:
        template = {"add_generation_prompt": True, "enable_thinking": not self.spec.thinking_off}
        chats = [[{"role": "user", "content": content(each)}] for each in questions]
        texts = [self._template.apply_chat_template(chat, tokenize=False, **template) for chat in chats]
        pictures = [[Image.fromarray(each.image)] for each in questions if each.image is not None]
        seen = {"images": pictures} if pictures else {}
        plain = {} if self._sees else {"return_token_type_ids": False}
        inputs = self._reader(text=texts, **seen, return_tensors="pt", padding=True, add_special_tokens=False, **plain)
        return inputs.to(self._net.device)


@final
class _Chance:
    """Sampling by the Gumbel-max trick: the likeliest token after noise. A row's draws are its own in every batch."""

    def __init__(self, temperature: float, seeds: Sequence[int]) -> None:
        self._temperature = temperature
        self._draws = [rng(seed, "layout", "tokens") for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores BxV with noise; `input_ids` are not looked at."""
        del input_ids
        noise = np.stack([draw.gumbel(size=scores.shape[1]) for draw in self._draws])
        return scores.float() + self._temperature * torch.from_numpy(noise).to(scores.device, torch.float32)


def _plain(config: Any, tokenizer: Any) -> Any:
    """The model's own generation settings without sampling and penalties: its ends alone are kept."""
    from transformers import GenerationConfig

    ends = config.eos_token_id if config.eos_token_id is not None else tokenizer.eos_token_id
    return GenerationConfig(do_sample=False, num_beams=1, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id)
