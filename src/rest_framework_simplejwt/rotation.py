"""A refresh: one refresh token becomes one new pair, once."""

from __future__ import annotations

from typing import TypeVar

from django.utils.translation import gettext_lazy as _

from . import revocation
from .exceptions import RefreshTokenBlacklistedError
from .settings import api_settings
from .tokens import RefreshToken
from .utils import logger

R = TypeVar("R", bound=RefreshToken)


def present(token_class: type[R], text: str | bytes) -> R:
    """The refresh token in ``text``, verified.

    Raises ``TokenError``. A token that was signed by us and is revoked sounds the alarm first:
    somebody uses what its owner no longer has.
    """
    try:
        return token_class(text)
    except RefreshTokenBlacklistedError:
        # The signature was verified before the blacklist was asked.
        _sound_alarm(token_class(text, verify=False))
        raise


def rotate(refresh: R) -> R:
    """Turn ``refresh`` into its successor: new jti, exp and iat, recorded, the other claims kept.

    With ``BLACKLIST_AFTER_ROTATION`` the old token is revoked in the same transaction, and
    whoever finds it revoked already gets ``RefreshTokenBlacklistedError``: no second lineage.
    If anything fails, nothing is kept and the old token is still good.
    """
    with revocation.token_store().atomic():
        won = _consume(refresh) if api_settings.BLACKLIST_AFTER_ROTATION else True
        if won:
            refresh.set_jti()
            refresh.set_exp()
            refresh.set_iat()
            refresh.outstand()
    if not won:
        _sound_alarm(refresh)
        raise RefreshTokenBlacklistedError(_("Token is blacklisted"))
    return refresh


def revoke(refresh: RefreshToken) -> None:
    """Revoke one token, where the project remembers revocations at all."""
    if blacklist := getattr(refresh, "blacklist", None):
        blacklist()


def _consume(refresh: RefreshToken) -> bool:
    blacklist = getattr(refresh, "blacklist", None)
    # Projects override blacklist(), and some answer with nothing: only a plain "no" is a lost race.
    outcome = blacklist() if blacklist else None
    return not (isinstance(outcome, tuple) and outcome[1] is False)


def _sound_alarm(refresh: RefreshToken) -> None:
    """Outside any transaction of ours, and the views are non-atomic: the 401 must not undo it."""
    if not api_settings.TOKEN_FAMILY_BLACKLIST_ON_REUSE:
        return
    get_family_id = getattr(refresh, "get_family_id", None)
    if get_family_id is not None and get_family_id() is not None:
        refresh.blacklist_family()
        logger.warning("A revoked refresh token was presented again; its family is revoked")
