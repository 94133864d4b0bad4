"""Revocations in Redis or Valkey: for several machines, in keys that go when their token does.

It is authoritative, so it must not forget: persistence on (``appendonly yes``), eviction off.
Needs Redis 7, or Valkey.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil, inf
from typing import Any, TypeVar
from uuid import uuid4

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from ..exceptions import RevocationUnavailable
from ..outage import Outage
from ..settings import api_settings
from ..utils import datetime_from_epoch, datetime_to_epoch
from .access import may_assume_not_revoked
from .base import RETENTION_MARGIN, Issued, RevocationStore, Successor, overrides
from .null import NonTransactional

T = TypeVar("T")

# Seconds to connect, and to wait for an answer; each twice at the most.
TIMEOUT = 0.05
# Entries of an index, and keys of a scan, in one round trip.
BATCH = 500
# Seconds after which an index is no longer held by a `revoke_all` that stopped in the middle.
HOLD = 10

# What a cache's OPTIONS have beside arguments of a connection.
_OF_THE_CACHE = {"serializer", "pool_class", "parser_class"}

# A cluster without a node that answers raises one that is no RedisError.
_ERRORS = (redis.RedisError, RedisClusterException, OSError)

_outage = Outage(
    "Redis, which remembers revoked tokens,",
    "log-ins, refreshes and log-outs are answered 503, and requests with a token as REVOCATION_FAIL_MODE says",
)

# Writes a tombstone unless there is one, and returns the one that is there now. It lasts until the latest
# end that it was given or that is on record (KEYS[2]). One without an end (ARGV[3]) stays, unless there is
# such a record. The time in it is the server's; the caller's mark tells a retry whose first answer was lost
# that it won.
_BURY = """
local ends, recorded = ARGV[2], redis.call('GET', KEYS[2])
if recorded then
  if ends == '' or tonumber(recorded) > tonumber(ends) then ends = recorded end
elseif ARGV[3] == '1' then
  ends = ''
end
local found = redis.call('GET', KEYS[1])
if found then
  if ends == '' then redis.call('PERSIST', KEYS[1])
  else redis.call('EXPIREAT', KEYS[1], ends, 'GT') end
  return found
end
local now = redis.call('TIME')
local tombstone = now[1] .. string.format('%06d', now[2]) .. ' ' .. ARGV[1]
if ends == '' then
  redis.call('SET', KEYS[1], tombstone)
else
  redis.call('SET', KEYS[1], tombstone, 'EXAT', ends)
end
return tombstone
"""

_LOOK = """
local now = redis.call('TIME')
return {redis.call('GET', KEYS[1]), now[1] .. string.format('%06d', now[2])}
"""

# Returns 1 for a new entry and 0 for one that was there. While `revoke_all` holds the index (KEYS[2]) it
# does nothing and returns -1. An owner's index, ordered by expiry, lasts as long as its longest-lived entry.
_INDEX = """
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
local made = redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - ARGV[3])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last == 'inf' then redis.call('PERSIST', KEYS[1])
elseif last then redis.call('EXPIREAT', KEYS[1], string.format('%d', last + ARGV[3])) end
return made
"""

# Keeps the latest end that it is given.
_RECORD_END = """
local recorded = redis.call('GET', KEYS[1])
if not recorded or tonumber(recorded) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EXAT', ARGV[1])
end
"""

# Drops the entries from ARGV[7] on and returns the next ones, the latest expiry first, after the entry
# ARGV[6]. Holds the index (KEYS[2]) under the caller's mark. Returns nil if the hold was lost since the
# call before, unless this is the first call (ARGV[3]): then something may have been entered.
_PAGE = """
if ARGV[3] ~= '1' and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return nil end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
for i = 7, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
local rank = ARGV[6] ~= '' and redis.call('ZREVRANK', KEYS[1], ARGV[6])
local start = rank and rank + 1 or 0
return redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. ARGV[4], 'WITHSCORES', 'LIMIT', start, ARGV[5])
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
    def read(cls, text: bytes | str) -> Tombstone:
        revoked_at, _, rest = _decode(text).partition(" ")
        return cls(int(revoked_at), *json.loads(rest))


