"""Stores revocations in Redis 7 or Valkey, in keys that expire with their tokens. Several machines can share them.

No other copy of the revocations exists. The server needs persistence (``appendonly yes``) and no eviction.
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
from redis.client import Pipeline
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from ..exceptions import RevocationUnavailable
from ..outage import Outage
from ..settings import api_settings
from ..utils import datetime_from_epoch, datetime_to_epoch
from .access import may_assume_not_revoked
from .base import RETENTION_MARGIN, Issued, RevocationStore, Successor, overrides
from .null import NonTransactional

__all__ = ["TIMEOUT", "RedisStore"]

T = TypeVar("T")

# Seconds to connect, and seconds to wait for a reply. Each is tried twice at most.
TIMEOUT = 0.05
# The number of entries of an index, or of keys of a scan, in one round trip.
PAGE_SIZE = 500
# Seconds after which the lock on an index expires if the process that runs `revoke_all` stops.
INDEX_LOCK_SECONDS = 10

# OPTIONS of a cache that are not arguments of a connection.
_CACHE_ONLY_OPTIONS = {"serializer", "pool_class", "parser_class"}

# RedisClusterException, raised if no node of a cluster answers, is not a RedisError.
_CONNECTION_ERRORS = (redis.RedisError, RedisClusterException, OSError)

_outage = Outage(
    "Redis, the revocation store,",
    "log-ins, refreshes and log-outs are answered 503, and requests with a token as REVOCATION_FAIL_MODE says",
)

# Creates a revocation unless it exists, and returns the one that exists now: the time of the server in microseconds, a
# space, and JSON.
#   KEYS[1]  the revocation
#   KEYS[2]  the expiry on record of a family that does not expire
#   ARGV[1]  the JSON. It has an id of the call: a retry whose first reply was lost can tell that it was first.
#   ARGV[2]  the second at which the revocation expires, or empty. A later one in KEYS[2] applies instead.
#   ARGV[3]  1 if the token or family does not expire. The revocation then expires only if KEYS[2] exists.
_REVOKE_SCRIPT = """
local expires_at, recorded = ARGV[2], redis.call('GET', KEYS[2])
if recorded then
  if expires_at == '' or tonumber(recorded) > tonumber(expires_at) then expires_at = recorded end
elseif ARGV[3] == '1' then
  expires_at = ''
end
local found = redis.call('GET', KEYS[1])
if found then
  if expires_at == '' then redis.call('PERSIST', KEYS[1])
  else redis.call('EXPIREAT', KEYS[1], expires_at, 'GT') end
  return found
end
local now = redis.call('TIME')
local revocation = now[1] .. string.format('%06d', now[2]) .. ' ' .. ARGV[1]
if expires_at == '' then
  redis.call('SET', KEYS[1], revocation)
else
  redis.call('SET', KEYS[1], revocation, 'EXAT', expires_at)
end
return revocation
"""

# Returns the revocation KEYS[1], if it exists, and the server's time in microseconds.
_READ_REVOCATION_SCRIPT = """
local now = redis.call('TIME')
return {redis.call('GET', KEYS[1]), now[1] .. string.format('%06d', now[2])}
"""

# Adds an entry to an owner's index, which is ordered by expiry. Returns 1 for a new entry, 0 for an existing one, which
# keeps the later expiry, and -1 if it did nothing because `revoke_all` has the index locked. Removes expired entries.
# The index expires with its last entry.
#   KEYS[1]  the index
#   KEYS[2]  its lock
#   ARGV[1]  the entry
#   ARGV[2]  its expiry
#   ARGV[3]  the seconds that entries and the index stay after their expiry
_ADD_TO_INDEX_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
local made = redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - ARGV[3])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last == 'inf' then redis.call('PERSIST', KEYS[1])
elseif last then redis.call('EXPIREAT', KEYS[1], string.format('%d', last + ARGV[3])) end
return made
"""

# Records the expiry ARGV[1] in KEYS[1], unless a later one is on record.
_RECORD_EXPIRY_SCRIPT = """
local recorded = redis.call('GET', KEYS[1])
if not recorded or tonumber(recorded) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EXAT', ARGV[1])
end
"""

