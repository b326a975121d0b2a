"""A language model through vLLM: continuous batching, shared prefixes, answers held to the JSON schema.

Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention", 2023. The engine lives
in the worker's own process, so it ends with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any, final

from PIL import Image

from actors.backends.chat.chat_files import content, sees, with_chat_template
from actors.chat.chat_stage import ChatSpec
from actors.models.provenance import identify
from actors.models.weights import CHAT_FILES, forbid_code, local_weights
from planners.chat.question import Question

log = getLogger(__name__)
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
from vllm.exceptions import VLLMValidationError  # type: ignore[import-not-found] # noqa: E402
from vllm.sampling_params import StructuredOutputsParams  # type: ignore[import-not-found] # noqa: E402


@final
class VllmChat:
    """Any causal language model with a chat template that vLLM serves, those that see among them.

    The grammar of an answer has no white space: a model could else go on writing it until `max_tokens` is reached.

    Raises:
        UsageError: those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`; CHAT_TEMPLATE where the tokenizer has none.
    """

    def __init__(self, spec: ChatSpec) -> None:
        self.spec = spec
        folder = local_weights(spec.model, spec.revision, files=CHAT_FILES)
        self._llm = _engine(spec, folder)
        self._tokenizer: Any = self._llm.get_tokenizer()
        self._template = with_chat_template(folder, self._tokenizer, *([_processor(folder)] if sees(folder) else []))
        self.model = identify(spec.model, folder)

    def write(self, questions: Sequence[Question], seeds: Sequence[int]) -> list[str]:
        """The model's answers; empty where question and answer are longer than the context.

        Args:
            questions: one a row, with a picture or without.
            seeds: of each row; not read at temperature 0.
        """
        prompts = [self._prompt(each) for each in questions]
        return self._answers(prompts, [self._sampling_params(*each) for each in zip(questions, seeds, strict=True)])

    def _answers(self, prompts: Sequence[Any], sampling: Sequence[Any]) -> list[str]:
        """One question that is too long has its whole call refused: it is halved until that one is alone."""
        try:
            outputs = self._llm.generate(list(prompts), list(sampling), use_tqdm=False)
        except VLLMValidationError as error:
            if len(prompts) == 1:
                log.warning("a question was not asked: %s", error)
                return [""]
            half = len(prompts) // 2
            return self._answers(prompts[:half], sampling[:half]) + self._answers(prompts[half:], sampling[half:])
        return [output.outputs[0].text for output in outputs]

    def _prompt(self, question: Question) -> dict[str, Any]:
        chat = [{"role": "user", "content": content(question)}]
        text = self._template.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=False, enable_thinking=not self.spec.thinking_off
        )
        if question.image is None:
            return {"prompt_token_ids": list(self._tokenizer(text, add_special_tokens=False)["input_ids"])}
        return {"prompt": text, "multi_modal_data": {"image": Image.fromarray(question.image)}}

    def _sampling_params(self, question: Question, seed: int) -> Any:
        return SamplingParams(
            temperature=self.spec.temperature,
            max_tokens=self.spec.max_tokens,
            seed=seed if self.spec.temperature > 0 else None,
            structured_outputs=StructuredOutputsParams(json=question.schema),
        )


def _processor(folder: Path) -> Any:
    """Where models that see keep their chat template."""
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _engine(spec: ChatSpec, folder: Path) -> Any:
    from vllm.platforms import current_platform  # type: ignore[import-not-found]

    cpu = current_platform.is_cpu()
    automatic = "float32" if cpu else "bfloat16"
    return LLM(
        model=str(folder),
        dtype=automatic if spec.dtype == "auto" else spec.dtype,
        max_model_len=_context(spec, folder),
        enforce_eager=cpu,  # compiling costs minutes and needs a compiler; on a GPU graphs pay
        enable_prefix_caching=True,
        **({"limit_mm_per_prompt": {"image": 1}} if sees(folder) else {}),
        gpu_memory_utilization=spec.gpu_memory,
        tensor_parallel_size=spec.gpus,
        structured_outputs_config={"backend": "xgrammar", "disable_any_whitespace": True},
        generation_config="vllm",  # the model's own would bring penalties
        trust_remote_code=False,
        disable_log_stats=True,
        seed=0,
    )


def _context(spec: ChatSpec, folder: Path) -> int:
    """The asked context, or the model's where that is shorter: vLLM refuses to go beyond it."""
    config = json.loads((folder / "config.json").read_bytes())
    own = config.get("text_config", config).get("max_position_embeddings")
    return min(spec.max_context, own) if isinstance(own, int) else spec.max_context
