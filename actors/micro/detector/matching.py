"""The training loss of OWL-ViT, which transformers lacks: bipartite matching with focal, softmax, L1 and GIoU terms.

Minderer et al. 2022, section 3, after Carion et al., "End-to-End Object Detection with Transformers" (DETR), ECCV 2020,
with the sigmoid focal loss and the weights of Zhu et al., "Deformable DETR", ICLR 2021. A short training of small nets
needs more than one patch per object to learn from: each object is matched `copies` times (the one-to-many branch of
Jia et al., "DETRs with Hybrid Matching", CVPR 2023), and non-maximum suppression removes what that doubles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

CLASS_WEIGHT, L1_WEIGHT, GIOU_WEIGHT = 2.0, 5.0, 2.0  # Deformable DETR, of cost and loss alike
ALPHA, GAMMA = 0.25, 2.0  # Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017
NAME_WEIGHT = 1.0  # focal loss on matched patches alone had not begun to tell classes apart after 4,000 pictures
INNER = 0.8  # share of a box, about its centre, whose patches are asked for the name of what they lie on
NEARLY = 0.6  # IoU from which a patch that was not matched is not told that it shows nothing


@dataclass(frozen=True, slots=True)
class Truth:
    """What the pictures of a batch show, padded to T objects each.

    `boxes` BxTx4 float32, xyxy in 0..1; `labels` BxT int64, indexes into the queries; `there` BxT bool.
    """

    boxes: Tensor
    labels: Tensor
    there: Tensor


def detection_loss(
    logits: Tensor, boxes: Tensor, truth: Truth, copies: int, *, box_share: float = 1.0
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch and its terms.

    Args:
        logits: BxPxC of P patches and C queries.
        boxes: BxPx4, centre and size, 0..1.
        truth: on the device of the logits.
        copies: patches matched with each object, at least 1.
        box_share: of the weights of L1 and GIoU.
    """
    logits, boxes = logits.float(), boxes.float()
    corners = to_corners(boxes)
    batch, patch, thing = match(logits.detach(), boxes.detach(), truth, copies)
    count = max(len(batch), 1)
    surely = _detection_focal(logits, corners.detach(), truth, (batch, patch, thing)).sum() / count
    wanted = truth.boxes[batch, thing]
    l1 = (boxes[batch, patch] - to_centres(wanted)).abs().sum() / count
    giou = (1 - generalised_iou(corners[batch, patch], wanted)[0]).sum() / count
    names = names_loss(logits, truth)
    total = CLASS_WEIGHT * surely + box_share * (L1_WEIGHT * l1 + GIOU_WEIGHT * giou) + NAME_WEIGHT * names
    return total, {"focal": surely.item(), "l1": l1.item(), "giou": giou.item(), "names": names.item()}


def match(logits: Tensor, boxes: Tensor, truth: Truth, copies: int) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers of picture, patch and object of every matched pair, on the device of the logits."""
    cost = _cost(logits, boxes, truth).cpu().numpy()
    counts = truth.there.sum(1).tolist()
    pairs: list[tuple[int, int, int]] = []
    for number, objects in enumerate(counts):
        own = cost[number, :objects].copy()  # objects come before the padding
        for _ in range(copies if objects else 0):
            taken = assign(own)
            pairs += [(number, int(patch), thing) for thing, patch in enumerate(taken)]
            own[:, taken] = np.float32(1e6)
    columns = torch.tensor(pairs, dtype=torch.int64, device=logits.device).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def assign(cost: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each row a column of its own so that the costs add up to the least (Jonker and Volgenant 1987).

    Rows enter one after another; each takes the shortest path of reassignments to a free column.

    Args:
        cost: RxC, finite, R <= C.
    """
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    owner = np.full(columns + 1, -1)  # the last column is where the path of a new row begins
    for row in range(rows):
        owner[columns], at = row, columns
        length, before = np.full(columns, np.inf), np.full(columns, columns)
        seen = np.zeros(columns + 1, bool)
        while owner[at] >= 0:
            seen[at] = True
            reduced = cost[owner[at]] - row_price[owner[at]] - column_price[:-1]
            shorter = ~seen[:-1] & (reduced < length)
            length[shorter], before[shorter] = reduced[shorter], at
            step_to = int(np.where(seen[:-1], np.inf, length).argmin())
            step = length[step_to]
            row_price[owner[seen]] += step
            column_price[seen] -= step
            length[~seen[:-1]] -= step
            at = step_to
        while at != columns:
            owner[at], at = owner[before[at]], before[at]
    taken = np.flatnonzero(owner[:-1] >= 0)
    return taken[np.argsort(owner[taken])]