# Locks an owner's index, removes entries from it and returns the next page: entries with their expiries, the latest
# expiry first. Returns nil if the lock expired since the previous page, because entries may have been added meanwhile.
#   KEYS[1]  the index
#   KEYS[2]  its lock, the set of the callers that have it
#   ARGV[1]  the caller's id
#   ARGV[2]  the seconds until the lock expires
#   ARGV[3]  1 for the first page
#   ARGV[4]  only entries that expire after this time are returned
#   ARGV[5]  the largest number of entries to return
#   ARGV[6]  the entry after which the page starts, or empty
#   ARGV[7], ...  the entries to remove
_NEXT_PAGE_SCRIPT = """
if ARGV[3] ~= '1' and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return nil end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
for i = 7, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
local rank = ARGV[6] ~= '' and redis.call('ZREVRANK', KEYS[1], ARGV[6])
local start = rank and rank + 1 or 0
return redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. ARGV[4], 'WITHSCORES', 'LIMIT', start, ARGV[5])
"""


@dataclass(frozen=True)
class Revocation:
    """The value of a revocation's key.

    ``revoked_at`` is the server's time in microseconds since the epoch, ``call_id`` the id of the call that revoked
    the token. A consumed token also has the id of its successor and its times in seconds since the epoch.
    """

    revoked_at: int
    call_id: str
    successor: str | None = None
    successor_issued_at: int = 0
    successor_expires_at: int = 0

    @classmethod
    def parse(cls, reply: bytes | str) -> Revocation:
        """Parses the value: the server's time in microseconds, a space, and a JSON list of the other fields."""
        revoked_at, _, facts = _decode_reply(reply).partition(" ")
        return cls(int(revoked_at), *json.loads(facts))


