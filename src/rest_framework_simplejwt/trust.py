"""The issuers that are trusted beside us: whose a token claims to be, and what verifies it then."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeGuard

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.encoding import force_bytes
from django.views.decorators.debug import sensitive_variables

from . import jws
from ._types import JSONObject
from .backends import TokenBackend
from .exceptions import TokenBackendError
from .keys import fetch
from .keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from .keys.ring import BadKey, Key, KeyRing, Secret, read_key
from .settings import api_settings
from .settings_cache import BuiltFromSettings

_ENTRY = ("issuer", "audience", "jwk_url", "keys", "algorithms", "claims")
# They are verified, and so they stay what the issuer said.
_VERIFIED = frozenset({"iss", "aud", "exp", "nbf", "iat"})


class BadIssuer(ValueError):
    """An entry of ``TRUSTED_ISSUERS`` that can't be used. The text says what is wrong, and nothing of a key."""


@dataclass(frozen=True, eq=False)
class TrustedIssuer:
    """One entry, read. ``claims`` leads from their names to ours; ``entry`` is what the project wrote."""

    issuer: str
    claims: Mapping[str, str]
    entry: Mapping[str, object] = field(repr=False)
    # By algorithm. Each has the keys of that algorithm alone, and checks the issuer and the audience.
    backends: Mapping[str, TokenBackend] = field(repr=False)

    def decode(self, token: str | bytes) -> JSONObject:
        """Their claims, verified, under their names. Raises as ``TokenBackend.decode``, ``KeysUnavailable`` too."""
        try:
            algorithm = jws.read_header(jws.split_compact(token).header, keys_published=True).alg
        except jws.Malformed as error:
            raise TokenBackendError("Token is invalid") from error
        # The token chooses among what its issuer is known to sign with, and nothing else.
        backend = self.backends.get(algorithm) if isinstance(algorithm, str) else None
        if backend is None:
            raise TokenBackendError("Invalid algorithm specified")
        return backend.decode(token)

    def translated(self, theirs: Mapping[str, object]) -> JSONObject:
        """The claims as the project sees them.

        What means something to us alone comes from ``claims`` or not at all: what they happen to
        call ``user_id`` is no user of ours.
        """
        ours = {name: theirs[claim] for claim, name in self.claims.items() if claim in theirs}
        closed = _local_claims().union(self.claims.values())
        return {claim: value for claim, value in theirs.items() if claim not in closed} | ours


def _local_claims() -> set[str | None]:
    return {
        api_settings.USER_ID_CLAIM,
        api_settings.TOKEN_TYPE_CLAIM,
        api_settings.TOKEN_FAMILY_CLAIM,
        api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM,
        api_settings.REVOKE_TOKEN_CLAIM,
        api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM,
        # What TokenUser has of them.
        "is_staff",
        "is_superuser",
    }


_SETTINGS = (
    "TRUSTED_ISSUERS",
    "ISSUER",
    "LEEWAY",
    "JWK_TIMEOUT",
    "JWK_ALLOW_HTTP",
    "SIGNING_KEY",
    "VERIFIED_TOKEN_CACHE_SIZE",
)


@sensitive_variables()
def trusted_issuers() -> Mapping[str, TrustedIssuer]:
    """All trusted issuers by name, read again only after a change of the settings.

    Raises ``ImproperlyConfigured`` that names the first entry that can't be used.
    """
    return _issuers.get()


def _load_issuers() -> dict[str, TrustedIssuer]:
    issuers = {}
    for number, found in enumerate(read_issuers(api_settings.TRUSTED_ISSUERS)):
        if isinstance(found, BadIssuer):
            raise ImproperlyConfigured(f"SIMPLE_JWT['TRUSTED_ISSUERS'][{number}]: {found}.") from found
        issuers[found.issuer] = found
    return issuers


_issuers = BuiltFromSettings(_load_issuers, _SETTINGS, django_names=["SECRET_KEY", "SECRET_KEY_FALLBACKS"])


def trusted_issuer(token: object) -> TrustedIssuer | None:
    """The one whose name ``token`` bears, to the letter. Nothing is verified yet.

    ``None`` for what is no token, or too long: it is for the ordinary path to refuse that.
    """
    if not isinstance(token, (str, bytes)) or len(token) > api_settings.MAX_TOKEN_LENGTH:
        return None
    try:
        named = jws.decode_object(jws.split_compact(token).payload).get("iss")
    except jws.Malformed:
        return None
    return _named(named)


def check_ours(claims: Mapping[str, object]) -> None:
    """Raise ``TokenBackendError`` if verified ``claims`` bear another's name: only that issuer's keys speak for it."""
    if _named(claims.get("iss")) is not None:
        raise TokenBackendError("our key has signed it, and 'iss' is one of TRUSTED_ISSUERS")


def _named(issuer: object) -> TrustedIssuer | None:
    return trusted_issuers().get(issuer) if isinstance(issuer, str) else None


def read_issuers(entries: Collection[object]) -> Iterator[TrustedIssuer | BadIssuer]:
    """Each entry as what it is, or as what is wrong with it."""
    ours: object = api_settings.ISSUER
    own = ours if isinstance(ours, Collection) and not isinstance(ours, str) else [ours]
    seen: set[str] = set()
    for entry in entries:
        try:
            found = _read(entry)
            if found.issuer in own:
                raise BadIssuer("its issuer is our own ISSUER")
            if found.issuer in seen:
                raise BadIssuer(f"the issuer {found.issuer!r} stands in two entries")
            seen.add(found.issuer)
            yield found
        except BadIssuer as error:
            yield error


