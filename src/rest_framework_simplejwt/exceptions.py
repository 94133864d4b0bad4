"""Every exception that this package defines.

TokenError                           a token is rejected or can't be issued; the text may be shown to the client
├── ExpiredTokenError
└── RefreshTokenBlacklistedError
TokenBackendError                    a token can't be encoded or decoded
├── TokenBackendExpiredToken
└── NoSigningKey                     also a KeysUnavailable
APIException (DRF)                   an HTTP response: {"detail": ..., "code": ...}
├── AuthenticationFailed             401
│   ├── InvalidToken                 401 token_not_valid
│   └── LoginFailed                  401 no_active_account
├── TokenHasNoFamily                 400 token_has_no_family
├── RequestTooLarge                  413 request_too_large
├── TokenFamilyNotConfigured         501 token_family_not_configured
└── ServiceUnavailable               503 service_unavailable
    ├── KeysUnavailable              503 keys_unavailable
    ├── RevocationUnavailable        503 revocation_unavailable
    │   └── RevocationDatabaseUnavailable    also a DatabaseUnavailable
    └── DatabaseUnavailable          503 service_unavailable; also Django's OperationalError
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status

from ._types import JSONObject

if TYPE_CHECKING:
    from rest_framework.exceptions import _APIExceptionInput

__all__ = [
    "AuthenticationFailed",
    "DatabaseUnavailable",
    "DetailDictMixin",
    "ExpiredTokenError",
    "InvalidToken",
    "KeysUnavailable",
    "LoginFailed",
    "NoSigningKey",
    "RefreshTokenBlacklistedError",
    "RefusalCode",
    "RequestTooLarge",
    "RevocationDatabaseUnavailable",
    "RevocationUnavailable",
    "ServiceUnavailable",
    "TokenBackendError",
    "TokenBackendExpiredToken",
    "TokenError",
    "TokenFamilyNotConfigured",
    "TokenHasNoFamily",
]

# The only texts that a client gets about a token that is invalid for any reason, or expired.
INVALID = _("Token is invalid")
EXPIRED = _("Token is expired")


class RefusalCode(str, Enum):
    """Every ``code`` of the error responses of this package. Responses and ``get_codes()`` contain plain strings."""

    # Its text is the code also where a project writes the member into a response.
    __str__ = str.__str__

    TOKEN_NOT_VALID = "token_not_valid"
    NO_ACTIVE_ACCOUNT = "no_active_account"
    USER_NOT_FOUND = "user_not_found"
    USER_INACTIVE = "user_inactive"
    PASSWORD_CHANGED = "password_changed"
    BAD_AUTHORIZATION_HEADER = "bad_authorization_header"
    TOKEN_HAS_NO_FAMILY = "token_has_no_family"
    REQUEST_TOO_LARGE = "request_too_large"
    TOKEN_FAMILY_NOT_CONFIGURED = "token_family_not_configured"
    SERVICE_UNAVAILABLE = "service_unavailable"
    KEYS_UNAVAILABLE = "keys_unavailable"
    REVOCATION_UNAVAILABLE = "revocation_unavailable"


class TokenError(Exception):
    """A token is rejected or can't be issued. ``str(error)`` may be shown to the client."""


class ExpiredTokenError(TokenError):
    """The token is valid, except that it has expired."""


class RefreshTokenBlacklistedError(TokenError):
    """The refresh token is valid and has not expired, but it is revoked."""


class TokenBackendError(Exception):
    """A token can't be encoded or decoded, or a ``TokenBackend`` can't be built from its arguments."""


class TokenBackendExpiredToken(TokenBackendError):
    """The signature is valid, but the token has expired. ``claims`` are its verified claims, if set."""

    claims: JSONObject | None = None


