"""Checks of ``ALGORITHM``, its keys and ``JWK_URL``. No message contains a key or a part of one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.encoding import force_bytes

from .. import state
from ..backends import TokenBackend
from ..exceptions import TokenBackendError
from ..keys import algorithms, fetch
from ..keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from .project import all_authentication_classes, configured, has_route_to, is_blank, is_subclass_of
from .registry import Finding, check

SIGNING_VIEWS = ("TokenObtainPairView", "TokenRefreshView", "TokenObtainSlidingView", "TokenRefreshSlidingView")
_VERIFYING_VIEWS = (
    "TokenRefreshView",
    "TokenRefreshSlidingView",
    "TokenVerifyView",
    "TokenBlacklistView",
    "TokenFamilyBlacklistView",
)
# The hint must not be a call in the settings: each process would generate a secret of its own.
NEW_SECRET = (
    'Generate a secret once with `python -c "import secrets; print(secrets.token_urlsafe(64))"`, and read it from '
    "the environment: SIMPLE_JWT['SIGNING_KEY'] = os.environ['JWT_SIGNING_KEY']."
)
_KEY_PAIR = "-----BEGIN PRIVATE KEY-----... as SIGNING_KEY and -----BEGIN PUBLIC KEY-----... as VERIFYING_KEY"


def has_key_ring() -> bool:
    """Returns whether the project configures a key ring, which replaces ALGORITHM, SIGNING_KEY and VERIFYING_KEY."""
    return any(configured(name) for name in ("SIGNING_KEYS", "VERIFYING_KEYS", "SIGNING_KEYS_DIR"))


def known_algorithm() -> str | None:
    """Returns the value of ``ALGORITHM``.

    Returns ``None`` if this package does not know it, or a key ring replaces it.
    """
    value = None if has_key_ring() else configured("ALGORITHM")
    return value if isinstance(value, str) and value in ALLOWED_ALGORITHMS else None


def uses_key_pair() -> bool:
    """Returns whether ``ALGORITHM`` is an asymmetric one, and no key ring replaces it."""
    return known_algorithm() is not None and known_algorithm() not in HMAC_ALGORITHMS


def uses_hmac() -> bool:
    """Returns whether ``ALGORITHM`` is an HMAC one, and no key ring replaces it."""
    return known_algorithm() in HMAC_ALGORITHMS


def signs_with_secret_key() -> bool:
    """Returns whether ``SIGNING_KEY`` equals Django's ``SECRET_KEY``, which is its default."""
    key = configured("SIGNING_KEY")
    return isinstance(key, (str, bytes)) and force_bytes(key) == force_bytes(settings.SECRET_KEY)


def _has_signing_key() -> bool:
    """Returns whether ``SIGNING_KEY`` is set. For a key pair the default ``SECRET_KEY`` does not count."""
    return _is_not_blank(configured("SIGNING_KEY")) and not (uses_key_pair() and signs_with_secret_key())


def _has_verifying_key() -> bool:
    """Returns whether ``VERIFYING_KEY`` is set to something that is not blank."""
    return _is_not_blank(configured("VERIFYING_KEY"))


def _is_not_blank(value: object) -> bool:
    """Returns whether a key is neither ``None`` nor blank. A key object of ``cryptography`` is not blank."""
    return value is not None and not algorithms.is_blank(value)


def _build_backend() -> TokenBackend | None:
    """Returns a backend of the algorithm and the two keys.

    Returns ``None`` if the algorithm is unknown or ``cryptography`` is missing.
    """
    name = known_algorithm()
    try:
        return None if name is None else TokenBackend(name, configured("SIGNING_KEY"), configured("VERIFYING_KEY"))
    except TokenBackendError:
        return None


def _sign_test_token() -> str | None:
    """Returns a token without claims that ``SIGNING_KEY`` has signed, or ``None`` if that key can't sign."""
    backend = _build_backend()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return None if backend is None else backend.encode({})
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise any exception for an invalid key
        return None


