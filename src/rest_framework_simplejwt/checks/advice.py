"""Security advice of ``check --deploy``: settings that work and could be safer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from ..revocation import blacklist_installed
from . import caches, keys, shapes
from .project import (
    configured,
    default_authentication_classes,
    has_route_to,
    has_token_store,
    import_or_none,
    is_subclass_of,
)
from .registry import Finding, check
from .revocation import has_grace_period, is_consumption_enabled, is_reuse_detection_enabled

_MINIMUM_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_UNSHARED_CACHES = (
    "django.core.cache.backends.locmem.LocMemCache",
    "django.core.cache.backends.dummy.DummyCache",
)
_STATELESS_AUTHENTICATION = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"


@check(
    "simplejwt.W001",
    hint="Set SIMPLE_JWT['STORE_OUTSTANDING_TOKENS'] = 'none', unless your own code reads that column.",
    deploy=True,
)
def stored_token_texts() -> Iterator[Finding]:
    """``STORE_OUTSTANDING_TOKENS`` is ``"full"``: whoever reads the table of outstanding tokens can use them."""
    uses_table = blacklist_installed() and configured("REVOCATION_STORE") is None
    if uses_table and configured("STORE_OUTSTANDING_TOKENS") == "full":
        yield Finding(
            "The table of outstanding tokens holds the text of each token: whoever reads the table can use them."
        )


@check(
    "simplejwt.W007",
    hint="Add 'rest_framework_simplejwt.token_blacklist' to INSTALLED_APPS and migrate, or set REVOCATION_STORE.",
    deploy=True,
)
def logout_without_store() -> Iterator[Finding]:
    """``TokenBlacklistView`` is in your URLs without a store of revoked tokens: it answers 200 and revokes nothing."""
    # With BLACKLIST_AFTER_ROTATION, W005 or E018 reports it.
    if has_route_to("TokenBlacklistView") and not has_token_store() and not configured("BLACKLIST_AFTER_ROTATION"):
        yield Finding(
            "TokenBlacklistView is in your URLs, but no store remembers revoked tokens: it answers 200 and "
            "revokes nothing."
        )


@check(
    "simplejwt.W008",
    hint="Write SIMPLE_JWT['TOKEN_FAMILY_ENABLED'] = True, and add 'rest_framework_simplejwt.token_family' to "
    "INSTALLED_APPS; or remove the view.",
    deploy=True,
)
def family_logout_without_families() -> Iterator[Finding]:
    """``TokenFamilyBlacklistView`` is in your URLs while ``TOKEN_FAMILY_ENABLED`` is off: it answers 501."""
    # If families are on and no store remembers them, E016 reports it.
    if has_route_to("TokenFamilyBlacklistView") and not configured("TOKEN_FAMILY_ENABLED"):
        yield Finding("TokenFamilyBlacklistView is in your URLs and answers 501: TOKEN_FAMILY_ENABLED is off.")


@check("simplejwt.W009", hint=f"Set a SIGNING_KEY of {{needed}} bytes or more. {keys.NEW_SECRET}", deploy=True)
def short_secret() -> Iterator[Finding]:
    """The HMAC secret is shorter than the hash of its algorithm (RFC 7518 section 3.2): it can be guessed offline."""
    secret = keys.hmac_secret()
    if secret is not None and len(secret) < (needed := _MINIMUM_SECRET_BYTES[str(configured("ALGORITHM"))]):
        yield Finding(
            f"The secret that signs tokens has fewer than {needed} bytes: it can be guessed offline.",
            needed=str(needed),
        )


@check(
    "simplejwt.W010",
    hint=f"Set a SIGNING_KEY, so that you can change one key without the other. {keys.NEW_SECRET}",
    deploy=True,
)
def shared_secret() -> Iterator[Finding]:
    """Tokens are signed with ``SECRET_KEY``: a leak of one exposes both, and you can only change both together."""
    if keys.hmac_secret() is not None and keys.signs_with_secret_key():
        yield Finding("Tokens are signed with Django's SECRET_KEY.")


@check(
    "simplejwt.W011",
    hint="Write SIMPLE_JWT['AUDIENCE'] = 'this-service' here and at the issuer, or set ISSUER.",
    deploy=True,
)
def no_audience_or_issuer() -> Iterator[Finding]:
    """A key pair is used without ``AUDIENCE`` or ``ISSUER``: tokens for another service with that key pass here."""
    if keys.uses_key_pair() and not configured("AUDIENCE") and not configured("ISSUER"):
        yield Finding(
            "Neither SIMPLE_JWT['AUDIENCE'] nor ['ISSUER'] is set: a token for another service that uses the same "
            "key is accepted here."
        )


@check("simplejwt.W012", hint="Set SJWT_CACHE_NAME to the name of a cache that all processes share.", deploy=True)
def unshared_revocation_cache() -> Iterator[Finding]:
    """Revocations are cached in ``LocMemCache`` or ``DummyCache``, which processes don't share."""
    cache = caches.revocation_cache_config() if caches.is_revocation_cache_enabled() else None
    if cache is not None and is_subclass_of(import_or_none(cache.get("BACKEND")), *_UNSHARED_CACHES):
        name = configured("SJWT_CACHE_NAME")
        yield Finding(f"Revocations are cached in the cache {name!r}, which processes do not share.")


