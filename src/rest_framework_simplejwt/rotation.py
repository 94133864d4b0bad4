"""A refresh: one refresh token becomes one new pair, once; and what happens when it is presented again."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, revocation, signals, state
from .exceptions import RefreshTokenBlacklistedError
from .mixins import has_own_method, is_first
from .revocation import Successor, can_revoke_tokens, local_times
from .settings import api_settings
from .tokens import RefreshToken, Token
from .utils import datetime_to_epoch, logger

R = TypeVar("R", bound=RefreshToken)


@dataclass(frozen=True)
class Presented(Generic[R]):
    """A verified refresh token; or, if ``replayed`` within the grace period, the successor of the presented one."""

    token: R
    replayed: bool = False
    request: HttpRequest | None = None


@dataclass(frozen=True)
class Pair(Generic[R]):
    """What a refresh issues: the signed texts, and the refresh ``token`` that is valid from now on.

    ``refresh`` is ``None`` without rotation.
    """

    token: R
    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    replayed: bool = False


class _NotRevoked(Exception):
    """The store has no revocation of the token: it was rolled back, or is not committed yet."""


@sensitive_variables()
def present(token_class: type[R], text: str | bytes, request: HttpRequest | None = None) -> Presented[R]:
    """Verifies the refresh token in ``text``; within the grace period of a consumed one, return its successor.

    Raises ``TokenError``. Reuse of a revoked token triggers the alarm first.
    """
    try:
        return Presented(token_class(text), request=request)
    except RefreshTokenBlacklistedError:
        # Its signature was verified before the store was asked.
        revoked = token_class(text, verify=False)
    return Presented(_successor_or_alarm(revoked, request), replayed=True, request=request)


@sensitive_variables()
def present_to_log_out(token_class: type[R], text: str | bytes, request: HttpRequest | None = None) -> R:
    """Verifies the refresh token in ``text``, which a client presents to log out.

    As ``present``, but a token that was logged out before triggers no alarm: a second click is no theft.
    """
    try:
        return token_class(text)
    except RefreshTokenBlacklistedError:
        revoked = token_class(text, verify=False)
        if _find_successor(revoked) is None:
            raise
    return _successor_or_alarm(revoked, request)


@sensitive_variables()
def refresh(presented: Presented[R], owner: AbstractBaseUser | None = None) -> Pair[R]:
    """Issues a new access token, and under ``ROTATE_REFRESH_TOKENS`` a new refresh token.

    ``owner``: the token's user, if it was looked up. Raises ``TokenError`` as ``rotate`` does.
    """
    token, request = presented.token, presented.request
    if not api_settings.ROTATE_REFRESH_TOKENS:
        pair = Pair(token, str(token.access_token))
    elif presented.replayed:
        pair = _sign_pair(token, replayed=True)
    else:
        pair = rotate(token, request, owner=owner)
    facts = {"token": pair.token, "replayed": pair.replayed, "request": request}
    revocation.token_store().after_commit(lambda: signals.send(signals.token_refreshed, type(token), **facts))
    return pair


@sensitive_variables()
def rotate(token: R, request: HttpRequest | None = None, *, owner: AbstractBaseUser | None = None) -> Pair[R]:
    """Replaces ``token`` by its successor, which has a new jti, exp and iat and the same other claims.

    With ``BLACKLIST_AFTER_ROTATION`` the old token is revoked in the same transaction. If another request has
    consumed it meanwhile, returns the same successor within ``REFRESH_TOKEN_GRACE_PERIOD``, and raises
    ``RefreshTokenBlacklistedError`` after it. If anything fails, nothing is recorded and the old token stays valid.
    """
    consumes = api_settings.BLACKLIST_AFTER_ROTATION and can_revoke_tokens()
    successor = _create_successor(token, consumes)
    # Signed first: a token that can't be signed must not cost the user their login.
    access, text = str(successor.access_token), str(successor)
    if not consumes:
        revocation.token_store().transact(partial(successor._outstand_for, owner))
    elif not token._consume(successor, text, owner):
        return _sign_pair(_successor_after_lost_exchange(token, request), replayed=True)
    return Pair(successor, access=access, refresh=text)


@sensitive_variables()
def log_out(token_class: type[R], text: str | bytes, request: HttpRequest | None = None) -> None:
    """Revokes the refresh token in ``text``, if the project has a store of revocations.

    A token that another logout has revoked meanwhile is not an error. If a refresh has consumed it meanwhile,
    revokes its successor within the grace period, and rejects it after that. Raises ``TokenError``.
    """
    token = present_to_log_out(token_class, text, request)
    while not _revoke(token) and _find_successor(token) is not None:
        token = _successor_or_alarm(token, request)


def revoke(token: Token) -> None:
    """Revokes one token, if the project has a store of revocations."""
    _revoke(token)


def _revoke(token: Token) -> bool:
    """Revokes ``token``. True if this call was the first, and where nothing is recorded."""
    blacklist = getattr(token, "blacklist", None)
    return is_first(blacklist() if blacklist else None)


def _create_successor(token: R, consumes: bool) -> R:
    """Creates the unsigned successor of ``token``: a copy with a new id, expiry and time of issue.

    If it ``consumes`` the token, the id is derived from the token's, unless the class has its own ``set_jti``.
    """
    successor = copy(token)
    successor.token = None
    successor.payload = claims.copy_claims(token.payload)
    if consumes and type(token).set_jti.__module__ == Token.__module__:
        # All requests that refresh one token derive the same id, and so compete for one record.
        successor[_jti_claim()] = _successor_id(_jti(token), settings.SECRET_KEY)
    else:
        successor.set_jti()
    successor.set_exp()
    successor.set_iat()
    return successor


def _sign_pair(token: R, *, replayed: bool = False) -> Pair[R]:
    return Pair(token, access=str(token.access_token), refresh=str(token), replayed=replayed)


def _successor_id(jti: str, key: str | bytes) -> str:
    """Returns the id of the successor of the token ``jti``: a keyed hash, so that clients can't compute it."""
    return salted_hmac("rest_framework_simplejwt.successor", jti, secret=key, algorithm="sha256").hexdigest()[:32]


