"""Tokens whose signature was good, remembered by their exact bytes: a bounded number of bounded length."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakSet

# Bytes. Longer ones are verified each time, so that what is remembered has a bound: 1024 of them are 4 MB at the most.
LONGEST = 2048


class Verified(NamedTuple):
    """The JSON text of a payload, and the key that vouches for it, under the ``kid`` that the token named."""

    text: str
    key: Any
    kid: str | None


class Memo:
    """The last ``size`` tokens that were good, for all threads. It forgets the one that was not asked for the longest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()
        self._lock = Lock()
        _memos.add(self)

    def get(self, token: bytes) -> Verified | None:
        with self._lock:
            found = self._entries.get(token)
            if found is not None:
                self._entries.move_to_end(token)
        return found

    def add(self, token: bytes, verified: Verified) -> None:
        if not self._size or len(token) > LONGEST:
            return
        with self._lock:
            self._entries[token] = verified
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def _begin_anew(self) -> None:
        self._lock = Lock()


_memos: WeakSet[Memo] = WeakSet()


def _begin_anew() -> None:
    """In a forked child: the lock may be held by a thread that was left behind."""
    for memo in list(_memos):
        memo._begin_anew()


if register_at_fork := getattr(os, "register_at_fork", None):  # pragma: no branch  # Windows has none
    register_at_fork(after_in_child=_begin_anew)
