"""IS-Net: the salient object of a photo, as a soft matte.

The net itself is in isnet_net.py; the official ``isnet-general-use`` weights load into it.

Weights are a safetensors file, or a folder that holds it as ``isnet.safetensors``. What the tensors do not tell stands
in the file's metadata: ``input_size``, the side in pixels that photos enter at (1024 where it is absent, as published).

Convert the published file once:  python -m actors.backends.segment.isnet isnet-general-use.pth
isnet-general-use.safetensors
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
from torch import Tensor
from torch.nn import functional

from actors.backends.segment.isnet_net import ISNet, resize_like
from actors.compose.segment import Segment
from actors.models.provenance import fingerprint
from actors.models.weights import SHIPPED, local_weights, read_header, read_tensors
from engine.errors import EnvironmentProblem, UsageError
from engine.photos.mattes import Matte, require_object, to_matte
from engine.rows.values import UNKNOWN_LICENSE, Model, Pixels

INPUT_SIZE = 1024  # of the published weights, and of any that do not state theirs
SIZES = range(64, 4097)
FILE = "isnet.safetensors"
PUBLISHED = {"name": "isnet-general-use", "license": "Apache-2.0"}


@final
class IsNetSegmenter:
    """Photo to matte with stored IS-Net weights, of any width and input size, run in float32.

    Args:
        weights: a safetensors file, a folder with ``isnet.safetensors``, or ``shipped:<family>/<part>``.

    Quality is how decided the net is, see `engine.photos.mattes.to_matte`.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING, WEIGHTS_UNREADABLE.
        UsageError: WEIGHTS_MISMATCH, and for folders those of `actors.models.weights.local_weights`.
    """

    def __init__(self, weights: str) -> None:
        path = find_weights(weights)
        # One thread: sums then have one order, so a matte does not depend on the machine; and each worker has one core.
        torch.set_num_threads(1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = read_net(path).to(self.device)
        stated = read_header(path).get("__metadata__") or {}
        self.input_size = _input_size(stated, path)
        shipped = weights.removeprefix(SHIPPED) if weights.startswith(SHIPPED) else ""
        self.models = (
            Model(
                name=shipped or stated.get("name", path.stem),
                revision=fingerprint(path),
                license=stated.get("license", UNKNOWN_LICENSE),
            ),
        )

    def __call__(self, photo: Pixels, name: str = "") -> Matte:
        """The matte of an HxWx3 photo, HxW uint8; what stands out is not asked for its `name`.

        Raises:
            SampleError: NOTHING_TO_CUT where no pixel is more likely object than not.
        """
        del name
        p = self._probability(photo)
        require_object(p)
        return to_matte(p)

    @torch.inference_mode()
    def _probability(self, photo: Pixels) -> NDArray[np.float32]:
        """The finest side map at the size of the photo. No min-max stretch: it would turn "no object" into one."""
        values = torch.tensor(photo, device=self.device).permute(2, 0, 1)[None].float()
        # The published net saw plain bilinear samples; one with a smaller view saw smoothed ones (and needs them).
        square = functional.interpolate(
            values, size=(self.input_size,) * 2, mode="bilinear", antialias=self.input_size < INPUT_SIZE
        )
        finest = self.net(square.to(torch.uint8) / 255 - 0.5)[0]  # 8 bits, as published
        return cast("NDArray[np.float32]", resize_like(finest, values)[0, 0].cpu().numpy())


def load(spec: Segment) -> IsNetSegmenter:
    """The segmenter that a recipe asks for."""
    return IsNetSegmenter(spec.weights or "")


def find_weights(weights: str) -> Path:
    """The weights file that a recipe's text names.

    Raises:
        EnvironmentProblem: WEIGHTS_MISSING where no such file or folder is there, and those of `local_weights`.
        UsageError: those of `local_weights`.
    """
    if Path(weights).is_file():
        return Path(weights)
    if not (weights.startswith(SHIPPED) or (weights and Path(weights).expanduser().is_dir())):
        raise _weights_missing(weights)
    path = local_weights(weights) / FILE
    if not path.is_file():
        raise EnvironmentProblem(
            "WEIGHTS_MISSING", f"holds no {FILE}", where=str(path.parent), fix="name the weights file itself"
        )
    return path


def _input_size(stated: dict[str, str], path: Path) -> int:
    text = stated.get("input_size", str(INPUT_SIZE))
    if not (text.isascii() and text.isdecimal()) or int(text) not in SIZES:
        raise UsageError(
            "WEIGHTS_MISMATCH",
            f"its metadata give an input size of {text!r}",
            where=str(path),
            fix=f"state input_size as {SIZES.start} to {SIZES.stop - 1} pixels, or leave it out for {INPUT_SIZE}",
        )
    return int(text)


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


def _weights_missing(weights: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        "WEIGHTS_MISSING",
        f"there is no file or folder {weights!r}",
        fix="for toys, name shipped:micro/segmenter; for photos, download isnet-general-use.pth (xuebinqin/DIS on "
        "GitHub), convert it with `python -m actors.backends.segment.isnet isnet-general-use.pth isnet.safetensors`, "
        "and name isnet.safetensors",
    )


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
