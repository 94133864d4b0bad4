"""TokenBackend: claims to a signed text and back (RFC 7515, RFC 7519); remembers what it has verified."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from json import JSONEncoder
from typing import TYPE_CHECKING

import jwt
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from jwt import algorithms

from . import claims, jws
from ._also import lazy_attributes
from ._types import JSONObject
from .exceptions import EXPIRED, INVALID, KeysUnavailable, NoSigningKey, TokenBackendError, TokenBackendExpiredToken
from .keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS, get_algorithm, is_blank
from .keys.remote import KeySetClient, KeySetUnavailable, UnknownKey, VerifyingKey
from .keys.ring import Key, KeyRing
from .memo import Memo, VerifiedToken
from .outage import Outage
from .utils import datetime_to_epoch, format_lazy

__all__ = [
    "JWK_CLIENT_AVAILABLE",
    "PyJWKClient",
    "TokenBackend",
    "TokenBackendError",
    "TokenBackendExpiredToken",
]

JWK_CLIENT_AVAILABLE = True

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "ExpiredSignatureError": "jwt.ExpiredSignatureError",
            "InvalidAlgorithmError": "jwt.InvalidAlgorithmError",
            "InvalidTokenError": "jwt.InvalidTokenError",
            "PyJWKClientError": "jwt.PyJWKClientError",
            "Token": "rest_framework_simplejwt.tokens.Token",
        },
    )

# What PyJWT and cryptography raise for a key that is none, or of another kind.
_UNFIT = (jwt.PyJWTError, ValueError, TypeError, AttributeError)

_TIMES = ("exp", "iat", "nbf")

_WRONG_ALGORITHM = _("Invalid algorithm specified")

_NO_LEEWAY = timedelta(0)
_JSON = JSONEncoder(separators=(",", ":"), allow_nan=False)


def _system_clock() -> float:
    # Looked up on each call, so that tests can patch it.
    return time.time()


class PyJWKClient(KeySetClient):
    """The keys that an issuer publishes, found by token. Test suites patch it under this name, which is PyJWT's."""

    def get_signing_key_from_jwt(self, token: str | bytes) -> VerifyingKey:
        """The key that the header of ``token`` names, or the issuer's only key if it names none.

        Raises ``UnknownKey`` if there is no such key, and ``KeySetUnavailable``.
        """
        try:
            header = jws.read_header(jws.split_compact(token).header, keys_published=True)
        except jws.Malformed as error:
            raise UnknownKey("the token's header can't be read") from error
        if header.alg != self.algorithm:
            raise UnknownKey("the token is not signed with the algorithm of these keys")
        return self.find(header.kid)


@lru_cache(maxsize=64)
def _header(algorithm: str, kid: str | None, typ: str) -> bytes:
    """The first segment of the tokens that a key signs."""
    parameters = {"alg": algorithm, "kid": kid, "typ": typ} if kid is not None else {"alg": algorithm, "typ": typ}
    return jws.base64url_encode(json.dumps(parameters, separators=(",", ":")).encode())


