"""The serializers of the token views: they check requests and build responses; tokens and rotation do the work."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from copy import copy
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, TypeAlias

from django.apps import apps
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, user_login_failed
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError as UnfitValue
from django.db import Error, IntegrityError
from django.http import HttpRequest
from django.utils.functional import classproperty
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework import settings as drf
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from . import database_outage, refusals, rotation, signals, users
from ._also import lazy_attributes
from .authentication import JWTAuthentication, JWTStatelessUserAuthentication
from .db_errors import is_unstorable
from .exceptions import AuthenticationFailed, LoginFailed, RefusalCode, TokenFamilyNotConfigured, TokenHasNoFamily
from .mixins import check_not_revoked
from .models import AuthUser, TokenUser
from .records import family_enabled
from .revocation import token_store
from .settings import api_settings
from .tokens import RefreshToken, SlidingToken, Token, UntypedToken

if apps.is_installed("django.contrib.auth"):
    from django.contrib.auth.models import update_last_login as update_last_login

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "ValidationError": "rest_framework.exceptions.ValidationError",
            "exceptions": "rest_framework.exceptions",
        },
    )

# Without update_last_login, which needs django.contrib.auth.
__all__ = [
    "AuthUser",
    "PasswordField",
    "TokenBlacklistSerializer",
    "TokenFamilyBlacklistSerializer",
    "TokenField",
    "TokenObtainPairSerializer",
    "TokenObtainSerializer",
    "TokenObtainSlidingSerializer",
    "TokenRefreshSerializer",
    "TokenRefreshSlidingSerializer",
    "TokenUser",
    "TokenVerifySerializer",
    "api_settings",
    "default_on_login_failed",
    "default_on_login_success",
]

# A serializer's data by field name: what a field holds is the field's to say.
Attrs: TypeAlias = dict[str, Any]

_SECRET = re.compile("api|token|key|secret|password|signature", re.IGNORECASE)
_MASK = "********************"


# Characters of a user name or a password: the time to hash grows with the length.
MAX_CREDENTIAL_LENGTH = 4096


class PasswordField(serializers.CharField):
    """A write-only password. White space is kept; a password that is too long is refused before it is hashed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("style", {})["input_type"] = "password"
        kwargs["write_only"] = True
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("max_length", MAX_CREDENTIAL_LENGTH)
        super().__init__(*args, **kwargs)


class _FastProhibitSurrogates(ProhibitSurrogateCharactersValidator):
    """Same as DRF's validator, but skips ASCII texts, which have no surrogates."""

    def __call__(self, value: str) -> None:
        if not value.isascii():
            super().__call__(value)


