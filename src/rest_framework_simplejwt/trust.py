"""``TRUSTED_ISSUERS``: finds the trusted issuer of a token, and verifies the token with that issuer's keys."""

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

_ENTRY_KEYS = ("issuer", "audience", "jwk_url", "keys", "algorithms", "claims")
# An entry can't rename other claims to these: their values are verified.
_VERIFIED_CLAIMS = frozenset({"iss", "aud", "exp", "nbf", "iat"})


class BadIssuer(ValueError):
    """Raised for an invalid entry of ``TRUSTED_ISSUERS``. The message says what is wrong and never quotes a key."""


@dataclass(frozen=True, eq=False)
class TrustedIssuer:
    """One parsed entry of ``TRUSTED_ISSUERS``.

    ``claims`` maps the issuer's claim names to local ones. ``entry`` is the dict in the settings.
    """

    issuer: str
    claims: Mapping[str, str]
    entry: Mapping[str, object] = field(repr=False)
    # One backend for each algorithm. It has only the keys of that algorithm, and checks issuer and audience.
    backends: Mapping[str, TokenBackend] = field(repr=False)

    def decode(self, token: str | bytes) -> JSONObject:
        """Verifies ``token`` and returns its claims under the issuer's names.

        Raises ``TokenBackendError`` for a token that is not valid, ``TokenBackendExpiredToken`` for an expired one,
        and ``KeysUnavailable`` if the issuer's keys can't be fetched.
        """
        try:
            algorithm = jws.read_header(jws.split_compact(token).header, keys_published=True).alg
        except jws.Malformed as error:
            raise TokenBackendError("Token is invalid") from error
        # The token can only select one of the algorithms that the entry lists.
        backend = self.backends.get(algorithm) if isinstance(algorithm, str) else None
        if backend is None:
            raise TokenBackendError("Invalid algorithm specified")
        return backend.decode(token)

    def to_local_claims(self, issuer_claims: Mapping[str, object]) -> JSONObject:
        """Returns the issuer's claims with the names that ``claims`` maps them to.

        A claim that has a meaning in this project, such as ``user_id``, is dropped unless ``claims`` maps to it:
        the issuer's ``user_id`` does not identify a user of this project.
        """
        mapped = {name: issuer_claims[claim] for claim, name in self.claims.items() if claim in issuer_claims}
        reserved = _local_claim_names().union(self.claims.values())
        return {claim: value for claim, value in issuer_claims.items() if claim not in reserved} | mapped


