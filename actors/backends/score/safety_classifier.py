"""Harm by classification: any image classifier of transformers, and beside it any text classifier.

What is harmful is said by their labels: all but those that the recipe calls harmless. Runs in float32 on every device:
a score that decides over a row must not depend on the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch
from PIL import Image
from torch import Tensor

from actors.backends.pretrained import read_net
from actors.models.provenance import identify
from actors.models.weights import forbid_code, local_weights
from actors.score.safety import Harm, SafetySpec
from engine.errors import UsageError
from engine.rows.values import Model, Pixels

BATCH = 32
MULTI = "multi_label_classification"


@final
class Classifiers:
    """An image classifier, and a text classifier where the recipe names one.

    Raises:
        UsageError: WEIGHTS_MISMATCH, SAFETY_LABELS, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: SafetySpec) -> None:
        forbid_code()
        from transformers import (
            AutoImageProcessor,
            AutoModelForImageClassification,
            AutoModelForSequenceClassification,
            AutoTokenizer,
        )

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(spec.model, spec.revision)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._sees = read_net(AutoModelForImageClassification, folder, _mismatch).to(self._device)
        self._prepares: Any = AutoImageProcessor.from_pretrained(folder, **options)
        self._harmless = _harmless_labels(self._sees, spec.harmless, folder, "harmless")
        self.models: tuple[Model, ...] = (identify(spec.model, folder),)
        self._reads: Any = None
        if spec.words_model:
            words = local_weights(spec.words_model, spec.words_revision)
            self._reads = read_net(AutoModelForSequenceClassification, words, _mismatch).to(self._device)
            self._splits: Any = AutoTokenizer.from_pretrained(words, **options)
            self._harmless_words = _harmless_labels(self._reads, spec.words_harmless, words, "words_harmless")
            self.models += (identify(spec.words_model, words),)

    @torch.inference_mode()
    def classify(self, images: Sequence[Pixels], words: Sequence[str]) -> list[Harm]:
        """The worse of what pictures (HxWx3) and words are, each row by itself."""
        found: list[Harm] = []
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            seen = self._pictures(images[part])
            read = self._words(words[part]) if self._reads is not None else seen
            found += [max(pair, key=lambda harm: harm.unsafe or 0.0) for pair in zip(seen, read, strict=True)]
        return found

    def _pictures(self, images: Sequence[Pixels]) -> list[Harm]:
        inputs = self._prepares(images=[Image.fromarray(image) for image in images], return_tensors="pt")
        logits = self._sees(pixel_values=inputs["pixel_values"].to(self._device)).logits
        return _harms(self._sees.config, logits, self._harmless, "image")

    def _words(self, words: Sequence[str]) -> list[Harm]:
        inputs = self._splits(list(words), padding=True, truncation=True, return_tensors="pt").to(self._device)
        return _harms(self._reads.config, self._reads(**inputs).logits, self._harmless_words, "words")


def _harms(config: Any, logits: Tensor, harmless: frozenset[int], where: str) -> list[Harm]:
    """Of labels that exclude each other all that is not harmless adds up; of others the likeliest counts."""
    several = config.problem_type == MULTI
    shares = (torch.sigmoid(logits.float()) if several else torch.softmax(logits.float(), dim=-1)).cpu()
    harmful = [number for number in range(shares.shape[1]) if number not in harmless]
    found = []
    for row in shares[:, harmful]:
        worst = int(row.argmax())
        unsafe = float(row[worst] if several else row.sum().clamp(max=1))
        found.append(Harm(unsafe=unsafe, harm=f"{where}: {config.id2label[harmful[worst]]}"))
    return found


def _harmless_labels(net: Any, labels: Sequence[str], folder: Path, key: str) -> frozenset[int]:
    """The numbers of the labels that do no harm.

    Raises:
        UsageError: SAFETY_LABELS where the net does not know one, or nothing is left.
    """
    own = {str(label): int(number) for number, label in net.config.id2label.items()}
    unknown = [label for label in labels if label not in own]
    if unknown or len(set(labels)) == len(own):
        raise UsageError(
            "SAFETY_LABELS",
            f"has no label {unknown[0]!r}" if unknown else "has no label left that is harmful",
            where=str(folder),
            fix=f"set score.safety.{key} to some of: {', '.join(own)}",
        )
    return frozenset(own[label] for label in labels)


def _mismatch(folder: Any, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no classifier of the kind that is asked for",
        where=str(folder),
        why=why,
        fix="`model` takes an image classifier, `words_model` a text classifier, as transformers writes them",
    )
