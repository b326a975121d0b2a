"""IS-Net: the salient object of a photo, as a soft matte.

Architecture: Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022, with the RSU blocks of U^2-Net
(Qin et al., Pattern Recognition 2020, figure 2). Names and shapes follow the published state dict, so that the
official ``isnet-general-use`` weights load; written anew here.

Convert the published file once:  python -m actors.backends.isnet isnet-general-use.pth isnet-general-use.safetensors
"""

from __future__ import annotations

import sys
from pathlib import Path
from pickle import UnpicklingError
from typing import cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from actors.weights import fingerprint, read_header, read_tensors
from engine.errors import EnvironmentProblem, SampleError, UsageError
from engine.mattes import Matte
from engine.records import UNKNOWN_LICENSE, Model, Pixels

INPUT_SIZE = 1024
PRESENT = 0.5  # some pixel must more likely be object than not
TOUCHED = 0.1  # quality is measured where a pixel is not plainly background
PUBLISHED = {"name": "isnet-general-use", "license": "Apache-2.0"}


@final
class ConvBlock(nn.Module):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn_s1(self.conv_s1(x)))


@final
class RSU(nn.Module):
    """Residual U-block: a small U-Net of `depth` levels whose output is added to its input features.

    `flat` is the RSU-4F of the deep stages, where maps are too small to pool: each level dilates twice as much instead.
    """

    def __init__(self, depth: int, inputs: int, middle: int, outputs: int, *, flat: bool = False) -> None:
        super().__init__()
        self.depth, self.flat = depth, flat
        self.rebnconvin = ConvBlock(inputs, outputs)
        for level in range(1, depth + 1):
            dilation = 2 ** (level - 1) if flat else 1 + (level == depth)
            self.add_module(f"rebnconv{level}", ConvBlock(outputs if level == 1 else middle, middle, dilation))
        for level in range(depth - 1, 0, -1):
            dilation = 2 ** (level - 1) if flat else 1
            self.add_module(f"rebnconv{level}d", ConvBlock(2 * middle, outputs if level == 1 else middle, dilation))

    def forward(self, x: Tensor) -> Tensor:
        features = self.rebnconvin(x)
        levels = [self.get_submodule("rebnconv1")(features)]
        for level in range(2, self.depth + 1):
            pooled = levels[-1] if self.flat or level == self.depth else _halve(levels[-1])
            levels.append(self.get_submodule(f"rebnconv{level}")(pooled))
        y = levels.pop()
        for level in range(self.depth - 1, 0, -1):
            skip = levels.pop()
            y = self.get_submodule(f"rebnconv{level}d")(torch.cat((_resize(y, skip), skip), 1))
        return cast("Tensor", y + features)


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return functional.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


@final
class ISNet(nn.Module):
    """Six encoder stages, five decoder stages, a side map from each decoder stage and from the deepest encoder stage.

    Args:
        width: channels as a fraction of the published 64 to 512; 1.0 is the published net (44 million parameters).
            Rounded to steps of 1/64, so that the first layer's shape alone tells the width of stored weights.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        base = max(4, round(64 * width))
        c16, c32, c64, c128, c256, c512 = (max(4, channels * base // 64) for channels in (16, 32, 64, 128, 256, 512))
        self.conv_in = nn.Conv2d(3, c64, 3, stride=2, padding=1)
        self.stage1 = RSU(7, c64, c32, c64)
        self.stage2 = RSU(6, c64, c32, c128)
        self.stage3 = RSU(5, c128, c64, c256)
        self.stage4 = RSU(4, c256, c128, c512)
        self.stage5 = RSU(4, c512, c256, c512, flat=True)
        self.stage6 = RSU(4, c512, c256, c512, flat=True)
        self.stage5d = RSU(4, 2 * c512, c256, c512, flat=True)
        self.stage4d = RSU(4, 2 * c512, c128, c256)
        self.stage3d = RSU(5, 2 * c256, c64, c128)
        self.stage2d = RSU(6, 2 * c128, c32, c64)
        self.stage1d = RSU(7, 2 * c64, c16, c64)
        for level, channels in enumerate((c64, c64, c128, c256, c512, c512), start=1):
            self.add_module(f"side{level}", nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Six maps Bx1xHxW in 0..1, the finest first, from Bx3xHxW in -0.5..0.5."""
        encoded = [self.stage1(self.conv_in(x))]
        for level in range(2, 7):
            encoded.append(self.get_submodule(f"stage{level}")(_halve(encoded[-1])))
        decoded = [encoded.pop()]
        for level in range(5, 0, -1):
            skip = encoded.pop()
            decoded.append(self.get_submodule(f"stage{level}d")(torch.cat((_resize(decoded[-1], skip), skip), 1)))
        sides = (self.get_submodule(f"side{level}")(y) for level, y in enumerate(reversed(decoded), start=1))
        return tuple(torch.sigmoid(_resize(side, x)) for side in sides)


