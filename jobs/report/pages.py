"""Files for a person to open: self-contained, whole or not there, with no trust in names."""

from __future__ import annotations

import base64
import html
import json
import re
from hashlib import sha256
from pathlib import Path

from engine.errors import EnvironmentProblem


def write_page(page: Path, content: bytes, *, option: str) -> None:
    """Write a file in one step; what is there is replaced.

    Args:
        page: where; its folder is made.
        content: of the file.
        option: by which a person names another place.

    Raises:
        EnvironmentProblem: PAGE_NOT_WRITTEN.
    """
    unfinished = page.with_name(page.name + ".part")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(page)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise EnvironmentProblem(
            "PAGE_NOT_WRITTEN",
            "the page cannot be written",
            where=str(page),
            why=str(error),
            fix=f"choose another {option} FILE",
        ) from error


def fill_page(template: str, *, title: str, style: str, script: str, data: object) -> str:
    """A page of `assets/`: style and script inline under a content security policy of their hashes, data as JSON.

    Equal contents give equal bytes.
    """
    parts = {
        "title": html.escape(title),
        "style": style,
        "script": script,
        "style_hash": _csp_hash(style),
        "script_hash": _csp_hash(script),
        "data": json_block(data),
    }
    # One pass: text that came in with the data is never searched for placeholders.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], read_asset("head.html") + read_asset(template))


def json_block(data: object) -> str:
    r"""JSON that may stand inside a `<script>` element: ASCII, with `<`, `>` and `&` written as `\u003c` and so on."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)  # ASCII: U+2028 and ESC are escaped by it
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _csp_hash(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def read_asset(name: str) -> str:
    """A file of `assets/` as text."""
    return Path(__file__).parent.joinpath("assets", name).read_text(encoding="utf-8")