class DetailDictMixin:
    """A DRF exception whose response is ``{"detail": ..., "code": ...}``.

    ``detail`` and ``code`` default to ``default_detail`` and ``default_code``. If ``detail`` is a dict, its items
    are added to the response and replace the defaults.
    """

    default_detail: _APIExceptionInput
    default_code: str

    def __init__(self, detail: _APIExceptionInput = None, code: str | None = None) -> None:
        """Stores the response untranslated. ``code`` may be a ``RefusalCode`` or a string."""
        # DRF's __init__ is not called: it translates immediately, and under a flood most refusals are never read.
        self._response: dict[str, _APIExceptionInput] = {"detail": self.default_detail, "code": self.default_code}
        if isinstance(detail, dict):
            self._response.update(detail)
        elif detail is not None:
            self._response["detail"] = detail
        if code is not None:
            self._response["code"] = code.value if isinstance(code, RefusalCode) else code

    if TYPE_CHECKING:
        # Always a dict. DRF's type also allows a string or a list, and a narrower type would conflict with it.
        detail: Any
    else:

        @cached_property
        def detail(self) -> dict[str, object]:
            """The response, translated when it is first read. Each text in it has the ``code`` of the response."""
            return exceptions.APIException(self._response, str(self._response["code"])).detail


class AuthenticationFailed(DetailDictMixin, exceptions.AuthenticationFailed):
    """401. ``code`` tells the reason, such as ``user_not_found``."""


class InvalidToken(AuthenticationFailed):
    """401 ``token_not_valid``: the presented token is rejected."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = _("Token is invalid or expired")
    default_code = RefusalCode.TOKEN_NOT_VALID.value


class LoginFailed(AuthenticationFailed):
    """401 ``no_active_account``: a login failed, because of a wrong user name or password or an inactive user."""

    default_code = RefusalCode.NO_ACTIVE_ACCOUNT.value


class TokenHasNoFamily(DetailDictMixin, exceptions.APIException):
    """400 ``token_has_no_family``: the token was issued while families were off, so there is no family to revoke."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("Token has no family ID")
    default_code = RefusalCode.TOKEN_HAS_NO_FAMILY.value


class RequestTooLarge(DetailDictMixin, exceptions.APIException):
    """413 ``request_too_large``: the body sent to a token view is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    # Django's own text, which Django does not translate.
    default_detail = "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE."
    default_code = RefusalCode.REQUEST_TOO_LARGE.value


class ServiceUnavailable(DetailDictMixin, exceptions.APIException):
    """503 ``service_unavailable``: a token or password can't be checked now, as while the database is unavailable.

    The token or password may be valid. The response has the header ``Retry-After`` (RFC 9110 section 10.2.3).
    """

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("Tokens can't be checked at the moment, try again")
    default_code = RefusalCode.SERVICE_UNAVAILABLE.value
    # In seconds. DRF's exception handler writes it into the header Retry-After.
    wait = 1


class KeysUnavailable(ServiceUnavailable):
    """503 ``keys_unavailable``: an issuer's keys can't be fetched and none are kept, or we have no active key."""

    default_code = RefusalCode.KEYS_UNAVAILABLE.value


class NoSigningKey(TokenBackendError, KeysUnavailable):
    """The key ring has no active key, so no token can be signed.

    Code that calls a backend can catch it as a ``TokenBackendError``. Raised in a DRF view, it is answered 503.
    """

    def __str__(self) -> str:
        """Returns the text that the error of any backend without a signing key has."""
        return "There is no key to sign with: this backend only verifies"


class RevocationUnavailable(ServiceUnavailable):
    """503 ``revocation_unavailable``: the store (Redis or the database) is unavailable or lacks migrations."""

    default_code = RefusalCode.REVOCATION_UNAVAILABLE.value


class DatabaseUnavailable(ServiceUnavailable, OperationalError):
    """503 ``service_unavailable``: the database is unavailable.

    It is also an ``OperationalError``, so code that catches Django's error, as with 5.5.1, still works.
    """


class RevocationDatabaseUnavailable(RevocationUnavailable, DatabaseUnavailable):
    """503 ``revocation_unavailable``: the database with the tables of tokens and families is unavailable."""


class TokenFamilyNotConfigured(DetailDictMixin, exceptions.APIException):
    """501 ``token_family_not_configured``: families are off (``TOKEN_FAMILY_ENABLED``) or no store keeps them."""

    status_code = status.HTTP_501_NOT_IMPLEMENTED
    default_detail = _("Token family is not configured")
    default_code = RefusalCode.TOKEN_FAMILY_NOT_CONFIGURED.value
