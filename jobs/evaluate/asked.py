"""The questions that a protocol has for one model."""

from __future__ import annotations

from pathlib import Path

from actors.evaluate.protocol import Protocol
from engine.errors import UsageError
from engine.text_file import read_text_file
from jobs.evaluate.contestants import Contestant
from planners.evaluate.benchmarks import (
    CONCEPTS_FILE,
    DREAMBENCH_FILE,
    SETS_FILE,
    Prompted,
    knows,
    prompt_files,
    read_customconcept101,
    read_dreambench,
)
from planners.evaluate.questions import DrawQuestion, ask_scenes, ask_templates, choose_casts


def ask(protocol: Protocol, contestant: Contestant, benchmark: Path | None) -> list[DrawQuestion]:
    """What is asked of an artifact, about what it was taught.

    Raises:
        UsageError: BENCHMARK_FILE.
    """
    classes = {concept: words.class_name for concept, words in contestant.words.items()}
    concepts = sorted(classes)
    if protocol.ask == "scenes":
        casts = [
            cast
            for size in sorted(set(protocol.subjects))
            for cast in choose_casts(concepts, size, protocol.casts, protocol.seed)
        ]
        return list(ask_scenes(casts, classes, protocol.scenes))
    found = [
        each for each in _read(protocol, benchmark) if knows(each, concepts) and len(each.cast) in protocol.subjects
    ]
    return [question for each in found for question in ask_templates(each.cast, classes, each.templates)]


def _read(protocol: Protocol, benchmark: Path | None) -> list[Prompted]:
    if benchmark is None:
        raise UsageError(
            "BENCHMARK_FILE",
            f"the protocol asks the questions of {protocol.ask}",
            where="--benchmark",
            fix="give the folder of its files, as they were published; nothing is downloaded",
        )
    if protocol.ask == "dreambench":
        return read_dreambench(_text(benchmark, DREAMBENCH_FILE))
    files = {name: _text(benchmark, name) for name in (CONCEPTS_FILE, SETS_FILE) if (benchmark / name).is_file()}
    named = [name for text in list(files.values()) for name in prompt_files(text)]
    there = [name for name in named if _inside(benchmark, name).is_file()]
    return read_customconcept101(files | {name: _text(benchmark, name) for name in there})


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError("BENCHMARK_FILE", f"names a file outside of its folder: {name!r}", where=str(folder))
    return path


def _text(folder: Path, name: str) -> str:
    path = _inside(folder, name)
    try:
        return read_text_file(path)
    except (OSError, ValueError) as error:
        fix = "give --benchmark the folder as it was published"
        raise UsageError("BENCHMARK_FILE", "cannot be read", where=str(path), why=str(error), fix=fix) from error
