"""What ``check --deploy`` says of security: all of it works, and could be safer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from ..revocation import blacklist_installed
from . import caches, keys, shapes
from .project import default_authenticators, descends, imported, mounts, remembers_tokens, written
from .registry import Finding, check
from .revocation import consumes_tokens, detects_reuse, grants_grace

_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_PER_PROCESS = (
    "django.core.cache.backends.locmem.LocMemCache",
    "django.core.cache.backends.dummy.DummyCache",
)
_STATELESS = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"


@check(
    "simplejwt.W001",
    hint="Set SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] = 'none', unless your own code reads that column.",
    deploy=True,
)
def readable_tokens() -> Iterator[Finding]:
    """The table of outstanding tokens holds their texts, which are keys."""
    stores = blacklist_installed() and written("REVOCATION_STORE") is None
    if stores and written("STORE_OUTSTANDING_TOKENS") == "full":
        yield Finding("The table of outstanding tokens holds their texts: whoever reads it can use them.")


@check(
    "simplejwt.W007",
    hint="Write 'rest_framework_simplejwt.token_blacklist' in INSTALLED_APPS and migrate, or set REVOCATION_STORE.",
    deploy=True,
)
def log_out_without_memory() -> Iterator[Finding]:
    """``TokenBlacklistView`` is mounted, and nothing remembers: it answers 200 and ends nothing."""
    # With BLACKLIST_AFTER_ROTATION it is W005 or E018.
    if mounts("TokenBlacklistView") and not remembers_tokens() and not written("BLACKLIST_AFTER_ROTATION"):
        yield Finding("TokenBlacklistView is mounted and ends nothing: nothing remembers revoked tokens.")


@check(
    "simplejwt.W008",
    hint="Write TOKEN_FAMILY_ENABLED = True, and 'rest_framework_simplejwt.token_family' in INSTALLED_APPS.",
    deploy=True,
)
def family_log_out_without_memory() -> Iterator[Finding]:
    """``TokenFamilyBlacklistView`` is mounted, and families are off: it answers 501."""
    # Where they are on and not remembered, it is E016.
    if mounts("TokenFamilyBlacklistView") and not written("TOKEN_FAMILY_ENABLED"):
        yield Finding("TokenFamilyBlacklistView is mounted and answers 501: there are no families.")


@check("simplejwt.W009", hint=f"Write a SIGNING_KEY of {{needed}} bytes or more. {keys.NEW_SECRET}", deploy=True)
def short_secret() -> Iterator[Finding]:
    """The secret of an HMAC algorithm is shorter than its hash (RFC 7518 section 3.2): it can be guessed offline."""
    secret = keys.secret()
    if secret is not None and len(secret) < (needed := _BYTES[str(written("ALGORITHM"))]):
        yield Finding(f"The key that signs tokens has fewer than {needed} bytes.", needed=str(needed))


@check(
    "simplejwt.W010",
    hint=f"Write a SIGNING_KEY, so that you can change either key alone. {keys.NEW_SECRET}",
    deploy=True,
)
def shared_secret() -> Iterator[Finding]:
    """Tokens are signed with ``SECRET_KEY``: who learns one key has both, and to change one is to change both."""
    if keys.secret() is not None and keys.signs_with_secret_key():
        yield Finding("Tokens are signed with SECRET_KEY.")


@check(
    "simplejwt.W011",
    hint="Write SIMPLE_JWT['AUDIENCE'] = 'this-service' here and at the issuer, or an ISSUER.",
    deploy=True,
)
def unaddressed_tokens() -> Iterator[Finding]:
    """Anybody may have the public key, and tokens say neither whose they are nor whom they are for."""
    if keys.is_asymmetric() and not written("AUDIENCE") and not written("ISSUER"):
        yield Finding(
            "Neither AUDIENCE nor ISSUER is set: tokens for another service that shares the key open this one."
        )


@check("simplejwt.W012", hint="Write in SJWT_CACHE_NAME the name of a cache that all processes share.", deploy=True)
def cache_of_one_process() -> Iterator[Finding]:
    """Revocations are cached in the memory of one process, or nowhere: that saves next to nothing."""
    cache = caches.cache_of_revocations() if caches.caches_revocations() else None
    if cache is not None and descends(imported(cache.get("BACKEND")), *_PER_PROCESS):
        yield Finding(f"Revocations are cached in {written('SJWT_CACHE_NAME')!r}, which processes do not share.")


@check(
    "simplejwt.W013",
    hint="Write a REVOCATION_REDIS_URL with another database, such as 'redis://localhost:6379/1'; eviction off.",
    deploy=True,
)
def revocations_in_a_cache() -> Iterator[Finding]:
    """``RedisStore`` shares its database with a cache, and ``cache.clear()`` forgets revocations."""
    store = caches.redis_store()
    client = None if store is None else caches.redis_client(store)
    if client is None:
        return
    for alias in settings.CACHES:
        if caches.place_of(client) in caches.places_in(settings.CACHES[alias], type(client)):
            yield Finding(
                f"RedisStore shares its database with the cache {alias!r}: clearing that forgets revocations."
            )


@check(
    "simplejwt.W014",
    hint="Write JWTAuthentication in DEFAULT_AUTHENTICATION_CLASSES, or leave CHECK_REVOKE_TOKEN out.",
    deploy=True,
)
def unchecked_passwords() -> Iterator[Finding]:
    """``CHECK_REVOKE_TOKEN`` is on, and requests are authenticated without asking for the user."""
    if written("CHECK_REVOKE_TOKEN") and any(descends(each, _STATELESS) for each in default_authenticators()):
        yield Finding("JWTStatelessUserAuthentication never looks whether the password was changed.")


@check(
    "simplejwt.W037",
    hint="Write SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] = timedelta(seconds=10).",
    deploy=True,
)
def reuse_without_grace() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on without a grace period: a lost answer ends the session."""
    detects = detects_reuse() and consumes_tokens() and remembers_tokens()
    if detects and shapes.grace_period_is_sound() and not grants_grace():
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] is on and REFRESH_TOKEN_GRACE_PERIOD is zero: "
            "a client that repeats a refresh, after a lost answer or in a second tab, ends its session."
        )


