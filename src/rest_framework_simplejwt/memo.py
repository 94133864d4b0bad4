"""Tokens whose signature was good, remembered by their exact bytes: a bounded number of bounded length."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

from . import forks, jws

# Bytes. Longer ones are verified each time, so that what is remembered has a bound.
LONGEST = 2048

_IMMUTABLE = frozenset({str, int, float, bool, type(None)})


class Verified(NamedTuple):
    """The claims in a payload, and the key that vouches for them, under the ``kid`` that the token named."""

    # The JSON text; or the claims themselves where none of them is a list or a dict.
    payload: str | dict[str, Any]
    key: Any
    kid: str | None

    @classmethod
    def of(cls, text: str, claims: dict[str, Any], key: Any, kid: str | None) -> Verified:
        """``text`` is the JSON of ``claims``, which stay the caller's."""
        is_flat = _IMMUTABLE.issuperset(map(type, claims.values()))
        return cls(claims.copy() if is_flat else text, key, kid)

    def claims(self) -> dict[str, Any]:
        """A dict of its own for each caller, who may change it."""
        return jws.object_of(self.payload) if isinstance(self.payload, str) else self.payload.copy()


class Memo:
    """The last ``size`` tokens that were good, for all threads. What was not asked for the longest is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()
        self._lock = Lock()
        forks.follow(self)

    def get(self, token: bytes) -> Verified | None:
        with self._lock:
            found = self._entries.get(token)
            if found is not None:
                self._entries.move_to_end(token)
        return found

    def takes(self, token: bytes) -> bool:
        return self._size > 0 and len(token) <= LONGEST

    def add(self, token: bytes, verified: Verified) -> None:
        with self._lock:
            self._entries[token] = verified
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def begin_anew(self) -> None:
        self._lock = Lock()
