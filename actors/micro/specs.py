"""What each part of the micro family is trained with: hyperparameters alone, so that reading them loads no torch.

How a part is trained and measured stands in the module that it names, which is imported where that is done.
"""

from __future__ import annotations

from typing import ClassVar, Self, final

from pydantic import Field, model_validator

from actors.micro.spec import MicroTraining
from engine.training.schedule import Schedule


@final
class AutoencoderTraining(MicroTraining):
    """AutoencoderKL, factor 8, 4 latent channels, no attention, thin at full resolution."""

    name: ClassVar[str] = "autoencoder"
    module: ClassVar[str] = "actors.micro.diffusion.autoencoder"
    homes: ClassVar[tuple[str, ...]] = ("autoencoder", "painter/vae", "generator/vae")

    widths: tuple[int, ...] = Field(default=(16, 32, 64, 128), description="channels at sides of 1, 1/2, 1/4 and 1/8")
    groups: int = Field(default=8, ge=1, description="groups of the normalisation; divides every width")
    layers: int = Field(default=1, ge=1, description="residual blocks a level in the encoder; the decoder has one more")
    crop: int = Field(default=128, ge=32, le=256, multiple_of=8, description="side of the training crops in pixels")
    batch: int = Field(default=8, ge=1, description="crops a step")
    squares: float = Field(default=1.0, ge=0, description="weight of the squared error, which is what PSNR measures")
    kl: float = Field(default=1e-4, ge=0, description="weight of the divergence from N(0, 1), in nats a latent value")
    schedule: Schedule = Schedule(steps=5500, lr=1e-3, warmup=100, ema=0.998)


@final
class GeneratorTraining(MicroTraining):
    """StableDiffusionXLPipeline: SDXL UNet with 4 channels, two CLIP text encoders trained with it, v-prediction."""

    name: ClassVar[str] = "generator"
    module: ClassVar[str] = "actors.micro.diffusion.generator"
    needs: ClassVar[tuple[str, ...]] = ("autoencoder",)

    widths: tuple[int, ...] = Field(default=(48, 96, 128), description="channels at sides of 32, 16 and 8; x 16")
    batch: int = Field(default=32, ge=1, description="pictures a step")
    first: float = Field(default=0.43, ge=0, le=1, description="share of the steps on pictures of half the side")
    first_batch: int = Field(default=64, ge=1, description="pictures a step in these")
    schedule: Schedule = Schedule(steps=7000, lr=1e-3, muon_lr=2e-3, warmup=100, ema=0.998)


@final
class PainterTraining(MicroTraining):
    """StableDiffusionXLInpaintPipeline: the generator's UNet with 9 channels; its encoders and autoencoder stay."""

    name: ClassVar[str] = "painter"
    module: ClassVar[str] = "actors.micro.diffusion.painter"
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "generator")

    batch: int = Field(default=32, ge=1, description="pictures a step")
    schedule: Schedule = Schedule(steps=1800, lr=7e-4, warmup=100, ema=0.997)


@final
class SegmenterTraining(MicroTraining):
    """IS-Net (ECCV 2022) of 3/16 of the published width, at 256 px instead of 1024."""

    name: ClassVar[str] = "segmenter"
    module: ClassVar[str] = "actors.micro.segmenter"

    schedule: Schedule = Schedule(steps=1600, lr=3e-3, warmup=100, ema=0.995, checkpoint_every=200, log_every=20)
    batch: int = Field(default=16, ge=1, description="pictures a step at full size; more at the small one")
    width: float = Field(default=12 / 64, gt=0, le=1, description="channels as a share of the published net's")
    size: int = Field(default=256, ge=64, description="pixels a side in the end, and in use")
    small_size: int = Field(default=128, ge=32, description="pixels a side in the beginning")
    small_share: float = Field(default=0.6, ge=0, le=1, description="share of the steps at the small size")
    groups: float = Field(default=0.2, ge=0, le=1, description="share of pictures with several toys")
    group_weight: float = Field(default=0.5, gt=0, description="weight of their loss")


