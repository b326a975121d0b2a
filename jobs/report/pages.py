"""Files for a person to open: whole, or not there."""

from __future__ import annotations

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
