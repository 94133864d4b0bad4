"""Fetches and caches the key set that a remote issuer publishes (RFC 7517)."""

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

# All in seconds. A key set is fresh for LIFETIME, and renewed in the background before that, so that no request waits.
LIFETIME = 600.0
RENEW_AFTER = 0.8 * LIFETIME
# While the issuer is unavailable, the last key set is used this long.
USE_STALE_FOR = 86_400.0
# Between a failed fetch and the next one, and between fetches for unknown kids: a forged token can have a new kid each.
RETRY_AFTER = 30.0
# Between a failed fetch and the next one while there is no key set: requests are answered 503 with Retry-After: 1.
RETRY_AFTER_WITHOUT_KEYS = 1.0


class UnknownKey(ValueError):  # a ValueError, which makes the caller reject the token
    """The issuer publishes no key that verifies this token."""


class KeySetUnavailable(Exception):
    """The issuer is unavailable, and no key set of the last day is cached."""


@dataclass(frozen=True)
class VerifyingKey:
    """A parsed public key, and the ``kid`` that it was published with."""

    key_id: str | None
    key: object


def read_key_set(body: bytes, algorithm: str) -> tuple[VerifyingKey, ...]:
    """Parses a key set and returns the keys that fit ``algorithm``, at least one.

    Other keys are ignored, as RFC 7517 section 5 asks. Raises ``ValueError`` if ``body`` is not a key set or has no
    such key, and ``RecursionError`` if it is nested too deeply.
    """
    document = json.loads(body)
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise ValueError("not a JSON object with a list of keys")
    keys = tuple(_parse_jwk(jwk, algorithm) for jwk in published if _is_usable(jwk, algorithm))
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise ValueError(f"none of {len(published)} keys can be used for {algorithm}")
    return usable


def _is_usable(jwk: object, algorithm: str) -> bool:
    """Returns whether the members of a JWK allow its use to verify with ``algorithm``."""
    if not isinstance(jwk, dict) or not fits(jwk, algorithm):
        return False
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and jwk.get("alg", algorithm) == algorithm
        # With "d" it is a private key. Once published, anybody can sign with it.
        and "d" not in jwk
        and isinstance(jwk.get("kid", ""), str)
    )


def _parse_jwk(jwk: JSONObject, algorithm: str) -> VerifyingKey | None:
    """Returns the key in a JWK, or ``None`` if PyJWT or cryptography rejects it."""
    try:
        return VerifyingKey(jwk.get("kid"), jwt.PyJWK(jwk, algorithm).key)
    except Exception:  # noqa: BLE001  # they may raise any exception, and the other keys can still be used
        return None


