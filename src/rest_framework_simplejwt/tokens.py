"""The token classes: ``Token`` and the four kinds of token. Reads the clock for the modules below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model
from django.utils.functional import classproperty
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from . import claims, jws, profile, records, refusals, revocation, state, trust, users
from ._also import lazy_attributes
from ._types import JSONObject
from .exceptions import (
    EXPIRED,
    INVALID,
    ExpiredTokenError,
    RefreshTokenBlacklistedError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from .mixins import BlacklistMixin, FamilyMixin
from .models import AnyUser, AuthUser, TokenUser
from .records import family_enabled
from .revocation import Issued
from .settings import api_settings
from .utils import (
    aware_utcnow,  # the clock, which test suites patch here
    datetime_to_epoch,
    logger,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from .backends import TokenBackend
    from .token_blacklist.models import BlacklistedToken as BlacklistedToken
    from .token_blacklist.models import OutstandingToken as OutstandingToken
    from .token_family.models import BlacklistedTokenFamily as BlacklistedTokenFamily
    from .token_family.models import TokenFamily as TokenFamily
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "Generic": "typing.Generic",
            "T": "rest_framework_simplejwt.mixins.T",
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

# BlacklistedToken and the like need their app, and so a star import must not ask for them.
__all__ = [
    "AccessToken",
    "AuthUser",
    "BlacklistMixin",
    "ExpiredTokenError",
    "FamilyMixin",
    "RefreshToken",
    "RefreshTokenBlacklistedError",
    "SlidingToken",
    "Token",
    "TokenBackendError",
    "TokenBackendExpiredToken",
    "TokenError",
    "TokenUser",
    "UntypedToken",
    "api_settings",
    "aware_utcnow",
    "datetime_to_epoch",
    "logger",
]

_NO_TIME = timedelta(0)


class Token:
    """A set of claims of one kind of token. ``str(token)`` signs it.

    ``Token()`` creates a new token. ``Token(text)`` decodes and verifies one; ``Token(text, verify=False)`` only
    decodes it, whatever its signature, expiry or type. Raises ``ExpiredTokenError`` or another ``TokenError`` for
    a token that is not valid. Not thread-safe: each request has tokens of its own.

    A subclass sets ``token_type`` and ``lifetime``. It may override ``verify`` (called after the signature was
    verified, with ``payload`` set; raises ``TokenError``), ``for_user``, the ``set_...`` methods and
    ``get_token_backend``.
    """

    token_type: str | None = None
    lifetime: timedelta | None = None
    # A project's own backend for this class; ``None`` for the process-wide one.
    _token_backend: TokenBackend | None = None
    # The user that this token belongs to, if it was looked up.
    _owner: AbstractBaseUser | None = None
    # What the stores say of this token and its family, while one verification shares the answer.
    _lookup: revocation.Lookup | None = None

    token: str | bytes | None
    payload: JSONObject
    current_time: datetime

    @sensitive_variables()
    def __init__(self, token: str | bytes | None = None, verify: bool = True) -> None:
        if self.token_type is None or self.lifetime is None:
            raise TokenError(_("Cannot create token with no type or lifetime"))
        self.token = token
        self.current_time = aware_utcnow()
        if token is None:
            self._create_claims()
        else:
            self._load(token, verify)

    def _create_claims(self) -> None:
        """Sets ``payload`` to the claims of a new token: type, expiry, time of issue and id."""
        self.payload = {}
        if api_settings.TOKEN_TYPE_CLAIM is not None:
            self.payload[api_settings.TOKEN_TYPE_CLAIM] = self.token_type
        self.set_exp(from_time=self.current_time, lifetime=self.lifetime)
        self.set_iat(at_time=self.current_time)
        self.set_jti()

    def _load(self, token: str | bytes, verify: bool) -> None:
        """Sets ``payload`` to the claims in ``token``. Raises ``TokenError``, and logs why."""
        verified: JSONObject | None = None
        try:
            self.payload = self._decode(token, verify)
            if verify:
                verified = self.payload
                self.verify()
        except TokenError as error:
            refusals.log(error, getattr(error.__cause__, "claims", verified))
            raise

    def _decode(self, token: str | bytes, verify: bool) -> JSONObject:
        """Returns the claims in ``token``; with ``verify`` only if signature, times and header are valid.

        Raises ``ExpiredTokenError`` or another ``TokenError``.
        """
        # The JSON of a request may hold any value where a token belongs.
        if not isinstance(token, (str, bytes)) or len(token) > api_settings.MAX_TOKEN_LENGTH:
            raise TokenError(INVALID)
        backend = self.get_token_backend()
        try:
            payload = backend.decode(token, verify=verify)
            if verify and api_settings.TRUSTED_ISSUERS:
                trust.reject_trusted_issuer(payload)
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
        """Signs the token. A token that would be refused when it is presented is logged as an error."""
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
        """Returns the signed text; with ``ACCESS_TOKEN_PROFILE`` with the claims and the header of RFC 9068."""
        if not _has_profile(backend):
            return backend.encode(self.payload)
        completed = profile.with_required_claims(
            self.payload,
            self.token_type,
            user_id_claim=api_settings.USER_ID_CLAIM,
            client_id=api_settings.CLIENT_ID,
        )
        return backend.encode(completed, typ=profile.header_type(self.token_type))

    def __getitem__(self, key: str) -> Any:
        return self.payload[key]

    def __setitem__(self, key: str, value: object) -> None:
        self.payload[key] = value

    def __delitem__(self, key: str) -> None:
        del self.payload[key]

    def __contains__(self, key: str) -> bool:
        return key in self.payload

    def get(self, key: str, default: object = None) -> Any:
        return self.payload.get(key, default)

    def verify(self) -> None:
        """Checks the claims that the codec does not: expiry by ``current_time``, id and type. Raises ``TokenError``."""
        self.check_exp()
        if api_settings.JTI_CLAIM is not None:
            claims.token_id(self.payload, api_settings.JTI_CLAIM)
        self.verify_token_type()

    def verify_token_type(self) -> None:
        """Raises ``TokenError`` unless the token is of this class's type, or ``TOKEN_TYPE_CLAIM`` is ``None``."""
        claim = api_settings.TOKEN_TYPE_CLAIM
        if claim is not None and self.payload.get(claim) != self.token_type:
            claims.check_type(self.payload, claim, self.token_type)

    def set_jti(self) -> None:
        """Gives the token a new random id (RFC 7519 section 4.1.7), unless ``JTI_CLAIM`` is ``None``."""
        if api_settings.JTI_CLAIM is not None:
            self.payload[api_settings.JTI_CLAIM] = uuid4().hex

    def set_exp(self, claim: str = "exp", from_time: datetime | None = None, lifetime: timedelta | None = None) -> None:
        """Sets ``claim`` to ``from_time + lifetime``, in seconds since the epoch.

        Defaults: when this token was created or read, and the ``lifetime`` of its class.
        """
        lifetime = self.lifetime if lifetime is None else lifetime
        assert lifetime is not None, "a token without a lifetime is never instantiated"
        self.payload[claim] = datetime_to_epoch((from_time or self.current_time) + lifetime)
        self._extend_records()

    def set_iat(self, claim: str = "iat", at_time: datetime | None = None) -> None:
        """Sets ``claim`` to ``at_time``, by default when this token was created or read."""
        self.payload[claim] = datetime_to_epoch(at_time or self.current_time)

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Raises ``TokenError`` unless ``claim`` exists and lies after ``current_time`` minus the leeway.

        ``current_time`` defaults to when this token was created or read.
        """
        now = current_time or self.current_time
        # Almost every token passes without any leeway.
        if not claims.is_ahead(self.payload, claim, now=now):
            claims.check_expiry(self.payload, claim, now=now, leeway=self.get_token_backend().get_leeway())

    def outstand(self) -> tuple[OutstandingToken, bool] | None:
        """Records the token as issued. Returns ``None``: tokens of this class can't be revoked and are not recorded."""
        return None

    def _outstand_for(self, owner: AbstractBaseUser | None) -> tuple[OutstandingToken, bool] | None:
        """Calls ``outstand`` for a token whose user was looked up already; ``None`` for a token without a user."""
        self._owner = owner
        return self.outstand()

    def _extend_records(self) -> None:
        """Extends the records that this instance has written, if they would now be purged too early."""

    @classmethod
    def for_user(cls, user: AnyUser) -> Self:
        """Creates a token for ``user``, an instance of the user model.

        Raises ``TokenError`` for an instance of another model, whose id may be another user's, and for a user who
        has no id because they are not saved yet. A subclass may add claims to what ``super().for_user(user)``
        returns.
        """
        if isinstance(user, Model):
            users.check_user_instance(user)
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
        """The backend that signs and verifies tokens of this class."""
        return state.token_backend if self._token_backend is None else self._token_backend

    def get_token_backend(self) -> TokenBackend:
        return self.token_backend

    def _extra_leeway(self) -> timedelta:
        """How much longer than ``LEEWAY`` this class's own backend accepts a token after its expiry.

        Zero without a backend of its own. Records of the token must be kept for as long.
        """
        kind = type(self)
        if (self._token_backend, kind.token_backend, kind.get_token_backend) == _USUAL_BACKEND:
            return _NO_TIME
        return max(self.get_token_backend().get_leeway() - state.token_backend.get_leeway(), _NO_TIME)

    def _access_lifetime(self) -> timedelta:
        """How long the access tokens that are created from this token last."""
        lifetime: timedelta = getattr(self, "access_token_class", AccessToken).lifetime
        return lifetime


