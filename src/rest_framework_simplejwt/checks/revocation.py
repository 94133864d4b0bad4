"""Revocation and families: whether what is asked for can be remembered, and is asked for together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from ..revocation import blacklist_installed
from ..settings import DEFAULTS
from . import shapes
from .project import descends, imported, is_customized, mounts, remembers_families, remembers_tokens, views, written
from .registry import Finding, check

_BLACKLIST = "'rest_framework_simplejwt.token_blacklist'"
_FAMILY = "'rest_framework_simplejwt.token_family'"


def detects_reuse() -> bool:
    """Whether reuse of a refresh token is to end its family; without families, the switch is E017."""
    return bool(written("TOKEN_FAMILY_BLACKLIST_ON_REUSE") and written("TOKEN_FAMILY_ENABLED"))


def consumes_tokens() -> bool:
    """Whether a refresh is to consume the refresh token that it was given."""
    return bool(written("ROTATE_REFRESH_TOKENS") and written("BLACKLIST_AFTER_ROTATION"))


def grants_grace() -> bool:
    """Whether a consumed refresh token may be presented again for a while."""
    return shapes.grace_period_is_sound() and bool(written("REFRESH_TOKEN_GRACE_PERIOD"))


# No error: 5.5.1 rotated all the same, and who switches must be able to start.
@check("simplejwt.W005", hint=f"Write {_BLACKLIST} in INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def forgotten_rotation() -> Iterator[Finding]:
    """``BLACKLIST_AFTER_ROTATION`` is on, and nothing remembers: a refresh token that was rotated stays good."""
    if written("BLACKLIST_AFTER_ROTATION") and not remembers_tokens() and not detects_reuse():
        yield Finding("SIMPLE_JWT['BLACKLIST_AFTER_ROTATION'] has no effect: nothing remembers revoked tokens.")


@check("simplejwt.E016", hint=f"Write {_FAMILY} in INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def forgotten_families() -> Iterator[Finding]:
    """``TOKEN_FAMILY_ENABLED`` is on, and nothing remembers families."""
    if written("TOKEN_FAMILY_ENABLED") and not remembers_families():
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_ENABLED'] has no effect: nothing remembers families.")


@check("simplejwt.E017", hint="Write SIMPLE_JWT['TOKEN_FAMILY_ENABLED'] = True, or leave {name} out.")
def switches_without_families() -> Iterator[Finding]:
    """``TOKEN_FAMILY_CHECK_ON_ACCESS`` or ``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, and families are not."""
    for name in ("TOKEN_FAMILY_CHECK_ON_ACCESS", "TOKEN_FAMILY_BLACKLIST_ON_REUSE"):
        if written(name) and not written("TOKEN_FAMILY_ENABLED"):
            yield Finding(f"SIMPLE_JWT[{name!r}] has no effect: TOKEN_FAMILY_ENABLED is off.", name=name)


@check("simplejwt.E018", hint=f"Write {_BLACKLIST} in INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def unnoticed_reuse() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, and nothing remembers the tokens that were spent."""
    if detects_reuse() and not remembers_tokens():
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] notices nothing: nobody remembers spent tokens.")


@check("simplejwt.W006", hint="Write ROTATE_REFRESH_TOKENS = True and BLACKLIST_AFTER_ROTATION = True.")
def reuse_without_rotation() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, and refreshing spends no token: only log-outs are noticed."""
    if detects_reuse() and not consumes_tokens():
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] notices no theft: a refresh spends no token.")


@check("simplejwt.W031", hint="Write SIMPLE_JWT['JTI_CLAIM'] = 'jti', or take the blacklisting away.")
def nameless_tokens() -> Iterator[Finding]:
    """``JTI_CLAIM`` is ``None``, and tokens are to be blacklisted: nothing names them."""
    blacklists = blacklist_installed() or written("BLACKLIST_AFTER_ROTATION") or mounts("TokenBlacklistView")
    if written("JTI_CLAIM") is None and remembers_tokens() and blacklists:
        yield Finding("SIMPLE_JWT['JTI_CLAIM'] is None: a token without an id can't be blacklisted.")


@check(
    "simplejwt.W040",
    hint="Take set_jti out of {token_class}, or leave REFRESH_TOKEN_GRACE_PERIOD out.",
)
def ids_without_grace() -> Iterator[Finding]:
    """A refresh token class overrides ``set_jti``, by which ``REFRESH_TOKEN_GRACE_PERIOD`` finds its successor."""
    if not (grants_grace() and consumes_tokens() and remembers_tokens()):
        return
    for token_class in dict.fromkeys(filter(_overrides_set_jti, refresh_token_classes())):
        path = f"{token_class.__module__}.{token_class.__qualname__}"
        yield Finding(
            f"SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] has no effect on {path}, which overrides set_jti: "
            "a token that is presented again counts as reuse.",
            token_class=path,
        )


def refresh_token_classes() -> Iterator[object]:
    """Those of the serializer in the settings, and of the serializers of the views that URLs lead to."""
    serializers = [imported(written("TOKEN_REFRESH_SERIALIZER"))] if is_customized("TOKEN_REFRESH_SERIALIZER") else []
    for view in views():
        path = getattr(view, "_serializer_class", None)
        # A path, or the name of a setting.
        serializers.append(
            getattr(view, "serializer_class", None) or (imported(path) if path not in DEFAULTS else None)
        )
    for serializer in serializers:
        if descends(serializer, "rest_framework_simplejwt.serializers.TokenRefreshSerializer"):
            yield getattr(serializer, "token_class", None)


def _overrides_set_jti(token_class: object) -> TypeGuard[type]:
    bases = token_class.__mro__ if isinstance(token_class, type) else ()
    return any("set_jti" in vars(base) and base.__module__ != "rest_framework_simplejwt.tokens" for base in bases)
