"""Token, its mixins and the four kinds of token; reads the clock for everything below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from uuid import uuid4

from django.db.models import Model
from django.utils.functional import classproperty
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, jws, profile, refusals, revocation, signals, state, trust, users
from ._also import also_has
from ._optional import available_if
from .exceptions import (
    EXPIRED,
    INVALID,
    ExpiredTokenError,
    RefreshTokenBlacklistedError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from .models import AuthUser as AuthUser
from .models import TokenUser as TokenUser
from .revocation import Issued, can_revoke_families, can_revoke_tokens
from .settings import api_settings
from .utils import aware_utcnow as aware_utcnow  # the clock, which test suites patch here
from .utils import datetime_to_epoch, logger

if TYPE_CHECKING:
    from typing_extensions import Self

    from .backends import TokenBackend
    from .token_blacklist.models import BlacklistedToken as BlacklistedToken
    from .token_blacklist.models import OutstandingToken as OutstandingToken
    from .token_family.models import BlacklistedTokenFamily

__getattr__ = also_has(
    __name__,
    {
        "AbstractBaseUser": "django.contrib.auth.base_user.AbstractBaseUser",
        "BlacklistedToken": "rest_framework_simplejwt.token_blacklist.models.BlacklistedToken",
        "BlacklistedTokenFamily": "rest_framework_simplejwt.token_family.models.BlacklistedTokenFamily",
        "OutstandingToken": "rest_framework_simplejwt.token_blacklist.models.OutstandingToken",
        "TokenFamily": "rest_framework_simplejwt.token_family.models.TokenFamily",
        "datetime_from_epoch": "rest_framework_simplejwt.utils.datetime_from_epoch",
        "format_lazy": "rest_framework_simplejwt.utils.format_lazy",
        "get_md5_hash_password": "rest_framework_simplejwt.utils.get_md5_hash_password",
        "get_user_model": "django.contrib.auth.get_user_model",
        "import_string": "django.utils.module_loading.import_string",
        "settings": "django.conf.settings",
    },
)

_NONE = timedelta(0)


def tokens_recorded() -> bool:
    return can_revoke_tokens() and api_settings.JTI_CLAIM is not None


def family_enabled() -> bool:
    return can_revoke_families() and api_settings.TOKEN_FAMILY_ENABLED


class Token:
    """A set of claims of one kind, which ``str()`` signs.

    ``Token()`` makes a new one; given a text, it decodes and verifies it, or with
    ``verify=False`` merely decodes it, whatever its signature, age or type. Raises
    ``ExpiredTokenError`` or another ``TokenError``.
    """

    token_type: ClassVar[str | None] = None
    lifetime: ClassVar[timedelta | None] = None
    _token_backend: TokenBackend | None = None
    # The user that it was checked to belong to, once somebody has looked.
    _owner: Any = None
    # While its revocation is checked: what the stores say of it and of its family.
    _lookup: revocation.Lookup | None = None
    # True once this instance has recorded itself, or its family.
    _is_recorded = False

    token: str | bytes | None
    payload: dict[str, Any]
    current_time: datetime

    @sensitive_variables()
    def __init__(self, token: str | bytes | None = None, verify: bool = True) -> None:
        if self.token_type is None or self.lifetime is None:
            raise TokenError(_("Cannot create token with no type or lifetime"))
        self.token = token
        if "current_time" not in vars(self):
            self.current_time = aware_utcnow()
        if token is None:
            self._mint()
        else:
            self._read(token, verify)

    @classmethod
    def _made_at(cls, moment: datetime) -> Self:
        """A new token as of ``moment``: its ``iat`` and ``exp`` count from there."""
        token = cls.__new__(cls)
        token.current_time = moment
        token.__init__()  # type: ignore[misc]  # once its time is known
        return token

    def _mint(self) -> None:
        self.payload = {}
        if api_settings.TOKEN_TYPE_CLAIM is not None:
            self.payload[api_settings.TOKEN_TYPE_CLAIM] = self.token_type
        self.set_exp(from_time=self.current_time, lifetime=self.lifetime)
        self.set_iat(at_time=self.current_time)
        self.set_jti()

    def _read(self, token: str | bytes, verify: bool) -> None:
        signed: dict[str, Any] | None = None
        try:
            self.payload = self._decode(token, verify)
            if verify:
                signed = self.payload
                self.verify()
        except TokenError as error:
            refusals.log(error, getattr(error.__cause__, "claims", signed))
            raise

    def _decode(self, token: str | bytes, verify: bool) -> dict[str, Any]:
        # Whatever else a request's JSON may hold where a token belongs.
        if not isinstance(token, (str, bytes)) or len(token) > api_settings.MAX_TOKEN_LENGTH:
            raise TokenError(INVALID)
        backend = self.get_token_backend()
        try:
            payload = backend.decode(token, verify=verify)
            if verify and api_settings.TRUSTED_ISSUERS:
                trust.check_ours(payload)
        except TokenBackendExpiredToken as error:
            raise ExpiredTokenError(EXPIRED) from error
        except TokenBackendError as error:
            raise TokenError(INVALID) from error
        if verify and _has_profile(backend):
            profile.check(token, payload, self.token_type, required=api_settings.ACCESS_TOKEN_PROFILE_REQUIRED)
        return payload

    def __repr__(self) -> str:
        return repr(self.payload)

    @sensitive_variables()
    def __str__(self) -> str:
        text = self._sign(self.get_token_backend())
        if len(text) > api_settings.MAX_TOKEN_LENGTH:
            logger.error("This %s token is longer than MAX_TOKEN_LENGTH and will be refused", self.token_type)
        if not claims.is_flat(self.payload) and jws.is_too_deep(self.payload):
            logger.error(
                "The claims of this %s token are nested more than %d levels deep and will be refused",
                self.token_type,
                jws.MAX_DEPTH,
            )
        return text

    def _sign(self, backend: TokenBackend) -> str:
        if not _has_profile(backend):
            return backend.encode(self.payload)
        completed = profile.complete(
            self.payload,
            self.token_type,
            user_id_claim=api_settings.USER_ID_CLAIM,
            client_id=api_settings.CLIENT_ID,
        )
        return backend.encode(completed, typ=profile.header_type(self.token_type))

    def __getitem__(self, key: str) -> Any:
        return self.payload[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.payload[key] = value

    def __delitem__(self, key: str) -> None:
        del self.payload[key]

    def __contains__(self, key: str) -> bool:
        return key in self.payload

    def get(self, key: str, default: Any = None) -> Any:
        return self.payload.get(key, default)

    def verify(self) -> None:
        """Raise ``TokenError`` unless the claims make an acceptable token of this kind, now."""
        self.check_exp()
        if api_settings.JTI_CLAIM is not None:
            claims.token_id(self.payload, api_settings.JTI_CLAIM)
        self.verify_token_type()

    def verify_token_type(self) -> None:
        claim = api_settings.TOKEN_TYPE_CLAIM
        if claim is not None and self.payload.get(claim) != self.token_type:
            claims.check_type(self.payload, claim, self.token_type)

    def set_jti(self) -> None:
        """Name the token anew (RFC 7519 section 4.1.7), unless ``JTI_CLAIM`` is off."""
        if api_settings.JTI_CLAIM is not None:
            self.payload[api_settings.JTI_CLAIM] = uuid4().hex

    def set_exp(self, claim: str = "exp", from_time: datetime | None = None, lifetime: timedelta | None = None) -> None:
        """Set ``claim`` to ``from_time + lifetime``: by default this token's, from when it was made or read."""
        lifetime = self.lifetime if lifetime is None else lifetime
        assert lifetime is not None, "a token without a lifetime is never instantiated"
        self.payload[claim] = datetime_to_epoch((from_time or self.current_time) + lifetime)
        if self._is_recorded:
            self._prolong_record()

    def _prolong_record(self) -> None:
        """Keep the record of this token until its expiry, if that is later now; kinds without a record do nothing."""

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        """Set ``claim`` to ``at_time``, by default when this token was made or read."""
        self.payload[claim] = datetime_to_epoch(at_time or self.current_time)

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Raise ``TokenError`` unless ``claim`` is there and lies after ``current_time`` less the leeway."""
        now = current_time or self.current_time
        # The leeway only ever forgives; nearly always there is nothing to forgive.
        if not claims.is_ahead(self.payload, claim, now=now):
            claims.check_expiry(self.payload, claim, now=now, leeway=self.get_token_backend().get_leeway())

    def outstand(self) -> tuple[OutstandingToken, bool] | None:
        """Record the token as issued; kinds that can't be revoked leave no record."""
        return None

    def _outstand_for(self, owner: Any) -> tuple[OutstandingToken, bool] | None:
        """As ``outstand``, for a token whose user was looked up already: ``owner``, or ``None``."""
        self._owner = owner
        return self.outstand()

    @classmethod
    def for_user(cls: type[T], user: Any) -> T:
        """A new token for ``user``, an instance of the user model.

        Raises ``TokenError`` for an instance of another model, whose key may be another user's, and for
        a user who has no id because they are not saved yet.
        """
        if isinstance(user, Model):
            users.require_user(user)
        user_id = getattr(user, api_settings.USER_ID_FIELD)
        if user_id is None:
            raise TokenError(_("Cannot create token for a user without an id"))
        if not users.is_active(user):
            logger.warning("Creating token for inactive user: %r", user_id)
        token = cls()
        token[api_settings.USER_ID_CLAIM] = str(user_id)
        if api_settings.CHECK_REVOKE_TOKEN:
            token[api_settings.REVOKE_TOKEN_CLAIM] = users.password_fingerprint(user, api_settings.REVOKE_TOKEN_HASHER)
        return token

    @property
    def token_backend(self) -> TokenBackend:
        """The backend that signs and verifies this kind: ``_token_backend`` of the class, or the process-wide one."""
        return state.token_backend if self._token_backend is None else self._token_backend

    def get_token_backend(self) -> TokenBackend:
        return self.token_backend

    def _extra_leeway(self) -> timedelta:
        """By how much longer after its expiry this kind is accepted than ``LEEWAY`` says: a record lasts as long."""
        kind = type(self)
        if (self._token_backend, kind.token_backend, kind.get_token_backend) == _USUAL_BACKEND:
            return _NONE
        return max(self.get_token_backend().get_leeway() - state.token_backend.get_leeway(), _NONE)


