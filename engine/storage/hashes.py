"""JSON files that carry the hash of their own content: a flipped bit is found with nothing but the file itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from engine.errors import Damaged

FORMAT, SEAL = "format", "seal"
DIGEST_BYTES = 32
_VERSION = 1
_END = b"\n}\n"


def digest(data: bytes | memoryview) -> str:
    """The hash by which files are named in receipts and manifests: BLAKE2b, 32 bytes, as hexadecimal text."""
    return blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def seal(kind: str, content: Mapping[str, Any]) -> bytes:
    """`content` as JSON between a first key ``format``, its kind, and a last key ``seal``, the hash of the rest."""
    named = {FORMAT: f"mycanvas {kind} {_VERSION}", **content}
    text = (json.dumps(named, indent=1, allow_nan=False) + "\n").encode()
    return text.removesuffix(_END) + f',\n "{SEAL}": "{digest(text)}"'.encode() + _END


def unseal(data: bytes, kind: str, *, where: str, fix: str = "") -> dict[str, Any]:
    """The content that was sealed.

    It is sealed anew and compared: ``1e-05`` and ``1E-05`` differ in one bit and mean the same number.

    Raises:
        Damaged: SEAL_BROKEN, when `data` is not what `seal` made of something of this kind.
    """
    try:
        content = json.loads(data)
        rest = {key: content[key] for key in content if key not in (FORMAT, SEAL)}
        whole = seal(kind, rest) == data
    except (ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise Damaged("SEAL_BROKEN", f"not a whole {kind}: it does not match its own hash", where=where, fix=fix)
    return rest