def to_corners(boxes: Tensor) -> Tensor:
    """Centre and size to xyxy."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat((centre - half, centre + half), dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """Corners xyxy to centre and size."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat(((low + high) / 2, high - low), dim=-1)


def generalised_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """GIoU in -1..1 (Rezatofighi et al., CVPR 2019) and IoU in 0..1 of boxes xyxy that broadcast against each other."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    iou = shared / union.clamp(min=1e-7)
    return iou - (hull - union) / hull.clamp(min=1e-7), iou


@torch.no_grad()
def _cost(logits: Tensor, boxes: Tensor, truth: Truth) -> Tensor:
    """What it costs to match object t with patch p: BxTxP."""
    surely = torch.sigmoid(logits)
    showing = ALPHA * (1 - surely) ** GAMMA * -functional.logsigmoid(logits)
    hiding = (1 - ALPHA) * surely**GAMMA * -functional.logsigmoid(-logits)
    labels = truth.labels[:, None, :].expand(-1, logits.shape[1], -1)
    named = (showing - hiding).gather(2, labels).transpose(1, 2)
    l1 = (to_centres(truth.boxes)[:, :, None] - boxes[:, None]).abs().sum(-1)
    giou, _ = generalised_iou(truth.boxes[:, :, None], to_corners(boxes)[:, None])
    return CLASS_WEIGHT * named + L1_WEIGHT * l1 - GIOU_WEIGHT * giou


def names_loss(logits: Tensor, truth: Truth) -> Tensor:
    """Mean cross-entropy of a softmax over the queries, of every patch that lies on an object, matched or not.

    Args:
        logits: BxPxC; P is a square.
        truth: on the device of the logits.

    Where objects overlap the last is taken: Toybox pictures list them far to near.
    """
    on, labels = _lying_on(logits.shape[1], truth, INNER)
    return functional.cross_entropy(logits[on], labels[on]) if bool(on.any()) else logits.sum() * 0


def presence_loss(logits: Tensor, truth: Truth) -> Tensor:
    """Sigmoid focal loss of patches that lie on an object, or on none; arguments as for `names_loss`.

    A softmax says nothing of whether there is something at all. Without this, a net that knew names began to detect
    with a focal loss of 29, and had forgotten them 50 steps later.
    """
    on, labels = _lying_on(logits.shape[1], truth, INNER)
    off = ~_lying_on(logits.shape[1], truth, 1.0)[0]
    wanted = functional.one_hot(labels, logits.shape[2]).to(logits.dtype) * on[..., None]
    judged = (on | off)[..., None].expand_as(logits)
    return (focal(logits, wanted) * judged).sum() / on.sum().clamp(min=1)


def _lying_on(patches: int, truth: Truth, inner: float) -> tuple[Tensor, Tensor]:
    """Both BxP: whether a patch lies in the `inner` share of an object's box; the label of the last such object."""
    side = round(patches**0.5)
    line = (torch.arange(side, device=truth.boxes.device) + 0.5) / side
    y, x = torch.meshgrid(line, line, indexing="ij")
    at = torch.stack((x.flatten(), y.flatten()), 1)
    boxes = to_centres(truth.boxes)[:, :, None]
    on = ((at - boxes[..., :2]).abs() < inner * boxes[..., 2:] / 2).all(-1) & truth.there[..., None]
    last = on.shape[1] - 1 - on.flip(1).int().argmax(1)
    return on.any(1), truth.labels.gather(1, last)


def _detection_focal(logits: Tensor, corners: Tensor, truth: Truth, pairs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Sigmoid focal loss BxPxC; 0 where a patch that was not matched has nearly the box of an object."""
    batch, patch, thing = pairs
    wanted = torch.zeros_like(logits)
    wanted[batch, patch, truth.labels[batch, thing]] = 1.0
    with torch.no_grad():
        _, iou = generalised_iou(corners[:, :, None], truth.boxes[:, None])
        near = ((iou >= NEARLY) & truth.there[:, None]).to(logits.dtype)  # BxPxT
        names = functional.one_hot(truth.labels, logits.shape[2]).to(logits.dtype)  # BxTxC
        judged = ((near @ names) == 0) | (wanted > 0)
    return focal(logits, wanted) * judged


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sigmoid focal loss of every logit against 0 or 1."""
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    surely = torch.sigmoid(logits)
    off = wanted * (1 - surely) + (1 - wanted) * surely
    return (wanted * ALPHA + (1 - wanted) * (1 - ALPHA)) * off**GAMMA * entropy
