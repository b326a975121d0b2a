"""The models that ship, through the backends that run the large ones, on toys that no training saw."""

from pathlib import Path

import numpy as np
import pytest
import torch

from actors.backends.paint.sdxl import SdxlInpaint
from actors.backends.score.dino import Dino
from actors.backends.score.open_clip import OpenClip
from actors.backends.score.owlvit import OwlVit
from actors.backends.segment.isnet import IsNetSegmenter
from actors.compose.inpaint import Inpaint
from actors.compose.restore import restore
from actors.micro.diffusion.autoencoder import find_autoencoder, load_autoencoder, psnr, to_input, to_pictures
from actors.micro.diffusion.generator import generate, load_generator, recognise
from actors.micro.planner.layout_corpus import held_out
from actors.micro.planner.planner import acceptance_rate
from actors.models.weights import SHIPPED_FOLDER, local_weights
from actors.score.scorers import ClipSpec
from engine.rows.composition import Composition
from engine.storage.store import TMP
from engine.toybox import CLASSES, SCENES
from engine.toybox.captions import with_article
from engine.toybox.concepts import draw_concept
from engine.toybox.studio import photograph, place

SEED = 977  # of no training set
PARTS = ("segmenter", "scorer", "identity", "detector", "generator", "painter", "planner")
LIMIT = 64_000_000  # bytes


@pytest.fixture(scope="module")
def shots():
    """One photo of a toy of every second class."""
    concepts = [draw_concept(SEED, number) for number in range(0, len(CLASSES), 2)]
    return [(concept, photograph(concept, 5 + number, 256)[0]) for number, concept in enumerate(concepts)]


def test_the_family_is_whole_and_small():
    folder = SHIPPED_FOLDER / "micro"
    assert {path.name for path in folder.iterdir() if path.is_dir()} - {TMP} == set(PARTS)
    sizes = [path.stat().st_size for part in PARTS for path in (folder / part).rglob("*") if path.is_file()]
    assert sum(sizes) <= LIMIT


@pytest.mark.parametrize("part", PARTS)
def test_every_part_passes_the_door_and_states_its_licence(part):
    folder = local_weights(f"shipped:micro/{part}")
    assert "license: apache-2.0" in (Path(folder) / "README.md").read_text()
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_the_segmenter_finds_the_toy(shots):
    segmenter = IsNetSegmenter("shipped:micro/segmenter")
    found = []
    for _, picture in shots[:8]:
        mine, true = segmenter(picture.image).alpha >= 128, picture.layers[0] >= 128
        found.append((mine & true).sum() / (mine | true).sum())
    assert np.mean(found) > 0.9


def test_the_scorer_knows_scenes_and_names_what_it_sees_up_close(shots):
    scorer = OpenClip(ClipSpec(model="shipped:micro/scorer"))
    texts = scorer.embed_texts([f"a photo of {with_article(name)}" for name in CLASSES])
    images = scorer.embed_images([up_close(picture) for _, picture in shots])
    named = [CLASSES[number] for number in (images @ texts.T).argmax(1)]
    assert np.mean([name == concept.class_name for name, (concept, _) in zip(named, shots, strict=True)]) >= 0.7
    places = scorer.embed_texts([phrase for _, phrase in SCENES])
    seen = scorer.embed_images([place(name, SEED, 256).pixels for name, _ in SCENES])
    assert np.mean((seen @ places.T).argmax(1) == np.arange(len(SCENES))) >= 0.9


def up_close(picture):
    x0, y0, x1, y1 = (round(256 * value) for value in picture.boxes[0])
    return np.ascontiguousarray(picture.image[max(y0 - 6, 0) : y1 + 6, max(x0 - 6, 0) : x1 + 6])


def test_the_planner_lays_out_what_it_never_saw_without_breaking_a_rule():
    asked = [held_out(SEED, number, CLASSES) for number in range(24)]
    assert acceptance_rate("transformers", SHIPPED_FOLDER / "micro" / "planner", asked) >= 0.8


def test_the_identity_scorer_tells_instances_apart(shots):
    model = Dino("shipped:micro/identity")
    others = [photograph(concept, 900 + number, 256)[0] for number, (concept, _) in enumerate(shots)]
    one, other = (
        model.embed_images([cut_out(picture) for picture in many]) for many in ([p for _, p in shots], others)
    )
    assert np.mean((one @ other.T).argmax(1) == np.arange(len(shots))) >= 0.8


