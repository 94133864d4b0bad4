"""A refresh: one refresh token becomes one new pair, once; and what follows when it is presented again."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, revocation, signals, state
from .exceptions import RefreshTokenBlacklistedError
from .revocation import Successor, can_revoke_tokens, local_times
from .settings import api_settings
from .tokens import RefreshToken, Token, is_first, overrides
from .utils import datetime_to_epoch, logger

R = TypeVar("R", bound=RefreshToken)


@dataclass(frozen=True)
class Presented(Generic[R]):
    """A refresh token that was verified; or, ``replayed`` within the grace period, its successor."""

    token: R
    replayed: bool = False
    request: Any = None


@dataclass(frozen=True)
class Pair(Generic[R]):
    """What a refresh buys: the texts, and the refresh ``token`` that is good from now on."""

    token: R
    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    replayed: bool = False


class _NotRevoked(Exception):
    """The store has no revocation of the token: it was taken back, or is not committed yet."""


@sensitive_variables()
def present(token_class: type[R], text: str | bytes, request: Any = None) -> Presented[R]:
    """Verify the refresh token in ``text``; within the grace period of a consumed one, return its successor.

    Raises ``TokenError``. Reuse of a revoked token triggers the alarm first.
    """
    try:
        return Presented(token_class(text), request=request)
    except RefreshTokenBlacklistedError:
        # Its signature was verified before the store was asked.
        consumed = token_class(text, verify=False)
    return Presented(_successor_or_alarm(consumed, request), replayed=True, request=request)


@sensitive_variables()
def present_to_end(token_class: type[R], text: str | bytes, request: Any = None) -> R:
    """The refresh token in ``text`` by which its bearer wants to end something.

    As ``present``, but one that was logged out before is merely refused: a second click is no theft.
    """
    try:
        return token_class(text)
    except RefreshTokenBlacklistedError:
        spent = token_class(text, verify=False)
        if _successor(spent) is None:
            raise
    return _successor_or_alarm(spent, request)


@sensitive_variables()
def refresh(presented: Presented[R], owner: Any = None) -> Pair[R]:
    """Issue a new access token, and under ``ROTATE_REFRESH_TOKENS`` a new refresh token.

    ``owner``: the token's user, if it was looked up. Raises ``TokenError`` as ``rotate`` does.
    """
    token, request = presented.token, presented.request
    if not api_settings.ROTATE_REFRESH_TOKENS:
        pair = Pair(token, str(token.access_token))
    elif presented.replayed:
        pair = _pair_of(token, replayed=True)
    else:
        pair = rotate(token, request, owner=owner)
    facts = {"token": pair.token, "replayed": pair.replayed, "request": request}
    revocation.token_store().after_commit(lambda: signals.send(signals.token_refreshed, type(token), **facts))
    return pair


@sensitive_variables()
def rotate(token: R, request: Any = None, *, owner: Any = None) -> Pair[R]:
    """Replace ``token`` by its successor: new jti, exp and iat, the other claims unchanged.

    With ``BLACKLIST_AFTER_ROTATION`` the old token is revoked in the same transaction. If another request has
    consumed it meanwhile, returns the same successor within ``REFRESH_TOKEN_GRACE_PERIOD``, and raises
    ``RefreshTokenBlacklistedError`` after it. If anything fails, nothing is recorded and the old token stays valid.
    """
    consumes = api_settings.BLACKLIST_AFTER_ROTATION and can_revoke_tokens()
    successor = _successor_of(token, consumes)
    # Signed before the old one is consumed: what can't be signed must cost nobody their login.
    pair = _pair_of(successor)
    if not consumes:
        revocation.token_store().transact(partial(successor._outstand_for, owner))
    elif not token._consume(successor, owner):
        return _pair_of(_successor_or_alarm(token, request), replayed=True)
    return pair


@sensitive_variables()
def log_out(token_class: type[R], text: str | bytes, request: Any = None) -> None:
    """Revoke the refresh token in ``text``, where the project remembers revocations at all.

    Who loses the race to another log-out has what they wanted; who loses it to a refresh ends
    what that refresh bought, within the grace period, or is told that the token was spent.
    Raises ``TokenError``.
    """
    token = present_to_end(token_class, text, request)
    while not _revoke(token) and _successor(token) is not None:
        token = _successor_or_alarm(token, request)


def revoke(token: RefreshToken) -> None:
    """Revoke one token, where the project remembers revocations at all."""
    _revoke(token)


def _revoke(token: Any) -> bool:
    blacklist = getattr(token, "blacklist", None)
    return is_first(blacklist() if blacklist else None)


def _successor_of(token: R, consumes: bool) -> R:
    successor = copy(token)
    successor.token = None
    successor.payload = claims.copied(token.payload)
    if consumes and type(token).set_jti.__module__ == Token.__module__:
        # Whoever refreshes the same token derives the same id, and so meets the others at one record.
        successor[_jti_claim()] = _successor_id(_jti(token), settings.SECRET_KEY)
    else:
        successor.set_jti()
    successor.set_exp()
    successor.set_iat()
    return successor


def _pair_of(token: R, *, replayed: bool = False) -> Pair[R]:
    return Pair(token, access=str(token.access_token), refresh=str(token), replayed=replayed)


def _successor_id(jti: str, key: str | bytes) -> str:
    return salted_hmac("rest_framework_simplejwt.successor", jti, secret=key, algorithm="sha256").hexdigest()[:32]


def _successor(token: RefreshToken) -> Successor | None:
    found = _find_successor(token)
    return None if found is None else found[1]


def _find_successor(token: RefreshToken) -> tuple[str, Successor] | None:
    """The id and the record of what a refresh turned ``token`` into; ``None`` if it was revoked otherwise."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        successor_id = _successor_id(_jti(token), key)
        found = revocation.token_store().successor(_jti(token), successor_id, now=token.current_time)
        if found is not None:
            return successor_id, found
    return None