def _has_profile(backend: TokenBackend) -> bool:
    """Whether the tokens of that backend are typed; one that can't write a type makes and reads them as without."""
    return api_settings.ACCESS_TOKEN_PROFILE == profile.RFC_9068 and profile.is_carried_by(backend)


T = TypeVar("T", bound=Token)

# Of a kind that is signed and verified by the process-wide backend.
_USUAL_BACKEND = (None, Token.token_backend, Token.get_token_backend)

if TYPE_CHECKING:

    class _Mixin(Token, Generic[T]): ...
else:
    _Mixin = Generic


class BlacklistMixin(_Mixin[T]):
    """For kinds of token that can be revoked one by one, while something remembers revocations.

    That is the token_blacklist app, or a ``REVOCATION_STORE``. Without it the tokens work, and
    ``blacklist`` and ``check_blacklist`` do not exist.
    """

    # While a refresh consumes it by ``blacklist``: what replaces it.
    _successor: Issued | None = None
    # The id that it was recorded under, and until when.
    _recorded: tuple[str, datetime | None] | None = None

    def verify(self) -> None:
        if can_revoke_tokens():
            self.check_blacklist()
        super().verify()

    @available_if(can_revoke_tokens)
    def check_blacklist(self) -> None:
        """Raise ``RefreshTokenBlacklistedError`` if this token was revoked."""
        # A token without a usable id was never recorded; verify() refuses it.
        lookup = self._lookup or revocation.Lookup(_token_id(self), None)
        if lookup.is_token_revoked:
            raise RefreshTokenBlacklistedError(_("Token is blacklisted"))

    @available_if(can_revoke_tokens)
    @sensitive_variables()
    def blacklist(self) -> tuple[BlacklistedToken, bool]:
        """Revoke this token. The second item is True for exactly one caller; the others lost the race.

        Raises ``TokenError`` for a token without a jti.
        """
        store = revocation.token_store()
        record, first = store.revoke(self._to_revoke())
        if first and self._successor is None:
            facts = {"jti": self.payload[api_settings.JTI_CLAIM], "token": self}  # type: ignore[index]  # it has one
            store.after_commit(lambda: signals.send(signals.token_revoked, type(self), **facts))
        return record, first

    @sensitive_variables()
    def outstand(self) -> tuple[OutstandingToken, bool] | None:
        """Record this token as issued, unless it is recorded. The second item says whether this call did."""
        if not tokens_recorded():
            return super().outstand()
        return self._record(self._issued())

    @classmethod
    @sensitive_variables()
    def for_user(cls, user: Any) -> T:  # type: ignore[override]  # narrowed to the kind that the mixin is given
        token = super().for_user(user)
        if tokens_recorded():
            token._record(token._issued(user))
        return token  # type: ignore[return-value]  # T is the class that this mixin is mixed into

    def _consume(self, successor: Token, owner: Any = None) -> bool:
        """Revoke this token and record its ``successor``, both or neither. True for exactly one caller.

        ``owner``: the user of both, if it was looked up.
        """
        assert isinstance(successor, BlacklistMixin)
        store = revocation.token_store()
        successor._owner = owner
        if not overrides(type(self), "blacklist", "outstand"):
            return store.exchange(self._issued(), successor._issued())
        consumed = copy(self)
        consumed._successor = successor._issued()

        def exchange() -> bool:
            first = is_first(consumed.blacklist())
            if first:
                successor.outstand()
            return first

        return store.transact(exchange)

    def _record(self, issued: Issued) -> tuple[Any, bool]:
        self._is_recorded = True
        self._recorded = issued.id, issued.expires_at
        return revocation.token_store().remember(issued)

    def _prolong_record(self) -> None:
        super()._prolong_record()
        if self._recorded is not None and tokens_recorded():
            issued = _prolonged(self._recorded, self._issued)
            if issued is not None:
                self._record(issued)

    def _issued(self, user: Any = None) -> Issued:
        return Issued(
            id=claims.token_id(self.payload, api_settings.JTI_CLAIM),
            issued_at=self.current_time,
            expires_at=claims.prolonged(claims.moment(self.payload, "exp"), self._extra_leeway()),
            owner_pk=lambda: _owner_pk(self, user),
            text=lambda: str(self),
            family_id=_family_id(self) if family_enabled() else None,
            is_new=self.token is None,
            family_needed_until=_family_needed_until(self),
        )

    def _to_revoke(self) -> Issued:
        return replace(self._issued(), successor=self._successor)


