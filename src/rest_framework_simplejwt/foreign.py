"""ForeignToken: an access token of one of ``TRUSTED_ISSUERS``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from django.views.decorators.debug import sensitive_variables

from . import claims, tokens, trust
from ._types import JSONObject
from .exceptions import EXPIRED, INVALID, ExpiredTokenError, TokenBackendError, TokenBackendExpiredToken, TokenError

if TYPE_CHECKING:
    from .backends import TokenBackend

__all__ = ["ForeignToken"]


class ForeignToken(tokens.Token):
    """An access token of one of ``TRUSTED_ISSUERS``, verified with that issuer's keys alone.

    ``payload`` has the claims as ``TrustedIssuer.to_local_claims`` returns them. ``token`` is the token as it was
    presented; ``str()`` would sign it and raises ``TokenError``. A foreign token can't be refreshed, revoked or
    recorded. Raises what ``Token`` raises, and ``KeysUnavailable`` if the issuer's keys can't be fetched.
    """

    token_type = "access"
    lifetime = timedelta(0)

    issuer: str

    @sensitive_variables()
    def __init__(self, token: str | bytes) -> None:
        """Verifies ``token`` and sets ``payload`` and ``issuer``. Raises ``TokenError`` or ``KeysUnavailable``."""
        self.token = token
        self.current_time = tokens.aware_utcnow()
        self._load(token, verify=True)

    def _decode(self, token: str | bytes, verify: bool) -> JSONObject:
        """Verifies ``token``, whatever ``verify`` is, sets ``issuer``, and returns the claims under their local names.

        Raises ``ExpiredTokenError`` or another ``TokenError``, and ``KeysUnavailable``.
        """
        trusted = trust.find_trusted_issuer(token)
        if trusted is None:
            raise TokenError(INVALID)
        self.issuer = trusted.issuer
        try:
            return trusted.to_local_claims(trusted.decode(token))
        except TokenBackendExpiredToken as error:
            # The log shows the user id claim. The issuer's own claim of that name must not appear there.
            error.claims = trusted.to_local_claims(error.claims or {})
            raise ExpiredTokenError(EXPIRED) from error
        except TokenBackendError as error:
            raise TokenError(INVALID) from error

    def verify(self) -> None:
        """Raises ``TokenError`` unless the token has an ``exp`` claim. It needs neither an id nor a type."""
        claims.read_time(self.payload, "exp")

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Raises ``TokenError``: the issuer's backend has checked ``exp`` already."""
        self._raise_unsupported()

    @property
    def entry(self) -> Mapping[str, Any]:
        """The entry of ``TRUSTED_ISSUERS`` that the token's issuer has."""
        return trust.trusted_issuers()[self.issuer].entry

    @property
    def token_backend(self) -> TokenBackend:
        """Raises ``TokenError``: no key of this project may sign or verify the token."""
        return self._raise_unsupported()

    def _raise_unsupported(self) -> NoReturn:
        raise TokenError("A token of another issuer can't be signed or verified with this project's keys")
