"""Layouts from a language model through vLLM: continuous batching, shared prefixes, answers held to the JSON schema.

Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention", 2023. The engine lives
in the worker's own process, so it ends with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from actors.backends.chat import FILES, plan_by_asking, require_chat_template
from actors.layout import Layout, Planned
from actors.weights import forbid_code, identify, local_weights
from engine.errors import SampleError
from engine.library import CutoutInfo
from engine.records import Composition
from planners.layout_prompt import LayoutRequest

forbid_code()
QUIET = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process: a killed worker leaves no engine behind
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; 4 would be taken of a laptop
    "VLLM_LOGGING_LEVEL": "WARNING",
}
for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)  # read when vllm is imported

from vllm import LLM, SamplingParams  # type: ignore[import-not-found] # noqa: E402 - after its environment
from vllm.sampling_params import StructuredOutputsParams  # type: ignore[import-not-found] # noqa: E402


@final
class VllmLayout:
    """Any causal language model with a chat template that vLLM serves.

    The grammar of an answer has no white space: a model could else go on writing it until `max_tokens` is reached.

    Raises:
        UsageError: those of `actors.weights.local_weights`.
        EnvironmentProblem: those of `actors.weights.local_weights`; CHAT_TEMPLATE where the tokenizer has none.
    """

    def __init__(self, spec: Layout, cutouts: Mapping[str, CutoutInfo]) -> None:
        self.spec, self.cutouts = spec, cutouts
        folder = local_weights(spec.model, spec.revision, files=FILES)
        self._llm = _engine(spec, folder)
        self._tokenizer: Any = self._llm.get_tokenizer()
        require_chat_template(self._tokenizer, folder)
        self._longest = int(self._llm.llm_engine.model_config.max_model_len) - spec.max_tokens
        self.model = identify(spec.model, folder)

    def plan(self, rows: Sequence[Composition]) -> list[Planned | SampleError]:
        """One layout a row; the column `layout_source` says whose it is."""
        return plan_by_asking(self.spec, self.cutouts, rows, self.write, self.model)

    def write(self, requests: Sequence[LayoutRequest], seeds: Sequence[int]) -> list[str]:
        """The model's answers; empty where question and answer are longer than the context.

        Args:
            requests: one a row.
            seeds: of each row; not read at temperature 0.
        """
        prompts = [self._tokens(each.prompt) for each in requests]
        fitting = [number for number, tokens in enumerate(prompts) if len(tokens) <= self._longest]
        outputs = self._llm.generate(
            [{"prompt_token_ids": prompts[number]} for number in fitting],
            [self._sampling(requests[number], seeds[number]) for number in fitting],
            use_tqdm=False,
        )
        answers = [""] * len(requests)
        for number, output in zip(fitting, outputs, strict=True):
            answers[number] = output.outputs[0].text
        return answers

    def _tokens(self, prompt: str) -> list[int]:
        chat = [{"role": "user", "content": prompt}]
        text = self._tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=False, enable_thinking=not self.spec.thinking_off
        )
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _sampling(self, request: LayoutRequest, seed: int) -> Any:
        return SamplingParams(
            temperature=self.spec.temperature,
            max_tokens=self.spec.max_tokens,
            seed=seed if self.spec.temperature > 0 else None,
            structured_outputs=StructuredOutputsParams(json=request.schema),
        )


def _engine(spec: Layout, folder: Path) -> Any:
    from vllm.platforms import current_platform  # type: ignore[import-not-found]

    cpu = current_platform.is_cpu()
    automatic = "float32" if cpu else "bfloat16"
    return LLM(
        model=str(folder),
        dtype=automatic if spec.dtype == "auto" else spec.dtype,
        max_model_len=_context(spec, folder),
        enforce_eager=cpu,  # compiling costs minutes and needs a compiler; on a GPU graphs pay
        enable_prefix_caching=True,
        gpu_memory_utilization=spec.gpu_memory,
        structured_outputs_config={"backend": "xgrammar", "disable_any_whitespace": True},
        generation_config="vllm",  # the model's own would bring penalties
        trust_remote_code=False,
        disable_log_stats=True,
        seed=0,
    )


def _context(spec: Layout, folder: Path) -> int:
    """The asked context, or the model's where that is shorter: vLLM refuses to go beyond it."""
    own = json.loads((folder / "config.json").read_bytes()).get("max_position_embeddings")
    return min(spec.max_context, own) if isinstance(own, int) else spec.max_context
