"""Who may appear at all: a library's concepts in order of size, with the cut-outs of each that can be placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import UsageError
from engine.photos.library import CutoutInfo
from engine.seeds import rng
from planners.compose.sizes import size_of

FEWEST = 2
SLIVER = 0.1  # a cut-out thinner than 1 to 10 is a matting error, and no box of useful area holds it


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing of the user's, with the cut-outs of it that can be placed."""

    name: str
    class_name: str
    metres: float | None
    whole: tuple[CutoutInfo, ...]
    cut: tuple[CutoutInfo, ...]


@dataclass(frozen=True, slots=True)
class Casting:
    """The library, prepared once: concepts by real size, those of unknown size last."""

    concepts: tuple[Concept, ...]
    metres: tuple[float, ...]
    """Real sizes of the first ``len(metres)`` concepts, ascending."""


def prepare_casting(cutouts: Mapping[str, CutoutInfo]) -> Casting:
    """Prepare a library for `plan_scene`.

    Raises:
        UsageError: TOO_FEW_CONCEPTS when fewer than two concepts have a cut-out that can be placed.
    """
    concepts = _concepts(cutouts)
    if len(concepts) < FEWEST:
        raise _too_few(_by_name(cutouts), concepts)
    known = sorted((c for c in concepts if c.metres is not None), key=lambda c: c.metres or 0.0)
    unknown = [c for c in concepts if c.metres is None]
    return Casting(tuple(known + unknown), tuple(c.metres for c in known if c.metres is not None))


def ensembles(cutouts: Mapping[str, CutoutInfo], together: Sequence[Sequence[str]] = ()) -> tuple[Casting, ...]:
    """One casting for each ensemble folder of the published layout; one of all where photos lie in concept folders.

    Where groups of classes are given, each folder has a casting for each of them, and one for what no group names.
    What would hold a single usable concept is left out; where that leaves none, all concepts go together.

    Raises:
        UsageError: TOO_FEW_CONCEPTS.
    """
    group_of = {name: number for number, group in enumerate(together) for name in group}
    folders: dict[tuple[str, int], dict[str, CutoutInfo]] = {}
    for key, cutout in sorted(cutouts.items()):
        folders.setdefault((cutout.ensemble, group_of.get(cutout.class_name, -1)), {})[key] = cutout
    whole = [inside for _, inside in sorted(folders.items()) if len(_concepts(inside)) >= FEWEST]
    return tuple(prepare_casting(inside) for inside in whole) or (prepare_casting(cutouts),)


def one_of(castings: Sequence[Casting], seed: int) -> Casting:
    """The ensemble that a row is cast from."""
    return castings[int(rng(seed, "scene", "ensemble").integers(len(castings)))]


def usable(cutout: CutoutInfo) -> bool:
    """Whether a cut-out can stand somewhere: what its photo cut off, edges of the canvas must hide."""
    cut = set(cutout.cut_borders)
    return "top" not in cut and not {"left", "right"} <= cut and SLIVER <= cutout.aspect <= 1 / SLIVER


def _by_name(cutouts: Mapping[str, CutoutInfo]) -> dict[str, list[CutoutInfo]]:
    named: dict[str, list[CutoutInfo]] = {}
    for key in sorted(cutouts):
        named.setdefault(cutouts[key].concept, []).append(cutouts[key])
    return named


def _concepts(cutouts: Mapping[str, CutoutInfo]) -> list[Concept]:
    """The concepts of which something can be placed."""
    named = sorted(_by_name(cutouts).items())
    found = [_concept(name, [item for item in group if usable(item)]) for name, group in named]
    return [concept for concept in found if concept.whole or concept.cut]


def _concept(name: str, cutouts: Sequence[CutoutInfo]) -> Concept:
    class_name = cutouts[0].class_name if cutouts else ""
    return Concept(
        name,
        class_name,
        size_of(cutouts[0]) if cutouts else None,
        whole=tuple(item for item in cutouts if not item.cut_borders),
        cut=tuple(item for item in cutouts if item.cut_borders),
    )


def _too_few(groups: Mapping[str, Sequence[CutoutInfo]], usable_ones: Sequence[Concept]) -> UsageError:
    there = ", ".join(f"{name!r} ({len(group)})" for name, group in sorted(groups.items())[:8]) or "none"
    return UsageError(
        "TOO_FEW_CONCEPTS",
        f"a scene needs 2 concepts, the library has {len(usable_ones)} that can be placed",
        why=f"concepts with cut-outs: {there}; a cut-out that its photo cuts at the top, at both sides or thin as a "
        "thread cannot stand anywhere",
        fix="add photos of another concept, one folder for each, in which the whole of it is seen",
    )
