"""What a store is told about a token or its family: the id, the owner, and until when to remember it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import claims, revocation, users
from .exceptions import INVALID, TokenError
from .models import AnyUser
from .revocation import Issued, can_revoke_families, can_revoke_tokens
from .settings import api_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .tokens import Token


def tokens_recorded() -> bool:
    """Returns whether tokens are recorded when they are issued: a store is configured, and tokens have ids."""
    return can_revoke_tokens() and api_settings.JTI_CLAIM is not None


def family_enabled() -> bool:
    """Returns whether new refresh tokens belong to a family, and families are checked."""
    return can_revoke_families() and api_settings.TOKEN_FAMILY_ENABLED


def family_id(token: Token) -> str | None:
    """Returns the id of the token's family, if it has one. Raises ``TokenError`` for a claim that can't be an id."""
    value = token.get(api_settings.TOKEN_FAMILY_CLAIM)
    if value is not None and not claims.is_id(value):
        raise TokenError(INVALID)
    return value


def is_token_revoked(token: Token) -> bool:
    """Returns whether ``token`` was revoked. Shares the answer within ``one_lookup``."""
    token_id = _id_in(token, api_settings.JTI_CLAIM or "")
    shared = getattr(token, "_lookup", None)
    # A check of a project's own may have changed the claims since.
    if isinstance(shared, revocation.Lookup) and shared.token_id == token_id:
        return shared.is_token_revoked
    return revocation.Lookup(token_id, None).is_token_revoked


def is_family_revoked(token: Token, family: str) -> bool:
    """Returns whether the ``family`` of ``token`` was revoked. Shares the answer within ``one_lookup``."""
    shared = getattr(token, "_lookup", None)
    if isinstance(shared, revocation.Lookup) and shared.family_id == family:
        return shared.is_family_revoked
    return revocation.Lookup(None, family).is_family_revoked


@contextmanager
def one_lookup(token: Token) -> Iterator[None]:
    """Until the end of the ``with`` block, all checks of ``token`` share one question to the stores."""
    family = _id_in(token, api_settings.TOKEN_FAMILY_CLAIM) if family_enabled() else None
    before = token._lookup
    token._lookup = revocation.Lookup(_id_in(token, api_settings.JTI_CLAIM or ""), family)
    try:
        yield
    finally:
        token._lookup = before


def _id_in(token: Token, claim: str) -> str | None:
    """Returns the id in a claim; ``None`` if the claim is missing or can't be an id."""
    value = token.get(claim)
    return value if claims.is_id(value) else None


def record_of(token: Token, *, leeway: timedelta, user: AnyUser | None = None) -> Issued:
    """Returns the record of ``token``, to be kept for ``leeway`` after its expiry.

    ``user``: its owner; by default the one that its user claim names. Raises ``TokenError`` for a token without
    an id or an expiry.
    """
    return Issued(
        id=claims.token_id(token.payload, api_settings.JTI_CLAIM),
        issued_at=token.current_time,
        expires_at=claims.add_capped(claims.read_time(token.payload, "exp"), leeway),
        owner_pk=lambda: _owner_pk(token, user),
        text=lambda: str(token),
        family_id=family_id(token) if family_enabled() else None,
        is_new=token.token is None,
        family_needed_until=_family_needed_until(token),
    )


def family_record_of(
    token: Token, family: str, end: datetime | None, *, leeway: timedelta, user: AnyUser | None = None
) -> Issued:
    """Returns the record of the family that ``token`` belongs to, to be kept for ``leeway`` after its ``end``."""
    return Issued(
        id=family,
        issued_at=token.current_time,
        expires_at=None if end is None else claims.add_capped(end, leeway),
        owner_pk=lambda: _owner_pk(token, user),
        is_new=token.token is None,
        family_needed_until=_family_needed_until(token),
    )


def extended(recorded: tuple[str, datetime | None], build: Callable[[], Issued]) -> Issued | None:
    """Returns the record to write again because it must now last longer than ``recorded``; ``None`` if it need not.

    ``recorded``: the id and the end that were written. ``build`` returns the record as it should be now.
    """
    try:
        issued = build()
    except TokenError:
        return None  # A token without an id or an expiry is accepted nowhere.
    key, end = recorded
    is_later = end is not None and (issued.expires_at is None or issued.expires_at > end)
    return replace(issued, is_new=False) if is_later and issued.id == key else None


def _family_needed_until(token: Token) -> datetime | None:
    """When the last access token that ``token`` leads to expires, if its family has no end of its own.

    ``None`` for a family with an end, and where tokens are not recorded: its last token is unknown then.
    """
    if not family_enabled() or not tokens_recorded() or family_id(token) is None:
        return None
    if api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM in token:
        return None
    try:
        expires_at = claims.read_time(token.payload, "exp")
        return expires_at + token._access_lifetime() + token.get_token_backend().get_leeway()
    except (TokenError, OverflowError):
        return None


def _owner_pk(token: Token, user: AnyUser | None) -> object:
    """Returns the primary key of the user that ``token`` is issued to; ``None`` if there is no such user.

    Raises ``TokenError`` for a ``user`` that is not an instance of the user model.
    """
    if user is not None:
        users.check_user_instance(user)
        return user.pk
    owner = token._owner
    if owner is None:
        with suppress(users.UsersNotStored):
            owner = users.find_on_primary(token.get(api_settings.USER_ID_CLAIM), field=api_settings.USER_ID_FIELD)
    return None if owner is None else owner.pk
