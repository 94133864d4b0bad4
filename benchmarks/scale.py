"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Quick: enough to see that everything runs and to count statements, in under two minutes."""

    quick: bool = False