def _successor_or_alarm(spent: R, request: Any) -> R:
    """What ``spent`` was turned into, if it may be handed out again. Raises ``RefreshTokenBlacklistedError`` if not."""
    successor = _within_grace(spent)
    if successor is None:
        _sound_alarm(spent, request)
        raise RefreshTokenBlacklistedError(_("Token is blacklisted"))
    return successor


def _within_grace(spent: R) -> R | None:
    """The successor of ``spent``, verified as if it had been presented itself; ``None`` outside the grace period."""
    grace = api_settings.REFRESH_TOKEN_GRACE_PERIOD
    found = _find_successor(spent) if grace and api_settings.ROTATE_REFRESH_TOKENS else None
    if found is None:
        return None
    successor_id, record = found
    lifetime = spent.lifetime + spent._extra_leeway()
    record = local_times.restore_times(record, lifetime=lifetime, now=spent.current_time)
    # The period counts from the refresh: asking again does not extend it. The leeway is for a machine that is ahead.
    if record.is_revoked or record.age > grace + state.token_backend.get_leeway():
        return None
    successor = copy(spent)
    successor.token = None
    successor.payload = claims.copied(spent.payload) | {
        _jti_claim(): successor_id,
        "iat": datetime_to_epoch(record.issued_at),
        "exp": datetime_to_epoch(record.expires_at - spent._extra_leeway()),
    }
    try:
        successor.verify()
    except RefreshTokenBlacklistedError:
        return None
    return successor


def _sound_alarm(spent: RefreshToken, request: Any) -> None:
    """Revoke the family so that neither the refusal that follows nor a rollback undoes it, and tell."""
    get_family_id = getattr(spent, "get_family_id", None)
    family_id = get_family_id() if get_family_id and api_settings.TOKEN_FAMILY_BLACKLIST_ON_REUSE else None
    if family_id is None:
        return
    try:
        outcome = revocation.family_store().lasting(family_id, partial(_end_family, spent))
    except _NotRevoked:
        # On a connection of its own it is not: the caller's open transaction has revoked it, and may yet be rolled
        # back, the revocation of the family with it. Or only a cache says so.
        if not _is_on_record(spent):
            return
        outcome = spent._blacklist_family_for("reuse")
    if not is_first(outcome):
        # It was told when the family was revoked; a thief who tries on does not fill the log.
        return
    facts = {"family_id": family_id, "jti": _jti(spent), "user_id": spent.get(api_settings.USER_ID_CLAIM)}
    logger.warning(
        "Refresh token %(jti)r of user %(user_id)r was presented again after its end; family %(family_id)r is revoked",
        facts,
    )
    signals.send(signals.refresh_token_reused, type(spent), request=request, **facts)


def _end_family(spent: RefreshToken) -> Any:
    if not _is_on_record(spent):
        raise _NotRevoked
    return spent._blacklist_family_for("reuse")


def _is_on_record(spent: RefreshToken) -> bool:
    """Whether the store has the revocation of ``spent``, or a project's own ``check_blacklist`` knows of another."""
    if overrides(type(spent), "check_blacklist"):
        return True
    return revocation.token_store(cached=False).is_revoked(_jti(spent))


def _jti_claim() -> str:
    claim = api_settings.JTI_CLAIM
    assert claim is not None, "a token without an id can't have been revoked"
    return claim


def _jti(token: RefreshToken) -> str:
    return claims.token_id(token.payload, api_settings.JTI_CLAIM)
