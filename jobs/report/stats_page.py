"""The statistics of a dataset as one SVG: the way from plan to choice, reasons, concepts, each score's histogram.

Plain SVG without scripts, fonts or references; names from outside become escaped text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.console import plain

WIDTH, MARGIN, LINE = 960, 32, 20
INK, SOFT, BAR, MARK, PAPER = "#1f2430", "#6b7280", "#3b6ea5", "#c2571a", "#fbfbf9"
TOP = 16  # names of a list that are shown
ACROSS, CELL_H, PLOT_H = 3, 150, 84


@dataclass(frozen=True, slots=True)
class PagePart:
    """A piece of the page: SVG elements whose coordinates begin at 0, and how high it is."""

    elements: Sequence[str]
    height: float


def page(report: Mapping[str, Any]) -> str:
    """The report of `jobs.report.stats.stats` as an SVG document. Equal reports give equal text."""
    title = str(report["dataset"]).rstrip("/").rpartition("/")[2]
    parts = [PagePart([_text(0, 24, title, size=22, weight=600)], 40), _bars("rows", _funnel(report))]
    listed = [name for name in ("reasons", "failures", "concepts") if report.get(name)]
    parts += [_bars(name, list(report[name].items())) for name in listed]
    parts.append(_histograms(report["scores"]))
    body, top = [], float(MARGIN)
    for part in parts:
        body.append(f'<g transform="translate({MARGIN} {top:g})">{"".join(part.elements)}</g>')
        top += part.height + LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:g}" width="{WIDTH}" height="{top:g}" '
        f'font-family="system-ui, sans-serif" role="img" aria-label="{html.escape(title)}">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>{"".join(body)}</svg>\n'
    )


def _funnel(report: Mapping[str, Any]) -> list[tuple[str, int]]:
    known = report.get("funnel") or {"rows": report["rows"], "accepted": report["accepted"]}
    return list(known.items())


def _bars(title: str, counted: Sequence[tuple[str, int]]) -> PagePart:
    shown, most = counted[:TOP], max((count for _, count in counted), default=1) or 1
    left, right = 240, WIDTH - 2 * MARGIN - 90
    elements = [_text(0, 14, title, weight=600)]
    for number, (name, count) in enumerate(shown):
        y = LINE * (number + 1) + 6
        elements.append(_text(left - 10, y + 12, _short(name), anchor="end"))
        elements.append(_rect(left, y, max((right - left) * count / most, 1), 14, BAR))
        elements.append(_text(left + (right - left) * count / most + 8, y + 12, f"{count:,}", fill=SOFT))
    rest = len(counted) - len(shown)
    if rest > 0:
        elements.append(_text(left, LINE * (len(shown) + 1) + 18, f"{rest:,} more", fill=SOFT))
    return PagePart(elements, LINE * (len(shown) + 1 + (rest > 0)) + 6)


def _histograms(scores: Mapping[str, Mapping[str, Any]]) -> PagePart:
    wide = (WIDTH - 2 * MARGIN) / ACROSS
    elements: list[str] = []
    for number, (name, score) in enumerate(scores.items()):
        x, y = number % ACROSS * wide, number // ACROSS * CELL_H
        elements.append(f'<g transform="translate({x:g} {y:g})">{"".join(_histogram(name, score, wide - 28))}</g>')
    return PagePart(elements, -(-len(scores) // ACROSS) * CELL_H)


def _histogram(name: str, score: Mapping[str, Any], wide: float) -> Iterable[str]:
    counts, low, high = score["histogram"], score["least"], score["largest"]
    each, most = wide / len(counts), max(counts) or 1
    yield _text(0, 14, _short(name), weight=600)
    yield _rect(0, 24 + PLOT_H, wide, 1, SOFT)
    for place, count in enumerate(counts):
        tall = PLOT_H * count / most
        if count:
            yield _rect(place * each, 24 + PLOT_H - max(tall, 1), each - 1, max(tall, 1), BAR)
    middle = score["quantiles"][1]
    at = wide * (middle - low) / (high - low) if high > low else wide / 2
    yield _rect(at - 1, 20, 2, PLOT_H + 8, MARK)
    yield _text(0, 42 + PLOT_H, f"{low:.3g}", fill=SOFT)
    yield _text(wide, 42 + PLOT_H, f"{high:.3g}", fill=SOFT, anchor="end")
    yield _text(wide, 14, f"median {middle:.3g}", fill=MARK, anchor="end")


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _text(
    x: float, y: float, text: str, *, size: int = 13, weight: int = 400, fill: str = INK, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{html.escape(plain(text))}</text>'
    )


def _short(text: str) -> str:
    return text if len(text) <= 32 else text[:31] + "…"
