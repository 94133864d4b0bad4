"""DRF authentication classes: they turn a request into a user and the verified token that identifies them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import Error
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import HTTP_HEADER_ENCODING
from rest_framework.authentication import BaseAuthentication

from . import database_outage, refusals, transport, trust, users
from ._also import lazy_attributes
from .exceptions import AuthenticationFailed, InvalidToken, RefusalCode, TokenError
from .foreign import ForeignToken
from .models import AnyUser, AuthUser, TokenUser
from .revocation import verify_for_access
from .settings import api_settings
from .tokens import Token

__all__ = [
    "AUTH_HEADER_TYPES",
    "AUTH_HEADER_TYPE_BYTES",
    "AuthUser",
    "AuthenticationFailed",
    "InvalidToken",
    "JWTAuthentication",
    "JWTStatelessUserAuthentication",
    "JWTTokenUserAuthentication",
    "TokenError",
    "TokenUser",
    "api_settings",
    "default_user_authentication_rule",
]

_NOT_VALID = _("Given token not valid for any token type")

if TYPE_CHECKING:
    AUTH_HEADER_TYPES: tuple[str, ...]
    AUTH_HEADER_TYPE_BYTES: set[bytes]
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AUTH_HEADER_TYPES": lambda: api_settings.AUTH_HEADER_TYPES,
            "AUTH_HEADER_TYPE_BYTES": lambda: {
                scheme.encode(HTTP_HEADER_ENCODING) for scheme in api_settings.AUTH_HEADER_TYPES
            },
            "Request": "rest_framework.request.Request",
            "authentication": "rest_framework.authentication",
            "get_md5_hash_password": "rest_framework_simplejwt.utils.get_md5_hash_password",
        },
    )


class JWTAuthentication(BaseAuthentication):
    """Authenticates a request by the token in its ``Authorization`` header, and looks up the token's user.

    ``authenticate`` calls four methods in this order. A subclass may override each:

    - ``get_header(request)`` returns the header as bytes, or ``None`` for a request without a token;
    - ``get_raw_token(header)`` returns the token in it, or ``None`` for another scheme;
    - ``get_validated_token(raw_token)`` returns the verified token, or raises ``InvalidToken``;
    - ``get_user(validated_token)`` returns its user, or raises ``AuthenticationFailed``.

    After a ``None`` the next authentication class of the view is tried.
    ``www_authenticate_realm`` is the realm of the ``WWW-Authenticate`` header of a 401.
    """

    www_authenticate_realm = "api"
    media_type = "application/json"

    @cached_property
    def user_model(self) -> type[AbstractBaseUser]:
        """The user model in which ``get_user`` looks up the user."""
        return get_user_model()

    @sensitive_variables()
    def authenticate(self, request: HttpRequest) -> tuple[AnyUser, Token] | None:
        """Returns the user and the verified token, or ``None`` if the request presents no token.

        ``None`` lets DRF try the next authentication class. Raises ``InvalidToken`` or another
        ``AuthenticationFailed`` (both 401) if a token is presented and refused, and ``ServiceUnavailable`` (503)
        if it can't be checked at the moment.
        """
        header = self.get_header(request)
        if header is None:
            return None
        try:
            raw_token = self.get_raw_token(header)
            if raw_token is None:
                return None
            validated_token = self.get_validated_token(raw_token)
            return self._get_user_or_log(validated_token), validated_token
        except AuthenticationFailed as refusal:
            refusals.attach(request, refusal)
            raise

    def _get_user_or_log(self, validated_token: Token) -> AnyUser:
        """Returns what ``get_user`` returns.

        If it raises ``AuthenticationFailed``, logs why and raises it again.
        """
        try:
            return self.get_user(validated_token)
        except AuthenticationFailed as refusal:
            refusals.log(refusal, validated_token.payload)
            raise

    def authenticate_header(self, request: HttpRequest) -> str:
        """Returns the ``WWW-Authenticate`` header of a 401, with the error if a token was refused (RFC 6750 section 3).

        DRF calls this method on the first authentication class of the view.
        """
        return refusals.challenge(request, scheme=api_settings.AUTH_HEADER_TYPES[0], realm=self.www_authenticate_realm)

    def get_header(self, request: HttpRequest) -> bytes | None:
        """Returns the header that may hold a token, or ``None`` if the request has no such header.

        Override this method to read the token from another place: return ``b"Bearer <token>"``, for example.
        """
        return transport.read_header(request, api_settings.AUTH_HEADER_NAME)

    @sensitive_variables()
    def get_raw_token(self, header: bytes) -> bytes | None:
        """Returns the token in ``header``, or ``None`` for a scheme other than ``AUTH_HEADER_TYPES``.

        The token is not decoded. Raises ``AuthenticationFailed`` (``bad_authorization_header``) unless exactly one
        word follows the scheme.
        """
        return transport.extract_token(header, api_settings.AUTH_HEADER_TYPES)

    @sensitive_variables()
    def get_validated_token(self, raw_token: str | bytes) -> Token:
        """Verifies ``raw_token`` and returns an instance of the first of ``AUTH_TOKEN_CLASSES`` that accepts it.

        Returns a ``ForeignToken`` if the token's ``iss`` is one of ``TRUSTED_ISSUERS``. Raises ``InvalidToken`` with
        one message for each class that rejected the token, and ``ServiceUnavailable`` if the keys or the revocation
        store can't be reached.
        """
        messages = []
        for token_class in self._token_classes_for(raw_token):
            try:
                return verify_for_access(token_class, raw_token)
            except TokenError as error:
                messages.append(
                    {
                        "token_class": token_class.__name__,
                        "token_type": token_class.token_type,
                        "message": error.args[0],
                    }
                )
        raise InvalidToken({"detail": _NOT_VALID, "messages": messages})

    def _token_classes_for(self, raw_token: str | bytes) -> Collection[type[Token]]:
        """Returns the token classes to try in turn.

        These are ``AUTH_TOKEN_CLASSES``; for a token whose unverified ``iss`` is a trusted issuer, ``ForeignToken``
        only.
        """
        # A token that names a trusted issuer is valid only as a token of that issuer.
        if api_settings.TRUSTED_ISSUERS and trust.find_trusted_issuer(raw_token) is not None:
            return (ForeignToken,)
        return api_settings.AUTH_TOKEN_CLASSES

    @sensitive_variables()
    def get_user(self, validated_token: Token) -> AnyUser:
        """Returns the user that the token identifies.

        For a ``ForeignToken``, ``USER_FROM_CLAIMS`` selects the user if it is set. An override must return a user
        or raise. Raises ``InvalidToken`` if the token has no user id claim, ``AuthenticationFailed`` with the code
        ``user_not_found``, ``user_inactive`` or ``password_changed``, and ``DatabaseUnavailable``.
        """
        user = self._find_user(validated_token)
        if user is None:
            raise AuthenticationFailed(_("User not found"), RefusalCode.USER_NOT_FOUND)
        if api_settings.CHECK_USER_IS_ACTIVE and not users.is_active(user):
            raise AuthenticationFailed(_("User is inactive"), RefusalCode.USER_INACTIVE)
        if not self._is_password_unchanged(user, validated_token):
            raise AuthenticationFailed(_("The user's password has been changed."), RefusalCode.PASSWORD_CHANGED)
        return user

    def _find_user(self, validated_token: Token) -> AnyUser | None:
        """Returns the user that ``USER_FROM_CLAIMS`` or the user id claim selects, active or not, or ``None``.

        Raises ``InvalidToken`` if the token has no user id claim, and ``DatabaseUnavailable``.
        """
        if isinstance(validated_token, ForeignToken) and api_settings.USER_FROM_CLAIMS is not None:
            try:
                return api_settings.USER_FROM_CLAIMS(dict(validated_token.payload), validated_token.entry)
            except Error as error:
                database_outage.raise_if_outage(error)
                raise
        if api_settings.USER_ID_CLAIM not in validated_token:
            raise InvalidToken(_("Token contained no recognizable user identification"))
        return users.find(self.user_model, api_settings.USER_ID_FIELD, validated_token[api_settings.USER_ID_CLAIM])

    def _is_password_unchanged(self, user: AnyUser, validated_token: Token) -> bool:
        """Returns whether the token has a fingerprint of the user's current password.

        True also if ``CHECK_REVOKE_TOKEN`` is off, and for a ``ForeignToken``.
        """
        # Another issuer's token has no fingerprint of the user's password.
        if not api_settings.CHECK_REVOKE_TOKEN or isinstance(validated_token, ForeignToken):
            return True
        fingerprint = validated_token.get(api_settings.REVOKE_TOKEN_CLAIM)
        return users.is_password_unchanged(user, fingerprint, api_settings.REVOKE_TOKEN_HASHER)


class JWTStatelessUserAuthentication(JWTAuthentication):
    """An authentication class that builds the user from the token's claims and does not query the database."""

    def get_user(self, validated_token: Token) -> TokenUser:
        """Returns ``TOKEN_USER_CLASS(validated_token)``. Raises ``InvalidToken`` if the token has no user id claim."""
        if not users.is_user_id(validated_token.get(api_settings.USER_ID_CLAIM)):
            raise InvalidToken(_("Token contained no recognizable user identification"))
        return api_settings.TOKEN_USER_CLASS(validated_token)


JWTTokenUserAuthentication = JWTStatelessUserAuthentication


def default_user_authentication_rule(user: AbstractBaseUser | None) -> bool:
    """Returns whether tokens may be issued to ``user``. The default of ``USER_AUTHENTICATION_RULE``.

    True for a user who is active, and with ``CHECK_USER_IS_ACTIVE`` off for any user. False for ``None``.
    """
    return user is not None and (not api_settings.CHECK_USER_IS_ACTIVE or users.is_active(user))
