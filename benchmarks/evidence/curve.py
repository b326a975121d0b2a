"""CP-CLIP against the number of composed pictures, a line for each number of concepts, as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from benchmarks.evidence.findings import Findings
from benchmarks.evidence.study import Study

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 400, 64, 56, 24, 150
COLORS = "#2f5bd7", "#c2410c", "#15803d", "#7c3aed"


def points_of(study: Study, found: Findings, subjects: str) -> list[tuple[int, float, float, float]]:
    """Number of composed pictures, CP-CLIP, and the ends of its interval; photos alone are 0."""
    made = []
    for name, regime in study.regimes.items():
        cell = found.cell(name, subjects, "cp_clip")
        count = _count(regime.data, study)
        if cell is not None and count is not None and not regime.strategies:
            made.append((count, cell["mean"], cell["low"], cell["high"]))
    return sorted(made)


def save_curve(study: Study, found: Findings, path: Path) -> None:
    """Write the figure; nothing where there is no line."""
    lines = {subjects: points_of(study, found, subjects) for subjects in ("2", "3", "4", "5")}
    lines = {subjects: points for subjects, points in lines.items() if len(points) > 1}
    if lines:
        path.write_text("\n".join(_svg(lines)) + "\n", encoding="utf-8")


def _count(data: str, study: Study) -> int | None:
    if data == "photos":
        return 0
    if data == "composed":
        return study.composed
    numbered = re.fullmatch(r"composed-(\d+)", data)
    return int(numbered[1]) if numbered else None


def _svg(lines: dict[str, list[tuple[int, float, float, float]]]) -> Iterator[str]:
    counts = sorted({count for points in lines.values() for count, *_ in points})
    most = max(high for points in lines.values() for *_, high in points)
    top = max(0.1 * -(-most // 0.1), 0.1)
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - TOP
    places = {count: LEFT + wide * number / max(len(counts) - 1, 1) for number, count in enumerate(counts)}

    def height(value: float) -> float:
        return TOP + tall * (1 - value / top)

    box = f'viewBox="0 0 {WIDTH} {HEIGHT}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="13">'
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    for number in range(round(top / 0.1) + 1):
        at = height(number * 0.1)
        yield f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e5e5e5"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{number * 0.1:.1f}</text>'
    for count, at in places.items():
        label = "photos" if count == 0 else f"{count}"
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#555">{label}</text>'
    yield f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 12}" text-anchor="middle" fill="#222">composed pictures</text>'
    turned = f'text-anchor="middle" fill="#222" transform="translate(16 {TOP + tall / 2}) rotate(-90)"'
    yield f"<text {turned}>CP-CLIP</text>"
    for color, (subjects, points) in zip(COLORS, lines.items(), strict=False):
        path = " ".join(f"{places[count]:.1f},{height(mean):.1f}" for count, mean, _, _ in points)
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        for count, mean, low, high in points:
            at = places[count]
            yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{height(low):.1f}" y2="{height(high):.1f}" stroke="{color}"/>'
            yield f'<circle cx="{at:.1f}" cy="{height(mean):.1f}" r="3.5" fill="{color}"/>'
        count, mean, *_ = points[-1]
        where = f'x="{places[count] + 10:.1f}" y="{height(mean) + 4:.1f}"'
        yield f'<text {where} fill="{color}">{escape(subjects)} concepts</text>'
    yield "</svg>"