class FamilyMixin(_Mixin[T]):
    """For kinds of token that belong to a family, while families are enabled and something remembers them.

    A family is all that descends from one login; it is revoked as a whole and may end on a
    date. Without it the tokens work, and the family methods do not exist.
    """

    # The reason that receivers of the signal are given.
    _family_revoked_for = "revoked"
    # The id that its family was recorded under, and until when.
    _recorded_family: tuple[str, datetime | None] | None = None

    def verify(self) -> None:
        if family_enabled():
            self.check_family_expiration(self, self.current_time)
            self.check_family_blacklist(self)
        super().verify()

    @available_if(family_enabled)
    @staticmethod
    def check_family_expiration(token: Token, current_time: datetime | None = None) -> None:
        """Raise ``TokenError`` if the family of ``token``, of any kind, has ended; leeway is honoured."""
        claim = api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM
        if _family_id(token) is None or claim not in token:
            return
        try:
            token.check_exp(claim, current_time)
        except TokenError as error:
            raise TokenError(_("Token family has expired")) from error

    @available_if(family_enabled)
    @staticmethod
    def check_family_blacklist(token: Token) -> None:
        """Raise ``TokenError`` if the family of ``token``, of any kind, was revoked."""
        family_id = _family_id(token)
        if family_id is None:
            logger.warning("A %s token without a family was accepted", token.token_type)
        elif (token._lookup or revocation.Lookup(None, family_id)).is_family_revoked:
            raise TokenError(_("Token family is blacklisted"))

    @available_if(family_enabled)
    def get_family_id(self) -> str | None:
        return _family_id(self)

    @available_if(family_enabled)
    def get_family_expiration_date(self) -> datetime | None:
        """When the family ends; ``None`` for one that does not. Raises ``TokenError`` for a malformed claim."""
        claim = api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM
        return claims.moment(self.payload, claim) if claim in self.payload else None

    @available_if(family_enabled)
    def blacklist_family(self) -> tuple[BlacklistedTokenFamily, bool]:
        """Revoke the family. The second item is True for exactly one caller.

        Raises ``TokenError`` for a token without a family.
        """
        family_id = _family_id(self)
        if family_id is None:
            raise TokenError(_("Token has no family ID"))
        store = revocation.family_store()
        record, first = store.revoke(self._issued_family(family_id))
        if first:
            facts = {"family_id": family_id, "reason": self._family_revoked_for}
            store.after_commit(lambda: signals.send(signals.family_revoked, type(self), **facts))
        return record, first

    @classmethod
    def for_user(cls, user: Any) -> T:  # type: ignore[override]  # narrowed to the kind that the mixin is given
        token = super().for_user(user)
        if family_enabled():
            family_id = token[api_settings.TOKEN_FAMILY_CLAIM] = uuid4().hex
            if api_settings.TOKEN_FAMILY_LIFETIME is not None:
                token.set_exp(api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM, lifetime=api_settings.TOKEN_FAMILY_LIFETIME)
            token._record_family(token._issued_family(family_id, user))
        return token  # type: ignore[return-value]  # T is the class that this mixin is mixed into

    def _blacklist_family_for(self, reason: str) -> tuple[BlacklistedTokenFamily, bool]:
        """As ``blacklist_family``; receivers of the signal are told the ``reason``."""
        self._family_revoked_for = reason
        return self.blacklist_family()

    def _record_family(self, issued: Issued) -> None:
        self._is_recorded = True
        self._recorded_family = issued.id, issued.expires_at
        revocation.family_store().remember(issued)

    def _prolong_record(self) -> None:
        super()._prolong_record()
        if self._recorded_family is not None and family_enabled():
            issued = _prolonged(self._recorded_family, partial(self._issued_family, self._recorded_family[0]))
            if issued is not None:
                self._record_family(issued)

    def _extra_leeway_of_family(self) -> timedelta:
        return self._extra_leeway()

    def _issued_family(self, family_id: str, user: Any = None) -> Issued:
        end = self.get_family_expiration_date()
        return Issued(
            id=family_id,
            issued_at=self.current_time,
            expires_at=None if end is None else claims.prolonged(end, self._extra_leeway_of_family()),
            owner_pk=lambda: _owner_pk(self, user),
            is_new=self.token is None,
            family_needed_until=_family_needed_until(self),
        )


