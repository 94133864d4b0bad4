"""Rows: the results of a benchmark for one work, by package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A target in words, and a function that returns whether ``values`` reach it."""

    text: str
    is_met: Callable[[dict[str, float]], bool] = field(repr=False)


@dataclass(frozen=True)
class Row:
    """Medians in one unit, by package of ``environments.PACKAGES``, or "floor"."""

    section: str
    work: str
    unit: str
    values: dict[str, float]
    database: str = ""
    target: Target | None = None
    # The statements sent to the database, by package.
    statements: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Returns how many times faster the package is than the published one, or how many times less it uses."""
        ours, published = self.values.get("ours"), self.values.get("published")
        if not ours or not published:
            return None
        return ours / published if self.unit.endswith("/s") else published / ours


def faster(times: float) -> Target:
    """Returns a target: at least ``times`` as fast as the published package."""
    return Target(f"≥ {times:g}x", lambda values: values["published"] / values["ours"] >= times)
