"""Plots rows as SVG: bars, and latency over the number of rows. The same rows result in the same file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from math import log10
from pathlib import Path

from .rows import Row

# A white background, for light and dark pages.
_COLOURS = {"ours": "#1a7f4b", "published": "#c0504d", "floor": "#9aa0a6", "plain": "#7a6fb0"}
_OTHERS = ("#4f81bd", "#d99a2b", "#7a6fb0", "#3aa6a6", "#8d6e63")
_WIDTH, _LEFT, _RIGHT, _BAR = 860, 300, 130, 16
_SIZE = re.compile(r"(.*), ([\d,]+) rows$")


def write(rows: Sequence[Row], folder: Path) -> None:
    chosen = {
        "authenticate": [row for row in rows if row.section == "authenticate"],
        "refresh": [row for row in rows if row.section == "endpoints" and row.work.startswith("refresh")],
        "served": [row for row in rows if row.section == "served"],
    }
    unit = {"authenticate": "µs", "refresh": "ms", "served": "requests/s"}
    title = {
        "authenticate": "From the header to a user: microseconds for one request, less is better",
        "refresh": "POST /token/refresh/: milliseconds for one call, less is better",
        "served": "Served by gunicorn, 2 workers: requests per second, more is better",
    }
    drawn = {
        name: _bars(title[name], [row for row in picked if row.unit == unit[name]]) for name, picked in chosen.items()
    }
    drawn["growth"] = _lines("Latency over outstanding tokens: milliseconds, less is better", rows)
    for name, text in drawn.items():
        if text:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.svg").write_text(text)


def _bars(title: str, rows: Sequence[Row]) -> str | None:
    if not rows:
        return None
    most = max(max(row.values.values()) for row in rows)
    colours = _colours(rows)
    parts, y = [], 44
    for row in rows:
        parts.append(_text(12, y + 13, f"{row.work} {row.database}".replace("`", ""), bold=True))
        y += 20
        for name, value in row.values.items():
            length = max(1.0, (_WIDTH - _LEFT - _RIGHT) * value / most)
            parts.append(_text(_LEFT - 8, y + 12, name, anchor="end"))
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 3}" fill="{colours[name]}"/>')
            parts.append(
                _text(
                    _LEFT + length + 6,
                    y + 12,
                    f"{_number(value)} {row.unit}",
                )
            )
            y += _BAR
        y += 10
    return _svg(title, parts, y + 6)


def _lines(title: str, rows: Sequence[Row]) -> str | None:
    """Returns a panel for each work and database, with logarithmic axes."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        found = _SIZE.match(row.work) if row.section == "growth" and row.unit == "ms" else None
        for name, value in row.values.items() if found else ():
            series = panels.setdefault(f"{found[1]}, {row.database}".replace("`", ""), {})
            series.setdefault(name, []).append((float(found[2].replace(",", "")), value))
    if not panels:
        return None
    colours = _colours([row for row in rows if row.section == "growth"])
    parts: list[str] = []
    for number, (label, series) in enumerate(panels.items()):
        parts += _panel(label, series, colours, 12 + number % 2 * 424, 48 + number // 2 * 210)
    return _svg(title, parts, 48 + (len(panels) + 1) // 2 * 210)


def _panel(
    label: str, series: dict[str, list[tuple[float, float]]], colours: dict[str, str], left: int, top: int
) -> list[str]:
    values = [value for points in series.values() for _, value in points]
    sizes = sorted({size for points in series.values() for size, _ in points})
    low, high = log10(min(values) / 1.5), log10(max(values) * 1.5)
    across = max(log10(sizes[-1] / sizes[0]), 1e-9)
    x = lambda size: left + 30 + 250 * log10(size / sizes[0]) / across  # noqa: E731
    y = lambda value: top + 160 - 130 * (log10(value) - low) / (high - low)  # noqa: E731
    parts = [_text(left, top + 12, label, bold=True)]
    parts.append(f'<path d="M{left + 20} {top + 162}h280" stroke="#999"/>')
    parts += [_text(x(size), top + 178, f"{size:,.0f}", anchor="middle") for size in sizes]
    for name, points in series.items():
        path = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2.5"/>')
        size, value = points[-1]
        parts.append(_text(x(size) + 8, y(value) + 4, f"{name} {_number(value)} ms", colour=colours[name]))
    return parts


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    names = dict.fromkeys(name for row in rows for name in row.values)
    others = [name for name in names if name not in _COLOURS]
    return _COLOURS | {name: _OTHERS[number % len(_OTHERS)] for number, name in enumerate(others)}


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, colour: str = "#1f2328") -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str], height: int) -> str:
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="12">'
    ground = f'<title>{escape(title)}</title><rect width="{_WIDTH}" height="{height}" fill="#fff"/>'
    return "\n".join([head, ground, _text(12, 26, title, bold=True), *parts, "</svg>"]) + "\n"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