class AccessToken(Token):
    """Opens the API until it expires; with ``TOKEN_FAMILY_CHECK_ON_ACCESS`` only while its family lives."""

    token_type = "access"
    lifetime = classproperty(lambda cls: api_settings.live("ACCESS_TOKEN_LIFETIME"))

    def verify(self) -> None:
        super().verify()
        if api_settings.TOKEN_FAMILY_CHECK_ON_ACCESS and family_enabled():
            FamilyMixin.check_family_expiration(self, self.current_time)
            FamilyMixin.check_family_blacklist(self)


class SlidingToken(BlacklistMixin["SlidingToken"], Token):
    """Opens the API until it expires, and can be refreshed in place until its refresh-exp claim."""

    token_type = "sliding"
    lifetime = classproperty(lambda cls: api_settings.live("SLIDING_TOKEN_LIFETIME"))

    def _mint(self) -> None:
        super()._mint()
        self.set_exp(
            api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM,
            from_time=self.current_time,
            lifetime=api_settings.SLIDING_TOKEN_REFRESH_LIFETIME,
        )

    def _to_revoke(self) -> Issued:
        refresh_claim = api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM
        end = claims.end_of_copies(self.payload, refresh_claim, lifetime=self.lifetime)
        return replace(super()._to_revoke(), expires_at=claims.prolonged(end, self._extra_leeway()))


