"""The commands about libraries of cut-outs: add, list, show, review, exclude, calibrate, export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from jobs.cli.options import Address, Output, Overrides, Yes, group, may_pull
from jobs.console import Console

commands = group()
library = group("Look through a library of cut-outs: what is in it, what should not be used.")
commands.add_typer(library, name="library")
Where = Annotated[str, typer.Argument(help="a library: what segment made, or OUT/library", metavar="LIB")]


@library.command("add")
def library_add(
    where: Where,
    photos: Annotated[str, typer.Option(help="<concept>/<image> or <ensemble>/<concept>/<image>")],
    recipe: Annotated[str, typer.Option(help="name or file; its `segment` part is used")] = "photo",
    override: Overrides = None,
    address: Address = "local",
    yes: Yes = False,
    output: Output = "auto",
) -> None:
    """Cut new photos out into a library; what it knows is not cut out again.

    Example: mycanvas library add library/ --photos photos/
    """
    from jobs.compose.recipes import load
    from jobs.compose.segment import segment
    from jobs.models.models import pull_small_nets

    console, chosen = Console(output), load(recipe, override or [])
    pull_small_nets(chosen, may_pull(yes), console)
    tally = segment(chosen, photos=photos, out=where, address=address, console=console)
    made = {"cutouts": tally.accepted, "cut_off": tally.rejected, "failed": tally.failed}
    lines = [f"{tally.accepted} new cut-outs, {tally.rejected} cut off by their photo, {tally.failed} failed   {where}"]
    console.result(made, [*lines, f"next: mycanvas library review {quote(where)}"])


@library.command("list")
def library_list(where: Where, output: Output = "auto") -> None:
    """Say of each concept how many cut-outs there are, how many excluded, and the least quality.

    Example: mycanvas library list library/
    """
    from jobs.compose.library import list_concepts

    lines = list_concepts(where)
    width = max(len(line.concept) for line in lines)
    console = Console(output)
    texts = [
        f"{line.concept:{width}}  {line.class_name}: {line.cutouts} cut-outs, {line.excluded} excluded, least quality "
        f"{'none' if line.least_quality is None else f'{line.least_quality:.2f}'}"
        for line in lines
    ]
    console.result({"concepts": [asdict(line) for line in lines]}, texts)


@library.command("show")
def library_show(
    where: Where,
    names: Annotated[list[str], typer.Argument(help="cut-outs by id, or concepts", metavar="NAME...")],
    output: Output = "auto",
) -> None:
    """Say everything that is known of some cut-outs.

    Example: mycanvas library show library/ rex
    """
    from engine.photos.exclusions import read_exclusions
    from jobs.compose.library import find_cutouts, open_filled

    known = open_filled(where)
    excluded = read_exclusions(known.store)
    ids = find_cutouts(known, names)
    facts = [{**asdict(known.cutouts[key]), "excluded": excluded.get(key, "")} for key in ids]
    lines = [f"{key}: {value}" for each in facts for key, value in each.items() if value not in ("", None, ())]
    Console(output).result({"cutouts": facts}, lines)


@library.command("review")
def library_review(
    where: Where,
    page: Annotated[Path, typer.Option("-o", help="HTML file")] = Path("review.html"),
    limit: Annotated[int, typer.Option(min=1, help="how many of the worst")] = 400,
    output: Output = "auto",
) -> None:
    """Write a page with every photo beside its matte, worst first; what you judge there feeds `exclude --csv`.

    Example: mycanvas library review library/ -o review.html
    """
    from jobs.report.library_review import review

    count = review(where, page, limit)
    Console(output).result(
        {"cutouts": count, "page": str(page)},
        [
            f"{count} cut-outs in {page}",
            f"next: judge, then mycanvas library exclude {quote(where)} --csv verdicts.csv",
        ],
    )


@library.command("exclude")
def library_exclude(
    where: Where,
    names: Annotated[list[str] | None, typer.Argument(help="cut-outs by id, or concepts", metavar="NAME...")] = None,
    verdicts: Annotated[Path | None, typer.Option("--csv", help="what a review page wrote")] = None,
    reason: Annotated[str, typer.Option(help="kept with the exclusion")] = "excluded by hand",
    undo: Annotated[bool, typer.Option("--undo", help="take them in again")] = False,
    output: Output = "auto",
) -> None:
    """Keep cut-outs out of new datasets; those that were begun go on with what they have.

    Example: mycanvas library exclude library/ 3f0c2a9b1d5e7f64 --reason "cut off"
    """
    from jobs.compose.library import apply_verdicts, exclude_named

    if bool(names) == (verdicts is not None):
        raise typer.BadParameter("give names, or --csv FILE")
    if verdicts is not None:
        counts = apply_verdicts(where, verdicts)
        told = {key: counts[key] for key in sorted(counts)}
        Console(output).result(told, [", ".join(f"{count} {verdict}" for verdict, count in told.items())])
        return
    count = exclude_named(where, names or [], "" if undo else reason)
    done = "taken in again" if undo else "excluded"
    Console(output).result({"cutouts": count}, [f"{count} cut-outs {done}"])


@library.command("calibrate")
def library_calibrate(
    where: Where,
    verdicts: Annotated[Path, typer.Option("--csv", help="what a review page wrote")],
    output: Output = "auto",
) -> None:
    """Fit the least quality of cut-outs, scene.min_quality, to what you judged on a review page.

    Example: mycanvas library calibrate library/ --csv verdicts.csv
    """
    from jobs.compose.library import fit_quality

    found = fit_quality(where, verdicts)
    lines = [f"{found.judged} cut-outs judged, {found.good} of them good"]
    for title, own in (("on these", found.fitted), ("on held-out ones", found.held_out)):
        lines.append(f"  {title:<17} precision {own.precision:.2f}   recall {own.recall:.2f}   of good ones")
    Console(output).result(asdict(found), [*lines, f"next: --set scene.min_quality={found.min_quality:g}"])


@library.command("export")
def library_export(
    where: Where,
    out: Annotated[Path, typer.Option(help="a new folder")],
    output: Output = "auto",
) -> None:
    """Write what is not excluded as RGBA PNGs in concept folders; such a folder is photos for any library.

    Example: mycanvas library export library/ --out cutouts/
    """
    from jobs.compose.library import export_cutouts

    count = export_cutouts(where, out)
    Console(output).result({"cutouts": count, "out": str(out)}, [f"{count} cut-outs in {out}"])