class RedisStore(NonTransactional):
    """The ``RevocationStore`` in Redis. ``kind`` is "token" or "family".

    A revocation has the key ``<prefix>:<kind>:{<id>}``. Each owner has an index of what was issued to them and has not
    expired, ``<prefix>:<kind>s-of:{<owner>}``. A family that does not expire has the key
    ``<prefix>:family-end:{<id>}``, with the second at which its last token expires. Each script uses keys with one
    hash tag only, so it also works in a cluster.

    A subclass may override ``client`` to connect in another way, for example to a cluster, and ``prefix``.
    """

    prefix = "sjwt"

    def __init__(self, kind: str) -> None:
        """Stores tokens if ``kind`` is "token", and families if it is "family"."""
        self._kind = kind

    @property
    def client(self) -> redis.Redis:
        """The client that sends every command. It is read for each of them, and must be thread-safe."""
        return _build_client(*_connection_settings())

    def remember(self, issued: Issued) -> tuple[Issued, bool]:
        """See ``RevocationStore.remember``. Also records the family of a token, if the family does not expire.

        Raises ``RevocationUnavailable`` also while ``revoke_all`` runs for the same owner.
        """
        owner_pk = issued.owner_pk()

        def record(client: redis.Redis) -> list[Any]:
            """Sends all commands in one round trip and returns their replies, that of the index of ``issued`` first."""
            with client.pipeline(transaction=False) as pipe:
                self._queue_record(pipe, issued, owner_pk)
                if issued.family_id is not None and issued.family_needed_until is not None:
                    family = replace(issued, id=issued.family_id, family_id=None, expires_at=None)
                    type(self)("family")._queue_record(pipe, family, owner_pk)
                return pipe.execute()

        replies = self._run(record)
        if -1 in replies:
            raise RevocationUnavailable()
        return issued, bool(replies[0])

    def _queue_record(self, pipe: Pipeline, issued: Issued, owner_pk: object) -> None:
        """Queues the commands that record ``issued``. The caller sends them with ``pipe.execute()``.

        The reply to the first of them is that of ``_ADD_TO_INDEX_SCRIPT``.
        """
        index, entry = self._index_key(owner_pk), json.dumps([issued.id, issued.family_id])
        expires_at, margin = _recorded_expiry(issued), _retention_margin()
        score = "+inf" if expires_at is None else expires_at
        _queue_script(pipe, _ADD_TO_INDEX_SCRIPT, 2, index, _lock_key(index), entry, score, margin)
        if expires_at is None:
            pipe.persist(self._revocation_key(issued.id))
            return
        if issued.expires_at is None:
            _queue_script(pipe, _RECORD_EXPIRY_SCRIPT, 1, self._expiry_key(issued.id), expires_at + margin)
        # A refreshed sliding token keeps its id and expires later. If the id is revoked, the revocation must last too.
        pipe.expireat(self._revocation_key(issued.id), expires_at + margin, gt=True)

    def revoke(self, issued: Issued) -> tuple[Revocation, bool]:
        """See ``RevocationStore.revoke``. One script does it; a retry after a lost reply still counts as first."""
        call_id = uuid4().hex
        facts: list[object] = [call_id]
        successor = issued.successor
        if successor is not None and successor.expires_at is not None:
            facts += successor.id, datetime_to_epoch(successor.issued_at), datetime_to_epoch(successor.expires_at)
        never_expires = issued.expires_at is None
        arguments = self._revoke_arguments(issued.id, _recorded_expiry(issued), facts, never_expires=never_expires)
        revocation = Revocation.parse(self._run(lambda client: client.eval(*arguments)))
        return revocation, revocation.call_id == call_id

    def revoke_all(self, owner_pk: object, *, now: datetime, except_family: str | None = None) -> int:
        """See ``RevocationStore.revoke_all``. Reads the owner's index page by page.

        Nothing can be recorded for that owner at the same time: ``remember`` raises ``RevocationUnavailable``.
        """

        def revoke(client: redis.Redis) -> int:
            indexes = [self._index_key(owner_pk)] if owner_pk is not None else self._find_indexes(client)
            return sum(self._revoke_index(client, index, datetime_to_epoch(now), except_family) for index in indexes)

        return int(self._run(revoke))

    def _find_indexes(self, client: Any) -> Iterator[str]:
        """Yields the keys of the indexes of all owners. Scans the whole keyspace."""
        return map(_decode_reply, client.scan_iter(self._index_key("*"), count=PAGE_SIZE))

    def _revoke_index(self, client: redis.Redis, index: str, now: int, except_family: str | None) -> int:
        """Revokes all entries of an index that expire after ``now``, page by page. Returns the number of revocations.

        Skips the entries of the family ``except_family``.
        Raises ``RevocationUnavailable`` if the lock on the index expired meanwhile.
        """
        lock, caller_id = _lock_key(index), uuid4().hex
        revoked_count, is_first_page, last_excluded = 0, 1, ""
        entries: dict[str, int | None] = {}
        arguments = 2, index, lock, caller_id, INDEX_LOCK_SECONDS
        try:
            while page := client.eval(
                _NEXT_PAGE_SCRIPT, *arguments, is_first_page, now, PAGE_SIZE, last_excluded, *entries
            ):
                is_first_page, entries = 0, {}
                for entry, expires_at in _parse_page(page):
                    if except_family is not None and except_family in json.loads(entry):
                        last_excluded = entry
                    else:
                        entries[entry] = expires_at
                revoked_count += self._revoke_entries(client, entries)
        finally:
            # If this fails, the lock expires by itself.
            with suppress(*_CONNECTION_ERRORS):
                client.srem(lock, caller_id)
        if page is None:
            raise RevocationUnavailable()
        return revoked_count

    def _revoke_entries(self, client: redis.Redis, entries: dict[str, int | None]) -> int:
        """Revokes these entries of an index, given with their expiries. Returns the number of new revocations."""
        call_id = uuid4().hex
        with client.pipeline(transaction=False) as pipe:
            for entry, expires_at in entries.items():
                record_id, _ = json.loads(entry)
                never_expires = expires_at is None
                arguments = self._revoke_arguments(record_id, expires_at, [call_id], never_expires=never_expires)
                _queue_script(pipe, *arguments)
            return sum(Revocation.parse(reply).call_id == call_id for reply in pipe.execute())

    def _revoke_arguments(
        self, record_id: str, expires_at: int | None, facts: list[object], *, never_expires: bool
    ) -> tuple[Any, ...]:
        """Returns the arguments of the EVAL command that revokes one id. Sends nothing.

        ``facts`` are the fields of the ``Revocation`` from ``call_id`` on. ``expires_at`` is in seconds since the
        epoch, ``None`` if it is not known or there is none.
        """
        key_expires_at = "" if expires_at is None else expires_at + _retention_margin()
        keys = self._revocation_key(record_id), self._expiry_key(record_id)
        return _REVOKE_SCRIPT, 2, *keys, json.dumps(facts), key_expires_at, int(never_expires)

    def is_revoked(self, record_id: str) -> bool:
        """See ``RevocationStore.is_revoked``. If Redis is unavailable, False where ``may_assume_not_revoked()``."""
        key = self._revocation_key(record_id)
        try:
            return bool(self._run(lambda client: client.exists(key)))
        except RevocationUnavailable:
            if may_assume_not_revoked():
                return False
            raise

    def exchange(self, consumed: Issued, successor: Issued, families: RevocationStore | None = None) -> bool:
        """See ``RevocationStore.exchange``. Takes two steps: it records the successor, then revokes the token.

        ``families`` is not asked. If the second step fails, the successor stays on record. No client has it, and a
        retry records the same id.
        """
        self.remember(successor)
        return self.revoke(replace(consumed, successor=successor))[1]

    def are_revoked(self, token_id: str, families: RevocationStore, family_id: str) -> tuple[bool, bool]:
        """See ``RevocationStore.are_revoked``. Asks in one round trip if both stores use the same client.

        It asks for each id alone if a subclass overrides ``is_revoked``, and under ``REVOCATION_FAIL_MODE`` "open" if
        the round trip fails: the node of a cluster that has the revocation may be available.
        """
        if isinstance(families, RedisStore) and not any(
            overrides(store, RedisStore, "is_revoked") for store in (self, families)
        ):
            try:
                answers = self._exist_together(families, self._revocation_key(token_id), family_id)
            except RevocationUnavailable:
                if not may_assume_not_revoked():
                    raise
            else:
                if answers is not None:
                    return answers
        if self.is_revoked(token_id):
            return True, False
        return False, families.is_revoked(family_id)

    def _exist_together(self, families: RedisStore, token_key: str, family_id: str) -> tuple[bool, bool] | None:
        """Returns whether each of the two revocations exists; ``None`` if the stores have different clients."""

        def look(client: redis.Redis) -> tuple[bool, bool] | None:
            # Within _run: creating the other client may fail too.
            if families.client is not client:
                return None
            with client.pipeline(transaction=False) as pipe:
                pipe.exists(token_key)
                pipe.exists(families._revocation_key(family_id))
                token, family = pipe.execute()
            return bool(token), bool(family)

        answers: tuple[bool, bool] | None = self._run(look)
        return answers

    def successor(self, token_id: str, successor_id: str, *, now: datetime) -> Successor | None:
        """See ``RevocationStore.successor``. Looks up the revocation of ``token_id``, which names its successor.

        ``now`` is not used: the age is measured by the clock of the Redis server.
        """
        key = self._revocation_key(token_id)
        reply, server_time = self._run(lambda client: client.eval(_READ_REVOCATION_SCRIPT, 1, key))
        revocation = Revocation.parse(reply) if reply is not None else None
        if revocation is None or revocation.successor != successor_id:
            return None
        return Successor(
            issued_at=datetime_from_epoch(revocation.successor_issued_at),
            expires_at=datetime_from_epoch(revocation.successor_expires_at),
            age=timedelta(microseconds=max(int(server_time) - revocation.revoked_at, 0)),
            is_revoked=self.is_revoked(successor_id),
        )

    def expired(self, now: datetime) -> int:
        """See ``RevocationStore.expired``. Returns 0: Redis deletes expired keys itself."""
        return 0

    def purge(self, now: datetime, *, batch_size: int) -> Iterator[int]:
        """See ``RevocationStore.purge``. Yields nothing: Redis deletes expired keys itself."""
        return iter(())

    def _revocation_key(self, record_id: str) -> str:
        """Returns the key of a revocation. The braces contain the hash tag, which selects the node of a cluster."""
        return f"{self.prefix}:{self._kind}:{{{record_id}}}"

    def _expiry_key(self, record_id: str) -> str:
        """Returns the key with the second at which the last token of a family that does not expire will expire."""
        return f"{self.prefix}:{self._kind}-end:{{{record_id}}}"

    def _index_key(self, owner_pk: object) -> str:
        """Returns the key of an owner's index; for ``"*"``, the pattern of the keys of all indexes."""
        return f"{self.prefix}:{self._kind}s-of:{{{owner_pk}}}"

    @sensitive_variables()  # the client's repr() may have the server's password
    def _run(self, command: Callable[[redis.Redis], Any]) -> Any:
        """Returns ``command(client)``. Logs an outage of Redis and raises ``RevocationUnavailable`` instead."""
        try:
            reply = command(self.client)
        except _CONNECTION_ERRORS as error:
            _outage.start(error)
            raise RevocationUnavailable() from error
        _outage.end()
        return reply


