"""How the micro detector is trained and measured: an OWL-ViT that looks for Toybox classes by their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from actors.backends.score.dino import Dino
from actors.backends.score.owlvit import THRESHOLD_FILE, OwlVit, embed_texts
from actors.micro.detector.data import (
    Annotated,
    DetectionBatch,
    disguise,
    draw_alone,
    draw_batch,
    draw_close,
    join_batches,
    mosaics,
)
from actors.micro.detector.matching import Truth, detection_loss, names_loss, presence_loss
from actors.micro.detector.measures import (
    mean_average_precision,
    recall_and_precision,
    truth_of,
    working_threshold,
)
from actors.micro.detector.net import LONGEST, PROMPTS, new_net, prepare_images
from actors.micro.detector.words import train_tokenizer
from actors.micro.identity.identity import MEAN, SPREAD
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import DetectorTraining
from actors.training.loop import TrainingTask, best_device, fit
from engine.seeds import rng
from engine.toybox import CLASSES
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

FEW, MANY, HALF = 2, 3, 0.5  # toys in a row of a mosaic: few in the first half, then either
RAMP = 0.1  # of the time that names took: boxes come in over so long
CALIBRATION = 256  # groups at the end of the set that are held out, for the working threshold
PRECISION = 0.9  # at the working threshold, of boxes in the groups held out

CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: zero-shot-object-detection
---
# Micro detector

An OWL-ViT of {parameters:.1f} million parameters for {side} px pictures, its image tower begun as the micro identity
scorer's, trained on Toybox pictures alone by `mycanvas micro train --parts detector`. It knows {classes} classes by
name: {names}.

It loads with `OwlViTForObjectDetection.from_pretrained` and `OwlViTProcessor.from_pretrained`; `detector.json` states
the score from which its boxes are believed. Figures are in docs/micro.md. It has seen no photo of the real world.
"""


