"""ForeignToken: what a request is authenticated by when a trusted issuer sends it."""

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
    """A token of one of ``TRUSTED_ISSUERS``, verified by that issuer's keys alone.

    Its claims are theirs, without those that mean something to us alone, but for what the entry's
    ``claims`` lead to. ``token`` is its text; ``str()`` raises ``TokenError``, for it would sign.
    It can't be refreshed, revoked or recorded. Raises as ``Token``, and ``KeysUnavailable``.
    """

    token_type = "access"
    lifetime = timedelta(0)

    issuer: str

    @sensitive_variables()
    def __init__(self, token: str | bytes) -> None:
        self.token = token
        self.current_time = tokens.aware_utcnow()
        self._load(token, verify=True)

    def _decode(self, token: str | bytes, verify: bool) -> JSONObject:
        trusted = trust.trusted_issuer(token)
        if trusted is None:
            raise TokenError(INVALID)
        self.issuer = trusted.issuer
        try:
            return trusted.translated(trusted.decode(token))
        except TokenBackendExpiredToken as error:
            # For the log: who is no user of ours is not called one.
            error.claims = trusted.translated(error.claims or {})
            raise ExpiredTokenError(EXPIRED) from error
        except TokenBackendError as error:
            raise TokenError(INVALID) from error

    def verify(self) -> None:
        """Raise ``TokenError`` unless it expires. It needs no id and no type: those are our own rules."""
        claims.read_time(self.payload, "exp")

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Raise ``TokenError``: our leeway forgives nothing that is another issuer's."""
        self._refuse()

    @property
    def entry(self) -> Mapping[str, Any]:
        """Its issuer's entry in ``TRUSTED_ISSUERS``."""
        return trust.trusted_issuers()[self.issuer].entry

    @property
    def token_backend(self) -> TokenBackend:
        return self._refuse()

    def _refuse(self) -> NoReturn:
        raise TokenError("A token of another issuer is neither signed nor verified with a key of ours")
