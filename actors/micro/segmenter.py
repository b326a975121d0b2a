"""The segmenter of the micro family: IS-Net, narrower, at 256 px.

Trained on all six side maps with binary cross-entropy and soft IoU, as the published net (Qin et al., "Highly Accurate
Dichotomous Image Segmentation", ECCV 2022, equation 6) without its feature synchronisation.
"""

from __future__ import annotations

from pathlib import Path
from typing import final

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from actors.backends.segment.isnet import FILE, IsNetSegmenter
from actors.backends.segment.isnet_net import ISNet
from actors.micro.half_precision import card_text, half_precision_state
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import SegmenterTraining
from actors.micro.views import random_window, relit, render_view, stack_pictures
from actors.training.loop import TrainingTask, best_device, fit
from actors.training.norms import retake_statistics
from engine.errors import SampleError
from engine.rows.values import Pixels
from engine.seeds import rng
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

SENTENCE = "IS-Net, narrower: the matte of the one thing that stands out in a photo."
TARGET = 0.95


def train_part(spec: SegmenterTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train; saves ``isnet.safetensors``."""
    task = SegmenterTask(spec, open_set(folders.data, "photos"), open_set(folders.data, "groups"))
    fit(task, spec.schedule, context, device=task.device)
    if context.rank == 0:
        task.settle()
        save(spec, task.net, folders.part)


def evaluate(spec: SegmenterTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Mean over held-out photos of the IoU of alpha > 0.5 with the truth; nothing found counts as 0."""
    del seed  # every held-out photo is measured
    segmenter, photos = IsNetSegmenter(str(family / spec.name)), open_set(data, "photos_test")
    found = [
        iou(_alpha(segmenter, np.array(image)), mask) for image, mask in zip(photos.images, photos.masks, strict=True)
    ]
    return [Measurement(spec.name, "mean_iou", float(np.mean(found)), TARGET)]


@final
class SegmenterTask(TrainingTask):
    """Photos and groups through random windows, and the loss of all six maps."""

    net: ISNet

    def __init__(self, spec: SegmenterTraining, photos: ToySet, groups: ToySet) -> None:
        self.spec, self.sets, self.seed = spec, (photos, groups), spec.seed
        self.device = best_device()
        torch.manual_seed(spec.seed)
        self.net = ISNet(spec.width)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Sum over the maps of cross-entropy and 1 - IoU, each averaged over the batch."""
        draw = rng(self.seed, self.spec.name, f"{step}/{rank}")
        small = step < self.spec.small_share * self.spec.schedule.steps
        side = self.spec.small_size if small else self.spec.size
        x, truth, weights = self.batch(draw, side)
        losses = [side_loss(logits.float(), truth, weights) for logits in self.net.logits(x)]
        return torch.stack(losses).sum(), {"finest": float(losses[0].detach())}

    def batch(self, draw: np.random.Generator, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """Bx3xSxS in -0.5..0.5, truth Bx1xSxS in 0..1, and the weight of each picture."""
        count = max(1, round(self.spec.batch * min(self.spec.size / side, 2)))
        several = draw.random(count) < self.spec.groups
        pictures, masks = [], []
        for group in several:
            toys = self.sets[int(group)]
            index = int(draw.integers(len(toys)))
            window, mirrored = random_window(draw, 0.6), bool(draw.random() < 0.5)
            pictures.append(render_view(toys.images[index], window, side, mirrored=mirrored))
            masks.append(render_view(toys.masks[index], window, side, mirrored=mirrored))
        x = relit(stack_pictures(pictures, self.device), draw, 0.3) - 0.5
        truth = torch.from_numpy(np.stack(masks)).to(self.device)[:, None].float() / 255
        weights = torch.from_numpy(np.where(several, self.spec.group_weight, 1.0).astype(np.float32))
        return x.contiguous(memory_format=torch.channels_last), truth, weights.to(self.device)

    def settle(self) -> None:
        """Take the statistics of batch norm from the averaged weights."""
        part, size = self.spec.name, self.spec.size
        retake_statistics(self.net, lambda n: self.net.logits(self.batch(rng(self.seed, part, f"settle {n}"), size)[0]))


def side_loss(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy plus 1 - soft IoU of one map, Bx1xHxW; a weighted mean over the batch."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean((1, 2, 3))
    p = torch.sigmoid(logits)
    both = (p * truth).sum((1, 2, 3))
    either = (p + truth).sum((1, 2, 3)) - both
    return ((entropy + 1 - (both + 1) / (either + 1)) * weights).sum() / weights.sum()


def save(spec: SegmenterTraining, net: ISNet, folder: Path) -> None:
    """Write weights and card, as `IsNetSegmenter` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {"name": "micro-segmenter", "license": "Apache-2.0", "input_size": str(spec.size)}
    save_file(half_precision_state(net), folder / FILE, metadata=metadata)
    write_card(
        folder, "Segmenter of the micro family", card_text(spec.name, SENTENCE, net, spec.model_dump(mode="json"))
    )


def iou(alpha: Pixels, mask: Pixels) -> float:
    """Intersection over union of two HxW uint8 mattes, each cut at one half."""
    found, true = alpha >= 128, mask >= 128
    union = np.logical_or(found, true).sum()
    return float(np.logical_and(found, true).sum() / union) if union else 1.0


def _alpha(segmenter: IsNetSegmenter, photo: Pixels) -> Pixels:
    try:
        return segmenter(photo).alpha
    except SampleError:
        return np.zeros(photo.shape[:2], np.uint8)
