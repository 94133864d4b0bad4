"""What a benchmark measures: one piece of work, done by each package in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """What a row has to reach, in words, and whether its ``values`` do."""

    text: str
    is_met: Callable[[dict[str, float]], bool] = field(repr=False)


@dataclass(frozen=True)
class Row:
    """Medians by the name of what was measured, a package of ``environments.PACKAGES`` or "floor"; all in one unit."""

    section: str
    work: str
    unit: str
    values: dict[str, float]
    database: str = ""
    target: Target | None = None
    # What was sent to the database, by package, where the work has a database.
    statements: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """How many times faster than the published package, or less of a unit that counts."""
        ours, published = self.values.get("ours"), self.values.get("published")
        if not ours or not published:
            return None
        return ours / published if self.unit.endswith("/s") else published / ours


def faster(times: float) -> Target:
    """At least so many times as fast as the published package."""
    return Target(f"≥ {times:g}x", lambda values: values["published"] / values["ours"] >= times)
