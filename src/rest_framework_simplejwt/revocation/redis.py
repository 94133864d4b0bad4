"""Revocations in Redis or Valkey: for several machines, in keys that go when their token does.

It is authoritative, so it must not forget: persistence on (``appendonly yes``), eviction off.
Needs Redis 7, or Valkey.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, TypeVar
from uuid import uuid4

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..exceptions import RevocationUnavailable
from ..outage import Outage
from ..settings import api_settings
from ..utils import datetime_from_epoch, datetime_to_epoch
from .access import fails_open
from .base import Issued, Successor
from .null import Untransacted

T = TypeVar("T")

# Seconds to connect, and to wait for an answer; each twice at the most.
TIMEOUT = 0.05
# A key outlives its token by the leeway and by this many seconds: clocks differ.
SLACK = 600
BATCH = 1000

_outage = Outage(
    "Redis, which remembers revoked tokens,",
    "log-ins, refreshes and log-outs are answered 503, and requests with a token as REVOCATION_FAIL_MODE says",
)

# Writes a tombstone unless there is one, which then lasts until the later of the two ends, and
# answers with the one that is there now. The time in it is the server's; the caller's mark tells
# a retry whose first answer was lost that it won.
_BURY = """
local found = redis.call('GET', KEYS[1])
if found then
  if ARGV[2] == '' then redis.call('PERSIST', KEYS[1])
  else redis.call('EXPIREAT', KEYS[1], ARGV[2], 'GT') end
  return found
end
local now = redis.call('TIME')
local tombstone = now[1] .. string.format('%06d', now[2]) .. ' ' .. ARGV[1]
if ARGV[2] == '' then
  redis.call('SET', KEYS[1], tombstone)
else
  redis.call('SET', KEYS[1], tombstone, 'EXAT', ARGV[2])