def _can_load_verifying_key() -> bool:
    """Returns whether ``VERIFYING_KEY`` can be read as a public key for ``ALGORITHM``."""
    backend = _build_backend()
    try:
        # Older PyJWT versions load a key of another type and fail only when they export it.
        return backend is not None and bool(backend._algorithm.to_jwk(backend.prepared_verifying_key))
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise any exception for an invalid key
        return False


def _can_verify(test_token: str) -> bool:
    """Returns whether ``test_token`` is verified with ``VERIFYING_KEY``."""
    backend = _build_backend()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return backend is not None and backend.decode(test_token) == {}
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise any exception for an invalid key
        return False


@check(
    "simplejwt.E007",
    hint="Write SIMPLE_JWT['ALGORITHM'] = 'HS256', or 'ES256' or 'RS256' if you have a key pair.",
)
def unknown_algorithm() -> Iterator[Finding]:
    """``ALGORITHM`` is unknown."""
    value = configured("ALGORITHM")
    if isinstance(value, str) and value not in ALLOWED_ALGORITHMS and not is_blank(value) and not has_key_ring():
        known = ", ".join(sorted(ALLOWED_ALGORITHMS))
        yield Finding(f"Unknown SIMPLE_JWT['ALGORITHM'] {value!r}. The known ones are {known}.")


@check("simplejwt.E008", hint="Run: pip install 'djangorestframework-simplejwt[crypto]'.")
def missing_cryptography() -> Iterator[Finding]:
    """The algorithm needs the package ``cryptography``, which is not installed."""
    if uses_key_pair() and _build_backend() is None:
        name = known_algorithm()
        yield Finding(f"SIMPLE_JWT['ALGORITHM'] is {name!r}: it needs the package cryptography, which is missing.")


@check("simplejwt.E009", hint=f"Remove SIGNING_KEY to use SECRET_KEY, or set a secret. {NEW_SECRET}")
def empty_secret() -> Iterator[Finding]:
    """The HMAC secret is blank or ``None``: tokens can be neither issued nor verified."""
    if uses_hmac() and not _has_signing_key():
        yield Finding("SIMPLE_JWT['SIGNING_KEY'] is blank: tokens can be neither issued nor verified.")


@check(
    "simplejwt.W025",
    hint="Set SIGNING_KEY to the whole PEM text of a private key for the algorithm, with its line breaks. "
    "For HMAC, set a secret that is not a PEM text.",
)
def unusable_signing_key() -> Iterator[Finding]:
    """``SIGNING_KEY`` can't be read, or is not a signing key for the algorithm."""
    if _build_backend() is not None and _has_signing_key() and _sign_test_token() is None:
        yield Finding(f"SIMPLE_JWT['SIGNING_KEY'] is not a key that {known_algorithm()} can sign with.")


@check(
    "simplejwt.W026",
    hint="Set SIGNING_KEY to the PEM text of the private key, or remove the views that issue tokens.",
)
def missing_signing_key() -> Iterator[Finding]:
    """The algorithm needs a private key, ``SIGNING_KEY`` is not set, and your URLs have views that issue tokens."""
    if uses_key_pair() and not _has_signing_key() and has_route_to(*SIGNING_VIEWS):
        yield Finding(
            f"{known_algorithm()} needs a private key in SIMPLE_JWT['SIGNING_KEY'] to issue tokens. The default, "
            "SECRET_KEY, is not one."
        )


@check(
    "simplejwt.W027",
    hint="Set VERIFYING_KEY to the PEM text of the public key, or set JWK_URL to the URL of the issuer's keys.",
)
def missing_verifying_key() -> Iterator[Finding]:
    """The algorithm needs a public key to verify tokens, and neither ``VERIFYING_KEY`` nor ``JWK_URL`` is set."""
    if not uses_key_pair() or configured("JWK_URL") or _has_verifying_key():
        return
    ours = "rest_framework_simplejwt.authentication.JWTAuthentication"
    if has_route_to(*_VERIFYING_VIEWS) or any(is_subclass_of(each, ours) for each in all_authentication_classes()):
        name = known_algorithm()
        yield Finding(f"{name} needs SIMPLE_JWT['VERIFYING_KEY'] or SIMPLE_JWT['JWK_URL'] to verify tokens.")


