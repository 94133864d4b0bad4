"""TokenBackend: signs claims and verifies tokens (RFC 7515, RFC 7519), and caches the tokens that it has verified."""

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

# What PyJWT and cryptography raise for a key that they can't read or that is of another kind.
_KEY_ERRORS = (jwt.PyJWTError, ValueError, TypeError, AttributeError)

_TIME_CLAIMS = ("exp", "iat", "nbf")

_INVALID_ALGORITHM = _("Invalid algorithm specified")

_NO_LEEWAY = timedelta(0)
_JSON_ENCODER = JSONEncoder(separators=(",", ":"), allow_nan=False)


def _system_clock() -> float:
    """Returns the seconds since the epoch."""
    # Not a reference to time.time, so that tests can patch it.
    return time.time()


class PyJWKClient(KeySetClient):
    """Fetches the keys that an issuer publishes, and finds the key of a token. Test suites patch this name."""

    def get_signing_key_from_jwt(self, token: str | bytes) -> VerifyingKey:
        """Returns the key with the ``kid`` of ``token``, or the issuer's only key for a token without a ``kid``.

        Raises ``UnknownKey`` if there is no such key, and ``KeySetUnavailable`` if the keys can't be fetched.
        """
        try:
            header = jws.read_header(jws.split_compact(token).header, keys_published=True)
        except jws.Malformed as error:
            raise UnknownKey("the token's header can't be read") from error
        if header.alg != self.algorithm:
            raise UnknownKey("the token's algorithm is not that of these keys")
        return self.find(header.kid)


@lru_cache(maxsize=64)
def _encode_header(algorithm: str, kid: str | None, typ: str) -> bytes:
    """Returns the first segment of a token, in base64url. With ``kid=None`` the header has no ``kid``."""
    parameters = {"alg": algorithm, "kid": kid, "typ": typ} if kid is not None else {"alg": algorithm, "typ": typ}
    return jws.base64url_encode(json.dumps(parameters, separators=(",", ":")).encode())