def _find_successor(token: RefreshToken) -> tuple[str, Successor] | None:
    """Returns the id and the record of the token's successor; ``None`` if it was not consumed by a refresh."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        successor_id = _successor_id(_jti(token), key)
        found = revocation.token_store().successor(_jti(token), successor_id, now=token.current_time)
        if found is not None:
            return successor_id, found
    return None


def _successor_or_alarm(revoked: R, request: HttpRequest | None) -> R:
    """Returns the successor of ``revoked`` within the grace period.

    Otherwise triggers the alarm and raises ``RefreshTokenBlacklistedError``.
    """
    successor = _successor_within_grace(revoked)
    if successor is None:
        _trigger_alarm(revoked, request)
        raise RefreshTokenBlacklistedError(_("Token is blacklisted"))
    return successor


def _successor_after_lost_exchange(token: R, request: HttpRequest | None) -> R:
    """Returns the successor of a token that was revoked after its verification, within the grace period.

    Otherwise triggers the alarm and raises ``RefreshTokenBlacklistedError``. Raises another ``TokenError`` if not the
    token was revoked but its family.
    """
    with suppress(RefreshTokenBlacklistedError):
        token.verify()
    return _successor_or_alarm(token, request)


def _successor_within_grace(consumed: R) -> R | None:
    """Returns the verified successor of ``consumed``; ``None`` outside the grace period, or if it is not valid."""
    grace = api_settings.REFRESH_TOKEN_GRACE_PERIOD
    found = _find_successor(consumed) if grace and api_settings.ROTATE_REFRESH_TOKENS else None
    if found is None:
        return None
    successor_id, record = found
    lifetime = consumed.lifetime + consumed._extra_leeway()
    record = local_times.restore_times(record, lifetime=lifetime, now=consumed.current_time)
    # The period begins with the refresh, and a replay does not extend it. The leeway allows for a faster clock.
    if record.is_revoked or record.age > grace + state.token_backend.get_leeway():
        return None
    successor = copy(consumed)
    successor.token = None
    successor.payload = claims.copy_claims(consumed.payload) | {
        _jti_claim(): successor_id,
        "iat": datetime_to_epoch(record.issued_at),
        "exp": datetime_to_epoch(record.expires_at - consumed._extra_leeway()),
    }
    try:
        successor.verify()
    except RefreshTokenBlacklistedError:
        return None
    return successor


def _trigger_alarm(reused: RefreshToken, request: HttpRequest | None) -> None:
    """Revokes the family of a revoked refresh token that was presented again, logs it, and sends the signal.

    Does nothing if ``TOKEN_FAMILY_BLACKLIST_ON_REUSE`` is off, if the token has no family, or if only a cache says
    that the token is revoked. If the family was revoked before, nothing is logged or sent. A rollback of the caller's
    transaction does not undo the revocation, except where ``RevocationStore.lasting`` can't prevent it, or where the
    same transaction revoked the token. The signal is ``refresh_token_reused``.
    """
    get_family_id = getattr(reused, "get_family_id", None)
    family_id = get_family_id() if get_family_id and api_settings.TOKEN_FAMILY_BLACKLIST_ON_REUSE else None
    if family_id is None:
        return
    try:
        outcome = revocation.family_store().lasting(family_id, partial(_revoke_family, reused))
    except _NotRevoked:
        # Another connection does not see that the token is revoked. Either the caller's open transaction has
        # revoked it, and the family's revocation must be rolled back with that; or only a cache says so.
        if not _is_on_record(reused):
            return
        outcome = reused._blacklist_family_for("reuse")
    if not is_first(outcome):
        # It was told when the family was revoked: further reuse must not fill the log.
        return
    facts = {"family_id": family_id, "jti": _jti(reused), "user_id": reused.get(api_settings.USER_ID_CLAIM)}
    logger.warning(
        "Refresh token %(jti)r of user %(user_id)r was presented again after its end; family %(family_id)r is revoked",
        facts,
    )
    signals.send(signals.refresh_token_reused, type(reused), request=request, **facts)


def _revoke_family(reused: RefreshToken) -> object:
    """Revokes the family. Raises ``_NotRevoked`` if this connection does not see that ``reused`` is revoked."""
    if not _is_on_record(reused):
        raise _NotRevoked
    return reused._blacklist_family_for("reuse")


def _is_on_record(reused: RefreshToken) -> bool:
    """Returns whether the store, and not only a cache, has the revocation; True if a project decides that by itself."""
    if has_own_method(type(reused), "check_blacklist"):
        return True
    return revocation.token_store(cached=False).is_revoked(_jti(reused))


def _jti_claim() -> str:
    """Returns the name of the id claim, which a token that was revoked must have."""
    claim = api_settings.JTI_CLAIM
    assert claim is not None, "a token without an id can't have been revoked"
    return claim


def _jti(token: RefreshToken) -> str:
    return claims.token_id(token.payload, api_settings.JTI_CLAIM)
