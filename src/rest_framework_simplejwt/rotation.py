"""A refresh: one refresh token becomes one new pair, once; and what follows when it is presented again."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, revocation, signals, state
from .exceptions import RefreshTokenBlacklistedError
from .revocation import Successor, local_times, tokens_remembered
from .settings import api_settings
from .tokens import RefreshToken, Token, family_enabled, tokens_recorded
from .utils import datetime_to_epoch, logger

R = TypeVar("R", bound=RefreshToken)


@dataclass(frozen=True)
class Presented(Generic[R]):
    """A refresh token that is good; or, ``replayed`` within the grace period, the one that it was turned into.

    ``is_open``: whether it, or its family, was revoked is still to be found out.
    """

    token: R
    replayed: bool = False
    request: Any = None
    is_open: bool = False


@dataclass(frozen=True)
class Pair(Generic[R]):
    """What a refresh buys: the texts, and the refresh ``token`` that is good from now on."""

    token: R
    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    replayed: bool = False


class _LostRace(Exception):
    """Somebody else revoked the token first; what this transaction has written must go."""


class _NotRevoked(Exception):
    """The store has no revocation of the token: it was taken back, or is not committed yet."""


@sensitive_variables()
def present(token_class: type[R], text: str | bytes, request: Any = None, *, at_once: bool = False) -> Presented[R]:
    """The refresh token in ``text``, verified, or within the grace period its successor.

    Raises ``TokenError``. A token that was signed by us and is revoked sounds the alarm first:
    somebody uses what its owner no longer has. With ``at_once`` that may be left to ``refresh``, or to
    ``settle``, of which one must follow.
    """
    is_open = at_once and _exchanges(token_class)
    try:
        token = token_class._unasked(text) if is_open else token_class(text)
        return Presented(token, request=request, is_open=is_open)
    except RefreshTokenBlacklistedError:
        # The signature was verified before the blacklist was asked.
        spent = token_class(text, verify=False)
    return Presented(_successor_or_alarm(spent, request), replayed=True, request=request)


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
def refresh(presented: Presented[R]) -> Pair[R]:
    """The new pair, with a refresh token under ``ROTATE_REFRESH_TOKENS``. Raises ``TokenError`` as ``rotate`` does."""
    token, request = presented.token, presented.request
    if not api_settings.ROTATE_REFRESH_TOKENS:
        pair = Pair(token, str(token.access_token))
    elif presented.replayed:
        pair = _pair_of(token, replayed=True)
    else:
        pair = rotate(token, request, is_open=presented.is_open)
    facts = {"token": pair.token, "replayed": pair.replayed, "request": request}
    revocation.token_store().after_commit(lambda: signals.send(signals.token_refreshed, type(token), **facts))
    return pair


@sensitive_variables()
def settle(presented: Presented[R]) -> None:
    """Find out now what ``present`` left open. Raises as it does."""
    if presented.is_open:
        try:
            presented.token._ask()
        except RefreshTokenBlacklistedError:
            _successor_or_alarm(presented.token, presented.request)


@sensitive_variables()
def rotate(token: R, request: Any = None, *, is_open: bool = False) -> Pair[R]:
    """Turn ``token`` into its successor: new jti, exp and iat, recorded, the other claims kept.

    With ``BLACKLIST_AFTER_ROTATION`` the old token is spent in the same transaction. Whoever
    finds it spent already gets the same successor within ``REFRESH_TOKEN_GRACE_PERIOD``, and
    else ``RefreshTokenBlacklistedError``: there is never a second lineage. If anything fails,
    nothing is kept and the old token is still good. ``is_open``: as in ``Presented``.
    """
    spends = api_settings.BLACKLIST_AFTER_ROTATION and tokens_remembered()
    successor = _minted_from(token, spends)
    # Signed before the old one is spent: what can't be signed must cost nobody their login.
    pair = _pair_of(successor)
    try:
        if not is_open or not _exchange(token, pair):
            _spend(token, successor, spends)
    except _LostRace:
        return _pair_of(_successor_or_alarm(token, request), replayed=True)
    return pair


def _spend(token: R, successor: R, spends: bool) -> None:
    spent = copy(token)
    if spends:
        spent._successor = successor._issued()

    def exchange() -> None:
        successor.outstand()
        if spends and not _revoke(spent):
            raise _LostRace

    revocation.token_store().transact(exchange)


def _exchange(token: R, pair: Pair[R]) -> bool:
    """Spend a token that was not asked about in one go, or else ask."""
    store: Any = revocation.token_store()
    successor = replace(pair.token._issued(), text=lambda: pair.refresh or "")
    if store.exchange(token._issued(), successor, revocation.family_store() if family_enabled() else None):
        return True
    try:
        token._ask()
    except RefreshTokenBlacklistedError as error:
        raise _LostRace from error
    return False


# What decides on a revocation, or hears of it.
_HOOKS = (
    "verify",
    "check_blacklist",
    "check_family_blacklist",
    "blacklist",
    "outstand",
    "_ask",
    "_unasked",
    "_issued",
)


def _written(token_class: type, name: str) -> Any:
    """What stands under the ``name`` in the class or in one that it inherits from, which may not be there to be got."""
    return next(vars(kind)[name] for kind in token_class.__mro__ if name in vars(kind))


_OWN_HOOKS = {name: _written(RefreshToken, name) for name in _HOOKS}


def _exchanges(token_class: type[RefreshToken]) -> bool:
    """Whether the store may find out that the token was revoked while it spends it.

    Not where the project has a say in that, nor where a changed password is a reason to revoke it.
    """
    if not (api_settings.ROTATE_REFRESH_TOKENS and api_settings.BLACKLIST_AFTER_ROTATION and tokens_recorded()):
        return False
    if api_settings.CHECK_REVOKE_TOKEN:
        return False
    if any(_written(token_class, name) is not hook for name, hook in _OWN_HOOKS.items()):
        return False
    store: Any = revocation.token_store()
    if not hasattr(store, "exchanges") or store.holds_back_others():
        return False
    return bool(store.exchanges(revocation.family_store() if family_enabled() else None))


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
    return _is_first(blacklist() if blacklist else None)


def _is_first(outcome: Any) -> bool:
    # Projects override the methods that revoke, and some answer with nothing: only a plain "no" is a lost race.
    return not (isinstance(outcome, tuple) and outcome[1] is False)


def _minted_from(token: R, spends: bool) -> R:
    successor = copy(token)
    successor.token = None
    successor.payload = claims.copy_claims(token.payload)
    if spends and type(token).set_jti.__module__ == Token.__module__:
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
    record = local_times.restored(record, lifetime=lifetime, now=spent.current_time)
    # The period counts from the refresh: asking again does not extend it. The leeway is for a machine that is ahead.
    if record.is_revoked or record.age > grace + state.token_backend.get_leeway():
        return None
    successor = copy(spent)
    successor.token = None
    successor.payload = claims.copy_claims(spent.payload) | {
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
    spent._family_revoked_for = "reuse"
    try:
        outcome = revocation.family_store().lasting(family_id, partial(_end_family, spent))
    except _NotRevoked:
        # On a connection of its own it is not: the caller's open transaction has revoked it, and may yet be rolled
        # back, the revocation of the family with it. Or only a cache says so.
        if not _is_on_record(spent):
            return
        outcome = spent.blacklist_family()
    if not _is_first(outcome):
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
    return spent.blacklist_family()


def _is_on_record(spent: RefreshToken) -> bool:
    """Whether the store has the revocation of ``spent``, or a project's own ``check_blacklist`` knows of another."""
    if _written(type(spent), "check_blacklist") is not _OWN_HOOKS["check_blacklist"]:
        return True
    return revocation.token_store(cached=False).is_revoked(_jti(spent))


def _jti_claim() -> str:
    claim = api_settings.JTI_CLAIM
    assert claim is not None, "a token without an id can't have been revoked"
    return claim


def _jti(token: RefreshToken) -> str:
    return claims.token_id(token.payload, api_settings.JTI_CLAIM)