class TokenBackend:
    """Signs and verifies tokens with one algorithm and key pair, with an issuer's published keys, or with a key ring.

    - ``signing_key`` and ``verifying_key``: with HMAC, ``signing_key`` also verifies and ``verifying_key`` is
      ignored. A blank key neither signs nor verifies.
    - ``fallback_keys``: more keys of the same algorithm, which only verify.
    - ``jwk_url``: where the issuer publishes its keys, which then verify instead of ``verifying_key``.
    - ``ring``: called for each token, returns the current ``KeyRing``. With it, ``algorithm`` and all other keys are
      ignored.
    - ``audience`` and ``issuer``: written to issued tokens as ``aud`` and ``iss``, and required of presented ones.
    - ``leeway``: clock skew that is tolerated, in seconds or as a ``timedelta``.
    - ``verified_cache_size``: how many verified tokens are cached. The signature of a cached token is not verified
      again while its key stays valid; its claims are checked each time.
    - ``now``: returns the time in seconds since the epoch. The default is the system's clock.

    Thread-safe. Raises ``TokenBackendError`` for an unknown algorithm, and for one that needs the ``cryptography``
    package if that is not installed.
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
        """Checks ``algorithm`` and stores the arguments. Keys are parsed when they are first used."""
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
        self._signing_outage = Outage(
            "The ring of signing keys",
            "logins and refreshes are answered 503",
            started="has no active key",
            ended="has an active key again",
        )

    def _validate_algorithm(self, algorithm: str) -> None:
        """Raises ``TokenBackendError`` for an unknown algorithm, and for one that needs ``cryptography`` without it."""
        if algorithm not in ALLOWED_ALGORITHMS:
            raise TokenBackendError(format_lazy(_("Unrecognized algorithm type '{}'"), algorithm))
        if algorithm in algorithms.requires_cryptography and not algorithms.has_crypto:
            raise TokenBackendError(format_lazy(_("You must have cryptography installed to use {}."), algorithm))

    @cached_property
    def prepared_signing_key(self) -> object:
        """The parsed signing key; ``None`` for a backend that only verifies.

        Raises ``ImproperlyConfigured`` for a blank HMAC secret, which anybody could sign with.
        """
        if self.algorithm in HMAC_ALGORITHMS and is_blank(self.signing_key):
            raise ImproperlyConfigured(
                f"The signing key of {self.algorithm} is blank, so anybody could sign tokens. Set a secret."
            )
        return self._prepare_key(self.signing_key)

    @cached_property
    def prepared_verifying_key(self) -> object:
        """The parsed verifying key: with HMAC, the signing key. ``None`` for a blank ``verifying_key``."""
        if self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_signing_key
        return self._prepare_key(self.verifying_key)

    @sensitive_variables()
    def _prepare_key(self, key: object) -> object:
        """Returns ``key`` parsed for ``algorithm``, or ``None`` if it is ``None`` or blank."""
        return None if key is None or is_blank(key) else self._algorithm.prepare_key(key)

    @cached_property
    def _algorithm(self) -> algorithms.Algorithm:
        """PyJWT's object for ``algorithm``."""
        return get_algorithm(self.algorithm)

    def get_leeway(self) -> timedelta:
        """Returns ``leeway`` as a ``timedelta``. Raises ``TokenBackendError`` if it is of another type."""
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
        """Returns the parsed key that verifies ``token``. With ``jwk_url``, the issuer's key with the token's ``kid``.

        Not called for a backend with a ``ring``. An override may return a parsed key or a PEM. Raises
        ``TokenBackendError`` if the issuer publishes no such key, and ``KeysUnavailable`` if the keys can't be
        fetched within ``jwk_timeout`` seconds and none are cached.
        """
        if self.jwks_client is None or self.algorithm in HMAC_ALGORITHMS:
            return self.prepared_verifying_key
        try:
            return self.jwks_client.get_signing_key_from_jwt(token).key
        except KeySetUnavailable as error:
            raise KeysUnavailable() from error
        except _KEY_ERRORS as error:
            raise TokenBackendError(INVALID) from error

    @sensitive_variables()
    def encode(self, payload: Mapping[str, object], *, typ: str = "JWT") -> str:
        """Signs ``payload`` and returns the token in JWS compact form (RFC 7515 section 7.1).

        ``aud`` and ``iss`` are added if this backend has an audience or an issuer. ``typ`` is the header parameter
        (RFC 7515 section 4.1.9).

        Raises ``TokenBackendError`` if there is no signing key (``NoSigningKey`` if the ring has no active one),
        ``ImproperlyConfigured`` for a blank HMAC secret, and what the JSON encoder raises for claims that JSON
        can't represent, such as infinity and NaN.
        """
        issued = dict(payload)
        if self.audience is not None:
            issued["aud"] = self.audience
        if self.issuer is not None:
            issued["iss"] = self.issuer
        for claim in _TIME_CLAIMS:
            if isinstance(moment := issued.get(claim), datetime):
                issued[claim] = datetime_to_epoch(moment)
        segment = jws.base64url_encode(self._encode_json(issued).encode())
        header, sign = self._get_signer(typ)
        return jws.join_compact(header, segment, sign(header + b"." + segment))

    def _encode_json(self, payload: Mapping[str, object]) -> str:
        """Returns ``payload`` as JSON without white space, made by ``json_encoder`` if this backend has one.

        Raises ``ValueError`` for NaN and infinity, and ``TypeError`` for values that JSON can't represent.
        """
        if self.json_encoder is None:
            return _JSON_ENCODER.encode(payload)
        return json.dumps(payload, separators=(",", ":"), cls=self.json_encoder, allow_nan=False)

    def _get_signer(self, typ: str) -> tuple[bytes, Callable[[bytes], bytes]]:
        """Returns the encoded header, and a function that returns the signature of the bytes it is called with.

        Raises ``NoSigningKey`` if the ring has no active key, another ``TokenBackendError`` for a backend that only
        verifies, and ``ImproperlyConfigured`` for a blank HMAC secret.
        """
        if self.ring is not None:
            current = self.ring().signing_key(self._now())
            if current is None:
                error = NoSigningKey()
                self._signing_outage.start(error)
                raise error
            self._signing_outage.end()
            return _encode_header(current.algorithm, current.kid, typ), current.sign
        if (key := self.prepared_signing_key) is not None:
            return _encode_header(self.algorithm, None, typ), lambda message: self._algorithm.sign(message, key)
        raise TokenBackendError("There is no key to sign with: this backend only verifies")

    @sensitive_variables()
    def decode(self, token: str | bytes, verify: bool = True) -> JSONObject:
        """Verifies ``token`` and returns its claims as a new dict.

        With ``verify=False`` neither the signature nor any claim is checked: use that only for a token that was
        verified before.

        Raises ``TokenBackendExpiredToken`` if ``exp`` has passed by more than the leeway, ``TokenBackendError`` for
        any other token that is not valid, ``KeysUnavailable`` if the issuer's keys can't be fetched, and
        ``ImproperlyConfigured`` if the HMAC secret is blank.
        """
        try:
            if not verify:
                return jws.unverified_payload(token)
            text = token if type(token) is bytes else jws.to_ascii(token)
            verified = self._memo.get(text)
            if verified is not None and self._is_key_valid(verified, token):
                payload = verified.claims()
                self._check_claims(payload, verified.lifespan)
                return payload
            return self._verify(token, text)
        except (jws.Malformed, claims.InvalidClaims) as error:
            raise TokenBackendError(INVALID) from error

    def _is_key_valid(self, verified: VerifiedToken, token: str | bytes) -> bool:
        """Returns whether ``token`` would be verified with the same key now.

        False if the key has been retired or withdrawn, or if the issuer's keys have been fetched again.
        """
        if self.ring is not None:
            return verified.key in self.ring().verifying_keys(verified.kid, self._now())
        return verified.key is self.get_verifying_key(token)

    def _verify(self, token: str | bytes, text: bytes) -> JSONObject:
        """Verifies the signature and the claims, and returns the claims. Adds a short enough token to the memo.

        ``text`` is ``token`` as bytes. Raises ``Malformed``, also for a wrong signature or an unknown ``kid``, and
        ``InvalidClaims``; ``decode`` converts both. For another algorithm, an expired token or keys that can't be
        fetched, it raises what ``decode`` raises.
        """
        parts = jws.split_compact(text)
        header = jws.read_header(parts.header, keys_published=self.jwks_client is not None)
        # The key determines the algorithm, never the token (RFC 8725 section 3.1).
        key = self._verify_with_ring(parts, header) if self.ring else self._verify_with_key(token, parts, header)
        claims_text = jws.decode_text(parts.payload)
        payload = jws.parse_object(claims_text)
        lifespan = claims.lifespan(payload)
        self._check_claims(payload, lifespan)
        if len(text) <= self._memo.max_length:
            self._memo.add(text, VerifiedToken(claims_text, lifespan, key, header.kid))
        return payload

    def _verify_with_ring(self, parts: jws.Compact, header: jws.Header) -> Key:
        """Returns the key of the ring that verifies the signature. Raises ``Malformed`` or ``TokenBackendError``."""
        assert self.ring is not None, "the caller has checked it"
        signature = jws.base64url_decode(parts.signature)
        keys = self.ring().verifying_keys(header.kid, self._now())
        candidates = [key for key in keys if key.algorithm == header.alg]
        if keys and not candidates:
            raise TokenBackendError(_INVALID_ALGORITHM)
        for key in candidates:
            if key.verify(parts.signing_input, signature):
                return key
        raise jws.Malformed("the key does not verify the signature" if keys else "no key has the token's kid")

    def _verify_with_key(self, token: str | bytes, parts: jws.Compact, header: jws.Header) -> object:
        """Verifies the signature with the key of ``get_verifying_key``, or with one of ``fallback_keys``.

        Returns what ``get_verifying_key`` returned in both cases. Raises ``Malformed`` or ``TokenBackendError``.
        """
        if header.alg != self.algorithm:
            raise TokenBackendError(_INVALID_ALGORITHM)
        signature = jws.base64url_decode(parts.signature)
        try:
            found = key = self.get_verifying_key(token)
            if isinstance(key, (str, bytes)) and self.algorithm not in HMAC_ALGORITHMS:
                # An override of get_verifying_key may return a PEM.
                key = self._prepare_key(key)
            for candidate in (key, *self._prepared_fallback_keys):
                if self._algorithm.verify(parts.signing_input, candidate, signature):
                    return found
        except _KEY_ERRORS as error:
            raise jws.Malformed("the key can't be used for this signature") from error
        raise jws.Malformed("the key does not verify the signature")

    @cached_property
    def _prepared_fallback_keys(self) -> tuple[object, ...]:
        """``fallback_keys`` parsed for ``algorithm``, without blank ones."""
        prepared = [self._prepare_key(key) for key in self.fallback_keys]
        return tuple([key for key in prepared if key is not None])

    def _check_claims(self, payload: JSONObject, lifespan: tuple[float, float]) -> None:
        """Raises ``InvalidClaims`` for a wrong ``iss``, ``aud``, ``iat`` or ``nbf``.

        Raises ``TokenBackendExpiredToken``, with ``payload`` as its ``claims``, if ``exp`` has passed. ``lifespan`` is
        what ``claims.lifespan(payload)`` returns.
        """
        if self.audience is not None or self.issuer is not None:
            claims.check_parties(payload, audience=self.audience, issuer=self.issuer)
        try:
            claims.check_times(lifespan, now=self._now(), leeway=self.get_leeway().total_seconds())
        except claims.Expired as error:
            expired = TokenBackendExpiredToken(EXPIRED)
            expired.claims = payload
            raise expired from error