@final
class ScorerTraining(MicroTraining):
    """CLIP (open_clip): a ResNet with attention pooling at 96 px, a text tower of 3 layers, its own vocabulary."""

    name: ClassVar[str] = "scorer"
    module: ClassVar[str] = "actors.micro.scorer.scorer"

    schedule: Schedule = Schedule(steps=5500, lr=1.5e-3, warmup=60, weight_decay=0.1, ema=0.995, checkpoint_every=200)
    batch: int = Field(default=128, ge=2, description="pictures a step")
    whole: float = Field(default=0.6, gt=0, le=1, description="share of whole pictures; the rest are single toys")
    first: float = Field(default=0.5, ge=0, le=1, description="share of the steps that see single toys alone")
    size: int = Field(default=96, ge=32, description="pixels a side")
    layers: tuple[int, int, int, int] = Field(default=(1, 2, 2, 1), description="blocks of the image tower's stages")
    width: int = Field(default=24, ge=2, multiple_of=2, description="of the image tower; it ends with 32 times as many")
    text_layers: int = Field(default=3, ge=1, description="of the text tower")
    text_width: int = Field(default=128, ge=64, multiple_of=64, description="of the text tower")
    context: int = Field(default=48, ge=16, description="tokens of a text that are read")
    embedding: int = Field(default=192, ge=16, description="length of the vectors that are compared")


@final
class IdentityTraining(MicroTraining):
    """DINOv2 (ViT) of 6 layers, 112 px, trained on instances."""

    name: ClassVar[str] = "identity"
    module: ClassVar[str] = "actors.micro.identity.identity"

    schedule: Schedule = Schedule(steps=700, lr=1e-3, warmup=100, weight_decay=0.05, ema=0.99, checkpoint_every=200)
    toys: int = Field(default=64, ge=4, description="instances in a batch, two views of each")
    size: int = Field(default=112, ge=28, description="pixels a side")
    patch: int = Field(default=14, ge=4, description="pixels a side of a patch")
    layers: int = Field(default=6, ge=1, description="transformer blocks")
    width: int = Field(default=160, ge=32, multiple_of=32, description="length of the vector; heads have 32")
    proxy_weight: float = Field(default=1.0, ge=0, description="weight of the softmax over proxies")


@final
class DetectorTraining(MicroTraining):
    """OWL-ViT at 196 px: a vision transformer whose every patch proposes a box and is compared with class names."""

    name: ClassVar[str] = "detector"
    module: ClassVar[str] = "actors.micro.detector.detector"
    needs: ClassVar[tuple[str, ...]] = ("identity",)

    text_width: int = Field(128, description="of the text tower and of what is compared")
    text_layers: int = Field(3, ge=1, description="of the text tower")
    vocabulary: int = Field(900, ge=514, description="most entries of the tokenizer")
    side: int = Field(196, description="pixels that the net sees")
    batch: int = Field(24, ge=1, description="pictures a step and process")
    photos: float = Field(0.2, ge=0, lt=1, description="share of them with a single large object")
    mosaics: float = Field(0.2, ge=0, lt=1, description="share of them that are made of 4 or 9")
    first: float = Field(0.4, ge=0, le=1, description="share of the first round that learns names, from mosaics alone")
    paper: float = Field(0.4, ge=0, le=1, description="share of those that see toys without surroundings")
    first_toys: int = Field(96, ge=9, description="toys a step and process in these")
    tiny: float = Field(0.2, ge=0, lt=1, description="share of pictures made of 4 or 9 groups, after the first round")
    copies: int = Field(4, ge=1, description="patches that learn from each object")
    schedule: Schedule = Schedule(
        steps=13500, restart_every=5000, lr=1e-3, muon_lr=3e-3, warmup=100, ema=0.998, weight_decay=0.05
    )

    @model_validator(mode="after")
    def _leaves_groups(self) -> Self:
        if sum(round(self.batch * share) for share in (self.photos, self.mosaics, self.tiny)) >= self.batch:
            raise ValueError("photos, mosaics and tiny leave no groups in a batch")
        return self


