"""Layouts from a causal language model through transformers: one batched generation for all rows of a call.

The form of the answer is not enforced: a model that was trained on short questions writes it by itself, and the stage
mends or replaces what is wrong. For constrained decoding there is `vllm_layout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from actors.backends.chat import FILES, plan_by_asking, require_chat_template
from actors.layout import Layout, Planned
from actors.weights import forbid_code, identify, local_weights
from engine.errors import SampleError
from engine.library import CutoutInfo
from engine.records import Composition
from engine.seeds import rng
from planners.layout_prompt import LayoutRequest


@final
class TransformersLayout:
    """Any causal language model with a chat template.

    Raises:
        UsageError: those of `actors.weights.local_weights`.
        EnvironmentProblem: those of `actors.weights.local_weights`; CHAT_TEMPLATE where the tokenizer has none.
    """

    def __init__(self, spec: Layout, cutouts: Mapping[str, CutoutInfo]) -> None:
        forbid_code()
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec, self.cutouts = spec, cutouts
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        automatic = "bfloat16" if device.type == "cuda" else "float32"
        folder = local_weights(spec.model, spec.revision, files=FILES)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left", **options)
        require_chat_template(self._tokenizer, folder)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        dtype = getattr(torch, automatic if spec.dtype == "auto" else spec.dtype)
        net: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, **options)
        self._net = net.to(device).eval()
        self._net.generation_config = _plain(self._net.generation_config, self._tokenizer)
        self.model = identify(spec.model, folder)

    def plan(self, rows: Sequence[Composition]) -> list[Planned | SampleError]:
        """One layout a row; the column `layout_source` says whose it is."""
        return plan_by_asking(self.spec, self.cutouts, rows, self.write, self.model)

    @torch.inference_mode()
    def write(self, requests: Sequence[LayoutRequest], seeds: Sequence[int]) -> list[str]:
        """The model's answers, without the question and without the tokens that end it.

        Args:
            requests: one a row.
            seeds: of each row; not read at temperature 0.
        """
        chats = [[{"role": "user", "content": each.prompt}] for each in requests]
        template = {"add_generation_prompt": True, "enable_thinking": not self.spec.thinking_off}
        texts = [self._tokenizer.apply_chat_template(chat, tokenize=False, **template) for chat in chats]
        inputs = self._tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        inputs = inputs.to(self._net.device)
        chance = [_Chance(self.spec.temperature, seeds)] if self.spec.temperature > 0 else []
        tokens = self._net.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=self.spec.max_tokens,
            logits_processor=chance,
        )
        return list(self._tokenizer.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


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
