"""`mycanvas doctor`: is this machine fit? Each line says ok, warn or fail, and how to mend it. Starts nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FREE_GB = 5
SHM_GB = 1
MODEL_PACKAGES = ("diffusers", "transformers", "open_clip_torch")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  it is looked at, not written to
FLOORS = {"ray": "2.60", "pillow": "13", "pyarrow": "26"}
"""Below these, known holes are open: code execution by Parquet (ray), heap overflows in decoders (pillow)."""

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    verdict: Verdict
    detail: str
    fix: str = ""


def examine() -> list[Finding]:
    """Every check, in the order in which one would mend things."""
    return [
        _python(),
        *_floors(),
        _torch_pair(),
        _extras(),
        _gpu(),
        _disk(),
        _shared_memory(),
        *_cluster_needs(),
        _token(),
    ]


def _python() -> Finding:
    version = sys.version.split()[0]
    fine = sys.version_info >= (3, 11)
    return Finding("python", "ok" if fine else "fail", version, "" if fine else "install Python 3.11 or newer")


def _floors() -> Iterator[Finding]:
    for name, floor in FLOORS.items():
        have = _version(name)
        fine = have is not None and _numbers(have) >= _numbers(floor)
        fix = "" if fine else f"pip install '{name}>={floor}' -c constraints.txt"
        yield Finding(name, "ok" if fine else "fail", have or "not installed", fix)


def _torch_pair() -> Finding:
    """A CPU torch beside a CUDA torchvision: every model then dies with `operator torchvision::nms does not exist`."""
    torch, vision = _version("torch"), _version("torchvision")
    if torch is None:
        return Finding("torch", "ok", "not installed; only model backends need it")
    if vision is None:
        return Finding("torch", "warn", f"{torch} without torchvision", "pip install 'mycanvas-engine[models]'")
    if importlib.util.find_spec("torchvision") and _nms_is_missing():
        return Finding(
            "torch",
            "fail",
            f"torch {torch} and torchvision {vision} were built for different devices (operator torchvision::nms)",
            "uv pip install --reinstall torch torchvision -c constraints.txt   (both from one index)",
        )
    return Finding("torch", "ok", f"{torch} with torchvision {vision}")


def _nms_is_missing() -> bool:
    """Compare the build tags; importing torchvision to find out takes seconds and may crash."""
    tags = [version.partition("+")[2][:2] for version in (_version("torch") or "", _version("torchvision") or "")]
    libraries = Path(importlib.util.find_spec("torch").origin).parent / "lib"  # type: ignore[union-attr,arg-type]
    cuda_torch = any(libraries.glob("libtorch_cuda*"))
    vision_spec = importlib.util.find_spec("torchvision")
    vision = Path(vision_spec.origin).parent / "_C.so" if vision_spec and vision_spec.origin else Path()
    cuda_vision = vision.is_file() and b"libtorch_cuda" in vision.read_bytes()
    return (tags[0] != tags[1] and all(tags)) or (cuda_vision and not cuda_torch)


def _extras() -> Finding:
    missing = [name for name in MODEL_PACKAGES if _version(name) is None]
    detail = f"without {', '.join(missing)}" if missing else "installed"
    fix = "pip install 'mycanvas-engine[models]' -c constraints.txt" if missing else ""
    return Finding("extra models", "warn" if missing else "ok", detail, fix)


def _gpu() -> Finding:
    gpus = sorted(Path("/dev").glob("nvidia[0-9]*"))
    return Finding("gpu", "ok", f"{len(gpus)} found" if gpus else "none; `classic` runs on the CPU")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    fine = free >= FREE_GB
    return Finding("disk", "ok" if fine else "warn", f"{free:.0f} GB free here", "" if fine else "free some space")


def _shared_memory() -> Finding:
    if not SHARED_MEMORY.is_dir():
        return Finding("shared memory", "warn", "no /dev/shm; Ray falls back to slow files", "run with --shm-size=4g")
    total = shutil.disk_usage(SHARED_MEMORY).total / 1e9
    fine = total >= SHM_GB
    fix = "" if fine else "run the container with --shm-size=4g"
    return Finding("shared memory", "ok" if fine else "warn", f"{total:.1f} GB", fix)


def _cluster_needs() -> Iterator[Finding]:
    """What a private Ray cluster needs of the machine."""
    if _version("ray") is None:
        return
    from cluster.machine import needs

    for need in needs():
        verdict: Verdict = "fail" if need.fatal else "ok" if need.enough else "warn"
        yield Finding(need.name, verdict, need.detail, "" if verdict == "ok" else need.fix)


def _token() -> Finding:
    """A Ray cluster without a token runs anyone's code."""
    from cluster.auth_token import AUTH_MODE, is_open_to_others, token_file

    if os.environ.get(AUTH_MODE) == "disabled":
        what = "RAY_AUTH_MODE=disabled: whoever reaches a cluster that you start runs code as you"
        return Finding("ray token", "warn", what, "unset it; a private cluster asks for a token all the same")
    path = token_file()
    if not path.exists():
        return Finding("ray token", "ok", "none yet; a private cluster makes its own")
    if is_open_to_others(path):
        return Finding("ray token", "warn", f"{path} can be read by others", f"chmod 600 {path}")
    return Finding("ray token", "ok", "readable by you alone")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("+")[0].split(".") if part.isdigit())
