"""Tokens whose signature was good, remembered by their exact bytes: a bounded number of bounded length."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from . import jws
from ._types import JSONObject
from .claims import is_flat

# Bytes. Longer ones are verified each time, so that what is remembered has a bound.
LONGEST = 2048


@dataclass(slots=True)
class Verified:
    """The claims in a payload and their ``lifespan``, and the key that vouches, under the ``kid`` that was named."""

    # The JSON text; from the second sight on the claims themselves, where none of them is a list or a dict.
    payload: str | JSONObject
    lifespan: tuple[float, float]
    key: object
    kid: str | None

    def claims(self) -> JSONObject:
        """A dict of its own for each caller, who may change it."""
        if isinstance(self.payload, dict):
            return self.payload.copy()
        found = jws.object_of(self.payload)
        if is_flat(found):
            self.payload = found.copy()
        return found


class Memo:
    """The last ``size`` tokens that were good, for all threads. What was not asked for the longest is forgotten.

    Without a lock: each operation on the entries is one, and they are right in any order.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # Bytes; none at all is as short as that when the memo is off.
        self.longest = LONGEST if size > 0 else -1
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()

    def get(self, token: bytes) -> Verified | None:
        found = self._entries.get(token)
        if found is not None:
            try:  # noqa: SIM105  # suppress() takes longer than all the rest
                self._entries.move_to_end(token)
            except KeyError:
                pass  # forgotten meanwhile
        return found

    def add(self, token: bytes, verified: Verified) -> None:
        self._entries[token] = verified
        if len(self._entries) > self._size:
            try:  # noqa: SIM105  # as above
                self._entries.popitem(last=False)
            except KeyError:
                pass  # several threads added the same token, and each took one away
