"""Grounded SAM: a detector finds what is named, SAM 2 cuts out what is in its box.

Liu et al., "Grounding DINO: Marrying DINO with Grounded Pre-Training for Open-Set Object Detection", 2023. Ravi et al.,
"SAM 2: Segment Anything in Images and Videos", 2024. A saliency net takes whatever stands out; of a dog on a sofa this
takes the dog. SAM's masks are hard: their edges are softened along the photo, or a saliency net's are taken where it
found the same thing.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from actors.backends.pretrained import read_net
from actors.compose.segment import SEGMENTERS, Grounding, Segment, Segmenter
from actors.models.provenance import identify
from actors.models.weights import forbid_code, local_weights
from engine.errors import SampleError, UsageError
from engine.photos.mattes import OPAQUE, Matte, largest_component, overlap, soft_edge
from engine.rows.values import Model, Pixels

SAME = 0.7  # overlap from which two masks are of one thing
BAND = 3  # px at 1024 px: half width of the edge that is softened


@final
class GroundedSam:
    """Photo and name to matte. The detector is any zero-shot detector of transformers, the segmenter any SAM 2.

    Quality is what SAM itself thinks of its mask: the predicted overlap with the truth, 0 to 1.

    Args:
        spec: where the nets are, and the score from which a box is believed.
        edges: a segmenter whose matte is taken where it overlaps the mask by 0.7 or more; None: always the mask's.

    Raises:
        UsageError: WEIGHTS_MISMATCH, and those of `actors.models.weights.local_weights`.
        EnvironmentProblem: those of `actors.models.weights.local_weights`.
    """

    def __init__(self, spec: Grounding, edges: Segmenter | None = None) -> None:
        forbid_code()
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor, Sam2Model, Sam2Processor

        # One thread: sums then have one order whatever the machine, and every worker has one core.
        torch.set_num_threads(1)
        self.spec, self._edges = spec, edges
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        found = local_weights(spec.detector, spec.detector_revision)
        cut = local_weights(spec.sam, spec.sam_revision)
        self._detector = read_net(AutoModelForZeroShotObjectDetection, found, _mismatch).to(self.device)
        self._sam = read_net(Sam2Model, cut, _mismatch).to(self.device)
        options = {"local_files_only": True, "trust_remote_code": False}
        self._asks: Any = AutoProcessor.from_pretrained(found, **options)
        self._cuts: Any = Sam2Processor.from_pretrained(cut, **options)
        own = (identify(spec.detector, found), identify(spec.sam, cut))
        self.models: tuple[Model, ...] = own if edges is None else (*own, *edges.models)

    def __call__(self, photo: Pixels, name: str) -> Matte:
        """The matte of what is called `name` in an HxWx3 photo.

        Raises:
            SampleError: NOTHING_TO_CUT where nothing of that name is found.
        """
        mask, quality = self._mask(photo, self._box(photo, name))
        if self._edges is not None:
            try:
                fine = self._edges(photo, name)
            except SampleError:
                fine = None  # nothing stands out; what was named is there all the same
            if fine is not None and overlap(np.where(fine.alpha >= OPAQUE, 255, 0).astype(np.uint8), mask) >= SAME:
                return fine
        band = max(2, round(BAND * max(mask.shape) / 1024))
        return Matte(soft_edge(photo, mask, band), quality)

    @torch.inference_mode()
    def _box(self, photo: Pixels, name: str) -> NDArray[np.float32]:
        """The surest box for a name: left, top, right, bottom in pixels."""
        inputs = self._asks(images=photo, text=[[name.lower()]], return_tensors="pt").to(self.device)
        outputs = self._detector(**inputs)
        (found,) = self._asks.post_process_grounded_object_detection(
            outputs, threshold=self.spec.threshold, target_sizes=[photo.shape[:2]]
        )
        if not len(found["scores"]):
            raise SampleError(
                "NOTHING_TO_CUT",
                f"no {name!r} was found with a score of {self.spec.threshold:g}",
                fix="correct `class` in metadata.jsonl, lower grounding.threshold, or bring an RGBA cut-out",
            )
        box = found["boxes"][int(found["scores"].argmax())].float().cpu().numpy()
        height, width = photo.shape[:2]
        return np.asarray(np.clip(box, 0, [width, height, width, height]), np.float32)

    @torch.inference_mode()
    def _mask(self, photo: Pixels, box: NDArray[np.float32]) -> tuple[Pixels, float]:
        """The best of SAM's masks for a box, HxW of 0 and 255, its largest part, and how good SAM thinks it is."""
        inputs = self._cuts(images=photo, input_boxes=[[box.tolist()]], return_tensors="pt").to(self.device)
        outputs = self._sam(**inputs)
        best = int(outputs.iou_scores[0, 0].argmax())
        (masks,) = self._cuts.post_process_masks(outputs.pred_masks.cpu(), inputs["original_sizes"].cpu())
        mask = largest_component(np.where(masks[0, best].numpy(), 255, 0).astype(np.uint8))
        if not mask.any():
            raise SampleError("NOTHING_TO_CUT", "the named object has no outline", fix="bring an RGBA cut-out")
        return mask, float(outputs.iou_scores[0, 0, best].clamp(0, 1))


def load(spec: Segment) -> GroundedSam:
    """The segmenter that a recipe asks for."""
    assert spec.grounding is not None, "the spec holds backend and grounding together"
    edges = SEGMENTERS.resolve(spec.grounding.edges)(spec) if spec.grounding.edges else None
    return GroundedSam(spec.grounding, edges)


def _mismatch(folder: Any, why: str) -> UsageError:
    return UsageError(
        "WEIGHTS_MISMATCH",
        "is no model of the architecture that grounded_sam runs",
        where=str(folder),
        why=why,
        fix="`detector` takes a Grounding DINO or OWL-ViT, `sam` a SAM 2, as transformers writes them",
    )
