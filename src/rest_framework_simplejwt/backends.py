"""TokenBackend: claims to a signed text and back (RFC 7515, RFC 7519)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from json import JSONEncoder
from typing import Any

import jwt
from django.utils.translation import gettext_lazy as _
from jwt import PyJWKClient, PyJWKClientError, algorithms

from .exceptions import TokenBackendError, TokenBackendExpiredToken
from .utils import format_lazy

JWK_CLIENT_AVAILABLE = True

HMAC_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
ALLOWED_ALGORITHMS = HMAC_ALGORITHMS | algorithms.requires_cryptography

# RFC 7515 section 2: base64url without padding. The last character of a segment may not carry
# bits that decode to nothing, or one token would have several texts.
_SEGMENT = rb"(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?"
_COMPACT_JWS = re.compile(rb"\.".join([_SEGMENT] * 3))

# What a forged or odd token makes the JSON, base64 and number parsing below PyJWT raise.
_MALFORMED = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


class TokenBackend:
    """Signs and verifies with one algorithm and one key pair, or an issuer's published keys.

    ``verifying_key`` is ignored for HMAC, where ``signing_key`` does both. ``leeway`` is in
    seconds, or a ``timedelta``. Raises ``TokenBackendError`` for an algorithm that is unknown
    or needs the ``cryptography`` package where that is missing.
    """

    def __init__(
        self,
        algorithm: str,
        signing_key: Any = None,
        verifying_key: Any = "",
        audience: str | Iterable[str] | None = None,
        issuer: str | None = None,
        jwk_url: str | None = None,
        leeway: float | timedelta | None = None,
        json_encoder: type[JSONEncoder] | None = None,
    ) -> None:
        self._validate_algorithm(algorithm)
        self.algorithm = algorithm
        self.signing_key = signing_key
        self.verifying_key = verifying_key
        self.audience = audience
        self.issuer = issuer
        self.jwks_client = PyJWKClient(jwk_url) if jwk_url else None
        self.leeway = leeway
        self.json_encoder = json_encoder

    def _validate_algorithm(self, algorithm: str) -> None:
        if algorithm not in ALLOWED_ALGORITHMS:
            raise TokenBackendError(format_lazy(_("Unrecognized algorithm type '{}'"), algorithm))
        if algorithm in algorithms.requires_cryptography and not algorithms.has_crypto:
            raise TokenBackendError(format_lazy(_("You must have cryptography installed to use {}."), algorithm))

    @cached_property
    def prepared_signing_key(self) -> Any:
        """The signing key, parsed once; ``None`` for a backend that only verifies."""
        return self._prepare_key(self.signing_key)

    @cached_property
    def prepared_verifying_key(self) -> Any:
        """The key that verifies, parsed once: the signing key itself for HMAC."""
        if self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_signing_key
        return self._prepare_key(self.verifying_key)

    def _prepare_key(self, key: Any) -> Any:
        return None if key is None else jwt.PyJWS().get_algorithm_by_name(self.algorithm).prepare_key(key)

    def get_leeway(self) -> timedelta:
        """The leeway as a ``timedelta``. Raises ``TokenBackendError`` for any other type."""
        if self.leeway is None:
            return timedelta(0)
        if isinstance(self.leeway, (int, float)):
            return timedelta(seconds=self.leeway)
        if isinstance(self.leeway, timedelta):
            return self.leeway
        raise TokenBackendError(
            format_lazy(
                _("Unrecognized type '{}', 'leeway' must be of type int, float or timedelta."), type(self.leeway)
            )
        )

    def get_verifying_key(self, token: str | bytes) -> Any:
        """The key to check ``token`` with; with ``jwk_url``, the one its ``kid`` names.

        Raises ``TokenBackendError`` when the issuer publishes no such key or can't be reached.
        """
        if self.jwks_client is None or self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_verifying_key
        try:
            return self.jwks_client.get_signing_key_from_jwt(token).key
        except (PyJWKClientError, *_MALFORMED) as error:
            raise TokenBackendError(_("Token is invalid")) from error

    def encode(self, payload: Mapping[str, Any]) -> str:
        """The payload in JWS compact form, ``aud`` and ``iss`` added where this backend has them."""
        claims = dict(payload)
        if self.audience is not None:
            claims["aud"] = self.audience
        if self.issuer is not None:
            claims["iss"] = self.issuer
        return jwt.encode(claims, self.prepared_signing_key, algorithm=self.algorithm, json_encoder=self.json_encoder)

    def decode(self, token: str | bytes, verify: bool = True) -> dict[str, Any]:
        """The claims of ``token``.

        Raises ``TokenBackendExpiredToken`` once ``exp`` has passed by more than the leeway, and
        ``TokenBackendError`` for anything else wrong with it. With ``verify=False`` neither the
        signature nor any claim is looked at: use that only on a token that was verified before.
        """
        if not _COMPACT_JWS.fullmatch(token.encode(errors="replace") if isinstance(token, str) else token):
            raise TokenBackendError(_("Token is invalid"))
        key = self.get_verifying_key(token) if verify else None
        leeway = self.get_leeway()
        try:
            return jwt.decode(
                token,
                key,  # type: ignore[arg-type]  # None only where no signature is verified
                algorithms=[self.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=leeway,
                options={
                    "verify_signature": verify,
                    "verify_aud": verify and self.audience is not None,
                    # Integer subjects of older tokens are judged with the user's id field.
                    "verify_sub": False,
                },
            )
        except jwt.InvalidAlgorithmError as error:
            raise TokenBackendError(_("Invalid algorithm specified")) from error
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken(_("Token is expired")) from error
        except _MALFORMED as error:
            raise TokenBackendError(_("Token is invalid")) from error