@check(
    "simplejwt.W013",
    hint="Write SIMPLE_JWT['REVOCATION_REDIS_URL'] = 'redis://localhost:6379/1', a database that no cache uses, "
    "on a server that evicts no keys.",
    deploy=True,
)
def redis_database_shared_with_cache() -> Iterator[Finding]:
    """``RedisStore`` shares its Redis database with a cache: ``cache.clear()`` deletes the revocations."""
    store = caches.configured_redis_store()
    client = None if store is None else caches.redis_client(store)
    if client is None:
        return
    for alias in settings.CACHES:
        if caches.redis_address(client) in caches.redis_addresses_of_cache(settings.CACHES[alias], type(client)):
            yield Finding(
                f"RedisStore shares its Redis database with the cache {alias!r}: clearing that cache deletes "
                "the revocations."
            )


@check(
    "simplejwt.W014",
    hint="Use JWTAuthentication in DEFAULT_AUTHENTICATION_CLASSES instead, or remove CHECK_REVOKE_TOKEN.",
    deploy=True,
)
def stateless_password_check() -> Iterator[Finding]:
    """``CHECK_REVOKE_TOKEN`` is on, but the default ``JWTStatelessUserAuthentication`` does not check the password."""
    is_stateless = any(is_subclass_of(each, _STATELESS_AUTHENTICATION) for each in default_authentication_classes())
    if configured("CHECK_REVOKE_TOKEN") and is_stateless:
        yield Finding(
            "SIMPLE_JWT['CHECK_REVOKE_TOKEN'] is on, but JWTStatelessUserAuthentication does not check whether the "
            "password has changed."
        )


@check(
    "simplejwt.W037",
    hint="Write SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] = timedelta(seconds=10).",
    deploy=True,
)
def reuse_detection_without_grace_period() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on without a grace period: a lost response ends the session."""
    detects = is_reuse_detection_enabled() and is_consumption_enabled() and has_token_store()
    if detects and shapes.is_grace_period_valid() and not has_grace_period():
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] is on and REFRESH_TOKEN_GRACE_PERIOD is zero: "
            "a client that repeats a refresh, after a lost response or in a second tab, ends its session."
        )


@check(
    "simplejwt.W038",
    hint="Write SIMPLE_JWT['BLACKLIST_AFTER_ROTATION'] = True, and add 'rest_framework_simplejwt.token_blacklist' to "
    "INSTALLED_APPS.",
    deploy=True,
)
def rotation_without_blacklist() -> Iterator[Finding]:
    """``ROTATE_REFRESH_TOKENS`` is on and ``BLACKLIST_AFTER_ROTATION`` is off: rotated tokens stay valid."""
    # If reuse detection is on, W006 reports it.
    if (
        configured("ROTATE_REFRESH_TOKENS")
        and not configured("BLACKLIST_AFTER_ROTATION")
        and not is_reuse_detection_enabled()
    ):
        yield Finding(
            "SIMPLE_JWT['ROTATE_REFRESH_TOKENS'] is on and BLACKLIST_AFTER_ROTATION is off: "
            "each rotated refresh token stays valid until it expires."
        )


@check(
    "simplejwt.W039",
    hint="Write SIMPLE_JWT['{name}'] = timedelta(minutes=5), and let clients refresh their tokens.",
    deploy=True,
)
def long_access_token_lifetime() -> Iterator[Finding]:
    """Access tokens, or sliding tokens if your URLs have sliding views, are valid for more than a day."""
    sliding = ["SLIDING_TOKEN_LIFETIME"] if has_route_to(*shapes.SLIDING_VIEWS) else []
    for name in ("ACCESS_TOKEN_LIFETIME", *sliding):
        lifetime = configured(name)
        if not isinstance(lifetime, timedelta) or lifetime <= timedelta(days=1):
            continue
        # W036 reports a lifetime that is too long for a date.
        if not shapes.ends_after_year_9999(lifetime):
            text = f"SIMPLE_JWT[{name!r}] is longer than a day: a stolen token stays valid for that long."
            yield Finding(text, name=name)


@check(
    "simplejwt.W046",
    hint="Use https:// URLs in JWK_URL and TRUSTED_ISSUERS, and remove JWK_ALLOW_HTTP. Keep it only on a private "
    "network where nobody else can answer for the issuer.",
    deploy=True,
)
def keys_over_http() -> Iterator[Finding]:
    """``JWK_ALLOW_HTTP`` is on: whoever can answer for the issuer on the network can forge tokens."""
    if configured("JWK_ALLOW_HTTP"):
        yield Finding("SIMPLE_JWT['JWK_ALLOW_HTTP'] is on: the keys that verify tokens may be fetched over http.")
