"""What a refusal tells: the reason to the log, and to the client that there was a token (RFC 6750 section 3)."""

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

_MARK = "simplejwt_refusal"
_PACKAGE = __name__.rpartition(".")[0]

# By code, and in English: the grammar of the header is ASCII.
DESCRIPTIONS: dict[str, str] = {
    RefusalCode.TOKEN_NOT_VALID: "The token is malformed, expired, revoked or not for this",
    RefusalCode.USER_NOT_FOUND: "The token's user does not exist",
    RefusalCode.USER_INACTIVE: "The token's user is inactive",
    RefusalCode.NO_ACTIVE_ACCOUNT: "The token's user does not exist or is inactive",
    RefusalCode.PASSWORD_CHANGED: "The password has been changed since the token was issued",
    RefusalCode.BAD_AUTHORIZATION_HEADER: "One token must follow the scheme",
}


def mark(request: HttpRequest | Request, refusal: APIException) -> None:
    """Let the challenge that answers this ``request`` say that its token was refused."""
    setattr(request, _MARK, refusal)


def challenge(request: HttpRequest | Request, *, scheme: str, realm: str) -> str:
    """The value of ``WWW-Authenticate``, with the error when a token was presented and refused."""
    header = f'{scheme} realm="{realm}"'
    refusal: APIException | None = getattr(request, _MARK, None)
    if refusal is None:
        return header
    code = _code(refusal)
    error = "invalid_request" if code == RefusalCode.BAD_AUTHORIZATION_HEADER else "invalid_token"
    return f'{header}, error="{error}", error_description="{DESCRIPTIONS.get(code, "The token was refused")}"'


def log(error: Exception, claims: Mapping[str, object] | None) -> None:
    """At DEBUG: each check that failed, and whose token it was, as far as its signature vouches for the ``claims``.

    What is not an error of ours is named by its class alone: its text may quote what it stumbled over.
    """
    if not logger.isEnabledFor(logging.DEBUG):
        return
    claims = claims or {}
    # In English, whatever the client speaks.
    with override(None):
        reasons = " <- ".join(_describe(link) for link in _chain(error))
    # repr(), so that a claim can't forge a line of its own.
    logger.debug(
        "Refused: %s (user %.100r, jti %.100r)",
        reasons,
        claims.get(api_settings.USER_ID_CLAIM),
        claims.get(api_settings.JTI_CLAIM or ""),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _describe(error: BaseException) -> str:
    if isinstance(error, APIException):
        return _code(error)
    ours = type(error).__module__.startswith(f"{_PACKAGE}.")
    return f"{type(error).__name__}: {error}" if ours else type(error).__name__


def _code(refusal: APIException) -> str:
    """Of an answer of ours, which has it beside its detail, or of DRF's."""
    detail = refusal.detail
    return str(detail["code"] if isinstance(detail, dict) and "code" in detail else refusal.get_codes())