def _queue_script(pipe: Any, *arguments: object) -> None:
    """Queues an EVAL. The caller sends it with ``pipe.execute()``.

    Not ``pipe.eval()``: redis-py's pipelines of a cluster have no such method.
    """
    pipe.execute_command("EVAL", *arguments)


def _lock_key(index: str) -> str:
    """Returns the key that exists while ``revoke_all`` has the index locked. It has the same hash tag as the index."""
    return f"{index}:held"


def _parse_page(page: list[bytes | str]) -> Iterator[tuple[str, int | None]]:
    """Yields each entry of an index page with its expiry in seconds since the epoch; ``None`` if it has none."""
    for entry, score in zip(page[::2], page[1::2], strict=True):
        expires_at = float(score)
        yield _decode_reply(entry), None if expires_at == inf else int(expires_at)


def _recorded_expiry(issued: Issued) -> int | None:
    """Returns the second since the epoch until which ``issued`` must stay on record; ``None`` if none is known."""
    expires_at = issued.expires_at or issued.family_needed_until
    return None if expires_at is None else datetime_to_epoch(expires_at)


def _decode_reply(reply: bytes | str) -> str:
    """Returns a reply as text. It already is text if the client has ``decode_responses``."""
    return reply if isinstance(reply, str) else reply.decode()