def _local_claim_names() -> set[str | None]:
    """Returns the claims with a meaning in this project alone: those that settings name, and those of ``TokenUser``.

    ``None`` is among them if such a setting is ``None``.
    """
    return {
        api_settings.USER_ID_CLAIM,
        api_settings.TOKEN_TYPE_CLAIM,
        api_settings.TOKEN_FAMILY_CLAIM,
        api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM,
        api_settings.REVOKE_TOKEN_CLAIM,
        api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM,
        # TokenUser reads these two.
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
    """Returns the parsed entries of ``TRUSTED_ISSUERS`` by issuer. They are cached until a setting changes.

    Raises ``ImproperlyConfigured`` for the first entry that is not valid, and says which one.
    """
    return _issuers.get()


def _load_issuers() -> dict[str, TrustedIssuer]:
    """Parses ``TRUSTED_ISSUERS`` and returns the entries by issuer.

    Raises ``ImproperlyConfigured`` for the first entry that is not valid.
    """
    issuers = {}
    for number, found in enumerate(read_issuers(api_settings.TRUSTED_ISSUERS)):
        if isinstance(found, BadIssuer):
            raise ImproperlyConfigured(f"SIMPLE_JWT['TRUSTED_ISSUERS'][{number}]: {found}.") from found
        issuers[found.issuer] = found
    return issuers


_issuers = BuiltFromSettings(_load_issuers, _SETTINGS, django_names=["SECRET_KEY", "SECRET_KEY_FALLBACKS"])


def find_trusted_issuer(token: object) -> TrustedIssuer | None:
    """Returns the trusted issuer whose name is exactly the ``iss`` of ``token``, or ``None``. Verifies nothing.

    Returns ``None`` too for a value that is not a token or is longer than ``MAX_TOKEN_LENGTH``. The token classes
    reject those.
    """
    if not isinstance(token, (str, bytes)) or len(token) > api_settings.MAX_TOKEN_LENGTH:
        return None
    try:
        issuer = jws.decode_object(jws.split_compact(token).payload).get("iss")
    except jws.Malformed:
        return None
    return _get_issuer(issuer)


def reject_trusted_issuer(claims: Mapping[str, object]) -> None:
    """Raises ``TokenBackendError`` if the ``iss`` of ``claims`` is a trusted issuer.

    Called with claims that were verified with this project's own keys: only the issuer's keys may sign its tokens.
    """
    if _get_issuer(claims.get("iss")) is not None:
        raise TokenBackendError("'iss' is one of TRUSTED_ISSUERS, but a key of this project signed the token")


def _get_issuer(issuer: object) -> TrustedIssuer | None:
    """Returns the trusted issuer with the name ``issuer``, or ``None``. Any value is accepted."""
    return trusted_issuers().get(issuer) if isinstance(issuer, str) else None


def read_issuers(entries: Collection[object]) -> Iterator[TrustedIssuer | BadIssuer]:
    """Yields for each entry of ``TRUSTED_ISSUERS`` the parsed entry, or the error if it is not valid."""
    issuer: object = api_settings.ISSUER
    local_issuers = issuer if isinstance(issuer, Collection) and not isinstance(issuer, str) else [issuer]
    seen: set[str] = set()
    for entry in entries:
        try:
            trusted = _read_entry(entry)
            if trusted.issuer in local_issuers:
                raise BadIssuer("its issuer is this project's own ISSUER")
            if trusted.issuer in seen:
                raise BadIssuer(f"another entry has the same issuer {trusted.issuer!r}")
            seen.add(trusted.issuer)
            yield trusted
        except BadIssuer as error:
            yield error


def _read_entry(entry: object) -> TrustedIssuer:
    """Returns the parsed entry of ``TRUSTED_ISSUERS``. Raises ``BadIssuer`` if it is not valid."""
    if not isinstance(entry, Mapping):
        raise BadIssuer("it is not a dict")
    for name in map(str, entry.keys() - set(_ENTRY_KEYS)):
        close = get_close_matches(name, _ENTRY_KEYS, n=1)
        raise BadIssuer(f"{name!r} is unknown" + (f", did you mean {close[0]!r}" if close else ""))
    issuer = entry.get("issuer")
    if not _is_nonempty_string(issuer):
        raise BadIssuer("it needs an issuer, the 'iss' of its tokens")
    try:
        return TrustedIssuer(issuer, _read_claims(entry), entry, _build_backends(entry, issuer))
    except TokenBackendError as error:
        raise BadIssuer(str(error).rstrip(".")) from error


def _is_nonempty_string(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _read_strings(entry: Mapping[str, object], name: str) -> list[str]:
    """Returns the list or tuple of strings under ``name``, and an empty list for any other value."""
    value = entry.get(name)
    return list(value) if isinstance(value, (list, tuple)) and all(map(_is_nonempty_string, value)) else []


def _read_audience(entry: Mapping[str, object]) -> list[str]:
    """Returns the audience of an entry as a list. Raises ``BadIssuer`` if it is missing or not valid."""
    value = entry.get("audience")
    audience = [value] if isinstance(value, str) and value else _read_strings(entry, "audience")
    if not audience:
        # Without an audience this project would accept the tokens that the issuer made for other services.
        raise BadIssuer("it needs an audience, a string or a list of strings: the 'aud' of tokens for this service")
    return audience


def _read_algorithms(entry: Mapping[str, object]) -> list[str]:
    """Returns the algorithms of an entry. Raises ``BadIssuer`` if there are none, or one is unknown."""
    algorithms = _read_strings(entry, "algorithms")
    if not algorithms or not ALLOWED_ALGORITHMS.issuperset(algorithms):
        raise BadIssuer(f"it needs algorithms, a list of some of {sorted(ALLOWED_ALGORITHMS)}")
    return algorithms


def _read_claims(entry: Mapping[str, object]) -> dict[str, str]:
    """Returns the ``claims`` of an entry, by default an empty dict.

    Raises ``BadIssuer`` unless it maps claim names to other ones, each to its own, and none to a verified claim.
    """
    claims = entry.get("claims") or {}
    if not isinstance(claims, Mapping) or not all(map(_is_nonempty_string, (*claims.keys(), *claims.values()))):
        raise BadIssuer("its claims must be a dict from the issuer's claim names to yours")
    local_names = list(claims.values())
    if len(set(local_names)) != len(local_names) or not _VERIFIED_CLAIMS.isdisjoint(local_names):
        raise BadIssuer(f"its claims map two claims to one name, or a claim to one of {sorted(_VERIFIED_CLAIMS)}")
    return dict(claims)


def _build_backends(entry: Mapping[str, object], issuer: str) -> dict[str, TokenBackend]:
    """Returns a backend for each of the entry's algorithms. Raises ``BadIssuer`` or ``TokenBackendError``."""
    audience, algorithms = _read_audience(entry), _read_algorithms(entry)
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
    keys = _read_keys(specs, algorithms)
    return {algorithm: TokenBackend(algorithm, **common, ring=_build_ring(keys, algorithm)) for algorithm in algorithms}


def _check_url(url: Any, algorithms: list[str]) -> None:
    """Raises ``BadIssuer`` if keys may not be fetched from ``url``, or one of the algorithms is an HMAC one."""
    if not HMAC_ALGORITHMS.isdisjoint(algorithms):
        raise BadIssuer("it has a jwk_url and an HMAC algorithm, whose keys are secret and not published")
    try:
        fetch.check_url(url, allow_http=api_settings.JWK_ALLOW_HTTP)
    except (fetch.FetchError, ValueError, AttributeError) as error:
        raise BadIssuer(f"its jwk_url is not allowed: {error}") from error


def _read_keys(specs: object, algorithms: list[str]) -> list[Key]:
    """Returns the keys that ``specs`` describe, which can only verify.

    Raises ``BadIssuer`` for a key that is not valid, is for none of ``algorithms``, or is a secret of this project.
    """
    if not isinstance(specs, (list, tuple)):
        raise BadIssuer("its keys are not a list")
    keys = []
    for number, spec in enumerate(specs):
        # With a single key, the issuer's tokens need no kid.
        is_single = len(specs) == 1 and isinstance(spec, Mapping)
        try:
            key = read_key({"accepts_no_kid": True, **spec} if is_single else spec, signs=False)
        except (BadKey, TypeError) as error:
            raise BadIssuer(f"its keys[{number}]: {error}") from error
        if key.algorithm not in algorithms:
            raise BadIssuer(f"its keys[{number}] is for {key.algorithm}, which is not one of its algorithms")
        if isinstance(key, Secret) and key.secret in _local_secrets():
            raise BadIssuer(f"its keys[{number}] is a secret of this project, which could sign this project's tokens")
        keys.append(key)
    return keys


def _local_secrets() -> list[bytes]:
    """Returns the secrets that may sign this project's own tokens."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, api_settings.SIGNING_KEY)
    return [force_bytes(secret) for secret in secrets if isinstance(secret, (str, bytes))]


def _build_ring(keys: list[Key], algorithm: str) -> Callable[[], KeyRing]:
    """Returns a function that returns the ring of those ``keys`` that are for ``algorithm``.

    Raises ``BadIssuer`` if two of them have the same ``kid``.
    """
    try:
        ring = KeyRing(verifying=[key for key in keys if key.algorithm == algorithm])
    except BadKey as error:
        raise BadIssuer(f"its keys: {error}") from error
    return lambda: ring