end
return tombstone
"""

_LOOK = """
local now = redis.call('TIME')
return {redis.call('GET', KEYS[1]), now[1] .. string.format('%06d', now[2])}
"""

# An owner's index, ordered by expiry, lasts as long as the longest-lived entry.
_INDEX = """
local made = redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - ARGV[3])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last == 'inf' then redis.call('PERSIST', KEYS[1])
elseif last then redis.call('EXPIREAT', KEYS[1], string.format('%d', last + ARGV[3])) end
return made
"""


@dataclass(frozen=True)
class Tombstone:
    """What is left of a revoked token: when that was, by whom, and what it was turned into.

    ``revoked_at`` is in microseconds since the epoch, by the server's clock.
    """

    revoked_at: int
    mark: str
    successor: str | None = None
    successor_issued_at: int = 0
    successor_expires_at: int = 0

    @classmethod
    def read(cls, text: bytes) -> Tombstone:
        revoked_at, _, rest = text.decode().partition(" ")
        return cls(int(revoked_at), *json.loads(rest))


class RedisStore(Untransacted):
    """One kind of ids, as keys ``<prefix>:<kind>:{<id>}``; and for each owner an index of what is alive.

    A decision is one script on one key, so that a cluster keeps it on one node. Override
    ``client`` to connect in a way of your own, say to a cluster.
    """

    prefix = "sjwt"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @property
    def client(self) -> redis.Redis:
        return _connect(*_address())

    def remember(self, issued: Issued) -> tuple[Issued, bool]:
        index = self._index_of(issued.owner_pk())
        member = json.dumps([issued.id, issued.family_id])
        until = None if issued.expires_at is None else datetime_to_epoch(issued.expires_at)

        def record(client: redis.Redis) -> Any:
            with client.pipeline(transaction=False) as pipe:
                _eval(pipe, _INDEX, 1, index, member, "+inf" if until is None else until, _slack())
                # A copy that lasts longer than what was revoked must not outlive the revocation either.
                if until is None:
                    pipe.persist(self._key(issued.id))
                else:
                    pipe.expireat(self._key(issued.id), until + _slack(), gt=True)
                return pipe.execute()[0]

        return issued, bool(self._ask(record))

    def revoke(self, issued: Issued) -> tuple[Tombstone, bool]:
        until = None if issued.expires_at is None else datetime_to_epoch(issued.expires_at)
        ours, arguments = self._tombstone(issued.id, until, issued.successor)
        there = Tombstone.read(self._ask(lambda client: client.eval(*arguments)))
        return there, there.mark == ours

    def revoke_all(self, owner_pk: Any, *, now: datetime, except_family: str | None = None) -> int:
        def bury(client: redis.Redis) -> int:
            indexes = [self._index_of(owner_pk)] if owner_pk is not None else client.scan_iter(self._index_of("*"))
            return sum(self._bury_index(client, index, datetime_to_epoch(now), except_family) for index in indexes)

        return int(self._ask(bury))

    def _bury_index(self, client: Any, index: Any, now: int, except_family: str | None) -> int:
        seen: set[bytes] = set()
        revoked = 0
        while True:
            entries = client.zrangebyscore(index, f"({now}", "+inf", withscores=True)
            # A refresh that was faster with one of them has left a successor: look again until there is nothing new.
            fresh = [(member, until) for member, until in entries if member not in seen]
            if not fresh:
                return revoked
            seen.update(member for member, _ in fresh)
            for start in range(0, len(fresh), BATCH):
                revoked += self._bury(client, fresh[start : start + BATCH], except_family)

    def _bury(self, client: Any, entries: list[tuple[bytes, float]], except_family: str | None) -> int:
        marks = []
        with client.pipeline(transaction=False) as pipe:
            for member, until in entries:
                key, family_id = json.loads(member)
                if except_family is not None and except_family in (key, family_id):
                    continue
                mark, arguments = self._tombstone(key, None if until == float("inf") else int(until))
                marks.append(mark)
                _eval(pipe, *arguments)
            answers = pipe.execute()
        return sum(Tombstone.read(text).mark == mark for text, mark in zip(answers, marks, strict=True))

    def _tombstone(self, key: str, until: int | None, successor: Issued | None = None) -> tuple[str, tuple[Any, ...]]:
        """The mark by which it is known to be ours, and the script's call that sets it."""
        mark = uuid4().hex
        facts: list[Any] = [mark]
        if successor is not None and successor.expires_at is not None:
            facts += successor.id, datetime_to_epoch(successor.issued_at), datetime_to_epoch(successor.expires_at)
        return mark, (_BURY, 1, self._key(key), json.dumps(facts), "" if until is None else until + _slack())

    def is_revoked(self, key: str) -> bool:
        try:
            return bool(self._ask(lambda client: client.exists(self._key(key))))
        except RevocationUnavailable:
            if fails_open():
                return False
            raise

    def successor(self, key: str, successor_key: str, *, now: datetime) -> Successor | None:
        found, server_time = self._ask(lambda client: client.eval(_LOOK, 1, self._key(key)))
        tombstone = Tombstone.read(found) if found is not None else None
        if tombstone is None or tombstone.successor != successor_key:
            return None
        return Successor(
            issued_at=datetime_from_epoch(tombstone.successor_issued_at),
            expires_at=datetime_from_epoch(tombstone.successor_expires_at),
            age=timedelta(microseconds=int(server_time) - tombstone.revoked_at),
            is_revoked=self.is_revoked(successor_key),
        )

    def expired(self, now: datetime) -> int:
        """Nothing: keys go by themselves."""
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return iter(())

    def _key(self, key: str) -> str:
        return f"{self.prefix}:{self._kind}:{{{key}}}"

    def _index_of(self, owner_pk: Any) -> str:
        return f"{self.prefix}:{self._kind}s-of:{{{owner_pk}}}"

    @sensitive_variables()  # the client's repr() may have the server's password
    def _ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        try:
            answer = question(self.client)
        except (redis.RedisError, OSError) as error:
            _outage.failed(error)
            raise RevocationUnavailable() from error
        _outage.over()
        return answer


def _eval(pipe: Any, *arguments: Any) -> None:
    # redis-py's pipelines to a cluster have no method for it.
    pipe.execute_command("EVAL", *arguments)


def _slack() -> int:
    leeway = api_settings.LEEWAY or 0
    return SLACK + ceil(leeway.total_seconds() if isinstance(leeway, timedelta) else leeway)


def _address() -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Where to connect, and how: ``REVOCATION_REDIS_URL``, or the server that Django's cache writes to."""
    if api_settings.REVOCATION_REDIS_URL is not None:
        return api_settings.REVOCATION_REDIS_URL, ()
    cache: dict[str, Any] = settings.CACHES.get(api_settings.SJWT_CACHE_NAME, {})
    location = cache.get("LOCATION", "")
    url = location.split(",")[0] if isinstance(location, str) else location[0]
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            f"The cache {api_settings.SJWT_CACHE_NAME!r}, SIMPLE_JWT['SJWT_CACHE_NAME'], is not in Redis: "
            "name one that is, or set SIMPLE_JWT['REVOCATION_REDIS_URL']."
        )
    # Django's own backend takes redis-py's arguments in lower case; other packages have upper case for theirs.
    given: dict[str, Any] = cache.get("OPTIONS", {})
    options = {name: value for name, value in given.items() if name in {"db", "username", "password"}}
    return url, tuple(sorted(options.items()))


@lru_cache(maxsize=8)
def _connect(url: str, options: tuple[tuple[str, Any], ...]) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=TIMEOUT,
        socket_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
        **dict(options),
    )
