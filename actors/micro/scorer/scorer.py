"""The scorer of the micro family: a CLIP of open_clip's own architecture with a small vocabulary.

Trained with CLIP's loss (Radford et al. 2021), where equal captions count as one, and with labels as captions (Yang et
al., "Unified Contrastive Learning in Image-Text-Label Space", CVPR 2022): every picture must find the names of its toys
among those of all classes, and the phrase of its scene. Short captions are thus learned without false negatives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from actors.micro.half_precision import card_text, half_precision_state
from actors.micro.model_card import write_card
from actors.micro.scorer.metrics import caption_metrics, class_zero_shot, scene_zero_shot
from actors.micro.scorer.views import ScorerViews
from actors.micro.scorer.vocabulary import merges, write_tokenizer
from actors.micro.spec import Measurement, PartFolders
from actors.micro.specs import ScorerTraining
from actors.training.attention import short_attention
from actors.training.loop import TrainingTask, best_device, fit
from actors.training.norms import retake_statistics
from engine.seeds import rng
from engine.toybox import CLASSES, SCENES
from engine.toybox.sets import ToySet, open_set
from engine.training.context import TrainContext

SENTENCE = "A CLIP of open_clip's architecture: how well a picture and a text belong together."
MEAN, SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's own pictures
HOTTEST = 100.0  # as in CLIP, section 2.5: the logits are never scaled by more
CLASS_TEXTS = ("a {}", "a photo of a {}", "a picture of a {}", "{}", "a toy {}", "a photo of one {}")
SCENE_TEXTS = ("{}", "a photo {}", "a picture {}", "a photo taken {}", "something {}")


def train_part(spec: ScorerTraining, context: TrainContext, folders: PartFolders) -> None:
    """Train; saves an open_clip folder with its tokenizer."""
    with TemporaryDirectory(prefix="mc-tokenizer-") as scratch:
        photos, groups = open_set(folders.data, "photos"), open_set(folders.data, "groups")
        task = ScorerTask(spec, photos, groups, Path(scratch))
        fit(task, spec.schedule, context, device=task.device)
        if context.rank == 0:
            task.settle()
            save(spec, task, folders.part)


def evaluate(spec: ScorerTraining, family: Path, data: Path, seed: int) -> list[Measurement]:
    """Zero-shot classes and scenes, retrieval among 64 captions, matching against shuffled captions."""
    from actors.backends.score.open_clip import OpenClip
    from actors.score.scorers import ClipSpec

    scorer = OpenClip(ClipSpec(model=str(family / spec.name)))
    photos, groups = open_set(data, "photos_test"), open_set(data, "groups_test")
    recall, auc = caption_metrics(scorer, groups, seed)
    return [
        Measurement(spec.name, "class_zero_shot", class_zero_shot(scorer, photos), 0.90),
        Measurement(spec.name, "scene_zero_shot", scene_zero_shot(scorer, groups), 0.90),
        Measurement(spec.name, "caption_recall_at_1", recall, 0.80),
        Measurement(spec.name, "matching_auc", auc, 0.90),
    ]


def architecture(spec: ScorerTraining, vocabulary: int) -> dict[str, Any]:
    """open_clip's ``model_cfg``. Its tokenizer lies in the same folder, whatever `hf_tokenizer_name` says."""
    vision = {
        "image_size": spec.size,
        "layers": list(spec.layers),
        "width": spec.width,
        "head_width": 64,
    }
    text = {
        "context_length": spec.context,
        "vocab_size": vocabulary,
        "hf_tokenizer_name": "micro-scorer",
        "width": spec.text_width,
        "heads": spec.text_width // 64,
        "layers": spec.text_layers,
    }
    return {"embed_dim": spec.embedding, "vision_cfg": vision, "text_cfg": text}


