"""The shapes of what the views take and give; the work is done in tokens and rotation."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from copy import copy
from traceback import clear_frames
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, user_login_failed
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
from ._also import also_has
from .authentication import JWTAuthentication, JWTStatelessUserAuthentication
from .db_errors import is_unfit
from .exceptions import AuthenticationFailed, LoginFailed, TokenFamilyNotConfigured, TokenHasNoFamily
from .models import AuthUser as AuthUser
from .models import TokenUser as TokenUser
from .revocation import token_store
from .settings import api_settings
from .tokens import RefreshToken, SlidingToken, Token, UntypedToken, check_not_revoked, family_enabled

if apps.is_installed("django.contrib.auth"):
    from django.contrib.auth.models import update_last_login

__getattr__ = also_has(
    __name__,
    {
        "AbstractBaseUser": "django.contrib.auth.base_user.AbstractBaseUser",
        "ValidationError": "rest_framework.exceptions.ValidationError",
        "exceptions": "rest_framework.exceptions",
    },
)

_SECRET = re.compile("api|token|key|secret|password|signature", re.IGNORECASE)
_MASK = "********************"


# Characters of a user name or a password: hashing costs more the longer it is.
MAX_CREDENTIAL_LENGTH = 4096


class PasswordField(serializers.CharField):
    """Write-only, and taken to the letter: white space is part of a password. Bounded before it is hashed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("style", {})["input_type"] = "password"
        kwargs["write_only"] = True
        kwargs.setdefault("trim_whitespace", False)
        kwargs.setdefault("max_length", MAX_CREDENTIAL_LENGTH)
        super().__init__(*args, **kwargs)


class _ProhibitSurrogates(ProhibitSurrogateCharactersValidator):
    """As DRF's, which looks at one character after the other, also of ASCII, which has none."""

    def __call__(self, value: Any) -> None:
        if not value.isascii():
            super().__call__(value)


class TokenField(serializers.CharField):
    """A text that may be as long as a request: as a ``CharField``, only faster."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        slow = ProhibitSurrogateCharactersValidator
        self.validators = [_ProhibitSurrogates() if type(each) is slow else each for each in self.validators]


class _SecretSerializer(serializers.Serializer[Any]):
    """Base of those that are given passwords or tokens, which error reports must not show."""

    def __repr__(self) -> str:
        """As DRF's, without the data."""
        shown = copy(self)
        kwargs = {name: value for name, value in vars(self)["_kwargs"].items() if name != "data"}
        vars(shown).update(_args=(), _kwargs=kwargs)
        return serializers.Serializer.__repr__(shown)

    @sensitive_variables()
    def is_valid(self, *, raise_exception: bool = False) -> bool:
        return super().is_valid(raise_exception=raise_exception)


