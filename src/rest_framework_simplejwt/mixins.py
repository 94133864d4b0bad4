"""The mixins of the token classes: tokens that can be revoked one by one, and tokens that belong to a family."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, records, revocation, signals
from ._optional import available_if
from .exceptions import RefreshTokenBlacklistedError, TokenError
from .models import AnyUser
from .records import family_enabled, tokens_recorded
from .revocation import Issued, can_revoke_tokens
from .settings import api_settings
from .utils import logger

if TYPE_CHECKING:
    from typing_extensions import Self

    from .token_blacklist.models import BlacklistedToken, OutstandingToken
    from .token_family.models import BlacklistedTokenFamily
    from .tokens import Token

T = TypeVar("T", bound="Token")

if TYPE_CHECKING:

    class _Mixin(Token, Generic[T]): ...
else:
    _Mixin = Generic


class _NotFirst(Exception):
    """Another request has consumed the token: what this transaction wrote must be rolled back."""


class BlacklistMixin(_Mixin[T]):
    """For kinds of token that can be revoked one by one.

    That needs the token_blacklist app or a ``REVOCATION_STORE``. Without them the tokens still work, but the
    methods ``blacklist`` and ``check_blacklist`` do not exist.
    """

    # Set while a refresh consumes this token by calling ``blacklist``: the record of its successor.
    _successor: Issued | None = None
    # The id and the end that this instance's record was written with.
    _recorded: tuple[str, datetime | None] | None = None

    def verify(self) -> None:
        """Checks first that the token was not revoked, then as the base class does. Raises ``TokenError``."""
        if can_revoke_tokens():
            self.check_blacklist()
        super().verify()

    @available_if(can_revoke_tokens)
    def check_blacklist(self) -> None:
        """Raises ``RefreshTokenBlacklistedError`` if this token was revoked.

        Raises ``RevocationUnavailable`` if the store can't be asked. A token without a usable id passes: ``verify``
        rejects it.
        """
        if records.is_token_revoked(self):
            raise RefreshTokenBlacklistedError(_("Token is blacklisted"))

    @available_if(can_revoke_tokens)
    @sensitive_variables()
    def blacklist(self) -> tuple[BlacklistedToken, bool]:
        """Revokes this token. Returns the record, and True for exactly one caller: the others were too late.

        Raises ``TokenError`` for a token without an id.
        """
        store = revocation.token_store()
        record, is_first = store.revoke(self._revocation_record())
        if is_first and self._successor is None:
            facts = {"jti": self.payload[api_settings.JTI_CLAIM], "token": self}  # type: ignore[index]  # it has one
            store.after_commit(lambda: signals.send(signals.token_revoked, type(self), **facts))
        return record, is_first

    @sensitive_variables()
    def outstand(self) -> tuple[OutstandingToken, bool] | None:
        """Records this token as issued. Returns the record, and whether this call wrote it.

        Returns ``None`` where tokens are not recorded.
        """
        if not tokens_recorded():
            return super().outstand()
        return self._write_record(self._record())

    @classmethod
    @sensitive_variables()
    def for_user(cls, user: AnyUser) -> Self:
        """Creates a token for ``user`` and records it as issued. Raises ``TokenError`` as ``Token.for_user`` does."""
        token = super().for_user(user)
        if tokens_recorded():
            token._write_record(token._record(user))
        return token

    def _consume(self, successor: Token, text: str, owner: AbstractBaseUser | None = None) -> bool:
        """Revokes this token and records its ``successor``, both or neither. True for exactly one caller.

        False if another caller was first, or if the family was revoked since this token was verified.

        ``text``: the signed successor. ``owner``: the user of both tokens, if it was looked up. A project's own
        ``blacklist`` and ``outstand`` are called, within a transaction.
        """
        assert isinstance(successor, BlacklistMixin)
        store = revocation.token_store()
        self._owner = successor._owner = owner
        families = revocation.family_store() if family_enabled() else None
        if not has_own_method(type(self), "blacklist", "outstand"):
            return store.exchange(self._record(), replace(successor._record(), text=lambda: text), families)
        consumed = copy(self)
        consumed._successor = successor._record()

        def exchange() -> None:
            # In this order: a store without transactions must not revoke a token whose successor is not recorded.
            successor.outstand()
            if not is_first(consumed.blacklist()):
                raise _NotFirst

        try:
            store.transact(exchange)
        except _NotFirst:
            return False
        return True

    def _write_record(self, issued: Issued) -> tuple[OutstandingToken, bool]:
        """Records the token in the store, and keeps the id and expiry of that record in ``_recorded``.

        Returns the record, and whether this call created it. ``_extend_records`` compares with ``_recorded`` later, to
        see whether the record must last longer.
        """
        self._recorded = issued.id, issued.expires_at
        return revocation.token_store().remember(issued)

    def _extend_records(self) -> None:
        """Extends the record of the token, if it would now be purged too early."""
        super()._extend_records()
        if self._recorded is not None and tokens_recorded():
            issued = records.extended(self._recorded, self._record)
            if issued is not None:
                self._write_record(issued)

    def _record(self, user: AnyUser | None = None) -> Issued:
        """Returns the record of this token as issued to ``user``. Raises ``TokenError`` without an id or expiry."""
        return records.record_of(self, leeway=self._extra_leeway(), user=user)

    def _revocation_record(self) -> Issued:
        """Returns the record of this token when it is revoked."""
        return replace(self._record(), successor=self._successor)


class FamilyMixin(_Mixin[T]):
    """For kinds of token that belong to a family: all tokens that descend from one login.

    A family is revoked as a whole, and may end on a date. That needs ``TOKEN_FAMILY_ENABLED``, and the token_family
    app or a ``REVOCATION_STORE``. Without them the tokens still work, but the family methods do not exist.
    """

    # The reason that receivers of the signal ``family_revoked`` are told.
    _family_revoked_for = "revoked"
    # The id and the end that this instance's record of its family was written with.
    _recorded_family: tuple[str, datetime | None] | None = None

    def verify(self) -> None:
        """Checks first that the family has not ended and was not revoked. Raises ``TokenError``."""
        if family_enabled():
            self.check_family_expiration(self, self.current_time)
            self.check_family_blacklist(self)
        super().verify()

    @available_if(family_enabled)
    @staticmethod
    def check_family_expiration(token: Token, current_time: datetime | None = None) -> None:
        """Raises ``TokenError`` if the family of ``token``, of any kind, has ended; the leeway counts."""
        claim = api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM
        if records.family_id(token) is None or claim not in token:
            return
        try:
            token.check_exp(claim, current_time)
        except TokenError as error:
            raise TokenError(_("Token family has expired")) from error

    @available_if(family_enabled)
    @staticmethod
    def check_family_blacklist(token: Token) -> None:
        """Raises ``TokenError`` if the family of ``token``, of any kind, was revoked.

        A token without a family passes, with a warning in the log.
        """
        family_id = records.family_id(token)
        if family_id is None:
            logger.warning("A %s token without a family was accepted", token.token_type)
        elif records.is_family_revoked(token, family_id):
            raise TokenError(_("Token family is blacklisted"))

    @available_if(family_enabled)
    def get_family_id(self) -> str | None:
        return records.family_id(self)

    @available_if(family_enabled)
    def get_family_expiration_date(self) -> datetime | None:
        """When the family ends; ``None`` for one that does not. Raises ``TokenError`` for a malformed claim."""
        claim = api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM
        return claims.read_time(self.payload, claim) if claim in self.payload else None

    @available_if(family_enabled)
    def blacklist_family(self) -> tuple[BlacklistedTokenFamily, bool]:
        """Revokes the family. Returns the record, and True for exactly one caller.

        Raises ``TokenError`` for a token without a family.
        """
        family_id = records.family_id(self)
        if family_id is None:
            raise TokenError(_("Token has no family ID"))
        store = revocation.family_store()
        record, is_first = store.revoke(self._family_record(family_id))
        if is_first:
            facts = {"family_id": family_id, "reason": self._family_revoked_for}
            store.after_commit(lambda: signals.send(signals.family_revoked, type(self), **facts))
        return record, is_first

    def _blacklist_family_for(self, reason: str) -> tuple[BlacklistedTokenFamily, bool]:
        """Calls ``blacklist_family``, and tell receivers of the signal this ``reason``."""
        self._family_revoked_for = reason
        return self.blacklist_family()

    @classmethod
    def for_user(cls, user: AnyUser) -> Self:
        """Creates a token for ``user`` in a new family, and records the family.

        Raises ``TokenError`` as ``Token.for_user`` does.
        """
        token = super().for_user(user)
        if family_enabled():
            family_id = token[api_settings.TOKEN_FAMILY_CLAIM] = uuid4().hex
            if api_settings.TOKEN_FAMILY_LIFETIME is not None:
                token.set_exp(api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM, lifetime=api_settings.TOKEN_FAMILY_LIFETIME)
            token._write_family_record(token._family_record(family_id, user))
        return token

    def _write_family_record(self, issued: Issued) -> None:
        """Records the family in the family store, and keeps the id and expiry of that record in ``_recorded_family``.

        ``_extend_records`` compares with them later, to see whether the record must last longer.
        """
        self._recorded_family = issued.id, issued.expires_at
        revocation.family_store().remember(issued)

    def _extend_records(self) -> None:
        """Extends the records of the token and of its family, if they would now be purged too early."""
        super()._extend_records()
        if self._recorded_family is not None and family_enabled():
            issued = records.extended(self._recorded_family, partial(self._family_record, self._recorded_family[0]))
            if issued is not None:
                self._write_family_record(issued)

    def _extra_leeway_of_family(self) -> timedelta:
        """How much longer than ``LEEWAY`` a token of the family may be accepted after the family's end."""
        return self._extra_leeway()

    def _family_record(self, family_id: str, user: AnyUser | None = None) -> Issued:
        """Returns the record of this token's family. Raises ``TokenError`` for a malformed end."""
        end = self.get_family_expiration_date()
        return records.family_record_of(self, family_id, end, leeway=self._extra_leeway_of_family(), user=user)