def test_the_detector_finds_toys_by_their_names_where_they_are(shots):
    detector = OwlVit("shipped:micro/detector")
    found = detector.detect([picture.image for _, picture in shots], [[toy.class_name] for toy, _ in shots])
    hits = [
        bool(((overlaps(np.asarray(picture.boxes[0]), each.boxes) >= 0.5) & (each.scores >= detector.threshold)).any())
        for (_, picture), each in zip(shots, found, strict=True)
    ]
    assert np.mean(hits) >= 0.7
    wrong = detector.detect([shots[0][1].image], [[name for name in CLASSES if name != shots[0][0].class_name]])[0]
    assert wrong.scores.max(initial=0) < max(found[0].scores.max(), detector.threshold)


def overlaps(box, boxes):
    shared = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None).prod(1)
    return shared / ((boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod() - shared)


def cut_out(picture):
    """On grey, as scores are taken."""
    x0, y0, x1, y1 = (round(256 * value) for value in picture.boxes[0])
    grey = np.where(picture.layers[0][..., None] >= 128, picture.image, np.uint8(128))
    return np.ascontiguousarray(grey[y0:y1, x0:x1])


def test_the_painter_paints_the_scene_that_the_prompt_names_and_shades_the_ground():
    painter = SdxlInpaint(Inpaint(backend="sdxl", model="shipped:micro/painter", steps=6, guidance=3.0, strength=1.0))
    concept = draw_concept(SEED, 2)
    shot = photograph(concept, 5, 256)[0]
    mask = shot.layers[0]
    wanted = [number for number, (name, _) in enumerate(SCENES) if name in {"snow", "desert", "meadow", "night"}]
    rows = [
        Composition(
            sample_id="s", unit_id=0, seed=number, background_prompt=SCENES[number][1], background=shot.image,
            foreground=np.dstack([shot.image, mask]), repaint_mask=np.asarray(255 - mask, np.uint8),
        )
        for number in wanted
    ]  # fmt: skip
    scorer = OpenClip(ClipSpec(model="shipped:micro/scorer"))
    places = scorer.embed_texts([f"a photo {phrase}" for _, phrase in SCENES])
    pictures = [restore(painted, row.foreground) for painted, row in zip(painter.paint(rows), rows, strict=True)]
    found = (scorer.embed_images(pictures) @ places.T).argmax(1)
    assert np.mean(found == np.asarray(wanted)) >= 0.75


def test_the_generator_draws_the_toy_that_the_prompt_names():
    pipe, family = load_generator(SHIPPED_FOLDER / "micro" / "generator"), SHIPPED_FOLDER / "micro"
    wanted = [CLASSES.index(name) for name in ("donut", "mushroom", "star", "heart")]
    prompts = [f"a photo of {with_article(CLASSES[number])}" for number in wanted]
    found = recognise(
        family, generate(pipe, prompts, [1, 2, 3, 4]), [f"a photo of {with_article(name)}" for name in CLASSES]
    )
    assert np.mean(found == np.asarray(wanted)) >= 0.75


def test_painter_and_generator_share_autoencoder_and_words():
    one, other = (SHIPPED_FOLDER / "micro" / name for name in ("painter", "generator"))
    for part in ("vae/config.json", "vae/diffusion_pytorch_model.safetensors", "tokenizer/tokenizer.json"):
        assert (one / part).read_bytes() == (other / part).read_bytes(), part


def test_the_autoencoder_gives_pictures_back(shots):
    vae = load_autoencoder(find_autoencoder(SHIPPED_FOLDER / "micro"), torch.device("cpu"))
    pictures = np.stack([picture.image for _, picture in shots[:4]])
    with torch.inference_mode():
        again = to_pictures(vae.decode(vae.encode(to_input(pictures, torch.device("cpu"))).latent_dist.mode()).sample)
    assert np.mean([psnr(one, other) for one, other in zip(pictures, again, strict=True)]) > 25


@pytest.mark.parametrize("size", [1, 3])
def test_a_score_does_not_depend_on_the_batch_that_a_row_came_in(shots, size):
    pictures = [picture.image for _, picture in shots]
    clip, identity = OpenClip(ClipSpec(model="shipped:micro/scorer")), Dino("shipped:micro/identity", "")
    for scorer in (clip, identity):
        whole = scorer.embed_images(pictures)
        parts = [scorer.embed_images(pictures[start : start + size]) for start in range(0, len(pictures), size)]
        assert np.abs(np.concatenate(parts) - whole).max() < 1e-5
