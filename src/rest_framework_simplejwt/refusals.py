"""Report refused tokens: the reason in the log, and an error in ``WWW-Authenticate`` (RFC 6750 section 3)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from django.http import HttpRequest
from django.utils.translation import override
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from .exceptions import RefusalCode
from .settings import api_settings
from .utils import logger

_ATTRIBUTE = "simplejwt_refusal"
_PACKAGE = __name__.rpartition(".")[0]

# The error_description of each code. In English, because the header may contain only ASCII.
DESCRIPTIONS: dict[str, str] = {
    RefusalCode.TOKEN_NOT_VALID: "The token is malformed, expired, revoked or not for this",
    RefusalCode.USER_NOT_FOUND: "The token's user does not exist",
    RefusalCode.USER_INACTIVE: "The token's user is inactive",
    RefusalCode.NO_ACTIVE_ACCOUNT: "The token's user does not exist or is inactive",
    RefusalCode.PASSWORD_CHANGED: "The password has been changed since the token was issued",
    RefusalCode.BAD_AUTHORIZATION_HEADER: "One token must follow the scheme",
}


def attach(request: HttpRequest | Request, refusal: APIException) -> None:
    """Attaches to the request the exception that refused its token, for ``challenge`` to describe."""
    setattr(request, _ATTRIBUTE, refusal)


def challenge(request: HttpRequest | Request, *, scheme: str, realm: str) -> str:
    """Returns the value of the header ``WWW-Authenticate``.

    It contains an error if a refusal is attached to the request.
    """
    header = f'{scheme} realm="{realm}"'
    refusal: APIException | None = getattr(request, _ATTRIBUTE, None)
    if refusal is None:
        return header
    code = _code(refusal)
    error = "invalid_request" if code == RefusalCode.BAD_AUTHORIZATION_HEADER else "invalid_token"
    return f'{header}, error="{error}", error_description="{DESCRIPTIONS.get(code, "The token was refused")}"'


def log(error: Exception, claims: Mapping[str, object] | None) -> None:
    """Logs at DEBUG why a token was refused: the error, its causes, and the user and id in the verified ``claims``.

    ``claims`` is ``None`` if the signature is not verified. Of an exception of another package only the class is
    logged, because its text may contain the token.
    """
    if not logger.isEnabledFor(logging.DEBUG):
        return
    claims = claims or {}
    # The log is in English, not in the language of the client.
    with override(None):
        reasons = " <- ".join(_describe(each) for each in _with_causes(error))
    # repr() escapes line breaks, so that a claim can't forge a log line.
    logger.debug(
        "Refused: %s (user %.100r, jti %.100r)",
        reasons,
        claims.get(api_settings.USER_ID_CLAIM),
        claims.get(api_settings.JTI_CLAIM or ""),
    )


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields the error, its ``__cause__``, the cause of that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__


def _describe(error: BaseException) -> str:
    """Returns the reason for the log: the code of a response, or else the class of the error.

    The text of an exception of this package is added; that of other packages may contain the token.
    """
    if isinstance(error, APIException):
        return _code(error)
    is_of_this_package = type(error).__module__.startswith(f"{_PACKAGE}.")
    return f"{type(error).__name__}: {error}" if is_of_this_package else type(error).__name__


def _code(refusal: APIException) -> str:
    """Returns the code of a response.

    It is the one beside ``detail`` in responses of this package, and otherwise that of DRF's ``get_codes()``.
    """
    detail = refusal.detail
    return str(detail["code"] if isinstance(detail, dict) and "code" in detail else refusal.get_codes())
