"""Resets locks in a forked child process, where a thread of the parent may still hold them."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    def reset_after_fork(self) -> None:
        """Replaces the locks by new ones, and forgets threads that were running: the child does not have them."""


_registered: WeakSet[ForkAware] = WeakSet()


def register(instance: ForkAware) -> None:
    """Calls ``instance.reset_after_fork`` in each forked child. Holds only a weak reference to ``instance``."""
    _registered.add(instance)


def reset_all() -> None:
    """Resets every registered instance. Runs in the child, right after the fork."""
    for instance in list(_registered):
        instance.reset_after_fork()


if register_at_fork := getattr(os, "register_at_fork", None):  # pragma: no branch  # Windows has none
    register_at_fork(after_in_child=reset_all)