class TokenField(serializers.CharField):
    """Same as ``CharField``, but faster for long ASCII texts such as tokens."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        slow = ProhibitSurrogateCharactersValidator
        self.validators = [_FastProhibitSurrogates() if type(each) is slow else each for each in self.validators]


class _SecretSerializer(serializers.Serializer[Any]):
    """Base of serializers that receive passwords or tokens: error reports must not show their data."""

    def __repr__(self) -> str:
        """Returns the representation that DRF gives, without the data."""
        shown = copy(self)
        kwargs = {name: value for name, value in vars(self)["_kwargs"].items() if name != "data"}
        vars(shown).update(_args=(), _kwargs=kwargs)
        return serializers.Serializer.__repr__(shown)

    @sensitive_variables()
    def is_valid(self, *, raise_exception: bool = False) -> bool:
        return super().is_valid(raise_exception=raise_exception)


class TokenObtainSerializer(_SecretSerializer):
    """Checks credentials. Subclass one of its two subclasses, which also issue the tokens.

    A subclass may set ``token_class``, a class of tokens, and override:

    - ``get_token(user)``, called in the login's transaction: returns the token, with further claims.
    - ``validate(attrs)``, called with the values of the fields: returns the response's data, a dict. Its
      ``super().validate(attrs)`` checks the credentials, sets ``self.user`` and returns the data so far. It raises
      ``LoginFailed`` (401 ``no_active_account``) if the user is unknown or inactive or the password is wrong, after
      a call of ``ON_LOGIN_FAILED``.
    - ``username_field``, the name of the field that names the user, by default that of the user model.

    Any other refusal is an ``AuthenticationFailed`` (401) or a DRF ``ValidationError`` (400) that a hook raises.
    """

    username_field: str = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: get_user_model().USERNAME_FIELD
    )
    token_class: type[Token] | None = None
    user: AbstractBaseUser

    default_error_messages = {"no_active_account": _("No active account found with the given credentials")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[self.username_field] = serializers.CharField(write_only=True, max_length=MAX_CREDENTIAL_LENGTH)
        self.fields["password"] = PasswordField()

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Checks the credentials and sets ``self.user``. Returns an empty dict.

        Raises ``LoginFailed`` after calling ``ON_LOGIN_FAILED``.
        """
        request = self.context.get("request")
        credentials = {self.username_field: attrs[self.username_field], "password": attrs["password"]}
        user = self._authenticate(request, credentials)
        self.user = user  # type: ignore[assignment]  # None, which the rule refuses, is for the hooks of a project
        if not api_settings.USER_AUTHENTICATION_RULE(user):
            api_settings.ON_LOGIN_FAILED(_masked(credentials), request)
            raise LoginFailed(self.error_messages["no_active_account"])
        return {}

    @sensitive_variables()
    def _authenticate(self, request: HttpRequest | None, credentials: Attrs) -> AbstractBaseUser | None:
        """Returns the user with these credentials, or ``None``.

        Returns ``None``, too, for a user name that the database can't hold in its column: no user has it.
        """
        try:
            with users.read_from_primary():
                user = _call_backends(request, credentials)
        except Error as error:
            if not is_unstorable(error):
                raise
        except (ValueError, ArithmeticError, UnfitValue):
            if users.is_valid_for_field(self.username_field, credentials[self.username_field]):
                raise
        else:
            database_outage.end_outage()
            return user
        user_login_failed.send("django.contrib.auth", credentials=_masked(credentials), request=request)
        return None

    @classmethod
    def get_token(cls, user: AbstractBaseUser) -> Token:
        """Creates the token for ``user``. Called in the login's transaction, once more if that is retried.

        Override it to add claims: call ``super().get_token(user)``, set them and return the token.
        """
        assert cls.token_class is not None, f"{cls.__name__}.token_class is not set"
        return cls.token_class.for_user(user)

    def _log_in(self, answer: Callable[[Any], dict[str, str]]) -> dict[str, str]:
        """Creates a token and returns what ``answer`` makes of it, in one transaction.

        Nothing is recorded if creating, signing or a project's hook fails. The hooks run again only after a
        deadlock or a serialization failure, when what they wrote was rolled back. Raises ``LoginFailed`` if the
        user was deleted meanwhile.
        """
        request = self.context.get("request")

        def issue() -> dict[str, str]:
            token = self.get_token(self.user)
            facts = {"token": token, "user": self.user, "request": request}
            token_store().after_commit(lambda: signals.send(signals.token_issued, type(token), **facts))
            if api_settings.UPDATE_LAST_LOGIN:
                api_settings.ON_LOGIN_SUCCESS(self.user, request)
            answered = answer(token)
            if isinstance(token, Token):
                # `get_token` may have set a later expiry by `token["exp"] = ...`.
                token._extend_records()
            return answered

        try:
            return token_store().transact(issue)
        except IntegrityError as error:
            if not users.is_deleted(self.user):
                raise
            raise LoginFailed(self.error_messages["no_active_account"]) from error


class TokenObtainPairSerializer(TokenObtainSerializer):
    """Issues a refresh token and an access token for valid credentials: ``{"refresh": ..., "access": ...}``.

    ``get_token`` returns a refresh token; the access token is its ``access_token``. See ``TokenObtainSerializer``.
    """

    token_class: type[RefreshToken] = RefreshToken

    if TYPE_CHECKING:

        @classmethod
        def get_token(cls, user: AbstractBaseUser) -> RefreshToken: ...

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Returns ``{"refresh": ..., "access": ...}``. Raises ``LoginFailed``."""
        data = super().validate(attrs)
        return data | self._log_in(lambda token: {"refresh": str(token), "access": str(token.access_token)})


class TokenObtainSlidingSerializer(TokenObtainSerializer):
    """Issues a sliding token for valid credentials: ``{"token": ...}``. See ``TokenObtainSerializer``."""

    token_class: type[SlidingToken] = SlidingToken

    if TYPE_CHECKING:

        @classmethod
        def get_token(cls, user: AbstractBaseUser) -> SlidingToken: ...

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Returns ``{"token": ...}``. Raises ``LoginFailed``."""
        data = super().validate(attrs)
        return data | self._log_in(lambda token: {"token": str(token)})


