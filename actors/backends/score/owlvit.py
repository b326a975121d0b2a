"""OWL-ViT and OWLv2: boxes for things that are named in words.

Minderer et al., "Simple Open-Vocabulary Object Detection with Vision Transformers", ECCV 2022, and "Scaling
Open-Vocabulary Object Detection", NeurIPS 2023, in transformers' format. Every patch of the picture proposes one box
and says which of the asked names it shows, if any. Scores of two models cannot be compared: each row names `model`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.backends.pretrained import read_net
from actors.models.hub import SAFE_FILES
from actors.models.provenance import identify
from actors.models.weights import forbid_code, local_weights
from engine.errors import EnvironmentProblem, UsageError
from engine.metrics.detection import Detections, suppress
from engine.rows.values import Pixels

BATCH = 16
PROMPT = "a photo of a {}"  # of the paper; CLIP's texts are not particular about "an"
THRESHOLD_FILE = "detector.json"
THRESHOLD = 0.1  # where the folder states none: transformers' own
FLOOR = 0.02  # surer boxes are told, believed or not
OVERLAP = 0.3  # two boxes of one name that share more are one; at 0.5, twice as many of the micro detector's missed
NAMES_KEPT = 4096

KINDS = {"owlvit": "OwlViT", "owlv2": "Owlv2"}  # as config.json says, and as classes of transformers are called
UNUSED = tuple(f"{kind}.{part}" for kind in KINDS for part in ("visual_proj", "logit_"))  # CLIP's contrastive head


@final
class OwlVit:
    """Any OWL-ViT or OWLv2 in transformers' format, with its processor beside it.

    The first stretches pictures to a square, the second pads them, so that its boxes are shares of the longer side.

    A folder may state its working threshold in ``detector.json``: ``{"threshold": 0.3}``. Runs in float32 on every
    device: a score that decides over a row must not depend on the GPU.

    Args:
        model: a local folder, ``shipped:<family>/<part>``, or a hub id such as ``google/owlvit-base-patch32``.
        revision: the 40 hex digits of a commit; required for a hub id.
        threshold: score from which a box is believed; None takes what the folder states, or else 0.1.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: DETECTOR_CONFIG, and those of `actors.models.weights.local_weights`.
    """

    def __init__(self, model: str, revision: str = "", threshold: float | None = None) -> None:
        forbid_code()
        import transformers

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        folder = local_weights(model, revision, files=SAFE_FILES)
        self.threshold = _working_threshold(folder) if threshold is None else threshold
        self.model = identify(model, folder)
        kind = _kind(folder)
        self._pads = kind == "Owlv2"
        net = getattr(transformers, f"{kind}ForObjectDetection")
        self._net = read_net(net, folder, _mismatch, unused=UNUSED).to(self.device)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._processor: Any = transformers.AutoProcessor.from_pretrained(folder, **options)
        self._longest = int(self._net.config.text_config.max_position_embeddings)
        self._embedded = lru_cache(maxsize=NAMES_KEPT)(self._embed_name)

    @torch.inference_mode()
    def detect(self, images: Sequence[Pixels], queries: Sequence[Sequence[str]]) -> Sequence[Detections]:
        """What is found of the asked names, one list of them for each HxWx3 RGB image of any size.

        All boxes with a score of 0.02 or more (or of the threshold, where that is less), after non-maximum suppression
        within each name. `labels` are indexes into the image's own list.
        """
        found = []
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            found += self._detect(images[part], queries[part])
        return found

    def _detect(self, images: Sequence[Pixels], queries: Sequence[Sequence[str]]) -> list[Detections]:
        # one at a time: they differ in size, and then none depends on its company
        pixels = [
            self._processor.image_processor(torch.tensor(image).permute(2, 0, 1), return_tensors="pt").pixel_values
            for image in images
        ]
        feature_map, _ = self._net.image_embedder(torch.cat(pixels).to(self.device))
        features = feature_map.flatten(1, 2)
        boxes = _corners(self._net.box_predictor(features, feature_map)).cpu().numpy()
        return [
            self._propose(feature[None], self._within(box, image), names)
            for feature, box, image, names in zip(features, boxes, images, queries, strict=True)
        ]

    def _within(self, boxes: NDArray[np.float32], image: Pixels) -> NDArray[np.float32]:
        """Boxes as shares of the picture's own sides, inside it."""
        height, width = image.shape[:2]
        scale = np.asarray([width, height, width, height]) / max(height, width) if self._pads else np.ones(4)
        return np.asarray(np.clip(boxes / scale, 0.0, 1.0), np.float32)

    def _propose(self, features: Tensor, boxes: NDArray[np.float32], names: Sequence[str]) -> Detections:
        """The boxes of one picture: features 1xPxD, boxes Px4."""
        if not names:
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
        texts = torch.stack([self._embedded(name) for name in names])[None]
        logits, _ = self._net.class_predictor(features, texts)
        scores = torch.sigmoid(logits[0].float()).cpu().numpy()
        labels = scores.argmax(axis=1)
        best = scores.max(axis=1)
        told = np.flatnonzero(best >= min(FLOOR, self.threshold))
        told = told[np.argsort(-best[told], kind="stable")]
        return suppress(Detections(boxes[told], best[told], labels[told].astype(np.int64)), OVERLAP)

    def _embed_name(self, name: str) -> Tensor:
        return embed_texts(self._net, self._processor.tokenizer, [PROMPT.format(name)], self._longest)[0]