class RefreshToken(BlacklistMixin["RefreshToken"], FamilyMixin["RefreshToken"], Token):
    """Buys new access tokens until it expires or is revoked."""

    token_type = "refresh"
    lifetime = classproperty(lambda cls: api_settings.live("REFRESH_TOKEN_LIFETIME"))
    access_token_class: ClassVar[type[Token]] = AccessToken
    no_copy_claims: ClassVar[Iterable[str | None]] = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: (api_settings.TOKEN_TYPE_CLAIM, "exp", api_settings.JTI_CLAIM, "jti", "iat")
    )

    def verify(self) -> None:
        with _asked_once(self):
            super().verify()

    def _extra_leeway_of_family(self) -> timedelta:
        # Access tokens have the family's claims too, and may have a leeway of their own.
        access = self.access_token_class.__new__(self.access_token_class)
        return max(self._extra_leeway(), access._extra_leeway())

    @property
    def access_token(self) -> Token:
        """A new access token on each read, as of this token's time, with its other claims copied."""
        access = self.access_token_class._made_at(self.current_time)
        kept = {*self.no_copy_claims, api_settings.TOKEN_TYPE_CLAIM, api_settings.JTI_CLAIM}
        if not api_settings.TOKEN_FAMILY_CHECK_ON_ACCESS:
            kept |= {api_settings.TOKEN_FAMILY_CLAIM, api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM}
        for claim, value in claims.copied(self.payload).items():
            if claim not in kept:
                access[claim] = value
        return access


