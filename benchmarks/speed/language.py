"""What continuous batching is worth: layouts through vLLM, a unit of questions at a time over one after another."""

from __future__ import annotations

import json
import time
from importlib.util import find_spec
from statistics import median

from benchmarks.support.child_process import ask
from benchmarks.support.figure import Figure, spread

GAIN = 8.0
QUESTIONS, ALONE, ROUNDS = 256, 24, 3
SEED = 977
LIMIT_S = 900.0
NAME = "layouts through vLLM, together / one at a time"


def run() -> list[Figure]:
    """The micro planner on whatever vLLM finds; a round that only warms up is left out."""
    if find_spec("vllm") is None:
        return [
            Figure(NAME, f">= {GAIN:g}", "", None, "vllm is not installed here: pip install 'mycanvas-engine[vllm]'")
        ]
    gains = [float(gain) for gain in ask("benchmarks.speed.language", timeout_s=LIMIT_S)["gains"]]
    middle = median(gains)
    return [Figure(NAME, f">= {GAIN:g}", middle, middle >= GAIN, f"{spread(gains)}, {QUESTIONS} questions together")]


def gains() -> list[float]:
    """Answers a second of a batch over those of single questions, for each round but the first."""
    from actors.chat.chat_stage import CHAT_MODELS
    from actors.compose.layout import Layout
    from actors.micro.planner.layout_corpus import held_out
    from engine.toybox import CLASSES
    from planners.chat.layout_brief import brief_request

    chat = CHAT_MODELS.resolve("vllm")(
        Layout(backend="vllm", model="shipped:micro/planner", prompt="short", max_tokens=96)
    )
    asked = [held_out(SEED, number, CLASSES) for number in range(QUESTIONS)]
    questions = [brief_request(each.cast, each.ground_line) for each in asked]
    found = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        for number in range(ALONE):
            chat.write(questions[number : number + 1], [number])
        alone = ALONE / (time.perf_counter() - began)
        began = time.perf_counter()
        chat.write(questions, list(range(QUESTIONS)))
        found.append(QUESTIONS / (time.perf_counter() - began) / alone)
    return found[1:]


if __name__ == "__main__":
    print(json.dumps({"gains": gains()}))
