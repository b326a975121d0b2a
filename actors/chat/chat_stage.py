"""Who may ask a language model, and what every such model can do, whatever runs it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, Protocol, Self

from pydantic import Field, model_validator

from actors.chat.server import Server
from engine.errors import SampleError
from engine.registry import Registry
from engine.rows.values import Model
from engine.run.stage import PLACEMENT, Run, Timed
from planners.chat.question import Question

ANSWERS = "_answers"


class ChatModel(Protocol):
    """Answers many questions at once: a language model answers a whole batch in the time of one."""

    @property
    def model(self) -> Model:
        """Whose answers they are."""

    def write(self, questions: Sequence[Question], seeds: Sequence[int]) -> Sequence[str | SampleError]:
        """One answer a question, or why there is none; each under a seed of its own, not read at temperature 0."""


CHAT_MODELS: Registry[Callable[[ChatSpec], ChatModel]] = Registry(
    "way to run a language model",
    {
        "openai": "actors.backends.chat.openai_chat:OpenAiChat",
        "transformers": "actors.backends.chat.transformers_chat:TransformersChat",
        "vllm": "actors.backends.chat.vllm_chat:VllmChat",
    },
)


class ChatSpec(Timed, ABC):
    """What a stage, or a part of one, says of its language model: `backend` is a way to run it, or else `plain`.

    `name` is where a recipe says it, such as ``layout``.
    """

    name: ClassVar[str]
    plain: ClassVar[str]

    backend: str
    model: str = Field(
        default="", description="hub id or local folder of a language model; its name on the server; empty for none"
    )
    revision: str = Field(default="", description="commit of the weights on the hub, 40 hex digits")
    max_tokens: int = Field(default=512, ge=16, le=8192, description="longest answer")
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 takes the likeliest token")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: bfloat16 on a GPU, float32 on a CPU"
    )
    max_context: int = Field(default=4096, ge=128, description="vllm: tokens of question and answer")
    gpu_memory: float = Field(default=0.9, gt=0, le=1, description="vllm: share of the GPU's memory that it takes")
    gpus: int = Field(default=1, ge=1, le=64, description="vllm: GPUs that share the model; its pool asks for as many")
    thinking_off: bool = Field(
        default=True, description="answer without thinking first; false for servers that refuse to be told"
    )
    server: Server | None = Field(
        default=None, description="openai: where the model is served", json_schema_extra=PLACEMENT
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.backend == "openai") != (self.server is not None):
            raise ValueError("`server.url` belongs to the backend 'openai', which needs it")
        if self.backend not in (self.plain, *CHAT_MODELS):
            raise ValueError(
                f"no backend is called {self.backend!r}; there are: {self.plain}, {', '.join(CHAT_MODELS)}"
            )
        if self.backend != self.plain and not self.model:
            raise ValueError(f"the backend {self.backend!r} needs a model: a hub id or a local folder")
        return self

    def chat(self, run: Run) -> ChatModel | None:
        """The language model, loaded; None where the backend is `plain`.

        Raises:
            UsageError: those of `actors.models.weights.local_weights`; SERVER_KEY.
            EnvironmentProblem: those of `actors.models.weights.local_weights`; CHAT_TEMPLATE, SERVER_SILENT,
            SERVER_REFUSED.
        """
        if self.backend == self.plain:
            return None
        return CHAT_MODELS.resolve(self.backend)(self.with_answer_store(f"{run.out}/{ANSWERS}"))

    def with_answer_store(self, answers: str) -> Self:
        """The spec with a place for answers, where it needs one and names none."""
        if self.server is None or self.server.answers:
            return self
        return self.model_copy(update={"server": self.server.model_copy(update={"answers": answers})})