class TokenBackend:
    """Signs and verifies with one algorithm and one key pair, or an issuer's published keys, or a ring of keys.

    ``verifying_key`` is ignored for HMAC, where ``signing_key`` does both; ``fallback_keys`` are
    of the same algorithm, and only verify. A blank key neither signs nor verifies. ``ring`` is
    called for the keys of the moment, and then neither the algorithm nor the other keys matter.
    ``leeway`` is in seconds, or a ``timedelta``.
    ``verified_cache_size`` is how many tokens whose signature was good are remembered, for as long as
    their key would be used again; their claims are checked each time.
    ``now`` returns the time in seconds since the epoch; by default the system's.
    Raises ``TokenBackendError`` for an algorithm that is unknown or needs the ``cryptography``
    package where that is missing.
    """

    @sensitive_variables()
    def __init__(
        self,
        algorithm: str,
        signing_key: object = None,
        verifying_key: object = "",
        audience: str | Iterable[str] | None = None,
        issuer: str | None = None,
        jwk_url: str | None = None,
        leeway: float | timedelta | None = None,
        json_encoder: type[JSONEncoder] | None = None,
        *,
        jwk_timeout: float = 2.0,
        jwk_allow_http: bool = False,
        ring: Callable[[], KeyRing] | None = None,
        fallback_keys: Iterable[object] = (),
        verified_cache_size: int = 0,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._validate_algorithm(algorithm)
        self.algorithm = algorithm
        self.signing_key = signing_key
        self.verifying_key = verifying_key
        self.audience = audience
        self.issuer = issuer
        self.jwks_client = (
            PyJWKClient(jwk_url, algorithm=algorithm, timeout=jwk_timeout, allow_http=jwk_allow_http)
            if jwk_url
            else None
        )
        self.leeway = leeway
        self.json_encoder = json_encoder
        self.ring = ring
        self.fallback_keys = tuple(fallback_keys)
        self._memo = Memo(verified_cache_size)
        self._now = now or _system_clock
        self._signing = Outage(
            "The ring of signing keys",
            "logins and refreshes are answered 503",
            started="has no key that signs now",
            ended="has a key that signs again",
        )

    def _validate_algorithm(self, algorithm: str) -> None:
        if algorithm not in ALLOWED_ALGORITHMS:
            raise TokenBackendError(format_lazy(_("Unrecognized algorithm type '{}'"), algorithm))
        if algorithm in algorithms.requires_cryptography and not algorithms.has_crypto:
            raise TokenBackendError(format_lazy(_("You must have cryptography installed to use {}."), algorithm))

    @cached_property
    def prepared_signing_key(self) -> object:
        """The signing key, parsed once; ``None`` for a backend that only verifies.

        Raises ``ImproperlyConfigured`` for a blank secret of HMAC: the empty secret is known to everybody.
        """
        if self.algorithm in HMAC_ALGORITHMS and is_blank(self.signing_key):
            raise ImproperlyConfigured(
                f"The signing key of {self.algorithm} is blank, so that anybody could sign: write a secret."
            )
        return self._prepare_key(self.signing_key)

    @cached_property
    def prepared_verifying_key(self) -> object:
        """The key that verifies, parsed once: the signing key itself for HMAC."""
        if self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_signing_key
        return self._prepare_key(self.verifying_key)

    @sensitive_variables()
    def _prepare_key(self, key: object) -> object:
        return None if key is None or is_blank(key) else self._algorithm.prepare_key(key)

    @cached_property
    def _algorithm(self) -> algorithms.Algorithm:
        return get_algorithm(self.algorithm)

    def get_leeway(self) -> timedelta:
        """The leeway as a ``timedelta``. Raises ``TokenBackendError`` for any other type."""
        if self.leeway is None or self.leeway == 0:
            return _NO_LEEWAY
        if isinstance(self.leeway, (int, float)):
            return timedelta(seconds=self.leeway)
        if isinstance(self.leeway, timedelta):
            return self.leeway
        raise TokenBackendError(
            format_lazy(
                _("Unrecognized type '{}', 'leeway' must be of type int, float or timedelta."), type(self.leeway)
            )
        )

    @sensitive_variables()
    def get_verifying_key(self, token: str | bytes) -> object:
        """The key to check ``token`` with; with ``jwk_url``, the one its ``kid`` names.

        Raises ``TokenBackendError`` when the issuer publishes no such key, and ``KeysUnavailable``
        when it can't be reached and its keys are not remembered. Waits ``jwk_timeout`` seconds at
        the most.
        """
        if self.jwks_client is None or self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_verifying_key
        try:
            return self.jwks_client.get_signing_key_from_jwt(token).key
        except KeySetUnavailable as error:
            raise KeysUnavailable() from error
        except _UNFIT as error:
            raise TokenBackendError(INVALID) from error

    @sensitive_variables()
    def encode(self, payload: Mapping[str, object], *, typ: str = "JWT") -> str:
        """The payload in JWS compact form, ``aud`` and ``iss`` added where this backend has them.

        ``typ`` is for the header (RFC 7515 section 4.1.9).

        Raises ``TokenBackendError`` without a signing key, which is a ``NoSigningKey`` if there is a ring;
        ``ImproperlyConfigured`` with a blank secret; and what the JSON encoder raises for claims that are no
        JSON, infinity and NaN among them.
        """
        issued = dict(payload)
        if self.audience is not None:
            issued["aud"] = self.audience
        if self.issuer is not None:
            issued["iss"] = self.issuer
        for claim in _TIMES:
            if isinstance(moment := issued.get(claim), datetime):
                issued[claim] = datetime_to_epoch(moment)
        segment = jws.base64url_encode(self._json(issued).encode())
        header, sign = self._signer(typ)
        return jws.join_compact(header, segment, sign(header + b"." + segment))

    def _json(self, payload: Mapping[str, object]) -> str:
        if self.json_encoder is None:
            return _JSON.encode(payload)
        return json.dumps(payload, separators=(",", ":"), cls=self.json_encoder, allow_nan=False)

    def _signer(self, typ: str) -> tuple[bytes, Callable[[bytes], bytes]]:
        """The header's segment, and what signs."""
        if self.ring is not None:
            current = self.ring().signing_key(self._now())
            if current is None:
                error = NoSigningKey()
                self._signing.start(error)
                raise error
            self._signing.end()
            return _header(current.algorithm, current.kid, typ), current.sign
        if (key := self.prepared_signing_key) is not None:
            return _header(self.algorithm, None, typ), lambda message: self._algorithm.sign(message, key)
        raise TokenBackendError("There is no key to sign with: this backend only verifies")

    @sensitive_variables()
    def decode(self, token: str | bytes, verify: bool = True) -> JSONObject:
        """The claims of ``token``.

        Raises ``TokenBackendExpiredToken`` once ``exp`` has passed by more than the leeway, and
        ``TokenBackendError`` for anything else wrong with it. With ``verify=False`` neither the
        signature nor any claim is looked at: use that only on a token that was verified before.
        Raises ``ImproperlyConfigured`` where the secret is blank.
        """
        try:
            if not verify:
                return jws.unverified_payload(token)
            text = token if type(token) is bytes else jws.to_ascii(token)
            verified = self._memo.get(text)
            if verified is not None and self._still_vouches(verified, token):
                payload = verified.claims()
                self._check_claims(payload, verified.lifespan)
                return payload
            return self._verified(token, text)
        except (jws.Malformed, claims.InvalidClaims) as error:
            raise TokenBackendError(INVALID) from error

    def _still_vouches(self, verified: VerifiedToken, token: str | bytes) -> bool:
        """Whether the key of then would be used today: neither retired nor withdrawn, nor of a set that was renewed."""
        if self.ring is not None:
            return verified.key in self.ring().verifying_keys(verified.kid, self._now())
        return verified.key is self.get_verifying_key(token)

    def _verified(self, token: str | bytes, text: bytes) -> JSONObject:
        parts = jws.split_compact(text)
        header = jws.read_header(parts.header, keys_published=self.jwks_client is not None)
        # The key decides on the algorithm, never the token (RFC 8725 section 3.1).
        key = self._check_with_ring(parts, header) if self.ring else self._check_with_one_key(token, parts, header)
        claims_text = jws.decode_text(parts.payload)
        payload = jws.parse_object(claims_text)
        lifespan = claims.lifespan(payload)
        self._check_claims(payload, lifespan)
        if len(text) <= self._memo.max_length:
            self._memo.add(text, VerifiedToken(claims_text, lifespan, key, header.kid))
        return payload

    def _check_with_ring(self, parts: jws.Compact, header: jws.Header) -> Key:
        assert self.ring is not None, "the caller has looked"
        signature = jws.base64url_decode(parts.signature)
        keys = self.ring().verifying_keys(header.kid, self._now())
        fitting = [key for key in keys if key.algorithm == header.alg]
        if keys and not fitting:
            raise TokenBackendError(_WRONG_ALGORITHM)
        for key in fitting:
            if key.verify(parts.signing_input, signature):
                return key
        raise jws.Malformed("the signature is of another key" if keys else "no key of ours has that kid")

    def _check_with_one_key(self, token: str | bytes, parts: jws.Compact, header: jws.Header) -> object:
        """The key that ``get_verifying_key`` has for the token, also where a fallback has verified it."""
        if header.alg != self.algorithm:
            raise TokenBackendError(_WRONG_ALGORITHM)
        signature = jws.base64url_decode(parts.signature)
        try:
            found = key = self.get_verifying_key(token)
            if isinstance(key, (str, bytes)) and self.algorithm not in HMAC_ALGORITHMS:
                # A subclass may answer with a PEM.
                key = self._prepare_key(key)
            for each in (key, *self._fallbacks):
                if self._algorithm.verify(parts.signing_input, each, signature):
                    return found
        except _UNFIT as error:
            raise jws.Malformed("the key does not fit the signature") from error
        raise jws.Malformed("the signature is of another key")

    @cached_property
    def _fallbacks(self) -> tuple[object, ...]:
        prepared = [self._prepare_key(key) for key in self.fallback_keys]
        return tuple([key for key in prepared if key is not None])

    def _check_claims(self, payload: JSONObject, lifespan: tuple[float, float]) -> None:
        if self.audience is not None or self.issuer is not None:
            claims.check_parties(payload, audience=self.audience, issuer=self.issuer)
        try:
            claims.check_times(lifespan, now=self._now(), leeway=self.get_leeway().total_seconds())
        except claims.Expired as error:
            expired = TokenBackendExpiredToken(EXPIRED)
            expired.claims = payload
            raise expired from error
