"""What holds a lock begins anew in a forked child: a thread that was left behind may hold it still."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Holder(Protocol):
    def begin_anew(self) -> None:
        """Make another lock, and give up what a thread of the parent was about to do."""


_holders: WeakSet[Holder] = WeakSet()


def follow(holder: Holder) -> None:
    """Call ``holder.begin_anew`` in each child, for as long as somebody has it."""
    _holders.add(holder)


def begin_anew() -> None:
    for holder in list(_holders):
        holder.begin_anew()


if register_at_fork := getattr(os, "register_at_fork", None):  # pragma: no branch  # Windows has none
    register_at_fork(after_in_child=begin_anew)
