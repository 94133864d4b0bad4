"""Checks of the cache of revocations, and of the connection of ``RedisStore``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings

from .project import configured, import_or_none, is_subclass_of
from .registry import Finding, check

if TYPE_CHECKING:
    from redis import ConnectionPool, Redis

    from ..revocation.redis import RedisStore

_REDIS_STORE = "rest_framework_simplejwt.revocation.redis.RedisStore"
# Options of django-redis that RedisStore can't follow: they name another server than LOCATION, or another client class.
_UNSUPPORTED_OPTIONS = {"CONNECTION_FACTORY", "SENTINELS", "REDIS_CLIENT_CLASS", "REDIS_CLIENT_KWARGS"}
# Arguments of redis-py that must be objects, so a URL can't contain them.
_OBJECT_ARGUMENTS = ("credential_provider", "redis_connect_func", "socket_keepalive_options")


def is_revocation_cache_enabled() -> bool:
    """Returns whether revocations of tokens or of families are cached."""
    return bool(configured("CACHE_BLACKLISTED_REFRESH_TOKENS") or configured("CACHE_BLACKLISTED_FAMILIES"))


def revocation_cache_config() -> dict[str, Any] | None:
    """Returns the entry of ``CACHES`` that ``SJWT_CACHE_NAME`` names, or ``None``."""
    name = configured("SJWT_CACHE_NAME")
    found: dict[str, Any] | None = settings.CACHES.get(name) if isinstance(name, str) else None
    return found


def configured_redis_store() -> type[RedisStore] | None:
    """Returns the store class, if it is ``RedisStore`` or a subclass that does not override ``client``, or ``None``."""
    store: Any = import_or_none(configured("REVOCATION_STORE"))
    ours: Any = import_or_none(_REDIS_STORE) if is_subclass_of(store, _REDIS_STORE) else None
    found: type[RedisStore] | None = store if ours is not None and store.client is ours.client else None
    return found


def redis_client(store: type[RedisStore]) -> Redis | None:
    """Returns the Redis client of a store class, not connected yet.

    Returns ``None`` if its address is missing or invalid.
    """
    try:
        return store("token").client
    except Exception:  # noqa: BLE001  # redis-py raises any exception for an invalid address
        return None


def redis_address(client: Redis) -> tuple[object, ...]:
    """Returns where the client connects.

    It is a tuple of the path of a socket (or ``None``), the host, the port and the number of the database.
    """
    arguments = client.connection_pool.connection_kwargs
    return (
        arguments.get("path"),
        arguments.get("host", "localhost"),
        arguments.get("port", 6379),
        int(arguments.get("db") or 0),
    )


def redis_addresses_of_cache(cache: dict[str, Any], client_class: type[Redis]) -> Iterator[tuple[object, ...]]:
    """Yields ``redis_address`` for each server of an entry of ``CACHES``, if that cache is in Redis."""
    location = cache.get("LOCATION") or ()
    for url in location.split(",") if isinstance(location, str) else location:
        options = cache.get("OPTIONS") or {}
        try:
            yield redis_address(client_class.from_url(url, **({"db": options["db"]} if "db" in options else {})))
        except (ValueError, TypeError, AttributeError):
            continue


def is_cache_name_read() -> bool:
    """Returns whether ``SJWT_CACHE_NAME`` is in use: revocations are cached, or ``RedisStore`` has no URL."""
    has_no_url = configured("REVOCATION_REDIS_URL") is None
    return is_revocation_cache_enabled() or (has_no_url and configured_redis_store() is not None)


@check("simplejwt.E020", hint="Set SJWT_CACHE_NAME to one of these: {aliases}.")
def unknown_cache() -> Iterator[Finding]:
    """``SJWT_CACHE_NAME`` is used, and ``CACHES`` has no cache of that name."""
    name = configured("SJWT_CACHE_NAME")
    if isinstance(name, str) and revocation_cache_config() is None and is_cache_name_read():
        aliases = ", ".join(map(repr, settings.CACHES))
        yield Finding(f"SIMPLE_JWT['SJWT_CACHE_NAME'] is {name!r}, and CACHES has no such cache.", aliases=aliases)


@check("simplejwt.E021", hint="Write SIMPLE_JWT['REVOCATION_REDIS_URL'] = 'redis://localhost:6379/1'.")
def missing_redis_url() -> Iterator[Finding]:
    """``RedisStore`` has no valid Redis URL, in ``REVOCATION_REDIS_URL`` or in the cache ``SJWT_CACHE_NAME``."""
    store, url = configured_redis_store(), configured("REVOCATION_REDIS_URL")
    is_reported_by_e020 = url is None and revocation_cache_config() is None
    if store is None or is_reported_by_e020 or not isinstance(url, str | None) or redis_client(store) is not None:
        return
    yield Finding(
        "RedisStore has no valid Redis URL to connect to: neither SIMPLE_JWT['REVOCATION_REDIS_URL'] nor the cache "
        "SJWT_CACHE_NAME has one."
    )


@check(
    "simplejwt.E027",
    hint="Set a REVOCATION_REDIS_URL with options that redis-py accepts in a URL, or override RedisStore.client.",
)
def unusable_redis_options() -> Iterator[Finding]:
    """``RedisStore`` can't connect with the options of its URL or of its cache."""
    store, url = configured_redis_store(), configured("REVOCATION_REDIS_URL")
    client = None if store is None else redis_client(store)
    if client is None:
        return
    options = (revocation_cache_config() or {}).get("OPTIONS") or {} if url is None else {}
    unsupported = [name for name in options if name in _UNSUPPORTED_OPTIONS]
    reason = ", ".join(unsupported) if unsupported else _connection_error(client.connection_pool)
    if reason is not None:
        where = "SIMPLE_JWT['REVOCATION_REDIS_URL']" if url else f"the cache {configured('SJWT_CACHE_NAME')!r}"
        yield Finding(f"RedisStore can't connect with the options of {where}: {reason}.")


@check(
    "simplejwt.W042",
    hint="Write SIMPLE_JWT['TOKEN_FAMILY_LIFETIME'] = timedelta(days=30), or remove JTI_CLAIM.",
)
def families_without_expiry() -> Iterator[Finding]:
    """``RedisStore`` never deletes a family, because ``TOKEN_FAMILY_LIFETIME`` and ``JTI_CLAIM`` are ``None``."""
    has_no_expiry = configured("TOKEN_FAMILY_LIFETIME") is None and configured("JTI_CLAIM") is None
    uses_redis = is_subclass_of(import_or_none(configured("REVOCATION_STORE")), _REDIS_STORE)
    if has_no_expiry and uses_redis and configured("TOKEN_FAMILY_ENABLED"):
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_LIFETIME'] and ['JTI_CLAIM'] are None: RedisStore can't tell when a family "
            "ends, so it never deletes one."
        )


def _connection_error(pool: ConnectionPool) -> str | None:
    """Returns why a connection can't be made with the arguments of ``pool``, or ``None`` if it can.

    Does not connect.
    """
    arguments = pool.connection_kwargs
    objects = [name for name in _OBJECT_ARGUMENTS if isinstance(arguments.get(name), str)]
    if objects or not all(isinstance(error, type) for error in arguments.get("retry_on_error") or ()):
        return ", ".join(objects) or "retry_on_error"
    try:
        connection = pool.connection_class(**arguments)
        return None if connection.encoder.encode("\u20ac") == "\u20ac".encode() else "encoding"
    except Exception as error:  # noqa: BLE001  # redis-py raises any exception for invalid arguments
        return str(error)