def _read(entry: object) -> TrustedIssuer:
    if not isinstance(entry, Mapping):
        raise BadIssuer("it is no dict")
    for name in map(str, entry.keys() - set(_ENTRY)):
        close = get_close_matches(name, _ENTRY, n=1)
        raise BadIssuer(f"{name!r} is unknown" + (f", did you mean {close[0]!r}" if close else ""))
    issuer = entry.get("issuer")
    if not _is_name(issuer):
        raise BadIssuer("it needs an issuer, the 'iss' of its tokens")
    try:
        return TrustedIssuer(issuer, _claims(entry), entry, _backends(entry, issuer))
    except TokenBackendError as error:
        raise BadIssuer(str(error).rstrip(".")) from error


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _names(entry: Mapping[str, object], name: str) -> list[str]:
    value = entry.get(name)
    return list(value) if isinstance(value, (list, tuple)) and all(map(_is_name, value)) else []


def _audience(entry: Mapping[str, object]) -> list[str]:
    one = entry.get("audience")
    audience = [one] if isinstance(one, str) and one else _names(entry, "audience")
    if not audience:
        # Else a token that was given to another service would open this one.
        raise BadIssuer("it needs an audience, a string or a list of them: what 'aud' says of tokens for this service")
    return audience


def _algorithms(entry: Mapping[str, object]) -> list[str]:
    algorithms = _names(entry, "algorithms")
    if not algorithms or not ALLOWED_ALGORITHMS.issuperset(algorithms):
        raise BadIssuer(f"it needs algorithms, a list of some of {sorted(ALLOWED_ALGORITHMS)}")
    return algorithms


def _claims(entry: Mapping[str, object]) -> dict[str, str]:
    claims = entry.get("claims") or {}
    if not isinstance(claims, Mapping) or not all(map(_is_name, (*claims.keys(), *claims.values()))):
        raise BadIssuer("its claims are no dict from their names to ours")
    ours = list(claims.values())
    if len(set(ours)) != len(ours) or not _VERIFIED.isdisjoint(ours):
        raise BadIssuer(f"its claims name one of ours twice, or one of {sorted(_VERIFIED)}")
    return dict(claims)


def _backends(entry: Mapping[str, object], issuer: str) -> dict[str, TokenBackend]:
    audience, algorithms = _audience(entry), _algorithms(entry)
    url, specs = entry.get("jwk_url"), entry.get("keys")
    if bool(url) == bool(specs):
        raise BadIssuer("it needs either a jwk_url or keys")
    common: dict[str, Any] = {
        "audience": audience,
        "issuer": issuer,
        "leeway": api_settings.LEEWAY,
        "verified_cache_size": api_settings.VERIFIED_TOKEN_CACHE_SIZE,
    }
    if url:
        _check_url(url, algorithms)
        common |= {
            "jwk_url": url,
            "jwk_timeout": api_settings.JWK_TIMEOUT,
            "jwk_allow_http": api_settings.JWK_ALLOW_HTTP,
        }
        return {algorithm: TokenBackend(algorithm, **common) for algorithm in algorithms}
    keys = _keys(specs, algorithms)
    return {algorithm: TokenBackend(algorithm, **common, ring=_ring(keys, algorithm)) for algorithm in algorithms}


def _check_url(url: Any, algorithms: list[str]) -> None:
    if not HMAC_ALGORITHMS.isdisjoint(algorithms):
        raise BadIssuer("an HMAC algorithm has no keys that a jwk_url could publish")
    try:
        fetch.check_url(url, allow_http=api_settings.JWK_ALLOW_HTTP)
    except (fetch.FetchError, ValueError, AttributeError) as error:
        raise BadIssuer(f"its jwk_url is not fetched: {error}") from error


def _keys(specs: object, algorithms: list[str]) -> list[Key]:
    if not isinstance(specs, (list, tuple)):
        raise BadIssuer("its keys are no list")
    keys = []
    for number, spec in enumerate(specs):
        # A lone key is meant by a token that names none.
        lone = len(specs) == 1 and isinstance(spec, Mapping)
        try:
            key = read_key({"accepts_no_kid": True, **spec} if lone else spec, signs=False)
        except (BadKey, TypeError) as error:
            raise BadIssuer(f"its keys[{number}]: {error}") from error
        if key.algorithm not in algorithms:
            raise BadIssuer(f"its keys[{number}] is for {key.algorithm}, which is none of its algorithms")
        if isinstance(key, Secret) and key.secret in _our_secrets():
            raise BadIssuer(f"its keys[{number}] is a secret of our own: who has it signs what is ours")
        keys.append(key)
    return keys


def _our_secrets() -> list[bytes]:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, api_settings.SIGNING_KEY)
    return [force_bytes(secret) for secret in secrets if isinstance(secret, (str, bytes))]


def _ring(keys: list[Key], algorithm: str) -> Callable[[], KeyRing]:
    try:
        ring = KeyRing(verifying=[key for key in keys if key.algorithm == algorithm])
    except BadKey as error:
        raise BadIssuer(f"its keys: {error}") from error
    return lambda: ring
