"""The identity scorer of the micro family: DINOv2's architecture, trained to tell toys apart.

Self-distillation needs more pictures than two cores see; here the instances are known. Two losses on unit vectors:
supervised contrastive (Khosla et al., NeurIPS 2020, equation 2) within batches of which half are toys of one class, and
a softmax over one learned proxy per toy (Wang et al., "NormFace", ACM MM 2017). Proxies are not shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from actors.backends.score.dino import Dino
from actors.micro.half_precision import card_text, half_precision_state
from actors.micro.identity.pairs import GALLERY, same_instance_top1
from actors.micro.model_card import write_card
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import IdentityTraining
from actors.micro.views import around, on_color, relit, render_view, stack_pictures
from actors.training.attention import short_attention
from actors.training.loop import TrainingTask, best_device, fit
from engine.rows.values import Pixels
from engine.seeds import rng
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

SENTENCE = "DINOv2's architecture: one vector per picture, near for two pictures of the same toy."
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # DINOv2's own preparation
TEMPERATURE = 0.1  # Khosla et al., section 5
PROXY_SCALE = 20.0
GREY = (128, 128, 128)
GREY_SHARE, COLOR_SHARE = 0.65, 0.1  # cut out on grey, as scores are taken; on any colour; the rest as they stand
HIDDEN_SHARE = 0.3  # of the cut-outs: a part is hidden, as behind another toy


def train_part(spec: IdentityTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train; saves a transformers folder."""
    task = IdentityTask(spec, open_set(folders.data, "photos"))
    fit(task, spec.schedule, context, device=task.device)
    if context.rank == 0:
        save(spec, task.net, folders.part)


def evaluate(spec: IdentityTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Share of toys whose other photo is the nearest of 64, half of them of one class."""
    model = Dino(str(family / spec.name))
    # the test sets hold too few toys of a class: photos of more are taken from their seed
    unseen = open_set(data, "photos_test").seed
    return [Measurement(spec.name, f"same_instance_top1_of_{GALLERY}", same_instance_top1(model, unseen, seed), 0.90)]


@final
class IdentityNet(nn.Module):
    """A DINOv2 and one proxy per instance."""

    def __init__(self, spec: IdentityTraining, instances: int) -> None:
        from transformers import Dinov2Config, Dinov2Model

        super().__init__()
        self.config = Dinov2Config(
            hidden_size=spec.width,
            num_hidden_layers=spec.layers,
            num_attention_heads=spec.width // 32,
            image_size=spec.size,
            patch_size=spec.patch,
            use_mask_token=False,
        )
        self.backbone = Dinov2Model(self.config)
        self.proxies = nn.Parameter(torch.randn(instances, spec.width) / spec.width**0.5)

    def forward(self, pixels: Tensor) -> Tensor:
        """BxD unit vectors, float32, of Bx3xSxS prepared pictures."""
        return functional.normalize(self.backbone(pixel_values=pixels).pooler_output.float(), dim=-1)


@final
class IdentityTask(TrainingTask):
    """Two views each of many toys, half of them of one class, and the two losses."""

    net: IdentityNet

    def __init__(self, spec: IdentityTraining, photos: ToySet) -> None:
        self.spec, self.photos, self.seed, self.device = spec, photos, spec.seed, best_device()
        own, self.labels = np.unique(photos.instances[:, 0], return_inverse=True)
        self.views = [np.flatnonzero(self.labels == label) for label in range(len(own))]
        self.classes = np.array([photos.classes[views[0], 0] for views in self.views])
        torch.manual_seed(spec.seed)
        self.net = IdentityNet(spec, len(own))

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """Contrastive + weighted proxies."""
        draw = rng(self.seed, self.spec.name, f"{step}/{rank}")
        chosen = np.repeat(self._toys(draw), 2)
        pictures = [self._picture(int(draw.choice(self.views[label])), draw) for label in chosen]
        mean, spread = (torch.tensor(value, device=self.device).view(1, 3, 1, 1) for value in (MEAN, SPREAD))
        pixels = (relit(stack_pictures(pictures, self.device), draw, 0.25) - mean) / spread
        labels = torch.from_numpy(chosen).to(self.device)
        with short_attention(self.device):
            vectors = cast("Tensor", self.net(pixels))
        with torch.autocast(self.device.type, enabled=False):
            contrast = contrastive(vectors, labels)
            proxies = functional.normalize(self.net.proxies.float(), dim=-1)
            guess = PROXY_SCALE * vectors @ proxies.T
            by_proxy = functional.cross_entropy(guess, labels)
        right = float((guess.argmax(1) == labels).float().mean())
        values = {"contrast": contrast.item(), "proxies": by_proxy.item(), "right": right}
        return contrast + self.spec.proxy_weight * by_proxy, values

    def _toys(self, draw: np.random.Generator) -> NDArray[np.intp]:
        """Labels of distinct toys, as many as there are of one class up to one half of the batch."""
        count = min(self.spec.toys, len(self.views))
        same = draw.permutation(np.flatnonzero(self.classes == draw.choice(self.classes)))[: count // 2]
        others = np.setdiff1d(np.arange(len(self.views)), same)
        return np.concatenate([same, draw.choice(others, count - len(same), replace=False)])

    def _picture(self, index: int, draw: np.random.Generator) -> Pixels:
        """A toy through its box, usually cut out."""
        window, mirrored = around(self.photos.boxes[index, 0], draw, 0.1), bool(draw.random() < 0.5)
        picture = render_view(self.photos.images[index], window, self.spec.size, mirrored=mirrored)
        kind = draw.random()
        if kind >= GREY_SHARE + COLOR_SHARE:
            return picture
        mask = render_view(self.photos.masks[index], window, self.spec.size, mirrored=mirrored)
        if draw.random() < HIDDEN_SHARE:
            mask = partly_hidden(mask, draw)
        return on_color(picture, mask, GREY if kind < GREY_SHARE else draw.integers(0, 256, 3))


def contrastive(vectors: Tensor, labels: Tensor) -> Tensor:
    """Supervised contrastive loss of N unit vectors, every label at least twice (Khosla et al. 2020, equation 2)."""
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    likeness = (vectors @ vectors.T / TEMPERATURE).masked_fill(own, float("-inf"))
    same = (labels[:, None] == labels[None]) & ~own
    log_share = functional.log_softmax(likeness, dim=1).masked_fill(~same, 0.0)
    return -(log_share.sum(1) / same.sum(1)).mean()


def partly_hidden(mask: Pixels, draw: np.random.Generator) -> Pixels:
    """An SxS mask without the part beyond a horizontal or vertical line, at most a third of the side away."""
    turn, depth = int(draw.integers(4)), int(draw.uniform(0.05, 0.33) * len(mask))
    kept = np.rot90(mask, turn).copy()
    kept[:depth] = 0
    return np.ascontiguousarray(np.rot90(kept, -turn))


def save(spec: IdentityTraining, net: IdentityNet, folder: Path) -> None:
    """Write a transformers folder, as `Dino` reads it."""
    from transformers import BitImageProcessor

    folder.mkdir(parents=True, exist_ok=True)
    square = {"height": spec.size, "width": spec.size}
    BitImageProcessor(size=square, do_center_crop=False, image_mean=MEAN, image_std=SPREAD).save_pretrained(folder)
    net.config.architectures = ["Dinov2Model"]
    net.config.save_pretrained(folder)
    save_file(half_precision_state(net.backbone), folder / "model.safetensors", metadata={"format": "pt"})
    text = card_text(spec.name, SENTENCE, net.backbone, spec.model_dump(mode="json"))
    write_card(folder, "Identity scorer of the micro family", text)