def _retention_margin() -> int:
    """Returns the number of seconds, including the leeway, that a key stays after its token expired."""
    leeway = api_settings.LEEWAY or 0
    return RETENTION_MARGIN + ceil(leeway.total_seconds() if isinstance(leeway, timedelta) else leeway)


class _ConnectionOptions(dict[str, Any]):
    """Keyword arguments of a redis-py client. Hashable by their names only, because a value may not be hashable."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return hash(frozenset(self))


def _connection_settings() -> tuple[str, _ConnectionOptions]:
    """Returns the URL and the options of ``REVOCATION_REDIS_URL``, or of the server that Django's cache writes to.

    Raises ``ImproperlyConfigured`` if the setting is empty and the cache ``SJWT_CACHE_NAME`` is not in Redis.
    """
    if api_settings.REVOCATION_REDIS_URL is not None:
        return api_settings.REVOCATION_REDIS_URL, _ConnectionOptions()
    cache: dict[str, Any] = settings.CACHES.get(api_settings.SJWT_CACHE_NAME, {})
    location = cache.get("LOCATION", "")
    url = location.split(",")[0] if isinstance(location, str) else location[0]
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(
            f"The cache {api_settings.SJWT_CACHE_NAME!r}, SIMPLE_JWT['SJWT_CACHE_NAME'], is not in Redis: "
            "name one that is, or set SIMPLE_JWT['REVOCATION_REDIS_URL']."
        )
    return url, _connection_options(cache.get("OPTIONS") or {})


def _connection_options(cache_options: dict[str, Any]) -> _ConnectionOptions:
    """Returns the connection options of a cache.

    Django's backend takes redis-py's arguments. django-redis has them in ``PASSWORD`` and ``CONNECTION_POOL_KWARGS``.
    """
    options = _ConnectionOptions(
        (name, value) for name, value in cache_options.items() if name.islower() and name not in _CACHE_ONLY_OPTIONS
    )
    if cache_options.get("PASSWORD"):
        options["password"] = cache_options["PASSWORD"]
    options.update(cache_options.get("CONNECTION_POOL_KWARGS") or {})
    return options


@lru_cache(maxsize=8)
def _build_client(url: str, options: _ConnectionOptions) -> redis.Redis:
    """Returns a client with short timeouts and one retry, unless the URL or the options say otherwise."""
    defaults = {
        "socket_connect_timeout": TIMEOUT,
        "socket_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 1),
        "retry_on_error": [redis.ConnectionError, redis.TimeoutError],
    }
    return redis.Redis.from_url(url, **{**defaults, **options})
