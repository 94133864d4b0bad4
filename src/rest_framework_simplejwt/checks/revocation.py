"""Revocation and families: whether what is asked for can be remembered, and is asked for together."""

from __future__ import annotations

from collections.abc import Iterator

from ..revocation import blacklist_installed
from .project import mounts, remembers_families, remembers_tokens, written
from .registry import Finding, check

_BLACKLIST = "'rest_framework_simplejwt.token_blacklist'"
_FAMILY = "'rest_framework_simplejwt.token_family'"


# No error: 5.5.1 rotated all the same, and who switches must be able to start.
@check("simplejwt.W005", hint=f"Write {_BLACKLIST} in INSTALLED_APPS and migrate, or set REVOCATION_STORE.")
def forgotten_rotation() -> Iterator[Finding]:
    """``BLACKLIST_AFTER_ROTATION`` is on, and nothing remembers: a refresh token that was rotated stays good."""
    if written("BLACKLIST_AFTER_ROTATION") and not remembers_tokens():
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
    if written("TOKEN_FAMILY_BLACKLIST_ON_REUSE") and not remembers_tokens():
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] notices nothing: nobody remembers spent tokens.")


@check("simplejwt.W006", hint="Write ROTATE_REFRESH_TOKENS = True and BLACKLIST_AFTER_ROTATION = True.")
def reuse_without_rotation() -> Iterator[Finding]:
    """``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is on, and refreshing spends no token: only log-outs are noticed."""
    spends = written("ROTATE_REFRESH_TOKENS") and written("BLACKLIST_AFTER_ROTATION")
    if written("TOKEN_FAMILY_BLACKLIST_ON_REUSE") and not spends:
        yield Finding("SIMPLE_JWT['TOKEN_FAMILY_BLACKLIST_ON_REUSE'] notices no theft: a refresh spends no token.")


@check("simplejwt.E019", hint="Write SIMPLE_JWT['JTI_CLAIM'] = 'jti', or take the blacklisting away.")
def nameless_tokens() -> Iterator[Finding]:
    """``JTI_CLAIM`` is ``None``, and tokens are to be blacklisted: nothing names them."""
    blacklists = blacklist_installed() or written("BLACKLIST_AFTER_ROTATION") or mounts("TokenBlacklistView")
    if written("JTI_CLAIM") is None and remembers_tokens() and blacklists:
        yield Finding("SIMPLE_JWT['JTI_CLAIM'] is None: a token without an id can't be blacklisted.")
