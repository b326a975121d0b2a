"""The models that recipes may name: what they are, under which licence, how much there is to download.

Facts of the models' own pages, as data; sizes are what is fetched, in gigabytes, to one digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.models.hub import SAFE_FILES
from actors.models.nets import NETS, ONNX, SOURCES
from actors.models.preflight import Reference, check_commits, check_models, models_of
from actors.models.provenance import stated_license
from actors.models.weights import CHAT_FILES, CLIP_FILES, HALF_FILES, PIPELINE_FILES, SHIPPED, local_weights
from engine.errors import UsageError
from engine.rows.values import UNKNOWN_LICENSE
from engine.run.stage import Spec


@dataclass(frozen=True, slots=True)
class ModelFact:
    """What is known of a model before anything is downloaded.

    `repository` where the hub has it by another name; `full` gigabytes where a training fetches it in full precision.
    """

    license: str
    gigabytes: float | None = None
    repository: str = ""
    full: float | None = None

    @property
    def restricted(self) -> bool:
        """Whether the licence says by its name that it forbids commercial use."""
        return bool(_RESTRICTED.search(self.license.lower()))


FILES: Mapping[str, tuple[str, ...]] = {
    "flow": CHAT_FILES, "open_clip": CLIP_FILES, "sdxl": HALF_FILES, "transformers": CHAT_FILES, "vllm": CHAT_FILES,
    "stable_diffusion": PIPELINE_FILES, "flux2_klein": PIPELINE_FILES,
}  # fmt: skip
"""What is fetched for a backend, where it is not all that is safe."""
_RESTRICTED = re.compile(r"(^|[^a-z])nc([^a-z]|$)|non-?commercial|research-only")


FACTS: Mapping[str, ModelFact] = {
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": ModelFact("openrail++", 6.9),
    "stabilityai/stable-diffusion-xl-refiner-1.0": ModelFact("openrail++", 6.1),
    "stabilityai/stable-diffusion-xl-base-1.0": ModelFact("openrail++", 6.9, full=14.2),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": ModelFact("creativeml-openrail-m", 5.5),
    "madebyollin/taesdxl": ModelFact("mit", 0.01),
    "Tongyi-MAI/Z-Image-Turbo": ModelFact("apache-2.0", 33.0),
    "black-forest-labs/FLUX.2-klein-4B": ModelFact("apache-2.0", 16.0),
    "black-forest-labs/FLUX.2-klein-base-4B": ModelFact("apache-2.0", 16.0),
    "black-forest-labs/FLUX.2-klein-9B": ModelFact("flux-non-commercial-license", 35.0),
    "black-forest-labs/FLUX.2-dev": ModelFact("flux-dev-non-commercial-license", 113.0),
    "black-forest-labs/FLUX.1-Fill-dev": ModelFact("flux-1-dev-non-commercial-license", 34.0),
    "Qwen/Qwen3-8B": ModelFact("apache-2.0", 16.4),
    "Qwen/Qwen3-VL-8B-Instruct": ModelFact("apache-2.0", 17.5),
    "IDEA-Research/grounding-dino-base": ModelFact("apache-2.0", 0.9),
    "IDEA-Research/grounding-dino-tiny": ModelFact("apache-2.0", 0.7),
    "facebook/sam2.1-hiera-large": ModelFact("apache-2.0", 0.9),
    "briaai/RMBG-2.0": ModelFact("cc-by-nc-4.0", 0.9),
    "ViT-B-32/openai": ModelFact("mit", 0.6, "timm/vit_base_patch32_clip_224.openai"),
    "google/siglip2-so400m-patch14-384": ModelFact("apache-2.0", 4.5),
    "facebook/dinov2-large": ModelFact("apache-2.0", 1.2),
    "facebook/dino-vits16": ModelFact("apache-2.0", 0.1),
    "facebook/dinov2-small": ModelFact("apache-2.0", 0.1),
    "google/owlvit-base-patch32": ModelFact("apache-2.0", 0.6),
    "Falconsai/nsfw_image_detection": ModelFact("apache-2.0", 0.3),
    "unitary/toxic-bert": ModelFact("apache-2.0", 0.4),
    "google/owlv2-base-patch16-ensemble": ModelFact("apache-2.0", 0.6),
}


NET_FACTS: Mapping[str, ModelFact] = {
    name: ModelFact(net.license, SOURCES[name].size / 1e9 if name in SOURCES else None) for name, net in NETS.items()
}


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model of a recipe: its name and commit, and what is known of it."""

    model: str
    revision: str
    fact: ModelFact
    backend: str = ""

    @property
    def repository(self) -> str:
        """Its id on the hub; empty for a folder, for a model that ships and for a net in a file."""
        local = self.backend == ONNX or self.model.startswith(SHIPPED) or Path(self.place).expanduser().exists()
        return "" if local else self.fact.repository or self.place

    @property
    def place(self) -> str:
        """Its name without what open_clip writes before it."""
        return Reference(self.backend, self.model).place

    @property
    def files(self) -> tuple[str, ...]:
        """Patterns of the files that its backend reads."""
        return FILES.get(self.backend, SAFE_FILES)

    @property
    def gigabytes(self) -> float | None:
        """What is fetched of it for its backend."""
        return (self.fact.full if self.files == PIPELINE_FILES else None) or self.fact.gigabytes

    def __str__(self) -> str:
        """A line for a person: name, beginning of the commit, licence, size."""
        size = f"{self.gigabytes:.2g} GB" if self.gigabytes else ""
        return "  ".join(part for part in (self.model, self.revision[:8], self.fact.license, size) if part)


def named_models(specs: Sequence[Spec]) -> Iterator[NamedModel]:
    """Every model that the stages of a recipe name, in order; of local and shipped ones their own card is read."""
    for each in models_of(specs):
        fact = NET_FACTS.get(each.place) if each.backend == ONNX else FACTS.get(each.place)
        if fact is None:
            here = each.place.startswith(SHIPPED) or Path(each.place).expanduser().is_dir()
            fact = ModelFact(stated_license(local_weights(each.place)) if here else UNKNOWN_LICENSE)
        yield NamedModel(each.model, each.revision, fact, each.backend)


def check_recipe(specs: Sequence[Spec], accepted: Sequence[str], *, here: bool) -> None:
    """The one door of every job: models that can be loaded, under licences that a dataset may have.

    Args:
        specs: of the stages.
        accepted: models whose restricted licence is accepted, as the recipe names them.
        here: whether workers see this machine's disk.

    Raises:
        UsageError: LICENCE_REFUSED, WEIGHTS_UNPINNED, and those of `check_models`.
        EnvironmentProblem: those of `check_models`.
    """
    check_models(specs, here=here)
    check_licences(specs, accepted)
    check_commits(specs)


def check_licences(specs: Sequence[Spec], accepted: Sequence[str]) -> None:
    """Refuse models whose licence forbids what a dataset is for, unless they are accepted by name.

    Raises:
        UsageError: LICENCE_REFUSED.
    """
    for item in named_models(specs):
        if item.fact.restricted and item.model not in accepted:
            raise UsageError(
                "LICENCE_REFUSED",
                f"{item.model} is under {item.fact.license}",
                why="what it makes may not be used, or not be trained on, by everyone",
                fix=f"take another model; or, if you may use it, accept_licence: [{item.model}]",
            )