@check(
    "simplejwt.W028",
    hint="Set VERIFYING_KEY to the whole PEM text of a public key for the algorithm, with its line breaks.",
)
def unusable_verifying_key() -> Iterator[Finding]:
    """``VERIFYING_KEY`` can't be read, or is not a public key for the algorithm."""
    if _is_verifying_key_used() and not _can_load_verifying_key():
        yield Finding(f"SIMPLE_JWT['VERIFYING_KEY'] is not a key that {known_algorithm()} can verify with.")


def _is_verifying_key_used() -> bool:
    """Returns whether tokens are verified with ``VERIFYING_KEY``, and not with the keys at ``JWK_URL``."""
    return uses_key_pair() and _build_backend() is not None and _has_verifying_key() and not configured("JWK_URL")


@check("simplejwt.W029", hint=f"Write both halves of one key pair: {_KEY_PAIR}.")
def mismatched_keys() -> Iterator[Finding]:
    """``VERIFYING_KEY`` does not verify what ``SIGNING_KEY`` signs."""
    if _is_verifying_key_used() and _has_signing_key() and _can_load_verifying_key():
        test_token = _sign_test_token()
        if test_token is not None and not _can_verify(test_token):
            yield Finding("SIMPLE_JWT['VERIFYING_KEY'] does not verify what SIMPLE_JWT['SIGNING_KEY'] signs.")


def _url_error(url: str) -> str | None:
    """Returns why keys may not be fetched from ``url``, or ``None`` if they may."""
    try:
        fetch.check_url(url, allow_http=bool(configured("JWK_ALLOW_HTTP")))
    except (fetch.FetchError, ValueError) as error:
        return str(error)
    return None


@check(
    "simplejwt.W030",
    hint="Write a URL that begins with https://, such as https://issuer.example/.well-known/jwks.json. For an http:// "
    "URL on a private network, write SIMPLE_JWT['JWK_ALLOW_HTTP'] = True.",
)
def insecure_jwk_url() -> Iterator[Finding]:
    """``JWK_URL`` is invalid, or neither ``https`` nor on this machine, so it is not fetched: requests get a 503."""
    url = configured("JWK_URL")
    if isinstance(url, str) and url and uses_key_pair() and (reason := _url_error(url)):
        yield Finding(f"SIMPLE_JWT['JWK_URL'] is not fetched: {reason}.")


@check(
    "simplejwt.W004",
    hint="Set ALGORITHM to the algorithm that the issuer signs with, such as 'RS256'; or remove JWK_URL.",
)
def ignored_jwk_url() -> Iterator[Finding]:
    """``JWK_URL`` is ignored, because an HMAC algorithm has no public keys."""
    if configured("JWK_URL") and uses_hmac():
        yield Finding(f"SIMPLE_JWT['JWK_URL'] is ignored: {known_algorithm()} has no public keys.")


@check("simplejwt.E022", hint="Write {{'kid': ..., 'algorithm': 'ES256', 'key_file': ...}} for each key of the ring.")
def unreadable_key_ring() -> Iterator[Finding]:
    """A key of ``SIGNING_KEYS`` or ``VERIFYING_KEYS`` can't be read, or two keys have the same ``kid``."""
    try:
        state.configured_keys()
    except ImproperlyConfigured as error:
        yield Finding(str(error))
    except Exception as error:  # noqa: BLE001  # the setting may hold anything instead of a list
        name = type(error).__name__
        yield Finding(f"SIMPLE_JWT['SIGNING_KEYS'] or ['VERIFYING_KEYS'] is not a list of dicts: {name}.")


def hmac_secret() -> bytes | None:
    """Returns the HMAC secret in bytes.

    Returns ``None`` for other algorithms, and if the secret is blank or not a string.
    """
    key: object = configured("SIGNING_KEY")
    return force_bytes(key) if uses_hmac() and _has_signing_key() and isinstance(key, (str, bytes)) else None