@dataclass(frozen=True)
class _KeySet:
    """The usable keys of one successful fetch, and when it finished."""

    keys: tuple[VerifyingKey, ...]
    fetched_at: float

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Returns the key with that ``kid``; for ``None``, the only key of the set, if it has only one."""
        if kid is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((key for key in self.keys if key.key_id == kid), None)


@dataclass(frozen=True, eq=False)
class _Fetch:
    """A fetch that is running in a thread."""

    deadline: float
    finished: Event = field(default_factory=Event)


class KeySetClient:
    """The keys that an issuer publishes at ``url`` for ``algorithm``, cached. One instance for all threads.

    ``url`` must be ``https``, or ``http`` for a server on this machine; with ``allow_http``, for any server. Keys are
    fetched in a thread, one fetch at a time. A request waits for it, for ``timeout`` seconds at most, only if there is
    no key set yet, if the cached one is not fresh, or if its ``kid`` is unknown. ``now`` is a monotonic clock in
    seconds.
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
        """Stores the arguments. Nothing is fetched before ``find`` is called."""
        self.algorithm, self._timeout = algorithm, timeout
        self._now, self._download = now, partial(fetch, url, timeout=timeout, allow_http=allow_http)
        self._lock = Lock()
        self._key_set: _KeySet | None = None
        self._running_fetch: _Fetch | None = None
        # When the last fetch failed, None if it succeeded; and when a fetch for an unknown kid was last started.
        self._failed_at: float | None = None
        self._searched_at: float | None = None
        self._outage = Outage(
            "The issuer of the keys (JWK_URL)",
            "its last keys are used for up to a day, and without any, tokens are answered 503",
        )
        forks.register(self)

    def find(self, kid: str | None) -> VerifyingKey:
        """Returns the key with that ``kid``; for ``None``, the only key that the issuer publishes.

        Raises ``UnknownKey`` if there is no such key, and ``KeySetUnavailable``.
        """
        before = self._key_set
        key = self._get_key_set().find(kid)
        if key is None and kid is not None:
            key = self._find_new(kid, before)
        if key is None:
            raise UnknownKey("the issuer publishes no such key")
        return key

    def _get_key_set(self) -> _KeySet:
        """Returns the cached key set. Starts a fetch if the set is older than ``RENEW_AFTER`` seconds, or missing.

        Waits for that fetch if the set is older than ``LIFETIME``, or missing. Raises ``KeySetUnavailable``.
        """
        now, key_set = self._now(), self._key_set
        if key_set is not None and now - key_set.fetched_at < RENEW_AFTER:
            return key_set
        with self._lock:
            key_set = self._usable_key_set(now)
            if key_set is not None and now - key_set.fetched_at < RENEW_AFTER:
                return key_set  # Another request has just fetched it.
            last_result_at = key_set.fetched_at if key_set and self._failed_at is None else self._failed_at
            must_wait = key_set is None or _has_passed(last_result_at, LIFETIME, now)
            fetch = self._start_fetch(now, RETRY_AFTER if key_set else RETRY_AFTER_WITHOUT_KEYS)
        if must_wait:
            self._wait_for(fetch)
        key_set = self._usable_key_set(self._now())
        if key_set is None:
            raise KeySetUnavailable("no key set of the issuer is cached")
        return key_set

    def _find_new(self, kid: str, before: _KeySet | None) -> VerifyingKey | None:
        """Returns the key with that ``kid``, which is not in the key set ``before``, if the issuer publishes it now.

        Fetches the key set again unless it has changed since ``before``, at most once in ``RETRY_AFTER`` seconds.
        """
        now = self._now()
        with self._lock:
            fetch = None
            if self._key_set is not before:
                self._searched_at = now
            elif self._running_fetch is not None or _has_passed(self._searched_at, RETRY_AFTER, now):
                fetch = self._start_fetch(now, RETRY_AFTER)
                self._searched_at = self._searched_at if fetch is None else now
        self._wait_for(fetch)
        return self._key_set.find(kid) if self._key_set else None

    def _usable_key_set(self, now: float) -> _KeySet | None:
        """Returns the cached key set, fresh or stale, or ``None`` if it is too old."""
        key_set = self._key_set
        return key_set if key_set is not None and now - key_set.fetched_at < USE_STALE_FOR else None

    def _start_fetch(self, now: float, retry_after: float) -> _Fetch | None:
        """Starts a fetch if none is running and the last failure is at least ``retry_after`` seconds ago.

        Returns the fetch that the caller should wait for, or ``None``. Calls it with the lock held.
        """
        fetch = self._running_fetch
        # A fetch that misses its own deadline is stuck, for example in a resolver. It is given up after a while.
        if fetch is not None and now < fetch.deadline + RETRY_AFTER:
            # While fetches fail, only one request waits for the next one. If all did, they would occupy all workers.
            return fetch if _has_passed(self._failed_at, RETRY_AFTER, now) else None
        if not _has_passed(self._failed_at, retry_after, now):
            return None
        self._running_fetch = fetch = _Fetch(now + self._timeout)
        try:
            Thread(target=self._run_fetch, args=(fetch,), name="simplejwt-keys", daemon=True).start()
        except RuntimeError as error:
            # No thread can start, for there are too many, or the interpreter is shutting down.
            self._running_fetch, self._failed_at = None, now
            self._outage.start(error)
        return self._running_fetch

    def _wait_for(self, fetch: _Fetch | None) -> None:
        """Waits until ``fetch`` has finished, but not beyond its deadline. Returns at once for ``None``."""
        if fetch is not None:
            fetch.finished.wait(max(0.0, fetch.deadline - self._now()))

    def _run_fetch(self, fetch: _Fetch) -> None:
        """Fetches the key set, stores it or the error, and wakes the requests that wait. Runs in a thread."""
        result: tuple[VerifyingKey, ...] | Exception
        try:
            result = read_key_set(self._download(), self.algorithm)
        except Exception as error:  # noqa: BLE001  # requests wait for the fetch, so it must finish in any case
            result = error
        try:
            self._store_result(fetch, result)
        finally:
            with self._lock:
                if self._running_fetch is fetch:
                    self._running_fetch = None
            fetch.finished.set()

    def _store_result(self, fetch: _Fetch, result: tuple[VerifyingKey, ...] | Exception) -> None:
        """Caches the key set ``result``, or notes the time of a failed fetch. Logs the start and end of an outage.

        Ignores the result if ``fetch`` is no longer the running one, because it was stuck and given up.
        """
        with self._lock:
            if self._running_fetch is not fetch:
                return  # It was stuck and given up, so its result is outdated.
            if isinstance(result, Exception):
                self._failed_at = self._now()
            else:
                self._key_set, self._failed_at = _KeySet(result, self._now()), None
        if isinstance(result, Exception):
            self._outage.start(result)
        else:
            self._outage.end()

    def reset_after_fork(self) -> None:
        self._lock, self._running_fetch = Lock(), None


def _has_passed(since: float | None, seconds: float, now: float) -> bool:
    """Returns whether ``now`` is at least ``seconds`` after ``since``. True if ``since`` is ``None``."""
    return since is None or now - since >= seconds
