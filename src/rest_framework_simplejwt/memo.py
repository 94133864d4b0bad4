"""A bounded cache of verified tokens, so that the signature of a token is checked once and not at each request."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from . import jws
from ._types import JSONObject
from .claims import is_flat

# Bytes. Longer tokens are not cached, which bounds the memory of the cache.
MAX_LENGTH = 2048


@dataclass(slots=True)
class VerifiedToken:
    """What ``TokenBackend`` found in a token whose signature it has verified."""

    # The claims as JSON text. The first call of claims() replaces it by a dict, if no claim is a list or a dict.
    payload: str | JSONObject
    # As claims.lifespan() returns it.
    lifespan: tuple[float, float]
    # The key that TokenBackend would verify this token with, and the kid in the token's header.
    key: object
    kid: str | None

    def claims(self) -> JSONObject:
        """Returns the claims in a new dict that the caller may change."""
        if isinstance(self.payload, dict):
            return self.payload.copy()
        found = jws.parse_object(self.payload)
        if is_flat(found):
            self.payload = found.copy()
        return found


class Memo:
    """The last ``size`` verified tokens, by their exact bytes. A full memo drops the least recently used token.

    Thread-safe without a lock: each access to the entries is atomic, and no two of them need to happen together.
    """

    def __init__(self, size: int) -> None:
        """Creates an empty memo. With ``size=0``, every token is longer than ``max_length``."""
        self._size = size
        # Bytes. The caller must not add longer tokens. With size 0, none is short enough.
        self.max_length = MAX_LENGTH if size > 0 else -1
        self._entries: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def get(self, token: bytes) -> VerifiedToken | None:
        """Returns what was added for ``token``, or ``None``. Marks it as the most recently used."""
        found = self._entries.get(token)
        if found is not None:
            try:  # noqa: SIM105  # suppress() takes longer than the rest of this method
                self._entries.move_to_end(token)
            except KeyError:
                pass  # Another thread has just dropped it.
        return found

    def add(self, token: bytes, verified: VerifiedToken) -> None:
        """Stores a token that has passed every check. Drops the least recently used one if there are too many."""
        self._entries[token] = verified
        if len(self._entries) > self._size:
            try:  # noqa: SIM105  # as above
                self._entries.popitem(last=False)
            except KeyError:
                pass  # Several threads added the same token, and each dropped an entry.
