"""Checks of revocation and families: whether a store is configured, and whether the settings work together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from ..revocation import blacklist_installed
from ..settings import DEFAULTS
from . import shapes
from .project import (
    configured,
    has_family_store,
    has_route_to,
    has_token_store,
    import_or_none,
    is_customized,
    is_subclass_of,
    routed_view_classes,
)
from .registry import Finding, check

_BLACKLIST = "'rest_framework_simplejwt.token_blacklist'"
_FAMILY = "'rest_framework_simplejwt.token_family'"


def is_reuse_detection_enabled() -> bool:
    """Returns whether reuse of a refresh token ends its family.

    False without families: E017 reports it if the setting is on then.
    """
    return bool(configured("TOKEN_FAMILY_BLACKLIST_ON_REUSE") and configured("TOKEN_FAMILY_ENABLED"))


def is_consumption_enabled() -> bool:
    """Returns whether a refresh consumes the presented refresh token."""
    return bool(configured("ROTATE_REFRESH_TOKENS") and configured("BLACKLIST_AFTER_ROTATION"))


def has_grace_period() -> bool:
    """Returns whether a valid grace period above zero is configured."""
    return shapes.is_grace_period_valid() and bool(configured("REFRESH_TOKEN_GRACE_PERIOD"))


# A warning, because 5.5.1 starts with this setting and rotates without revoking.
@check("simplejwt.W005", hint=f"Add {_BLACKLIST} to INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def rotation_without_store() -> Iterator[Finding]:
    """``BLACKLIST_AFTER_ROTATION`` is on without a store of revoked tokens: rotated refresh tokens stay valid."""
    if configured("BLACKLIST_AFTER_ROTATION") and not has_token_store() and not is_reuse_detection_enabled():
        yield Finding("SIMPLE_JWT['BLACKLIST_AFTER_ROTATION'] has no effect: no store remembers revoked tokens.")


@check("simplejwt.E016", hint=f"Add {_FAMILY} to INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def families_without_store() -> Iterator[Finding]:
    """``TOKEN_FAMILY_ENABLED`` is on without a store of families."""
    if configured("TOKEN_FAMILY_ENABLED") and not has_family_store():
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_ENABLED'] has no effect: no store remembers families.")


@check("simplejwt.E017", hint="Write SIMPLE_JWT['TOKEN_FAMILY_ENABLED'] = True, or remove {name}.")
def family_settings_without_families() -> Iterator[Finding]:
    """``TOKEN_FAMILY_CHECK_ON_ACCESS`` or ``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, and families are off."""
    for name in ("TOKEN_FAMILY_CHECK_ON_ACCESS", "TOKEN_FAMILY_BLACKLIST_ON_REUSE"):
        if configured(name) and not configured("TOKEN_FAMILY_ENABLED"):
            yield Finding(f"SIMPLE_JWT[{name!r}] has no effect: TOKEN_FAMILY_ENABLED is off.", name=name)


@check("simplejwt.E018", hint=f"Add {_BLACKLIST} to INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def reuse_detection_without_store() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on without a store of revoked tokens: reuse is never detected."""
    if is_reuse_detection_enabled() and not has_token_store():
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] has no effect: no store remembers consumed tokens, so "
            "reuse is never detected."
        )


@check(
    "simplejwt.W006",
    hint="Write SIMPLE_JWT['ROTATE_REFRESH_TOKENS'] = True and SIMPLE_JWT['BLACKLIST_AFTER_ROTATION'] = True.",
)
def reuse_detection_without_rotation() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, but a refresh consumes no token: theft is not detected."""
    if is_reuse_detection_enabled() and not is_consumption_enabled():
        yield Finding(
            "SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] detects no stolen tokens: a refresh does not consume the "
            "refresh token."
        )


@check(
    "simplejwt.W031",
    hint="Write SIMPLE_JWT['JTI_CLAIM'] = 'jti'; or remove BLACKLIST_AFTER_ROTATION, the blacklist app and its view.",
)
def blacklist_without_token_ids() -> Iterator[Finding]:
    """``JTI_CLAIM`` is ``None`` where tokens are to be revoked: a token without an id can't be revoked."""
    blacklists = blacklist_installed() or configured("BLACKLIST_AFTER_ROTATION") or has_route_to("TokenBlacklistView")
    if configured("JTI_CLAIM") is None and has_token_store() and blacklists:
        yield Finding("SIMPLE_JWT['JTI_CLAIM'] is None: a token without an id can't be revoked.")


@check(
    "simplejwt.W040",
    hint="Remove set_jti() from {token_class}, or remove REFRESH_TOKEN_GRACE_PERIOD.",
)
def set_jti_without_grace_period() -> Iterator[Finding]:
    """A refresh token class overrides ``set_jti``, so ``REFRESH_TOKEN_GRACE_PERIOD`` has no effect on its tokens."""
    if not (has_grace_period() and is_consumption_enabled() and has_token_store()):
        return
    for token_class in dict.fromkeys(filter(_overrides_set_jti, refresh_token_classes())):
        path = f"{token_class.__module__}.{token_class.__qualname__}"
        yield Finding(
            f"SIMPLE_JWT['REFRESH_TOKEN_GRACE_PERIOD'] has no effect on {path}, because it overrides set_jti(): "
            "a token that is presented again counts as reuse.",
            token_class=path,
        )


def refresh_token_classes() -> Iterator[object]:
    """Yields the token class of each ``TokenRefreshSerializer`` that the project uses.

    That is ``TOKEN_REFRESH_SERIALIZER``, if the project has changed it, and the serializers of the views in its URLs.
    """
    serializers = []
    if is_customized("TOKEN_REFRESH_SERIALIZER"):
        serializers.append(import_or_none(configured("TOKEN_REFRESH_SERIALIZER")))
    for view in routed_view_classes():
        path = getattr(view, "_serializer_class", None)
        # _serializer_class is a dotted path, or the name of a setting.
        serializers.append(
            getattr(view, "serializer_class", None) or (import_or_none(path) if path not in DEFAULTS else None)
        )
    for serializer in serializers:
        if is_subclass_of(serializer, "rest_framework_simplejwt.serializers.TokenRefreshSerializer"):
            yield getattr(serializer, "token_class", None)


def _overrides_set_jti(token_class: object) -> TypeGuard[type]:
    """Returns whether the ``set_jti`` of a token class is not that of this package."""
    bases = token_class.__mro__ if isinstance(token_class, type) else ()
    return any("set_jti" in vars(base) and base.__module__ != "rest_framework_simplejwt.tokens" for base in bases)