@check(
    "simplejwt.W038",
    hint="Write BLACKLIST_AFTER_ROTATION = True, and 'rest_framework_simplejwt.token_blacklist' in INSTALLED_APPS.",
    deploy=True,
)
def rotation_without_blacklist() -> Iterator[Finding]:
    """``ROTATE_REFRESH_TOKENS`` is on and ``BLACKLIST_AFTER_ROTATION`` is off: old tokens stay valid."""
    # Where reuse is to be detected, it is W006.
    if written("ROTATE_REFRESH_TOKENS") and not written("BLACKLIST_AFTER_ROTATION") and not detects_reuse():
        yield Finding(
            "SIMPLE_JWT['ROTATE_REFRESH_TOKENS'] is on and BLACKLIST_AFTER_ROTATION is off: "
            "each rotated refresh token stays valid until it expires."
        )


@check(
    "simplejwt.W039",
    hint="Write SIMPLE_JWT['{name}'] = timedelta(minutes=5), and let clients refresh.",
    deploy=True,
)
def long_access() -> Iterator[Finding]:
    """An access token is valid for more than a day, or a sliding token is, where sliding views are mounted."""
    for name in ("ACCESS_TOKEN_LIFETIME", *(["SLIDING_TOKEN_LIFETIME"] if mounts(*shapes.SLIDING_VIEWS) else [])):
        lifetime = written(name)
        # One without end is W036.
        if isinstance(lifetime, timedelta) and lifetime > timedelta(days=1) and not shapes.overflows(lifetime):
            yield Finding(f"SIMPLE_JWT[{name!r}] is longer than a day: a stolen token is valid until then.", name=name)


@check(
    "simplejwt.W046",
    hint="Write https:// URLs in JWK_URL and TRUSTED_ISSUERS, and leave JWK_ALLOW_HTTP out; or keep it where nobody "
    "else can answer on the network between this service and the issuer.",
    deploy=True,
)
def keys_over_http() -> Iterator[Finding]:
    """``JWK_ALLOW_HTTP`` is on: whoever can answer for the issuer on the network decides which tokens are valid."""
    if written("JWK_ALLOW_HTTP"):
        yield Finding("SIMPLE_JWT['JWK_ALLOW_HTTP'] is on: the keys that verify tokens may come over http.")
