"""The models that recipes may name: what they are, under which licence, how much there is to download.

Facts of the models' own pages, as data. `commercial` says whether the licence lets what the model makes be published
and trained on by anyone; sizes are what is fetched, in gigabytes, to one digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.preflight import models_of
from actors.weights import SHIPPED, identify, local_weights
from engine.errors import UsageError
from engine.records import UNKNOWN_LICENSE
from engine.stage import Spec


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a model before anything is downloaded."""

    license: str
    gigabytes: float | None = None
    commercial: bool = True


FACTS: Mapping[str, Fact] = {
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Fact("openrail++", 6.9),
    "stabilityai/stable-diffusion-xl-refiner-1.0": Fact("openrail++", 6.1),
    "stabilityai/stable-diffusion-xl-base-1.0": Fact("openrail++", 6.9),
    "Tongyi-MAI/Z-Image-Turbo": Fact("apache-2.0", 33.0),
    "black-forest-labs/FLUX.2-klein-4B": Fact("apache-2.0", 16.0),
    "black-forest-labs/FLUX.2-klein-9B": Fact("flux-non-commercial-license", 35.0, commercial=False),
    "black-forest-labs/FLUX.2-dev": Fact("flux-dev-non-commercial-license", 113.0, commercial=False),
    "black-forest-labs/FLUX.1-Fill-dev": Fact("flux-1-dev-non-commercial-license", 34.0, commercial=False),
    "Qwen/Qwen3-8B": Fact("apache-2.0", 16.4),
    "Qwen/Qwen3-VL-8B-Instruct": Fact("apache-2.0", 17.5),
    "IDEA-Research/grounding-dino-base": Fact("apache-2.0", 0.9),
    "IDEA-Research/grounding-dino-tiny": Fact("apache-2.0", 0.7),
    "facebook/sam2.1-hiera-large": Fact("apache-2.0", 0.9),
    "briaai/RMBG-2.0": Fact("cc-by-nc-4.0", 0.9, commercial=False),
    "ViT-B-32/openai": Fact("mit", 0.6),
    "google/siglip2-so400m-patch14-384": Fact("apache-2.0", 4.5),
    "facebook/dinov2-large": Fact("apache-2.0", 1.2),
    "facebook/dinov2-small": Fact("apache-2.0", 0.1),
    "google/owlvit-base-patch32": Fact("apache-2.0", 0.6),
    "google/owlv2-base-patch16-ensemble": Fact("apache-2.0", 0.6),
}

_RESTRICTED = re.compile(r"(^|[^a-z])nc([^a-z]|$)|non-?commercial|research-only")


@dataclass(frozen=True, slots=True)
class Named:
    """A model of a recipe: its name and commit, and what is known of it."""

    model: str
    revision: str
    fact: Fact

    def __str__(self) -> str:
        """A line for a person: name, beginning of the commit, licence, size."""
        size = f"{self.fact.gigabytes:g} GB" if self.fact.gigabytes else ""
        return "  ".join(part for part in (self.model, self.revision[:8], self.fact.license, size) if part)


def restricted(license_: str) -> bool:
    """Whether a licence's name says that it forbids commercial use."""
    return bool(_RESTRICTED.search(license_.lower()))


def named(specs: Sequence[Spec]) -> Iterator[Named]:
    """Every model that the stages of a recipe name, in order; of local and shipped ones their own card is read."""
    for each in models_of(specs):
        fact = FACTS.get(each.model)
        if fact is None:
            here = each.model.startswith(SHIPPED) or Path(each.model).expanduser().is_dir()
            stated = identify(each.model, local_weights(each.model)).license if here else UNKNOWN_LICENSE
            fact = Fact(stated, commercial=not restricted(stated))
        yield Named(each.model, each.revision, fact)


def check_licences(specs: Sequence[Spec], accepted: Sequence[str]) -> None:
    """Refuse models whose licence forbids what a dataset is for, unless they are accepted by name.

    Raises:
        UsageError: LICENCE_REFUSED.
    """
    for item in named(specs):
        if not item.fact.commercial and item.model not in accepted:
            raise UsageError(
                "LICENCE_REFUSED",
                f"{item.model} is under {item.fact.license}",
                why="what it makes may not be used, or not be trained on, by everyone",
                fix=f"take another model; or, if you may use it, accept_licence: [{item.model}]",
            )