def train_part(spec: DetectorTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train the net, then choose the working threshold on groups that it was not trained on."""
    groups = open_set(folders.data, "groups")
    tokenizer = train_tokenizer(
        {*(prompt.format(name) for prompt in PROMPTS for name in CLASSES)}
        | {groups.full_caption(index) for index in range(min(len(groups), 1000))},
        spec.vocabulary,
        LONGEST,
    )
    torch.manual_seed(spec.seed)
    photos = open_set(folders.data, "photos")
    net = new_net(spec, tokenizer, Dino(str(folders.family / "identity")).net, np.asarray(photos.images[:32]))
    held_out = min(CALIBRATION, len(groups) // 4)
    task = DetectorTask(spec, net, tokenizer, (groups, len(groups) - held_out), photos)
    fit(task, spec.schedule, context, device=best_device())
    if context.rank == 0:
        save(net, tokenizer, spec, folders.part, threshold=0.0)
        backend = OwlVit(str(folders.part))
        truth = truth_of(groups, range(len(groups) - held_out, len(groups)))
        threshold = working_threshold(backend, groups, truth, PRECISION)
        (folders.part / THRESHOLD_FILE).write_text(json.dumps({"threshold": round(threshold, 3)}) + "\n")


def evaluate(spec: DetectorTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """AP50 where every class is asked for; recall and precision where the classes of a group are, as `score` does.

    `seed` has no part in it: all groups of the test set are measured.
    """
    del seed
    groups = open_set(data, "groups_test")
    backend = OwlVit(str(family / spec.name))
    truth = truth_of(groups, range(len(groups)))
    recall, precision = recall_and_precision(backend, groups, truth)
    return [
        Measurement(spec.name, "ap50", mean_average_precision(backend, groups, truth), 0.80),
        Measurement(spec.name, "object_recall", recall, 0.98),
        Measurement(spec.name, "box_precision", precision, 0.80),
    ]


@final
class DetectorTask(TrainingTask):
    """Every step: a batch of changed pictures, all class names under one prompt, and at first names alone.

    Gradients of boxes are ten times as large as those of names: with both from the start names were still a guess after
    450 steps. Toys without surroundings come first: among surroundings, the tower told 20 % of them apart where here it
    told 42 %. Names are learned from mosaics: from pictures of one toy each, the loss over names rose from 1.1 to 2.5
    where groups of toys began.
    """

    def __init__(
        self, spec: DetectorTraining, net: Any, tokenizer: Any, groups: tuple[Annotated, int], photos: ToySet
    ) -> None:
        self.net, self.seed = net, spec.seed
        self._spec, self._tokenizer, self._photos = spec, tokenizer, photos
        self._sets = groups, (photos, len(photos))
        self._device = best_device()
        single, self._mosaics = round(spec.batch * spec.photos), round(spec.batch * spec.mosaics)
        self._sizes = spec.batch - single - self._mosaics, single
        self._tiny = round(spec.batch * spec.tiny)

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, drawn anew for every (step, rank)."""
        draw = rng(self.seed, self._spec.name, f"{step}/{rank}")
        named = step / max(self._spec.first * self._spec.schedule.first_round, 1)
        naming = named < 1
        if naming:
            batch = self._naming_batch(named, draw)
        elif step < self._spec.schedule.first_round:
            batch = self._detection_batch(self._sizes, draw)
        else:
            batch = self._harder_batch(draw)
        prompt = PROMPTS[int(draw.integers(len(PROMPTS)))]
        normal = prepare_images(batch.images, self._device)
        texts = embed_texts(self.net, self._tokenizer, [prompt.format(name) for name in CLASSES], LONGEST)
        feature_map, _ = self.net.image_embedder(normal)  # type: ignore[operator]
        features = feature_map.flatten(1, 2)
        logits, _ = self.net.class_predictor(features, texts[None].expand(len(normal), -1, -1))  # type: ignore[operator]
        boxes_there, labels = torch.from_numpy(batch.boxes), torch.from_numpy(batch.labels)
        there = torch.arange(boxes_there.shape[1])[None] < torch.from_numpy(batch.counts)[:, None]
        truth = Truth(boxes_there.to(self._device), labels.to(self._device), there.to(self._device))
        if naming:
            with torch.autocast(self._device.type, enabled=False):
                names, presence = names_loss(logits.float(), truth), presence_loss(logits.float(), truth)
            return names + presence, {"names": names.item(), "presence": presence.item()}
        boxes = self.net.box_predictor(features, feature_map)  # type: ignore[operator]
        with torch.autocast(self._device.type, enabled=False):
            return detection_loss(logits, boxes, truth, self._spec.copies, box_share=min(named - 1, RAMP) / RAMP)

    def _naming_batch(self, done: float, draw: np.random.Generator) -> DetectionBatch:
        """Toys alone, two or three in a row, then through windows that widen; `done` says how far naming is, 0..1."""
        spec = self._spec
        alone = done < spec.paper
        progress = done / spec.paper if alone else (done - spec.paper) / (1 - spec.paper)
        cells = FEW if progress < HALF else int(draw.integers(FEW, MANY + 1))
        if alone:
            tiles = draw_alone(self._photos, spec.first_toys, -(-spec.side // cells), draw)
            return mosaics(tiles, cells, spec.side)
        return self._windows(spec.first_toys // cells**2, cells, progress, draw)

    def _harder_batch(self, draw: np.random.Generator) -> DetectionBatch:
        """With pictures of 4 or 9 groups among them, in other colours and less sharp.

        After the first round 96 % of the objects of groups that it had seen were found, of others 87 %; and of toys
        that cover less than 2 % of a composition, 2 %.
        """
        side, cells = self._spec.side, int(draw.integers(FEW, MANY + 1))
        batch = self._detection_batch((self._sizes[0] - self._tiny, self._sizes[1]), draw)
        if self._tiny:
            tiles = draw_batch(self._sets[:1], [self._tiny * cells**2], -(-side // cells), draw)
            batch = join_batches(batch, mosaics(tiles, cells, side))
        return disguise(batch, draw)

    def _detection_batch(self, sizes: tuple[int, int], draw: np.random.Generator) -> DetectionBatch:
        pictures = draw_batch(self._sets, sizes, self._spec.side, draw)
        cells = int(draw.integers(FEW, MANY + 1))
        return join_batches(pictures, self._windows(self._mosaics, cells, 1.0, draw)) if self._mosaics else pictures

    def _windows(self, count: int, cells: int, wide: float, draw: np.random.Generator) -> DetectionBatch:
        side, toys = self._spec.side, count * cells**2
        tiles = draw_close(self._sets, (toys - toys // 2, toys // 2), -(-side // cells), draw, wide)
        return mosaics(tiles, cells, side)


def save(net: Any, tokenizer: Any, spec: DetectorTraining, folder: Path, threshold: float) -> None:
    """The finished part as transformers writes an OWL-ViT, in half precision, with its processor and card."""
    from transformers import OwlViTImageProcessor, OwlViTProcessor

    square = {"height": spec.side, "width": spec.side}
    images = OwlViTImageProcessor(size=square, crop_size=square, image_mean=list(MEAN), image_std=list(SPREAD))
    folder.mkdir(parents=True, exist_ok=True)
    OwlViTProcessor(images, tokenizer).save_pretrained(folder)
    net.half().save_pretrained(folder, safe_serialization=True)
    net.float()
    (folder / THRESHOLD_FILE).write_text(json.dumps({"threshold": threshold}) + "\n")
    parameters = sum(weight.numel() for weight in net.parameters()) / 1e6
    card = CARD.format(parameters=parameters, side=spec.side, classes=len(CLASSES), names=", ".join(CLASSES))
    (folder / "README.md").write_text(card, encoding="utf-8")