def _has_profile(backend: TokenBackend) -> bool:
    """Returns whether tokens of ``backend`` follow RFC 9068: the setting says so, and the backend can write ``typ``."""
    return api_settings.ACCESS_TOKEN_PROFILE == profile.RFC_9068 and profile.supports_typ(backend)


A = TypeVar("A", bound=Token, covariant=True)

# What a class has that signs and verifies with the process-wide backend.
_USUAL_BACKEND = (None, Token.token_backend, Token.get_token_backend)


class AccessToken(Token):
    """Authenticates requests until it expires; with ``TOKEN_FAMILY_CHECK_ON_ACCESS`` not after its family's end."""

    token_type = "access"
    lifetime: timedelta = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: api_settings.get_current("ACCESS_TOKEN_LIFETIME")
    )

    def verify(self) -> None:
        """Checks the claims; with ``TOKEN_FAMILY_CHECK_ON_ACCESS`` also the family. Raises ``TokenError``."""
        super().verify()
        if api_settings.TOKEN_FAMILY_CHECK_ON_ACCESS and family_enabled():
            FamilyMixin.check_family_expiration(self, self.current_time)
            FamilyMixin.check_family_blacklist(self)


class SlidingToken(BlacklistMixin["SlidingToken"], Token):
    """Authenticates requests until it expires, and can itself be refreshed until its refresh-exp claim has passed."""

    token_type = "sliding"
    lifetime: timedelta = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: api_settings.get_current("SLIDING_TOKEN_LIFETIME")
    )

    def _create_claims(self) -> None:
        """Sets the claims of a new token, and until when it can be refreshed."""
        super()._create_claims()
        self.set_exp(
            api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM,
            from_time=self.current_time,
            lifetime=api_settings.SLIDING_TOKEN_REFRESH_LIFETIME,
        )

    def _revocation_record(self) -> Issued:
        """Returns the record of this token when it is revoked, to be kept until its last refreshed copy has expired."""
        refresh_claim = api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM
        end = claims.last_copy_expiry(self.payload, refresh_claim, lifetime=self.lifetime)
        return replace(super()._revocation_record(), expires_at=claims.add_capped(end, self._extra_leeway()))