class _UserTokenSerializer(_SecretSerializer):
    """Base of serializers that refuse a token whose user was deleted, is inactive or has changed their password."""

    default_error_messages = {
        "no_active_account": _("No active account found for the given token."),
        "password_changed": _("The user's password has been changed."),
    }

    def _check_user(self, token: Token) -> AbstractBaseUser | None:
        """Looks up the token's user. ``None`` for a token without a user claim, such as that of a machine.

        Raises ``AuthenticationFailed`` if the user may not have another token, and ``users.UsersNotStored`` if the
        project stores no users.
        """
        if api_settings.USER_ID_CLAIM not in token:
            return None
        try:
            return self._checked_user(token)
        except AuthenticationFailed as refusal:
            refusals.log(refusal, token.payload)
            raise

    def _checked_user(self, token: Token) -> AbstractBaseUser:
        """Looks up the user that the token names, who exists, passes the rule and has the same password as at login.

        Raises ``AuthenticationFailed`` otherwise; a token from before a change of password is revoked first.
        """
        user = users.find_on_primary(token[api_settings.USER_ID_CLAIM], field=api_settings.USER_ID_FIELD)
        if user is None or not api_settings.USER_AUTHENTICATION_RULE(user):
            raise self._no_active_account()
        if api_settings.CHECK_REVOKE_TOKEN and not users.is_password_unchanged(
            user, token.get(api_settings.REVOKE_TOKEN_CLAIM), api_settings.REVOKE_TOKEN_HASHER
        ):
            rotation.revoke(token)
            raise AuthenticationFailed(self.error_messages["password_changed"], RefusalCode.PASSWORD_CHANGED)
        return user

    def _require_user(self, token: Token) -> AbstractBaseUser | None:
        """As ``_check_user``, but refuse the token with ``AuthenticationFailed`` if the project has no users."""
        try:
            return self._check_user(token)
        except users.UsersNotStored as error:
            raise self._no_active_account() from error

    def _check_known_user(self, token: Token) -> AbstractBaseUser | None:
        """As ``_check_user``, but return ``None`` if the project has no users or authenticates by tokens alone."""
        if not _trusts_tokens_alone():
            with suppress(users.UsersNotStored):
                return self._check_user(token)
        return None

    def _no_active_account(self) -> AuthenticationFailed:
        return AuthenticationFailed(self.error_messages["no_active_account"], RefusalCode.NO_ACTIVE_ACCOUNT)


class TokenRefreshSerializer(_UserTokenSerializer):
    """Refreshes a pair: verifies the refresh token and its user, then issues a new access token.

    Under ``ROTATE_REFRESH_TOKENS`` also a new refresh token. A subclass may make ``refresh`` optional and set
    ``attrs["refresh"]``, for example from a cookie, before ``super().validate(attrs)``. Raises ``TokenError`` for a
    refresh token that is not valid (the view answers 401 ``token_not_valid``) and ``AuthenticationFailed`` (401
    ``no_active_account`` or ``password_changed``).
    """

    token_class: type[RefreshToken] = RefreshToken

    refresh = TokenField()
    access = serializers.CharField(read_only=True)

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Returns ``{"access": ...}``, with ``"refresh"`` under ``ROTATE_REFRESH_TOKENS``. Raises as the class says."""
        request = self.context.get("request")
        presented = rotation.present(self.token_class, attrs["refresh"], request)
        user = self._require_user(presented.token)
        try:
            pair = rotation.refresh(presented, owner=user)
        except IntegrityError as error:
            if not users.is_deleted(user):
                raise
            raise self._no_active_account() from error
        data = {"access": pair.access}
        if pair.refresh is not None:
            data["refresh"] = pair.refresh
        return data


class TokenRefreshSlidingSerializer(_UserTokenSerializer):
    """Refreshes a sliding token: the same token with a later expiry. Raises as ``TokenRefreshSerializer``."""

    token_class: type[Token] = SlidingToken

    token = TokenField()

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Returns ``{"token": ...}``, the same token with a later expiry. Raises as the class says."""
        token = self.token_class(attrs["token"])
        token.check_exp(api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM)
        user = self._check_known_user(token)
        token.set_exp()
        token.set_iat()
        # Its record must be kept as long as this copy is valid.
        token._outstand_for(user)
        return {"token": str(token)}


