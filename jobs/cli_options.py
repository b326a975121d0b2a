"""Options and arguments that several commands share: one name, one help text."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.console import Format

Output = Annotated[Format, typer.Option("--format", help="auto, human, json or quiet; data goes to stdout")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="change one value: --set gate.min_identity_psnr=36")]
RecipeName = Annotated[str, typer.Argument(help="name of a built-in recipe, or a YAML file")]