class _IssuesAccess(Protocol[A]):
    """The members of a refresh token that ``access_token`` reads. They tell type checkers what it returns."""

    payload: JSONObject
    current_time: datetime

    @property
    def access_token_class(self) -> type[A]: ...
    @property
    def no_copy_claims(self) -> Iterable[str | None]: ...


class RefreshToken(BlacklistMixin["RefreshToken"], FamilyMixin["RefreshToken"], Token):
    """Creates access tokens until it expires or is revoked.

    A subclass may set ``access_token_class``, and ``no_copy_claims``: the claims that access tokens do not take
    over from it.
    """

    token_type = "refresh"
    lifetime: timedelta = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: api_settings.get_current("REFRESH_TOKEN_LIFETIME")
    )
    access_token_class: type[AccessToken] = AccessToken
    no_copy_claims: Iterable[str | None] = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: (api_settings.TOKEN_TYPE_CLAIM, "exp", api_settings.JTI_CLAIM, "jti", "iat")
    )

    def verify(self) -> None:
        """Checks revocation, family and claims. The stores are asked one question. Raises ``TokenError``."""
        with records.one_lookup(self):
            super().verify()

    def _extra_leeway_of_family(self) -> timedelta:
        # Access tokens have the family's claims too, and may have a backend of their own.
        access = self.access_token_class.__new__(self.access_token_class)
        return max(self._extra_leeway(), access._extra_leeway())

    @property
    def access_token(self: _IssuesAccess[A]) -> A:
        """A new access token on each read, created as of this token's ``current_time``, with its other claims."""
        access = _create_as_of(self.current_time, self.access_token_class)
        kept = {*self.no_copy_claims, api_settings.TOKEN_TYPE_CLAIM, api_settings.JTI_CLAIM}
        if not api_settings.TOKEN_FAMILY_CHECK_ON_ACCESS:
            kept |= {api_settings.TOKEN_FAMILY_CLAIM, api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM}
        for claim, value in claims.copy_claims(self.payload).items():
            if claim not in kept:
                access[claim] = value
        return access


class UntypedToken(Token):
    """Accepts a token of any type: for reading a token whose type does not matter."""

    token_type = "untyped"
    lifetime = timedelta(seconds=0)

    def verify_token_type(self) -> None:
        """Accepts every type, and a token without one."""


# What sets the times of a new token.
_TIME_METHODS = ("__init__", "_create_claims", "set_exp", "set_iat")


def _create_as_of(moment: datetime, token_class: type[A]) -> A:
    """Creates a token as of ``moment``: its ``iat`` and ``exp`` count from then.

    A class with methods of its own is created now, and has both claims set once more.
    """
    is_plain = all(getattr(token_class, name, None) is getattr(Token, name) for name in _TIME_METHODS)
    if is_plain and token_class.token_type and token_class.lifetime:
        token = token_class.__new__(token_class)
        token.token, token.current_time = None, moment
        token._create_claims()
        return token
    token = token_class()
    token.current_time = moment
    token.set_exp()
    token.set_iat()
    return token