@final
class ScorerTask(TrainingTask):
    """Pictures with captions, and the losses over captions, classes and scenes."""

    def __init__(self, spec: ScorerTraining, photos: ToySet, groups: ToySet, scratch: Path) -> None:
        from open_clip.model import CLIP
        from open_clip.tokenizer import HFTokenizer

        self.spec, self.seed, self.device = spec, spec.seed, best_device()
        self.pairs = merges(_texts(photos, groups, spec.seed))
        vocabulary = write_tokenizer(scratch, self.pairs, spec.context)
        self.tokenize: Any = HFTokenizer(str(scratch), context_length=spec.context)
        self.views = ScorerViews(photos, groups, spec.size, self.device)
        self.config = architecture(spec, vocabulary)
        torch.manual_seed(spec.seed)
        self.net: nn.Module = CLIP(**self.config)
        self.net.visual.to(memory_format=torch.channels_last)  # a sixth faster on a CPU

    def loss(self, step: int, rank: int) -> tuple[Tensor, dict[str, float]]:
        """At first classes of single toys alone; then captions + classes + half the labels of scenes.

        Colours and scenes are learned within a hundred steps, and their gradients, ten times as large, then drown what
        tells a mug from a bell: with all losses from the start classes were still a guess after 700 steps. Up close
        they take 600 steps; seen from near and far from the start, 900 steps left the loss at 1.7.
        """
        draw = rng(self.seed, self.spec.name, f"{step}/{rank}")
        alone = step < self.spec.first * self.spec.schedule.steps
        progress = step / (self.spec.first * self.spec.schedule.steps) if alone else 1.0
        batch = self.views.batch(draw, self.spec.batch, 0.0 if alone else self.spec.whole, progress)
        names = [str(draw.choice(CLASS_TEXTS)).format(name) for name in CLASSES]
        places = [] if alone else [str(draw.choice(SCENE_TEXTS)).format(phrase) for _, phrase in SCENES]
        images, texts, scale = self._embed(batch.pixels, [*names, *places, *batch.captions])
        classes, scenes, captions = torch.split(texts, [len(names), len(places), len(batch.captions)])
        by_class = functional.cross_entropy(scale * images @ classes.T, batch.classes)
        if alone:
            return by_class, {"classes": by_class.item()}
        whole = images[: len(batch.captions)]
        by_caption = caption_loss(scale * whole @ captions.T, batch.captions)
        by_scene = functional.cross_entropy(scale * whole @ scenes.T, batch.scenes)
        values = {"classes": by_class.item(), "captions": by_caption.item(), "scenes": by_scene.item()}
        return by_caption + by_class + 0.5 * by_scene, values

    def settle(self) -> None:
        """Take the statistics of batch norm from the averaged weights."""
        net: Any = self.net
        retake_statistics(net, lambda number: net.visual(self._prepare(self._statistics_batch(number))))

    def _statistics_batch(self, number: int) -> Tensor:
        draw = rng(self.seed, self.spec.name, f"settle {number}")
        return self.views.batch(draw, self.spec.batch, self.spec.whole).pixels

    def _prepare(self, pixels: Tensor) -> Tensor:
        mean, spread = (torch.tensor(value, device=self.device).view(1, 3, 1, 1) for value in (MEAN, SPREAD))
        return ((pixels - mean) / spread).contiguous(memory_format=torch.channels_last)

    def _embed(self, pixels: Tensor, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        with short_attention(self.device):
            images, vectors, scale = self.net(self._prepare(pixels), self.tokenize(texts).to(self.device))
        return images.float(), vectors.float(), scale.clamp(max=HOTTEST)


def caption_loss(logits: Tensor, captions: list[str]) -> Tensor:
    """CLIP's symmetric cross-entropy, NxN; pictures with equal captions share the truth among them."""
    numbers = {caption: number for number, caption in enumerate(captions)}
    labels = torch.tensor([numbers[caption] for caption in captions], device=logits.device)
    same = (labels[:, None] == labels[None]).float()
    truth = same / same.sum(1, keepdim=True)
    return (functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)) / 2


def _texts(photos: ToySet, groups: ToySet, seed: int) -> Iterator[str]:
    """What the vocabulary is learned from."""
    draw = rng(seed, "scorer", "vocabulary")
    for toys in (photos, groups):
        for index in draw.integers(len(toys), size=2000):
            yield toys.caption(int(index), draw)
            yield toys.full_caption(int(index))
    yield from (template.format(name) for name in CLASSES for template in (*CLASS_TEXTS, "an {}", "{}s"))
    yield from (template.format(phrase) for _, phrase in SCENES for template in SCENE_TEXTS)


def save(spec: ScorerTraining, task: ScorerTask, folder: Path) -> None:
    """Write an open_clip folder, as `OpenClip` reads it."""
    write_tokenizer(folder, task.pairs, spec.context)
    preparation = {"mean": MEAN, "std": SPREAD, "interpolation": "bicubic", "resize_mode": "squash"}
    config = {"model_cfg": task.config, "preprocess_cfg": preparation}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file(half_precision_state(task.net), folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    write_card(
        folder, "Scorer of the micro family", card_text(spec.name, SENTENCE, task.net, spec.model_dump(mode="json"))
    )