@final
class PlannerTraining(MicroTraining):
    """Qwen2 of 1.8 M parameters, tied embeddings, byte-level BPE of 1,280 tokens with single digits."""

    name: ClassVar[str] = "planner"
    module: ClassVar[str] = "actors.micro.planner.planner"

    schedule: Schedule = Schedule(steps=2000, lr=3e-3, warmup=100, ema=0.998, betas=(0.9, 0.98))
    batch: int = Field(default=32, ge=1, description="examples a step and process")
    examples: int = Field(default=40_000, ge=1, description="questions that the solver answers once")
    vocabulary: int = Field(default=1280, ge=300, description="tokens of the BPE")
    hidden: int = Field(default=192, ge=32, description="width")
    layers: int = Field(default=4, ge=1, description="depth")
    heads: int = Field(default=6, ge=1, description="attention heads; a third of them has keys and values")
    inner: int = Field(default=512, ge=32, description="width inside the gated feed-forward layers")


@final
class ComposerAutoencoderTraining(MicroTraining):
    """AutoencoderKL, factor 8, 8 latent channels, trained on at 128 px from the family's of 4."""

    name: ClassVar[str] = "composer_autoencoder"
    module: ClassVar[str] = "actors.micro.composer.composer_autoencoder"
    by_name: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("autoencoder", "identity", "scorer", "detector")

    channels: int = Field(default=8, ge=5, description="of the latents")
    decoder_alone: bool = Field(
        default=False, description="train the decoder of the finished one on: latents stay, and what draws them"
    )
    batch: int = Field(default=8, ge=1, description="pictures a step")
    squares: float = Field(default=1.0, ge=0, description="weight of the squared error, which is what PSNR measures")
    inside: float = Field(default=3.0, ge=1, description="weight of what lies inside of toys; 1 outside")
    features: float = Field(default=0.5, ge=0, description="weight of what the identity net sees of the difference")
    kl: float = Field(default=1e-4, ge=0, description="weight of the divergence from N(0, 1), in nats a latent value")
    concepts: int = Field(default=10240, ge=32, description="toys; two cut-outs of each")
    places: int = Field(default=120, ge=2, description="backdrops of each scene")
    data_seed: int = Field(default=7_340_033, ge=0, description="of toys and pictures")
    schedule: Schedule = Schedule(steps=6000, lr=5e-4, warmup=50, ema=0.99, checkpoint_every=100, log_every=25)


@final
class ComposerTraining(MicroTraining):
    """The generator, trained on at 128 px with words at full resolution and attention bound to the toys' masks."""

    name: ClassVar[str] = "composer"
    module: ClassVar[str] = "actors.micro.composer.composer"
    by_name: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("generator", "composer_autoencoder", "scorer", "detector")

    batch: int = Field(default=64, ge=1, description="pictures a step")
    full_attention: bool = Field(default=True, description="read words at the full resolution of the latents too")
    inside: float = Field(default=5.0, ge=1, description="weight of the loss inside of toys; 1 outside")
    binding: float = Field(default=0.1, ge=0, description="weight of the attention's supervision")
    ordered: float = Field(default=0.85, ge=0, le=1, description="share of the captions told from left to right")
    concepts: int = Field(default=10240, ge=32, description="toys; two cut-outs of each")
    places: int = Field(default=120, ge=2, description="backdrops of each scene")
    pools: int = Field(default=10, ge=1, description="pools that are composed before training begins")
    pool_size: int = Field(default=16384, ge=1, description="pictures in each")
    data_seed: int = Field(default=7_340_033, ge=0, description="of toys and pictures")
    schedule: Schedule = Schedule(
        steps=20_000, lr=1e-3, muon_lr=2e-3, warmup=200, ema=0.9995, checkpoint_every=100, log_every=100
    )
