from itertools import permutations

import numpy as np
import pytest
import torch

from actors.micro.detector.matching import (
    Truth,
    assign,
    detection_loss,
    generalised_iou,
    match,
    names_loss,
    presence_loss,
    to_centres,
    to_corners,
)

torch.set_num_threads(1)

LEFT, RIGHT = (0.1, 0.1, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9)


def truth(*pictures):
    """Each picture is a list of (box, label)."""
    most = max(1, *(len(picture) for picture in pictures))
    boxes, labels = torch.zeros(len(pictures), most, 4), torch.zeros(len(pictures), most, dtype=torch.int64)
    there = torch.zeros(len(pictures), most, dtype=torch.bool)
    for number, picture in enumerate(pictures):
        for place, (box, label) in enumerate(picture):
            boxes[number, place], labels[number, place], there[number, place] = torch.tensor(box), label, True
    return Truth(boxes, labels, there)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_assignment_is_cheaper(seed):
    draw = np.random.default_rng(seed)
    rows, columns = 4, int(draw.integers(4, 7))
    cost = draw.integers(0, 5, (rows, columns)).astype(np.float32)  # many ties and conflicts
    taken = assign(cost)
    best = min(cost[range(rows), list(order)].sum() for order in permutations(range(columns), rows))
    assert len(set(taken.tolist())) == rows
    assert cost[range(rows), taken].sum() == best


def test_nothing_is_assigned_to_nothing():
    assert assign(np.zeros((0, 5), np.float32)).tolist() == []


def test_boxes_go_to_centres_and_back():
    boxes = torch.tensor([LEFT, RIGHT])
    assert torch.allclose(to_corners(to_centres(boxes)), boxes)


def test_giou_is_one_for_equal_boxes_and_falls_with_the_gap():
    boxes = torch.tensor([LEFT, RIGHT])
    giou, iou = generalised_iou(boxes[:, None], boxes[None])
    assert torch.allclose(giou.diagonal(), torch.ones(2))
    assert iou[0, 1] == 0
    assert giou[0, 1] == pytest.approx(-(0.64 - 0.09 - 0.16) / 0.64, abs=1e-5)


def test_each_object_gets_patches_of_its_own_and_padding_gets_none():
    logits, boxes = (
        torch.zeros(2, 6, 3),
        to_centres(torch.tensor([LEFT, RIGHT, LEFT, RIGHT, LEFT, RIGHT])).repeat(2, 1, 1),
    )
    batch, patch, thing = match(logits, boxes, truth([(LEFT, 0), (RIGHT, 1)], [(RIGHT, 2)]), copies=2)
    assert len({*zip(batch.tolist(), patch.tolist(), strict=True)}) == len(batch) == 6
    assert all(p % 2 == (0 if b == 0 and t == 0 else 1) for b, p, t in zip(batch, patch, thing, strict=True))
    assert [batch.tolist().count(number) for number in (0, 1)] == [4, 2]


def test_a_picture_without_objects_still_teaches_what_is_not_there():
    logits = torch.zeros(1, 4, 2, requires_grad=True)
    loss, terms = detection_loss(logits, torch.full((1, 4, 4), 0.5), truth([]), copies=2)
    loss.backward()
    assert terms["l1"] == terms["giou"] == 0
    assert (logits.grad > 0).all()


def test_the_loss_is_nearly_nothing_where_all_is_said():
    boxes = to_centres(torch.tensor([[LEFT, (0.0, 0.8, 0.1, 0.9), (0.0, 0.7, 0.1, 0.8), RIGHT]]))
    logits = torch.full((1, 4, 2), -9.0)
    logits[0, 0, 0] = logits[0, 3, 1] = 9.0
    assert detection_loss(logits, boxes, truth([(LEFT, 0), (RIGHT, 1)]), copies=1)[0] < 0.01


def test_a_patch_with_nearly_the_box_of_an_object_is_not_told_that_it_shows_nothing():
    boxes = to_centres(torch.tensor([[LEFT, (0.1, 0.1, 0.4, 0.39), (0.0, 0.8, 0.1, 0.9), (0.0, 0.7, 0.1, 0.8)]]))
    logits = torch.zeros(1, 4, 2, requires_grad=True)
    detection_loss(logits, boxes, truth([(LEFT, 0)]), copies=1)[0].backward()
    assert logits.grad[0, 0, 0] < 0
    assert logits.grad[0, 1, 0] == 0
    assert logits.grad[0, 1, 1] > 0
    assert logits.grad[0, 2, 0] > 0


def test_every_patch_on_an_object_is_asked_for_its_name():
    logits = torch.zeros(1, 4, 2, requires_grad=True)
    whole = (0.0, 0.0, 1.0, 1.0)
    names_loss(logits, truth([(whole, 1), (LEFT, 0)])).backward()
    assert logits.grad[0, 0, 0] < 0 < logits.grad[0, 0, 1]  # the nearer object hides the farther one
    assert all(logits.grad[0, p, 1] < 0 < logits.grad[0, p, 0] for p in (1, 2, 3))


def test_a_patch_beside_every_object_is_told_that_it_shows_nothing():
    logits = torch.zeros(1, 16, 2, requires_grad=True)
    presence_loss(logits, truth([((0.0, 0.0, 0.5, 0.55), 1)])).backward()
    assert logits.grad[0, 0, 1] < 0 < logits.grad[0, 0, 0]
    assert (logits.grad[0, 12:] > 0).all()
    surely = torch.full((1, 16, 2), -9.0)
    surely[0, [0, 1, 4, 5], 1] = 9.0
    assert presence_loss(surely, truth([((0.0, 0.0, 0.5, 0.5), 1)])) < 1e-3
    assert presence_loss(surely, truth([])) > 1


def test_a_few_steps_fit_one_picture():
    torch.manual_seed(0)
    logits = torch.full((1, 9, 2), -3.0, requires_grad=True)
    raw = torch.randn(1, 9, 4, requires_grad=True)
    known = truth([(LEFT, 0), (RIGHT, 1)])
    optimizer = torch.optim.Adam([logits, raw], lr=0.1)
    for _ in range(150):
        loss, _ = detection_loss(logits, torch.sigmoid(raw), known, copies=2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = torch.sigmoid(logits)[0].max(1)
    corners = to_corners(torch.sigmoid(raw))[0]
    for box, label in ((LEFT, 0), (RIGHT, 1)):
        sure = [p for p in range(9) if best.indices[p] == label and best.values[p] > 0.6]
        assert sure
        assert generalised_iou(corners[sure], torch.tensor(box))[1].min() > 0.8
