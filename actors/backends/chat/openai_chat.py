"""A language model behind any OpenAI-compatible server, asked by the openai package's async client.

Questions of a batch are open at once, up to the server's `concurrency`; each is retried by the client, with its
exponential waits and the server's own Retry-After. A question that is not answered costs itself alone.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, final

from aiolimiter import AsyncLimiter
from openai import APIError, APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient

from actors.chat.answer_cache import Answers, question_key
from actors.chat.chat_stage import ChatSpec
from actors.chat.server import Server
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.photos.images import encode_png
from engine.rows.values import UNKNOWN_LICENSE, Model
from engine.storage.open_store import open_store
from planners.chat.question import Question

GREETING_S = 10.0  # at most, for the list of models: a live server has it at hand
CALL_SHARE = 0.8  # of the stage's timeout_s: what is not answered by then is given up before the watchdog bites
CLOSED = (401, 403, 404)  # no question will fare better
WRONG = (400, 413, 422)  # this question will not fare better
LONGEST_WHY = 200


@final
class OpenAiChat:
    """Any chat model that a server offers under the name `model`, its answers held to the JSON schema.

    Raises:
        UsageError: SERVER_KEY where the environment lacks the key.
        EnvironmentProblem: SERVER_SILENT, SERVER_REFUSED.
    """

    def __init__(self, spec: ChatSpec) -> None:
        assert spec.server is not None, "the spec holds backend and server together"
        self.spec, self.server = spec, spec.server
        self.model = Model(name=spec.model, revision="as served", license=UNKNOWN_LICENSE)
        self._answers = Answers(open_store(spec.server.answers))
        self._slots = asyncio.Semaphore(spec.server.concurrency)
        self._client = _client(spec.server)
        self._runner = asyncio.Runner()
        self._answered = False
        self._runner.run(self._greet())

    def write(self, questions: Sequence[Question], seeds: Sequence[int]) -> list[str | SampleError]:
        """The model's answers, or why there is none.

        Raises:
            EnvironmentProblem: SERVER_REFUSED, SERVER_SILENT where the server answers nothing at all.
        """
        return self._runner.run(self._write(questions, seeds))

    async def _write(self, questions: Sequence[Question], seeds: Sequence[int]) -> list[str | SampleError]:
        answers = await asyncio.gather(*map(self._answer, questions, seeds))
        unanswered = [answer for answer in answers if isinstance(answer, SampleError)]
        if len(unanswered) == len(answers) > 0:
            await self._greet()  # a question that ends the server's patience must not look like a dead server
            if not self._answered:
                raise _silent(self.server, unanswered[0].why)
        return answers

    async def _answer(self, question: Question, seed: int) -> str | SampleError:
        """What is kept, or what the server says; what is worth keeping is kept at once."""
        request = self._request(question, seed)
        key = question_key(request)
        kept = await asyncio.to_thread(self._answers.find, key)
        if kept is not None:
            return kept
        try:
            async with asyncio.timeout(CALL_SHARE * self.spec.timeout_s), self._slots:
                text = _text(await self._client.chat.completions.create(**request))
        except TimeoutError:
            return SampleError("SERVER_SILENT", "the server did not answer in time", why="timeout_s of the stage")
        except APIStatusError as error:
            if error.status_code in CLOSED:
                raise _server_refused(self.spec, self.server, _why(error)) from None
            wrong = error.status_code in WRONG
            return SampleError(
                "SERVER_REFUSED" if wrong else "SERVER_SILENT", "the server did not answer", why=_why(error)
            )
        except (APIError, ValueError) as error:  # ValueError: a body that is no JSON
            return SampleError("SERVER_SILENT", "the server did not answer", why=_why(error))
        self._answered = True
        return await asyncio.to_thread(self._answers.keep, key, text) if text else text

    def _request(self, question: Question, seed: int) -> dict[str, Any]:
        schema = {"name": self.spec.name.replace(".", "_"), "schema": question.schema, "strict": True}
        template = {"chat_template_kwargs": {"enable_thinking": False}} if self.spec.thinking_off else {}
        return {
            "model": self.spec.model,
            "messages": [{"role": "user", "content": _content(question)}],
            "response_format": {"type": "json_schema", "json_schema": schema},
            "temperature": self.spec.temperature,
            "max_completion_tokens": self.spec.max_tokens,
            **({"seed": seed % 2**63} if self.spec.temperature > 0 else {}),
            **({"extra_body": template} if template else {}),
        }

    async def _greet(self) -> None:
        """Ask for the list of models: answers in a millisecond, and says whether anybody is there."""
        try:
            quick = self._client.with_options(timeout=min(GREETING_S, self.server.patience_s), max_retries=1)
            offered = [model.id for model in (await quick.models.list()).data]
        except APIStatusError as error:
            if error.status_code in CLOSED:
                raise _server_refused(self.spec, self.server, _why(error)) from None
            raise _silent(self.server, _why(error)) from None
        except (APIError, ValueError, TypeError, AttributeError) as error:
            raise _silent(self.server, _why(error)) from None
        if self.spec.model not in offered:
            raise _server_refused(self.spec, self.server, f"it offers: {', '.join(map(str, offered[:8])) or 'nothing'}")


def _client(server: Server) -> AsyncOpenAI:
    key = os.environ.get(server.key_variable, "") if server.key_variable else "none"
    if not key:
        raise UsageError(
            "SERVER_KEY",
            f"the environment variable {server.key_variable} is empty",
            where=server.url,
            fix=f"export {server.key_variable}=… where workers start; a key never stands in a recipe",
        )
    limiter = AsyncLimiter(server.requests_per_minute, 60) if server.requests_per_minute else None

    async def wait(_request: Any) -> None:
        if limiter:
            await limiter.acquire()  # here every try passes, the client's own retries too

    return AsyncOpenAI(
        base_url=server.url,
        api_key=key,
        max_retries=server.retries,
        timeout=server.patience_s,
        http_client=DefaultAsyncHttpxClient(
            follow_redirects=False,  # the key goes to the address that the recipe names, and nowhere else
            event_hooks={"request": [wait]},
        ),
    )


def _content(question: Question) -> str | list[dict[str, Any]]:
    """The words alone, or the picture, as PNG within the message, and then the words."""
    if question.image is None:
        return question.prompt
    address = f"data:image/png;base64,{b64encode(encode_png(question.image)).decode()}"
    return [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": question.prompt}]


def _text(completion: Any) -> str:
    """The words of an answer; empty for any other form of it."""
    choices = getattr(completion, "choices", None)
    content = (
        getattr(getattr(choices[0], "message", None), "content", None)
        if isinstance(choices, list) and choices
        else None
    )
    return content if isinstance(content, str) else ""


def _why(error: Exception) -> str:
    cause = f": {error.__cause__}" if error.__cause__ and not isinstance(error, APIStatusError) else ""
    return ascii(f"{type(error).__name__}: {error}{cause}"[:LONGEST_WHY])[1:-1]


def _server_refused(spec: ChatSpec, server: Server, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "SERVER_REFUSED",
        f"the server does not let us ask {spec.model!r}",
        where=server.url,
        why=why,
        fix=f"check {spec.name}.model against the server's /models, and the key in {spec.name}.server.key_variable",
    )


def _silent(server: Server, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "SERVER_SILENT",
        "the server of the language model answers nothing",
        where=server.url,
        why=why,
        fix="start it or wait for it, then run the same command again: answers that were given are kept",
    )