def check_not_revoked(token: Token) -> None:
    """Raises ``TokenError`` if ``token``, of any kind, or its family was revoked, or its family has ended."""
    with records.one_lookup(token):
        if can_revoke_tokens():
            BlacklistMixin.check_blacklist(token)  # type: ignore[arg-type]  # it needs a payload only
        if family_enabled() and records.family_id(token) is not None:
            FamilyMixin.check_family_expiration(token)
            FamilyMixin.check_family_blacklist(token)


def has_own_method(token_class: type, *names: str) -> bool:
    """Returns whether a project has overridden or patched any of these methods of ``BlacklistMixin``."""
    return any(_find_in_mro(token_class, name) is not _OURS[name] for name in names)


def is_first(outcome: object) -> bool:
    """Returns whether a method that revokes was the first to do so, by what it returned.

    Projects override these methods, and some return nothing: only a plain "no" means that another call was first.
    """
    return not (isinstance(outcome, tuple) and outcome[1] is False)


def _find_in_mro(token_class: type, name: str) -> object:
    """Returns the attribute in the class that defines it, even if ``available_if`` hides it from ``getattr``."""
    return next(vars(kind)[name] for kind in token_class.__mro__ if name in vars(kind))


_OURS = {name: _find_in_mro(BlacklistMixin, name) for name in ("blacklist", "outstand", "check_blacklist")}