class UntypedToken(Token):
    """Any kind of token: for looking at one whose kind does not matter."""

    token_type = "untyped"
    lifetime = timedelta(seconds=0)

    def verify_token_type(self) -> None:
        """Any type will do, and so will none."""


def check_not_revoked(token: Token) -> None:
    """Raise ``TokenError`` if ``token``, of any kind, or its family was revoked, or the family has ended."""
    with _asked_once(token):
        if can_revoke_tokens():
            BlacklistMixin.check_blacklist(token)  # type: ignore[arg-type]  # it asks no more than a payload
        if family_enabled() and _family_id(token) is not None:
            FamilyMixin.check_family_expiration(token)
            FamilyMixin.check_family_blacklist(token)


@contextmanager
def _asked_once(token: Token) -> Iterator[None]:
    """Within it, the stores are asked once about ``token`` and its family, however many checks need the answer."""
    family_id = token.get(api_settings.TOKEN_FAMILY_CLAIM) if family_enabled() else None
    token._lookup = revocation.Lookup(_token_id(token), family_id if claims.is_id(family_id) else None)
    try:
        yield
    finally:
        # The next check asks again.
        del token._lookup


def _token_id(token: Token) -> str | None:
    jti = token.payload.get(api_settings.JTI_CLAIM)  # type: ignore[arg-type]  # None is no claim's name
    return jti if claims.is_id(jti) else None


def _prolonged(recorded: tuple[str, datetime | None], issue: Callable[[], Issued]) -> Issued | None:
    """What to record again, because it was recorded to end earlier than it does now; ``None`` if it was not."""
    try:
        issued = issue()
    except TokenError:
        return None  # without an id or an expiry it is accepted nowhere
    key, end = recorded
    is_later = end is not None and (issued.expires_at is None or issued.expires_at > end)
    return replace(issued, is_new=False) if is_later and issued.id == key else None


def _family_id(token: Token) -> str | None:
    value = token.get(api_settings.TOKEN_FAMILY_CLAIM)
    if value is not None and not claims.is_id(value):
        raise TokenError(INVALID)
    return value


def _family_needed_until(token: Token) -> datetime | None:
    """When the last access token that ``token`` leads to expires, if its family has no end of its own.

    ``None`` for a family with an end, and where tokens are not recorded: nobody knows its last token then.
    """
    if not family_enabled() or not tokens_recorded() or _family_id(token) is None:
        return None
    if api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM in token:
        return None
    lifetime: timedelta = getattr(token, "access_token_class", AccessToken).lifetime
    leeway = token.get_token_backend().get_leeway()
    try:
        return claims.moment(token.payload, "exp") + lifetime + leeway
    except (TokenError, OverflowError):
        return None


def _owner_pk(token: Token, user: Any) -> Any:
    """The primary key of the user a token is issued to, ``None`` if that user is gone or never was.

    Raises ``TokenError`` for a ``user`` who is not an instance of the user model.
    """
    if user is not None:
        users.require_user(user)
        return user.pk
    owner = token._owner
    if owner is None:
        with suppress(users.NotKept):
            owner = users.named_by(token.get(api_settings.USER_ID_CLAIM), field=api_settings.USER_ID_FIELD)
    return None if owner is None else owner.pk


def overrides(token_class: type, *names: str) -> bool:
    """Whether a project has methods of its own, or patched ones, under any of these ``names`` of ``RefreshToken``."""
    return any(_find_in_mro(token_class, name) is not _OURS[name] for name in names)


def is_first(outcome: Any) -> bool:
    """Whether the call of a method that revokes was the first one, by what the method returned.

    Projects override these methods, and some return nothing: only a plain "no" means that another call was first.
    """
    return not (isinstance(outcome, tuple) and outcome[1] is False)


def _find_in_mro(token_class: type, name: str) -> Any:
    """The attribute as it stands in the class, which ``available_if`` may keep from being read."""
    return next(vars(kind)[name] for kind in token_class.__mro__ if name in vars(kind))


_OURS = {name: _find_in_mro(RefreshToken, name) for name in ("blacklist", "outstand", "check_blacklist")}