@final
class IsNetSegmenter:
    """Photo to matte with stored IS-Net weights, of any width.

    Quality is how decided the net is: the mean of |2p - 1| over all pixels with p > 0.1; 1 for a crisp object,
    towards 0 for a grey haze.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE.
        UsageError: WEIGHTS_MISMATCH.
    """

    def __init__(self, weights: str | None = None) -> None:
        if not weights or not Path(weights).is_file():
            raise _missing(weights)
        # One thread: sums then have one order, so a matte does not depend on the machine; and each worker has one core.
        torch.set_num_threads(1)
        path = Path(weights)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = read_net(path).to(self.device)
        stated = read_header(path).get("__metadata__") or {}
        self.model = Model(
            name=stated.get("name", path.stem),
            revision=fingerprint(path),
            license=stated.get("license", UNKNOWN_LICENSE),
        )

    def __call__(self, photo: Pixels) -> Matte:
        """The matte of an HxWx3 photo, HxW uint8.

        Raises:
            SampleError: NOTHING_TO_CUT where no pixel is more likely object than not.
        """
        p = self._probability(photo)
        if p.max() < PRESENT:
            raise SampleError(
                "NOTHING_TO_CUT",
                f"no object stands out: the surest pixel has probability {p.max():.2f}",
                fix="use a photo in which the subject stands out, or bring an RGBA cut-out",
            )
        return Matte(alpha=np.rint(p * 255).astype(np.uint8), quality=float(np.abs(2 * p[p > TOUCHED] - 1).mean()))

    @torch.inference_mode()
    def _probability(self, photo: Pixels) -> NDArray[np.float32]:
        """The finest side map at the size of the photo. No min-max stretch: it would turn "no object" into one."""
        values = torch.tensor(photo, device=self.device).permute(2, 0, 1)[None].float()
        square = functional.interpolate(values, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False)
        finest = self.net(square.to(torch.uint8) / 255 - 0.5)[0]  # 8 bits, as published
        return cast("NDArray[np.float32]", _resize(finest, values)[0, 0].cpu().numpy())


def read_net(path: Path) -> ISNet:
    """An IS-Net in evaluation mode with the weights of a safetensors file, as wide as they are.

    Raises:
        EnvironmentProblem: WEIGHTS_UNREADABLE.
        UsageError: WEIGHTS_MISMATCH where the tensors are not those of an IS-Net.
    """
    tensors = read_tensors(path)
    net = ISNet(_width(tensors))
    _check(tensors, net, path)
    net.load_state_dict(tensors)
    return net.eval()


def convert(pth: Path, safetensors: Path) -> None:
    """Rewrite the published ``isnet-general-use.pth`` as safetensors, without running code that it may hold.

    Raises:
        UsageError: WEIGHTS_UNSAFE where the file holds more than tensors, WEIGHTS_MISMATCH where they are not IS-Net's.
    """
    try:
        tensors = torch.load(pth, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise UsageError(
            "WEIGHTS_UNSAFE",
            "not a plain file of tensors",
            where=str(pth),
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix="download isnet-general-use.pth again from the page of its authors",
        ) from None
    _check(tensors, ISNet(_width(tensors)), pth)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, safetensors, metadata=PUBLISHED)


def _width(tensors: object) -> float:
    first = tensors.get("conv_in.weight") if isinstance(tensors, dict) else None
    return first.shape[0] / 64 if isinstance(first, Tensor) and first.ndim == 4 else 1.0


def _check(tensors: object, net: ISNet, where: Path) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = (
        {name: tuple(tensor.shape) for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
        if isinstance(tensors, dict)
        else {}
    )
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise UsageError(
            "WEIGHTS_MISMATCH",
            f"{len(wrong)} tensors are not those of an IS-Net, among them {', '.join(wrong[:3])}",
            where=str(where),
            fix="use weights of IS-Net (isnet-general-use), not of another network",
        )


def _missing(weights: str | None) -> EnvironmentProblem:
    return EnvironmentProblem(
        "WEIGHTS_MISSING",
        f"there is no file {weights!r}" if weights else "the segmenter 'isnet' needs weights",
        why="no weights ship with the engine",
        fix="download isnet-general-use.pth (xuebinqin/DIS on GitHub), convert it with `python -m "
        "actors.backends.isnet isnet-general-use.pth isnet.safetensors`, and name isnet.safetensors as its weights",
    )


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