class TokenObtainSerializer(_SecretSerializer):
    """Checks credentials; ``self.user`` is theirs once validated.

    Raises ``LoginFailed`` (401 ``no_active_account``), whether the user is unknown,
    inactive or the password wrong.
    """

    username_field: ClassVar[str] = classproperty(  # type: ignore[assignment]  # read on the class
        lambda cls: get_user_model().USERNAME_FIELD
    )
    token_class: ClassVar[type[Token] | None] = None
    user: Any

    default_error_messages = {"no_active_account": _("No active account found with the given credentials")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[self.username_field] = serializers.CharField(write_only=True, max_length=MAX_CREDENTIAL_LENGTH)
        self.fields["password"] = PasswordField()

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        request = self.context.get("request")
        credentials = {self.username_field: attrs[self.username_field], "password": attrs["password"]}
        self.user = self._authenticate(request, credentials)
        if not api_settings.USER_AUTHENTICATION_RULE(self.user):
            api_settings.ON_LOGIN_FAILED(_masked(credentials), request)
            raise LoginFailed(self.error_messages["no_active_account"])
        return {}

    @sensitive_variables()
    def _authenticate(self, request: Any, credentials: dict[str, Any]) -> Any:
        """The user with these credentials, or ``None``; nobody has a name that is no value of its field."""
        try:
            with users.read_from_primary():
                user = _call_backends(request, credentials)
        except Error as error:
            if not is_unfit(error):
                raise
        except (ValueError, ArithmeticError, UnfitValue):
            if users.is_valid_for_field(self.username_field, credentials[self.username_field]):
                raise
        else:
            database_outage.answered()
            return user
        user_login_failed.send("django.contrib.auth", credentials=_masked(credentials), request=request)
        return None

    @classmethod
    def get_token(cls, user: Any) -> Any:
        """The token to answer with: override to add claims of your own."""
        assert cls.token_class is not None, f"{cls.__name__}.token_class is not set"
        return cls.token_class.for_user(user)

    def _log_in(self, answer: Callable[[Any], dict[str, str]]) -> dict[str, str]:
        """The ``answer`` made of a new token: a login that can't be recorded, or answered, leaves no record.

        A project's hooks run again only after a deadlock or a serialization failure, with what they wrote undone.
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
                # Whichever way `get_token` has set its expiry.
                token._prolong_record()
            return answered

        try:
            return token_store().transact(issue)
        except IntegrityError as error:
            if not users.is_deleted(self.user):
                raise
            raise LoginFailed(self.error_messages["no_active_account"]) from error


class TokenObtainPairSerializer(TokenObtainSerializer):
    token_class = RefreshToken

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        data = super().validate(attrs)
        return data | self._log_in(lambda token: {"refresh": str(token), "access": str(token.access_token)})


class TokenObtainSlidingSerializer(TokenObtainSerializer):
    token_class = SlidingToken

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        data = super().validate(attrs)
        return data | self._log_in(lambda token: {"token": str(token)})


class _OfUserSerializer(_SecretSerializer):
    """Base of those that refuse the token of a user who is gone, inactive or has changed their password."""

    default_error_messages = {
        "no_active_account": _("No active account found for the given token."),
        "password_changed": _("The user's password has been changed."),
    }

    def _check_user(self, token: Any) -> Any:
        """The token's user, who may have another token; ``None`` if it has no user claim, such as a machine's.

        Raises ``AuthenticationFailed`` for any other user, and ``users.UsersNotStored``.
        """
        if api_settings.USER_ID_CLAIM not in token:
            return None
        try:
            return self._checked_user(token)
        except AuthenticationFailed as refusal:
            refusals.log(refusal, token.payload)
            raise

    def _checked_user(self, token: Any) -> Any:
        user = users.find_on_primary(token[api_settings.USER_ID_CLAIM], field=api_settings.USER_ID_FIELD)
        if user is None or not api_settings.USER_AUTHENTICATION_RULE(user):
            raise self._no_active_account()
        if api_settings.CHECK_REVOKE_TOKEN and not users.is_password_unchanged(
            user, token.get(api_settings.REVOKE_TOKEN_CLAIM), api_settings.REVOKE_TOKEN_HASHER
        ):
            rotation.revoke(token)
            raise AuthenticationFailed(self.error_messages["password_changed"], "password_changed")
        return user

    def _require_user(self, token: Any) -> Any:
        """As ``_check_user``, and where the project keeps no users, nobody may have another token."""
        try:
            return self._check_user(token)
        except users.UsersNotStored as error:
            raise self._no_active_account() from error

    def _check_known_user(self, token: Any) -> Any:
        """As ``_check_user``; ``None`` too where the project keeps no users, or authenticates by the token alone."""
        if not _trusts_tokens_alone():
            with suppress(users.UsersNotStored):
                return self._check_user(token)
        return None

    def _no_active_account(self) -> AuthenticationFailed:
        return AuthenticationFailed(self.error_messages["no_active_account"], "no_active_account")


class TokenRefreshSerializer(_OfUserSerializer):
    token_class: ClassVar[type[RefreshToken]] = RefreshToken

    refresh = TokenField()
    access = serializers.CharField(read_only=True)

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
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


class TokenRefreshSlidingSerializer(_OfUserSerializer):
    token_class: ClassVar[type[Token]] = SlidingToken

    token = TokenField()

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = self.token_class(attrs["token"])
        token.check_exp(api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM)
        user = self._check_known_user(token)
        token.set_exp()
        token.set_iat()
        # Its record must last as long as this copy.
        token._outstand_for(user)
        return {"token": str(token)}


class TokenVerifySerializer(_OfUserSerializer):
    """Accepts any valid, unexpired, unrevoked token whose user still exists and is active.

    A service that keeps no users, or authenticates by the token alone, does not look for the user.
    """

    token_class: ClassVar[type[Token]] = UntypedToken

    token = TokenField(write_only=True)

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = self.token_class(attrs["token"])
        check_not_revoked(token)
        self._check_known_user(token)
        return {}


def _trusts_tokens_alone() -> bool:
    """Whether this service looks no user up by a token: its default authentication classes of ours are stateless."""
    # Through the module: override_settings replaces DRF's object.
    classes: Collection[Any] = drf.api_settings.DEFAULT_AUTHENTICATION_CLASSES
    ours = [each for each in classes if issubclass(each, JWTAuthentication)]
    return bool(ours) and all(issubclass(each, JWTStatelessUserAuthentication) for each in ours)


class TokenBlacklistSerializer(_SecretSerializer):
    """Revokes a refresh token; without the app that remembers revocations, accepts it all the same."""

    token_class: ClassVar[type[RefreshToken]] = RefreshToken

    refresh = TokenField(write_only=True)

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        rotation.log_out(self.token_class, attrs["refresh"], self.context.get("request"))
        return {}


class TokenFamilyBlacklistSerializer(_SecretSerializer):
    """Revokes a refresh token's family. Raises ``TokenFamilyNotConfigured`` (501) or ``TokenHasNoFamily`` (400)."""

    token_class: ClassVar[type[RefreshToken]] = RefreshToken

    refresh = TokenField(write_only=True)
    message = serializers.CharField(read_only=True)

    @sensitive_variables()
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not family_enabled():
            raise TokenFamilyNotConfigured()
        refresh = rotation.present_to_end(self.token_class, attrs["refresh"], self.context.get("request"))
        if refresh.get_family_id() is None:
            raise TokenHasNoFamily()
        refresh.blacklist_family()
        return {"message": _("Token Family blacklisted")}


def _call_backends(request: HttpRequest | None, credentials: dict[str, Any]) -> Any:
    """The user with these ``credentials``, or ``None``. What it raises leads to no variables that hold the password.

    Error reports show those of a backend's functions: the decorator of Django's ``authenticate`` names
    ``credentials`` alone, and the decorator nearest to a function decides.
    """
    try:
        return authenticate(request, **credentials)
    except Exception as error:
        if not settings.DEBUG:
            _clear_variables(error)
        raise


def _clear_variables(error: BaseException) -> None:
    """Clears the variables of all functions that have ended with ``error``, and with the errors that led to it."""
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        link = errors.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            clear_frames(link.__traceback__)
            errors += link.__cause__, link.__context__


def default_on_login_success(user: Any, request: HttpRequest | None) -> None:
    update_last_login(None, user)  # type: ignore[arg-type]  # the sender is not used


def default_on_login_failed(credentials: dict[str, Any], request: HttpRequest | None) -> None:
    """Django's own ``user_login_failed`` signal has been sent; there is nothing to add."""


def _masked(credentials: dict[str, Any]) -> dict[str, Any]:
    return {name: _MASK if _SECRET.search(name) else value for name, value in credentials.items()}
