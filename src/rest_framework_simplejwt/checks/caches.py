"""Where revocations are cached, and how ``RedisStore`` connects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings

from .project import descends, imported, written
from .registry import Finding, check

if TYPE_CHECKING:
    from redis import ConnectionPool, Redis

    from ..revocation.redis import RedisStore

_REDIS_STORE = "rest_framework_simplejwt.revocation.redis.RedisStore"
# Options of django-redis that lead to another server than LOCATION, or to a client of another kind.
_OF_OTHER_CLIENTS = {"CONNECTION_FACTORY", "SENTINELS", "REDIS_CLIENT_CLASS", "REDIS_CLIENT_KWARGS"}
# Arguments of redis-py that are no texts, and so can't be in a URL.
_OBJECTS = ("credential_provider", "redis_connect_func", "socket_keepalive_options")


def caches_revocations() -> bool:
    return bool(written("CACHE_BLACKLISTED_REFRESH_TOKENS") or written("CACHE_BLACKLISTED_FAMILIES"))


def cache_of_revocations() -> dict[str, Any] | None:
    """What CACHES has under the name in SJWT_CACHE_NAME."""
    name = written("SJWT_CACHE_NAME")
    found: dict[str, Any] | None = settings.CACHES.get(name) if isinstance(name, str) else None
    return found


def redis_store() -> type[RedisStore] | None:
    """The project's RedisStore, unless it connects in a way of its own."""
    store: Any = imported(written("REVOCATION_STORE"))
    ours: Any = imported(_REDIS_STORE) if descends(store, _REDIS_STORE) else None
    found: type[RedisStore] | None = store if ours is not None and store.client is ours.client else None
    return found


def redis_client(store: type[RedisStore]) -> Redis | None:
    """Its client, which has not connected yet; ``None`` if it does not know where to."""
    try:
        return store("token").client
    except Exception:  # noqa: BLE001  # of an address, redis-py raises what it likes
        return None


def place_of(client: Redis) -> tuple[object, ...]:
    """The server and the database that it will connect to."""
    given = client.connection_pool.connection_kwargs
    return given.get("path"), given.get("host", "localhost"), given.get("port", 6379), int(given.get("db") or 0)


def places_in(cache: dict[str, Any], client_class: type[Redis]) -> Iterator[tuple[object, ...]]:
    """The servers and databases of one of Django's caches, as ``place_of`` has them; none if it is not in Redis."""
    location = cache.get("LOCATION") or ()
    for url in location.split(",") if isinstance(location, str) else location:
        options = cache.get("OPTIONS") or {}
        try:
            yield place_of(client_class.from_url(url, **({"db": options["db"]} if "db" in options else {})))
        except (ValueError, TypeError, AttributeError):
            continue


def relies_on_cache() -> bool:
    return caches_revocations() or (redis_store() is not None and written("REVOCATION_REDIS_URL") is None)


@check("simplejwt.E020", hint="Write one of these: {aliases}.")
def unknown_cache() -> Iterator[Finding]:
    """``SJWT_CACHE_NAME`` is needed, and is no name in ``CACHES``."""
    name = written("SJWT_CACHE_NAME")
    if isinstance(name, str) and cache_of_revocations() is None and relies_on_cache():
        aliases = ", ".join(map(repr, settings.CACHES))
        yield Finding(f"SIMPLE_JWT['SJWT_CACHE_NAME'] {name!r} is no name in CACHES.", aliases=aliases)


@check("simplejwt.E021", hint="Write SIMPLE_JWT['REVOCATION_REDIS_URL'] = 'redis://localhost:6379/1'.")
def nowhere_to_connect() -> Iterator[Finding]:
    """``RedisStore`` has no URL to connect to, neither of its own nor of a cache that is in Redis."""
    store, url = redis_store(), written("REVOCATION_REDIS_URL")
    knows_where = url is None and cache_of_revocations() is None  # E020 says that
    if store is None or knows_where or not isinstance(url, str | None) or redis_client(store) is not None:
        return
    yield Finding("RedisStore can't tell where to connect from SIMPLE_JWT['REVOCATION_REDIS_URL'] or the cache.")


@check(
    "simplejwt.E027",
    hint="Write a REVOCATION_REDIS_URL with options that redis-py takes in a URL, or override RedisStore.client.",
)
def unusable_options() -> Iterator[Finding]:
    """``RedisStore`` can't connect with the options of its URL or of the cache."""
    store, url = redis_store(), written("REVOCATION_REDIS_URL")
    client = None if store is None else redis_client(store)
    if client is None:
        return
    options = (cache_of_revocations() or {}).get("OPTIONS") or {} if url is None else {}
    refused = [name for name in options if name in _OF_OTHER_CLIENTS]
    reason = ", ".join(refused) if refused else _why_unusable(client.connection_pool)
    if reason is not None:
        where = "SIMPLE_JWT['REVOCATION_REDIS_URL']" if url else f"the cache {written('SJWT_CACHE_NAME')!r}"
        yield Finding(f"RedisStore can't connect with the options of {where}: {reason}.")


@check(
    "simplejwt.W042",
    hint="Write SIMPLE_JWT['TOKEN_FAMILY_LIFETIME'] = timedelta(days=30), or leave JTI_CLAIM out.",
)
def families_for_ever() -> Iterator[Finding]:
    """Families never end and tokens have no ids: ``RedisStore`` keeps an entry of each login for good."""
    is_endless = written("TOKEN_FAMILY_LIFETIME") is None and written("JTI_CLAIM") is None
    if is_endless and written("TOKEN_FAMILY_ENABLED") and descends(imported(written("REVOCATION_STORE")), _REDIS_STORE):
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_LIFETIME'] and JTI_CLAIM are None: "
            "RedisStore can't tell when a family is over, and forgets none."
        )


def _why_unusable(pool: ConnectionPool) -> str | None:
    """What is wrong with the arguments of a connection that is made, but does not connect."""
    given = pool.connection_kwargs
    objects = [name for name in _OBJECTS if isinstance(given.get(name), str)]
    if objects or not all(isinstance(error, type) for error in given.get("retry_on_error") or ()):
        return ", ".join(objects) or "retry_on_error"
    try:
        connection = pool.connection_class(**given)
        return None if connection.encoder.encode("\u20ac") == "\u20ac".encode() else "encoding"
    except Exception as error:  # noqa: BLE001  # of its arguments, redis-py raises what it likes
        return str(error)
