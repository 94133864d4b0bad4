"""DRF authentication classes: from a request to a user and the token that named them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import HTTP_HEADER_ENCODING
from rest_framework.authentication import BaseAuthentication

from . import database_outage, refusals, transport, trust, users
from ._also import also_has
from .exceptions import AuthenticationFailed, InvalidToken, TokenError
from .foreign import ForeignToken
from .models import AuthUser as AuthUser
from .models import TokenUser as TokenUser
from .revocation import verify_for_access
from .settings import api_settings
from .tokens import Token

_NOT_VALID = _("Given token not valid for any token type")


__getattr__ = also_has(
    __name__,
    {
        "AUTH_HEADER_TYPES": lambda: api_settings.AUTH_HEADER_TYPES,
        "AUTH_HEADER_TYPE_BYTES": lambda: {
            scheme.encode(HTTP_HEADER_ENCODING) for scheme in api_settings.AUTH_HEADER_TYPES
        },
        "AbstractBaseUser": "django.contrib.auth.base_user.AbstractBaseUser",
        "Request": "rest_framework.request.Request",
        "authentication": "rest_framework.authentication",
        "get_md5_hash_password": "rest_framework_simplejwt.utils.get_md5_hash_password",
    },
)


class JWTAuthentication(BaseAuthentication):
    """Authenticates by the token in the ``Authorization`` header, and looks its user up."""

    www_authenticate_realm = "api"
    media_type = "application/json"

    @cached_property
    def user_model(self) -> Any:
        return get_user_model()

    @sensitive_variables()
    def authenticate(self, request: HttpRequest) -> tuple[Any, Token] | None:
        """The user and the validated token, or ``None`` when the request carries no token of ours.

        Raises ``InvalidToken`` or ``AuthenticationFailed``, both 401.
        """
        header = self.get_header(request)
        if header is None:
            return None
        try:
            raw_token = self.get_raw_token(header)
            if raw_token is None:
                return None
            validated_token = self.get_validated_token(raw_token)
            return self._user_of(validated_token), validated_token
        except AuthenticationFailed as refusal:
            refusals.mark(request, refusal)
            raise

    def _user_of(self, validated_token: Token) -> Any:
        try:
            return self.get_user(validated_token)
        except AuthenticationFailed as refusal:
            refusals.log(refusal, validated_token.payload)
            raise

    def authenticate_header(self, request: HttpRequest) -> str:
        """The challenge on a 401; it says so when a token was presented and refused (RFC 6750 section 3)."""
        return refusals.challenge(request, scheme=api_settings.AUTH_HEADER_TYPES[0], realm=self.www_authenticate_realm)

    def get_header(self, request: HttpRequest) -> bytes | None:
        """The header that carries the token, undecoded."""
        return transport.read_header(request, api_settings.AUTH_HEADER_NAME)

    @sensitive_variables()
    def get_raw_token(self, header: bytes) -> bytes | None:
        """The token in the header, ``None`` for a scheme that is not ours.

        Raises ``AuthenticationFailed`` (``bad_authorization_header``) for anything but two words.
        """
        return transport.token_in(header, api_settings.AUTH_HEADER_TYPES)

    @sensitive_variables()
    def get_validated_token(self, raw_token: str | bytes) -> Token:
        """The token as the first of ``AUTH_TOKEN_CLASSES`` that accepts it; a trusted issuer's as ``ForeignToken``.

        Raises ``InvalidToken`` with what each class had to say.
        """
        messages = []
        for token_class in self._classes_for(raw_token):
            try:
                return verify_for_access(token_class, raw_token)  # type: ignore[no-any-return]  # classes come from the settings
            except TokenError as error:
                messages.append(
                    {
                        "token_class": token_class.__name__,
                        "token_type": token_class.token_type,
                        "message": error.args[0],
                    }
                )
        raise InvalidToken({"detail": _NOT_VALID, "messages": messages})

    def _classes_for(self, raw_token: str | bytes) -> Collection[Any]:
        # A token that bears a trusted issuer's name is that issuer's, or nobody's.
        if api_settings.TRUSTED_ISSUERS and trust.trusted_issuer(raw_token) is not None:
            return (ForeignToken,)
        return api_settings.AUTH_TOKEN_CLASSES

    @sensitive_variables()
    def get_user(self, validated_token: Token) -> Any:
        """The user the token names; for a trusted issuer's token, whom ``USER_FROM_CLAIMS`` answers with.

        Raises ``InvalidToken`` when it names none, and ``AuthenticationFailed`` with the code
        ``user_not_found``, ``user_inactive`` or ``password_changed``.
        """
        user = self._user_named_by(validated_token)
        if user is None:
            raise AuthenticationFailed(_("User not found"), code="user_not_found")
        if api_settings.CHECK_USER_IS_ACTIVE and not users.is_active(user):
            raise AuthenticationFailed(_("User is inactive"), code="user_inactive")
        if not self._password_is_good(user, validated_token):
            raise AuthenticationFailed(_("The user's password has been changed."), code="password_changed")
        return user

    def _user_named_by(self, validated_token: Token) -> Any:
        if isinstance(validated_token, ForeignToken) and api_settings.USER_FROM_CLAIMS is not None:
            try:
                return api_settings.USER_FROM_CLAIMS(dict(validated_token.payload), validated_token.entry)
            except Error as error:
                database_outage.raise_if_outage(error)
                raise
        if api_settings.USER_ID_CLAIM not in validated_token:
            raise InvalidToken(_("Token contained no recognizable user identification"))
        return users.find(self.user_model, api_settings.USER_ID_FIELD, validated_token[api_settings.USER_ID_CLAIM])

    def _password_is_good(self, user: Any, validated_token: Token) -> bool:
        # Another issuer knows no password of ours.
        if not api_settings.CHECK_REVOKE_TOKEN or isinstance(validated_token, ForeignToken):
            return True
        fingerprint = validated_token.get(api_settings.REVOKE_TOKEN_CLAIM)
        return users.password_unchanged(user, fingerprint, api_settings.REVOKE_TOKEN_HASHER)


class JWTStatelessUserAuthentication(JWTAuthentication):
    """Trusts the token alone: the user is a ``TOKEN_USER_CLASS``, and no database is asked."""

    def get_user(self, validated_token: Token) -> Any:
        if not users.is_identity(validated_token.get(api_settings.USER_ID_CLAIM)):
            # The claim is all that identifies a token's user; without one there is nobody.
            raise InvalidToken(_("Token contained no recognizable user identification"))
        return api_settings.TOKEN_USER_CLASS(validated_token)


JWTTokenUserAuthentication = JWTStatelessUserAuthentication


def default_user_authentication_rule(user: Any) -> bool:
    """Whether ``user`` may have tokens: there is one, active unless ``CHECK_USER_IS_ACTIVE`` is off."""
    return user is not None and (not api_settings.CHECK_USER_IS_ACTIVE or users.is_active(user))
