"""Every error this package raises.

TokenError                           the token can't be used; the text is fit for a client
├── ExpiredTokenError
└── RefreshTokenBlacklistedError
TokenBackendError                    the codec refused it
├── TokenBackendExpiredToken
└── NoSigningKey                     a KeysUnavailable as well
APIException (DRF)                   an HTTP answer: {"detail": ..., "code": ...}
├── AuthenticationFailed             401
│   ├── InvalidToken                 401 token_not_valid
│   └── LoginFailed                  401 no_active_account
├── TokenHasNoFamily                 400 token_has_no_family
├── RequestTooLarge                  413 request_too_large
├── TokenFamilyNotConfigured         501 token_family_not_configured
└── ServiceUnavailable               503 service_unavailable
    ├── KeysUnavailable              503 keys_unavailable
    ├── RevocationUnavailable        503 revocation_unavailable
    │   └── RevocationDatabaseUnavailable    a DatabaseUnavailable as well
    └── DatabaseUnavailable          503, and Django's OperationalError
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

# What a bearer is told whatever the reason was, for one whose signature is not good or whose time has passed.
INVALID = _("Token is invalid")
EXPIRED = _("Token is expired")


class RefusalCode(str, Enum):
    """Every ``code`` that an answer of this package has. The answer and ``get_codes()`` have it as a plain ``str``."""

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
    """The token can't be made or accepted; ``str(error)`` may be shown to its bearer."""


class ExpiredTokenError(TokenError):
    """The token was sound until it expired."""


class RefreshTokenBlacklistedError(TokenError):
    """The token is signed by us and in time, and was revoked."""


class TokenBackendError(Exception):
    """A token that can't be encoded or decoded, or a backend that can't be built."""


class TokenBackendExpiredToken(TokenBackendError):
    """The signature is good and the ``exp`` claim has passed; ``claims`` are those that were signed."""

    claims: JSONObject | None = None


class DetailDictMixin:
    """Answers ``{"detail": ..., "code": ...}``, plus the items of a ``detail`` given as a dict."""

    default_detail: _APIExceptionInput
    default_code: str

    def __init__(self, detail: _APIExceptionInput = None, code: str | None = None) -> None:
        # Not DRF's, which translates at once: most refusals of a flood are never read.
        self._answer: dict[str, _APIExceptionInput] = {"detail": self.default_detail, "code": self.default_code}
        if isinstance(detail, dict):
            self._answer.update(detail)
        elif detail is not None:
            self._answer["detail"] = detail
        if code is not None:
            self._answer["code"] = code.value if isinstance(code, RefusalCode) else code

    if TYPE_CHECKING:
        # A dict; DRF's is also a text or a list, and a narrower type would conflict with that.
        detail: Any
    else:

        @cached_property
        def detail(self) -> dict[str, object]:
            """The answer, translated when it is first read; the ``code`` of each text in it is the answer's."""
            return exceptions.APIException(self._answer, str(self._answer["code"])).detail


class AuthenticationFailed(DetailDictMixin, exceptions.AuthenticationFailed):
    """401, with a code of its own for each reason."""


class InvalidToken(AuthenticationFailed):
    """401 ``token_not_valid``."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = _("Token is invalid or expired")
    default_code = RefusalCode.TOKEN_NOT_VALID.value


class LoginFailed(AuthenticationFailed):
    """401 ``no_active_account``: credentials were refused, for whatever reason, and no token."""

    default_code = RefusalCode.NO_ACTIVE_ACCOUNT.value


class TokenHasNoFamily(DetailDictMixin, exceptions.APIException):
    """400: a token that was issued while families were off has no family to revoke."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("Token has no family ID")
    default_code = RefusalCode.TOKEN_HAS_NO_FAMILY.value


class RequestTooLarge(DetailDictMixin, exceptions.APIException):
    """413: the body of a request to a token view is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    # As Django says it, in English.
    default_detail = "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE."
    default_code = RefusalCode.REQUEST_TOO_LARGE.value


class ServiceUnavailable(DetailDictMixin, exceptions.APIException):
    """503: a token or a password may be good, and that can't be found out now, as while the database is unavailable.

    Says when to ask again (RFC 9110 section 10.2.3).
    """

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = _("Tokens can't be checked at the moment, try again")
    default_code = RefusalCode.SERVICE_UNAVAILABLE.value
    # Seconds; DRF's exception handler makes the Retry-After header of it.
    wait = 1


class KeysUnavailable(ServiceUnavailable):
    """503: the issuer's keys (``JWK_URL``) can't be fetched, and none are remembered; or no key signs now."""

    default_code = RefusalCode.KEYS_UNAVAILABLE.value


class NoSigningKey(TokenBackendError, KeysUnavailable):
    """No key of the ring signs now. A ``TokenBackendError`` to a caller, and 503 when a view of DRF raises it."""

    def __str__(self) -> str:
        return "There is no key to sign with: this backend only verifies"


class RevocationUnavailable(ServiceUnavailable):
    """503: the store of revocations can't be asked: Redis, the database, or tables that are not migrated."""

    default_code = RefusalCode.REVOCATION_UNAVAILABLE.value


class DatabaseUnavailable(ServiceUnavailable, OperationalError):
    """503 when a view of DRF raises it; and Django's own error to a caller who expects one, as with 5.5.1."""


class RevocationDatabaseUnavailable(RevocationUnavailable, DatabaseUnavailable):
    """503 ``revocation_unavailable``: the database with the tables of revocations does not answer."""


class TokenFamilyNotConfigured(DetailDictMixin, exceptions.APIException):
    """501: the token_family app is not installed, or ``TOKEN_FAMILY_ENABLED`` is off."""

    status_code = status.HTTP_501_NOT_IMPLEMENTED
    default_detail = _("Token family is not configured")
    default_code = RefusalCode.TOKEN_FAMILY_NOT_CONFIGURED.value