class RedisStore(NonTransactional):
    """One kind of ids, as keys ``<prefix>:<kind>:{<id>}``; and for each owner an index of what is alive.

    A family without an end also has a key ``<prefix>:family-end:{<id>}``: when its last token expires.
    A decision is one script on keys of one id, so that a cluster keeps it on one node. Override
    ``client`` to connect in a way of your own, say to a cluster.
    """

    prefix = "sjwt"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    @property
    def client(self) -> redis.Redis:
        return _connect(*_address())

    def remember(self, issued: Issued) -> tuple[Issued, bool]:
        """As ``RevocationStore`` says. While ``revoke_all`` runs for the owner, raises ``RevocationUnavailable``."""
        owner_pk = issued.owner_pk()

        def record(client: redis.Redis) -> list[Any]:
            with client.pipeline(transaction=False) as pipe:
                self._record(pipe, issued, owner_pk)
                if issued.family_id is not None and issued.family_needed_until is not None:
                    family = replace(issued, id=issued.family_id, family_id=None, expires_at=None)
                    type(self)("family")._record(pipe, family, owner_pk)
                return pipe.execute()

        answers = self._ask(record)
        if -1 in answers:
            raise RevocationUnavailable()
        return issued, bool(answers[0])

    def _record(self, pipe: Any, issued: Issued, owner_pk: Any) -> None:
        index, member = self._index_of(owner_pk), json.dumps([issued.id, issued.family_id])
        until, slack = _last_second(issued), _slack()
        _eval(pipe, _INDEX, 2, index, _hold_of(index), member, "+inf" if until is None else until, slack)
        if until is None:
            pipe.persist(self._key(issued.id))
            return
        if issued.expires_at is None:
            _eval(pipe, _RECORD_END, 1, self._end_of(issued.id), until + slack)
        # A copy that lasts longer than what was revoked must not outlive the revocation either.
        pipe.expireat(self._key(issued.id), until + slack, gt=True)

    def revoke(self, issued: Issued) -> tuple[Tombstone, bool]:
        mark = uuid4().hex
        facts: list[Any] = [mark]
        successor = issued.successor
        if successor is not None and successor.expires_at is not None:
            facts += successor.id, datetime_to_epoch(successor.issued_at), datetime_to_epoch(successor.expires_at)
        call = self._burial(issued.id, _last_second(issued), facts, is_endless=issued.expires_at is None)
        there = Tombstone.read(self._ask(lambda client: client.eval(*call)))
        return there, there.mark == mark

    def revoke_all(self, owner_pk: Any, *, now: datetime, except_family: str | None = None) -> int:
        """As ``RevocationStore`` says. No refresh can outrun it: nothing is remembered of the owner meanwhile."""

        def bury(client: redis.Redis) -> int:
            indexes = [self._index_of(owner_pk)] if owner_pk is not None else self._indexes(client)
            return sum(self._bury_index(client, index, datetime_to_epoch(now), except_family) for index in indexes)

        return int(self._ask(bury))

    def _indexes(self, client: Any) -> Iterator[str]:
        return map(_decode, client.scan_iter(self._index_of("*"), count=BATCH))

    def _bury_index(self, client: Any, index: str, now: int, except_family: str | None) -> int:
        hold, mark = _hold_of(index), uuid4().hex
        revoked, is_first, last_spared = 0, 1, ""
        doomed: dict[str, int | None] = {}
        try:
            while page := client.eval(_PAGE, 2, index, hold, mark, HOLD, is_first, now, BATCH, last_spared, *doomed):
                is_first, doomed = 0, {}
                for member, until in _entries(page):
                    if except_family is not None and except_family in json.loads(member):
                        last_spared = member
                    else:
                        doomed[member] = until
                revoked += self._bury(client, doomed)
        finally:
            # Best effort: it also ends by itself.
            with suppress(*_ERRORS):
                client.srem(hold, mark)
        if page is None:
            raise RevocationUnavailable()
        return revoked

    def _bury(self, client: Any, entries: dict[str, int | None]) -> int:
        mark = uuid4().hex
        with client.pipeline(transaction=False) as pipe:
            for member, until in entries.items():
                key, _ = json.loads(member)
                _eval(pipe, *self._burial(key, until, [mark], is_endless=until is None))
            return sum(Tombstone.read(text).mark == mark for text in pipe.execute())

    def _burial(self, key: str, until: int | None, facts: list[Any], *, is_endless: bool) -> tuple[Any, ...]:
        """The call of the script that sets a tombstone with these facts, which begin with the caller's mark."""
        ends = "" if until is None else until + _slack()
        return _BURY, 2, self._key(key), self._end_of(key), json.dumps(facts), ends, int(is_endless)

    def is_revoked(self, key: str) -> bool:
        return self._exist(self._key(key))[0]

    def _exist(self, *keys: str) -> list[bool]:
        """Whether each of the keys exists, in one round trip.

        If Redis is unavailable, no key exists where ``REVOCATION_FAIL_MODE`` is open; else raises as ``_ask``.
        """

        def look(client: redis.Redis) -> list[Any]:
            with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.exists(key)
                return pipe.execute()

        try:
            return [bool(found) for found in self._ask(look)]
        except RevocationUnavailable:
            if may_assume_not_revoked():
                return [False] * len(keys)
            raise

    def exchange(self, consumed: Issued, successor: Issued) -> bool:
        """As ``RevocationStore`` says, in two steps: a successor that is recorded although the second one fails
        is known to nobody, and the next attempt records the same one.
        """
        self.remember(successor)
        return self.revoke(replace(consumed, successor=successor))[1]

    def are_revoked(self, key: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        if (
            not isinstance(families, RedisStore)
            or families.client is not self.client
            or any(overrides(store, RedisStore, "is_revoked") for store in (self, families))
        ):
            return self.is_revoked(key), families.is_revoked(family_id)
        token, family = self._exist(self._key(key), families._key(family_id))
        return token, family

    def successor(self, key: str, successor_key: str, *, now: datetime) -> Successor | None:
        found, server_time = self._ask(lambda client: client.eval(_LOOK, 1, self._key(key)))
        tombstone = Tombstone.read(found) if found is not None else None
        if tombstone is None or tombstone.successor != successor_key:
            return None
        return Successor(
            issued_at=datetime_from_epoch(tombstone.successor_issued_at),
            expires_at=datetime_from_epoch(tombstone.successor_expires_at),
            age=timedelta(microseconds=max(int(server_time) - tombstone.revoked_at, 0)),
            is_revoked=self.is_revoked(successor_key),
        )

    def expired(self, now: datetime) -> int:
        """Nothing: keys go by themselves."""
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        return iter(())

    def _key(self, key: str) -> str:
        return f"{self.prefix}:{self._kind}:{{{key}}}"

    def _end_of(self, key: str) -> str:
        return f"{self.prefix}:{self._kind}-end:{{{key}}}"

    def _index_of(self, owner_pk: Any) -> str:
        return f"{self.prefix}:{self._kind}s-of:{{{owner_pk}}}"

    @sensitive_variables()  # the client's repr() may have the server's password
    def _ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        try:
            answer = question(self.client)
        except _ERRORS as error:
            _outage.failed(error)
            raise RevocationUnavailable() from error
        _outage.over()
        return answer


def _eval(pipe: Any, *arguments: Any) -> None:
    # redis-py's pipelines to a cluster have no method for it.
    pipe.execute_command("EVAL", *arguments)


def _hold_of(index: str) -> str:
    """The key that is there while ``revoke_all`` goes through the index; in a cluster on the same node."""
    return f"{index}:held"


def _entries(page: list[bytes | str]) -> Iterator[tuple[str, int | None]]:
    """Each entry of an index and the second that it lasts until, ``None`` for one without an end."""
    for member, score in zip(page[::2], page[1::2], strict=True):
        until = float(score)
        yield _decode(member), None if until == inf else int(until)


def _last_second(issued: Issued) -> int | None:
    """Until when it must be remembered, in seconds since the epoch; ``None`` if it has no end that is known."""
    end = issued.expires_at or issued.family_needed_until
    return None if end is None else datetime_to_epoch(end)


def _decode(reply: bytes | str) -> str:
    """A reply as text, whether or not the client has ``decode_responses``."""
    return reply if isinstance(reply, str) else reply.decode()


def _slack() -> int:
    leeway = api_settings.LEEWAY or 0
    return RETENTION_MARGIN + ceil(leeway.total_seconds() if isinstance(leeway, timedelta) else leeway)


class _Options(dict[str, Any]):
    """Arguments of redis-py, which ``lru_cache`` can look up even if some of them have no hash."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return hash(frozenset(self))


def _address() -> tuple[str, _Options]:
    """Where to connect, and how: ``REVOCATION_REDIS_URL``, or the server that Django's cache writes to."""
    if api_settings.REVOCATION_REDIS_URL is not None:
        return api_settings.REVOCATION_REDIS_URL, _Options()
    cache: dict[str, Any] = settings.CACHES.get(api_settings.SJWT_CACHE_NAME, {})
    location = cache.get("LOCATION", "")
    url = location.split(",")[0] if isinstance(location, str) else location[0]
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            f"The cache {api_settings.SJWT_CACHE_NAME!r}, SIMPLE_JWT['SJWT_CACHE_NAME'], is not in Redis: "
            "name one that is, or set SIMPLE_JWT['REVOCATION_REDIS_URL']."
        )
    return url, _options_of(cache.get("OPTIONS") or {})


def _options_of(given: dict[str, Any]) -> _Options:
    """How a cache connects: Django's own backend takes redis-py's arguments, django-redis has them under two names."""
    options = _Options((name, value) for name, value in given.items() if name.islower() and name not in _OF_THE_CACHE)
    if given.get("PASSWORD"):
        options["password"] = given["PASSWORD"]
    options.update(given.get("CONNECTION_POOL_KWARGS") or {})
    return options


@lru_cache(maxsize=8)
def _connect(url: str, options: _Options) -> redis.Redis:
    ours = {
        "socket_connect_timeout": TIMEOUT,
        "socket_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 1),
        "retry_on_error": [redis.ConnectionError, redis.TimeoutError],
    }
    return redis.Redis.from_url(url, **{**ours, **options})