def embed_texts(net: Any, tokenizer: Any, texts: Sequence[str], longest: int) -> Tensor:
    """NxD embeddings of N texts by the text tower of an OWL-ViT or OWLv2; text past `longest` is cut."""
    tokens = tokenizer(list(texts), padding="max_length", truncation=True, max_length=longest, return_tensors="pt")
    device, clip = net.device, getattr(net, net.base_model_prefix)
    pooled = clip.text_model(
        input_ids=tokens["input_ids"].to(device), attention_mask=tokens["attention_mask"].to(device)
    ).pooler_output
    return cast("Tensor", clip.text_projection(pooled))


def _corners(boxes: Tensor) -> Tensor:
    """Centre and size to xyxy."""
    centre, half = boxes[..., :2].float(), boxes[..., 2:].float() / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def _working_threshold(folder: Path) -> float:
    path = folder / THRESHOLD_FILE
    if not path.is_file():
        return THRESHOLD
    try:
        stated = float(json.loads(path.read_bytes())["threshold"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _config(path, f"{type(error).__name__}: {error}") from None
    if not 0 <= stated <= 1:
        raise _config(path, f"a threshold of {stated} is no share")
    return stated


def _kind(folder: Path) -> str:
    """What transformers calls the architecture of a folder."""
    path = folder / "config.json"
    try:
        kind = str(json.loads(path.read_bytes())["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _config(path, f"{type(error).__name__}: {error}") from None
    if kind not in KINDS:
        raise _mismatch(folder, f"it is a {kind!r}")
    # transformers 5 writes the first, older ones the second
    if not any((folder / name).is_file() for name in ("processor_config.json", "preprocessor_config.json")):
        raise EnvironmentProblem(
            "WEIGHTS_MISSING",
            "holds no preprocessor_config.json",
            where=str(folder),
            fix="download the model into it again",
        )
    return KINDS[kind]


def _config(path: Path, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "DETECTOR_CONFIG",
        "no usable OWL-ViT configuration",
        where=str(path),
        why=why,
        fix="take a folder as transformers writes it: config.json, preprocessor_config.json, tokenizer, safetensors",
    )


def _mismatch(folder: Path, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "the tensors are not those of the OWL-ViT in its config.json",
        where=str(folder),
        why=why,
        fix="take a folder or repository of an OWL-ViT, such as google/owlvit-base-patch32",
    )