class TokenVerifySerializer(_UserTokenSerializer):
    """Accepts any valid, unexpired, unrevoked token whose user still exists and is active.

    A service without users, or one that authenticates by tokens alone, does not look up the user. Raises as
    ``TokenRefreshSerializer``.
    """

    token_class: type[Token] = UntypedToken

    token = TokenField(write_only=True)

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Returns an empty dict for a token that is valid and not revoked. Raises as the class says."""
        token = self.token_class(attrs["token"])
        check_not_revoked(token)
        self._check_known_user(token)
        return {}


def _trusts_tokens_alone() -> bool:
    """Returns whether requests are authenticated by their tokens alone, without a look-up of the user.

    True if ``DEFAULT_AUTHENTICATION_CLASSES`` has at least one class of this package, or a subclass, and all of those
    are stateless. False if it has none.
    """
    # Read from the module: override_settings replaces DRF's object.
    classes: Collection[Any] = drf.api_settings.DEFAULT_AUTHENTICATION_CLASSES
    ours = [each for each in classes if issubclass(each, JWTAuthentication)]
    return bool(ours) and all(issubclass(each, JWTStatelessUserAuthentication) for each in ours)


class TokenBlacklistSerializer(_SecretSerializer):
    """Revokes a refresh token. Without a store of revocations it accepts the token and does nothing.

    Raises ``TokenError`` for a token that is not valid.
    """

    token_class: type[RefreshToken] = RefreshToken

    refresh = TokenField(write_only=True)

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Logs out the token in ``attrs["refresh"]``. Returns an empty dict. Raises ``TokenError``."""
        rotation.log_out(self.token_class, attrs["refresh"], self.context.get("request"))
        return {}


class TokenFamilyBlacklistSerializer(_SecretSerializer):
    """Revokes the family of a refresh token.

    Raises ``TokenError``, ``TokenFamilyNotConfigured`` (501) or ``TokenHasNoFamily`` (400).
    """

    token_class: type[RefreshToken] = RefreshToken

    refresh = TokenField(write_only=True)
    message = serializers.CharField(read_only=True)

    @sensitive_variables()
    def validate(self, attrs: Attrs) -> Attrs:
        """Revokes the family of the token in ``attrs["refresh"]``. Returns the message of success."""
        if not family_enabled():
            raise TokenFamilyNotConfigured()
        refresh = rotation.present_to_log_out(self.token_class, attrs["refresh"], self.context.get("request"))
        if refresh.get_family_id() is None:
            raise TokenHasNoFamily()
        refresh.blacklist_family()
        return {"message": _("Token Family blacklisted")}


def _call_backends(request: HttpRequest | None, credentials: Attrs) -> AbstractBaseUser | None:
    """Returns the user with these ``credentials``, or ``None``. Errors of a backend lose their local variables.

    Error reports show the variables of every function that an error passed, and those of a project's backend hold
    the password. Django hides only the argument ``credentials`` of its own ``authenticate``.
    """
    try:
        return authenticate(request, **credentials)
    except Exception as error:
        if not settings.DEBUG:
            _clear_variables(error)
        raise


def _clear_variables(error: BaseException) -> None:
    """Clears the local variables of all functions that raised ``error``, or an error that caused it."""
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        link = errors.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            clear_frames(link.__traceback__)
            errors += link.__cause__, link.__context__


def default_on_login_success(user: AbstractBaseUser, request: HttpRequest | None) -> None:
    """Sets the user's ``last_login`` to now. The default of ``ON_LOGIN_SUCCESS``, called in the login's transaction."""
    update_last_login(None, user)  # type: ignore[arg-type]  # the sender is not used


def default_on_login_failed(credentials: Attrs, request: HttpRequest | None) -> None:
    """Does nothing: Django has sent its signal ``user_login_failed`` before. The default of ``ON_LOGIN_FAILED``."""


def _masked(credentials: Attrs) -> Attrs:
    return {name: _MASK if _SECRET.search(name) else value for name, value in credentials.items()}
