"""Questions of published benchmarks, read from the files that come with them.

DreamBench (Ruiz et al. 2023): ``prompts_and_classes.txt`` has a line ``name,class`` for each subject, 25 prompts for
objects and 25 for live subjects. CustomConcept101 (Kumari et al. 2023): ``dataset.json`` names a file of prompts for
each concept, ``dataset_multiconcept.json`` one for each set of concepts; MC++ (Li et al.) has sets of three and four in
the same form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import UsageError

LIVE = {"cat", "dog"}
_SUBJECT = re.compile(r"^([A-Za-z0-9_\-]+),([A-Za-z0-9 _\-]+)$", re.MULTILINE)
_PROMPT = re.compile(r"^'(.+)'\.format\(", re.MULTILINE)
DREAMBENCH_FILE, CONCEPTS_FILE, SETS_FILE = "prompts_and_classes.txt", "dataset.json", "dataset_multiconcept.json"


@dataclass(frozen=True, slots=True)
class Prompted:
    """A set of concepts, and the templates that ask for it."""

    cast: tuple[str, ...]
    templates: tuple[str, ...]


def read_dreambench(text: str) -> list[Prompted]:
    """The 30 subjects with 25 prompts each.

    Raises:
        UsageError: BENCHMARK_FILE.
    """
    objects, _, live = text.partition("Live Subject Prompts")
    lists = [tuple(_PROMPT.findall(part)) for part in (objects, live)]
    subjects = [pair for pair in _SUBJECT.findall(objects) if pair != ("subject_name", "class")]
    if not subjects or not all(lists):
        raise _unknown(DREAMBENCH_FILE, "it has no subjects, or no two lists of prompts")
    return [
        Prompted((name,), tuple(each.replace("{0} {1}", "{obj_1}") for each in lists[kind in LIVE]))
        for name, kind in subjects
    ]


def read_customconcept101(files: Mapping[str, str]) -> list[Prompted]:
    """The concepts, and sets of concepts, with their prompts.

    Args:
        files: text by name: the two JSON files, and those that they name.

    Raises:
        UsageError: BENCHMARK_FILE.
    """
    try:
        singles = json.loads(files.get(CONCEPTS_FILE, "[]"))
        sets = json.loads(files.get(SETS_FILE, "[]"))
        made = [Prompted((_name(each),), _templates(files, each["prompt_filename"], 1)) for each in singles]
        for each in sets:
            *concepts, prompts = each
            made.append(
                Prompted(
                    tuple(_name(concept) for concept in concepts),
                    _templates(files, prompts["prompt_filename_compose"], len(concepts)),
                )
            )
    except (ValueError, KeyError, TypeError) as error:
        raise _unknown(CONCEPTS_FILE, f"{type(error).__name__}: {error}") from error
    made = [each for each in made if each.templates]
    if not made:
        raise _unknown(CONCEPTS_FILE, "it is not there, or names no concept")
    return made


def prompt_files(text: str) -> Iterator[str]:
    """The files of prompts that a JSON file of CustomConcept101 names."""
    yield from dict.fromkeys(re.findall(r'"prompt_filename(?:_compose)?"\s*:\s*"([^"]+)"', text))


def _name(concept: Mapping[str, Any]) -> str:
    return str(concept["instance_data_dir"]).rstrip("/").rpartition("/")[2]


def _templates(files: Mapping[str, str], name: str, size: int) -> tuple[str, ...]:
    """None where the file is not there: other concepts can still be asked for."""
    lines = (line.strip() for line in files.get(name, "").splitlines())
    return tuple(_with_places(line, size) for line in lines if line)


def _with_places(line: str, size: int) -> str:
    """Their ``{}``, one behind the other, and ``{0}``, ``{1}`` as our places."""
    text = line
    for number in range(size):
        text = text.replace("{}", f"{{{number}}}", 1 if size > 1 else -1)
        text = text.replace(f"{{{number}}}", f"{{obj_{number + 1}}}")
    return text


def knows(prompted: Prompted, concepts: Sequence[str]) -> bool:
    """Whether all concepts of a set are among some."""
    return set(prompted.cast) <= set(concepts)


def _unknown(where: str, why: str) -> UsageError:
    fix = "give --benchmark the folder as it was published"
    return UsageError("BENCHMARK_FILE", "is not the benchmark's own", where=where, why=why, fix=fix)
