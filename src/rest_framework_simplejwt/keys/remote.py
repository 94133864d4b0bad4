"""The keys that a remote issuer publishes (RFC 7517), and when they are asked for. Knows no Django."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread
from time import monotonic

import jwt

from .. import forks
from .._types import JSONObject
from ..outage import Outage
from . import fetch
from .ring import fits

# Seconds. A set is renewed ahead of its end, so that no request waits for that.
LIFETIME = 600.0
RENEWED_AFTER = 0.8 * LIFETIME
# While the issuer is down, what it last said is good for a day.
KEPT_FOR = 86_400.0
# Between fetches that failed, and between fetches for the sake of unknown ids: each forged one is another.
RETRY_AFTER = 30.0
# The same while there is no key at all, and every request is a 503 that says "in one second".
RETRY_AFTER_WITHOUT_KEYS = 1.0


class UnknownKey(ValueError):  # not an error of ours: the token is refused
    """The issuer publishes no key that this token may be checked with."""


class KeySetUnavailable(Exception):
    """The issuer can't be reached, and nothing it said less than a day ago is remembered."""


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, parsed, under the ``kid`` that it was published with."""

    key_id: str | None
    key: object


def read_key_set(body: bytes, algorithm: str) -> tuple[VerifyingKey, ...]:
    """The keys that ``algorithm`` can use, at least one; others are left out, as RFC 7517 section 5 asks.

    Raises ``ValueError`` (``RecursionError`` for deep nesting) when there is none, or no key set.
    """
    document = json.loads(body)
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise ValueError("not a JSON object with a list of keys")
    keys = tuple(_read(jwk, algorithm) for jwk in published if _is_fit(jwk, algorithm))
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise ValueError(f"none of {len(published)} keys can be used for {algorithm}")
    return usable


def _is_fit(jwk: object, algorithm: str) -> bool:
    if not isinstance(jwk, dict) or not fits(jwk, algorithm):
        return False
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and jwk.get("alg", algorithm) == algorithm
        # Private: whoever publishes it has lost it.
        and "d" not in jwk
        and isinstance(jwk.get("kid", ""), str)
    )


def _read(jwk: JSONObject, algorithm: str) -> VerifyingKey | None:
    try:
        return VerifyingKey(jwk.get("kid"), jwt.PyJWK(jwk, algorithm).key)
    except Exception:  # noqa: BLE001  # whatever PyJWT and cryptography make of it, the other keys are still good
        return None


@dataclass(frozen=True)
class _Held:
    """A set as it was fetched at a moment."""

    keys: tuple[VerifyingKey, ...]
    at: float

    def find(self, kid: str | None) -> VerifyingKey | None:
        if kid is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((key for key in self.keys if key.key_id == kid), None)


@dataclass(frozen=True, eq=False)
class _Flight:
    """A fetch that is under way in a thread of its own."""

    deadline: float
    landed: Event = field(default_factory=Event)


class KeySetClient:
    """The keys at ``url`` that are good for ``algorithm``, remembered. One for all threads.

    ``url`` is ``https``, or ``http`` on this machine or, with ``allow_http``, on any.

    A request waits ``timeout`` seconds at the most, and only where there is nothing to go by:
    no set yet, no news for a whole ``LIFETIME``, or a ``kid`` that is not in the set.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithm: str,
        timeout: float = 2.0,
        allow_http: bool = False,
        now: Callable[[], float] = monotonic,
        fetch: Callable[..., bytes] = fetch.get,
    ) -> None:
        self.algorithm, self._timeout = algorithm, timeout
        self._now, self._fetch = now, partial(fetch, url, timeout=timeout, allow_http=allow_http)
        self._lock = Lock()
        self._held: _Held | None = None
        self._flight: _Flight | None = None
        # The last fetch, if it failed; the last one for the sake of an unknown kid.
        self._failed_at: float | None = None
        self._searched_at: float | None = None
        self._outage = Outage(
            "The issuer of the keys (JWK_URL)",
            "its last ones are used for a day, and without any a token is answered 503",
        )
        forks.follow(self)

    def find(self, kid: str | None) -> VerifyingKey:
        """The key of that ``kid``, or with ``None`` the only one there is.

        Raises ``UnknownKey`` if there is none, and ``KeySetUnavailable``.
        """
        before = self._held
        key = self._current().find(kid)
        if key is None and kid is not None:
            key = self._search(kid, before)
        if key is None:
            raise UnknownKey("the issuer publishes no such key")
        return key

    def _current(self) -> _Held:
        now, held = self._now(), self._held
        if held is not None and now - held.at < RENEWED_AFTER:
            return held
        with self._lock:
            held = self._kept(now)
            if held is not None and now - held.at < RENEWED_AFTER:
                return held  # Fetched for another request just now.
            waits = held is None or _passed(held.at if self._failed_at is None else self._failed_at, LIFETIME, now)
            flight = self._board(now, RETRY_AFTER if held else RETRY_AFTER_WITHOUT_KEYS)
        if waits:
            self._wait(flight)
        held = self._kept(self._now())
        if held is None:
            raise KeySetUnavailable("nothing is known of the issuer's keys")
        return held

    def _search(self, kid: str, before: _Held | None) -> VerifyingKey | None:
        """The key if it was published after ``before``. Costs the issuer one fetch, however many ask."""
        now = self._now()
        with self._lock:
            flight = None
            if self._held is not before:
                self._searched_at = now
            elif self._flight is not None or _passed(self._searched_at, RETRY_AFTER, now):
                flight = self._board(now, RETRY_AFTER)
                self._searched_at = self._searched_at if flight is None else now
        self._wait(flight)
        return self._held.find(kid) if self._held else None

    def _kept(self, now: float) -> _Held | None:
        return self._held if self._held is not None and now - self._held.at < KEPT_FOR else None

    def _board(self, now: float, retry_after: float) -> _Flight | None:
        """The fetch to wait for, begun here if none is under way and the last failure is long enough ago."""
        flight = self._flight
        # One that does not even notice its deadline is stuck, say in a resolver. It is given up in the end.
        if flight is not None and now < flight.deadline + RETRY_AFTER:
            # While fetches fail, one request waits to see whether they still do; a crowd would fill all workers.
            return flight if _passed(self._failed_at, RETRY_AFTER, now) else None
        if not _passed(self._failed_at, retry_after, now):
            return None
        self._flight = flight = _Flight(now + self._timeout)
        try:
            Thread(target=self._fly, args=(flight,), name="simplejwt-keys", daemon=True).start()
        except RuntimeError as error:
            # No more threads, or the interpreter is about to end.
            self._flight, self._failed_at = None, now
            self._outage.failed(error)
        return self._flight

    def _wait(self, flight: _Flight | None) -> None:
        if flight is not None:
            flight.landed.wait(max(0.0, flight.deadline - self._now()))

    def _fly(self, flight: _Flight) -> None:
        landing: tuple[VerifyingKey, ...] | Exception
        try:
            landing = read_key_set(self._fetch(), self.algorithm)
        except Exception as error:  # noqa: BLE001  # a flight that never lands would be waited for
            landing = error
        try:
            self._land(flight, landing)
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            flight.landed.set()

    def _land(self, flight: _Flight, landing: tuple[VerifyingKey, ...] | Exception) -> None:
        with self._lock:
            if self._flight is not flight:
                return  # It was stuck and given up: its news is old.
            if isinstance(landing, Exception):
                self._failed_at = self._now()
            else:
                self._held, self._failed_at = _Held(landing, self._now()), None
        if isinstance(landing, Exception):
            self._outage.failed(landing)
        else:
            self._outage.over()

    def begin_anew(self) -> None:
        self._lock, self._flight = Lock(), None


def _passed(since: float | None, seconds: float, now: float) -> bool:
    return since is None or now - since >= seconds
