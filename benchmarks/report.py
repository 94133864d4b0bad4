"""Prints rows on the terminal, and writes ``results.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from .machine import machine, versions
from .rows import Row

_COLUMNS = ("work", "on", "unit", "published 5.5.1", "ours", "floor", "others", "ratio", "target", "")
_OWN_COLUMN = ("published", "ours", "floor")


def is_met(row: Row) -> bool | None:
    """Returns whether the row has reached its target; ``None`` without a target or a value to compare with."""
    if row.target is None or "ours" not in row.values:
        return None
    try:
        return row.target.is_met(row.values)
    except KeyError:
        return None


def line(row: Row) -> str:
    values = "  ".join(f"{name} {_number(value)}" for name, value in row.values.items())
    return f"{row.section}: {row.work} {row.database} [{row.unit}]  {values}  {_ratio(row)}  {_verdict(row)}".rstrip()


def statements(row: Row) -> str:
    """Returns the statements that each package sent, for the terminal."""
    return "\n".join(f"    {name} {number}. {text}" for name, number, text in _numbered(row))


def write(rows: Sequence[Row], folder: Path) -> None:
    parts = ["# Results", "Written by `python -m benchmarks`; medians of interleaved rounds on one machine."]
    parts.append(_list(machine()) + "\n" + _list(versions()))
    for section in dict.fromkeys(row.section for row in rows):
        parts += [f"## {section}", _table([row for row in rows if row.section == section])]
    counted = [row for row in rows if row.unit.startswith("statements") and row.statements]
    parts += ["## Statements", *(_listing(row) for row in counted)] if counted else []
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text("\n\n".join(parts) + "\n")


def _list(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _table(rows: Iterable[Row]) -> str:
    lines = [_line_of(_COLUMNS), _line_of("---" for _ in _COLUMNS)]
    return "\n".join(lines + [_line_of(_cells(row)) for row in rows])


def _cells(row: Row) -> list[str]:
    own = [_number(row.values[name]) if name in row.values else "" for name in _OWN_COLUMN]
    others = ", ".join(f"{name} {_number(value)}" for name, value in row.values.items() if name not in _OWN_COLUMN)
    target = row.target.text if row.target else ""
    verdict = {True: "met", False: "**not met**", None: "not compared" if target else ""}[is_met(row)]
    return [row.work, row.database, row.unit, *own, others, _ratio(row), target, verdict]


def _line_of(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _listing(row: Row) -> str:
    shown = [(name, number, text) for name, number, text in _numbered(row) if name in ("ours", "published")]
    lines = "\n".join(f"{name} {number}. {text}" for name, number, text in shown)
    return f"### {row.work}, {row.database}\n\n```sql\n{lines}\n```"


def _numbered(row: Row) -> Iterable[tuple[str, int, str]]:
    for name, sent in row.statements.items():
        for number, text in enumerate(sent, 1):
            yield name, number, text


def _ratio(row: Row) -> str:
    return f"{row.ratio:.2f}x" if row.ratio is not None else ""


def _verdict(row: Row) -> str:
    return (
        f"({row.target.text}: {({True: 'met', False: 'NOT MET'}).get(is_met(row), 'not compared')})"
        if row.target
        else ""
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
