"""The algorithm, its keys, and where an issuer publishes them. No message says anything of a key."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.encoding import force_bytes

from .. import state
from ..backends import TokenBackend
from ..exceptions import TokenBackendError
from ..keys import algorithms, fetch
from ..keys.algorithms import ALLOWED_ALGORITHMS, HMAC_ALGORITHMS
from .project import authenticators, descends, is_blank, mounts, written
from .registry import Finding, check

SIGNING_VIEWS = ("TokenObtainPairView", "TokenRefreshView", "TokenObtainSlidingView", "TokenRefreshSlidingView")
_VERIFYING = (
    "TokenRefreshView",
    "TokenRefreshSlidingView",
    "TokenVerifyView",
    "TokenBlacklistView",
    "TokenFamilyBlacklistView",
)
# Not a call in the settings: each process would make a secret of its own.
NEW_SECRET = (
    'Print one once with `python -c "import secrets; print(secrets.token_urlsafe(64))"`, and read it from the '
    "environment: SIMPLE_JWT['SIGNING_KEY'] = os.environ['JWT_SIGNING_KEY']; or paste it."
)
_PAIR = "-----BEGIN PRIVATE KEY-----... as SIGNING_KEY and -----BEGIN PUBLIC KEY-----... as VERIFYING_KEY"


def has_ring() -> bool:
    """Whether a ring of keys stands in for ALGORITHM, SIGNING_KEY and VERIFYING_KEY."""
    return any(written(name) for name in ("SIGNING_KEYS", "VERIFYING_KEYS", "SIGNING_KEYS_DIR"))


def algorithm() -> str | None:
    """The algorithm, if there is such a one, and no ring."""
    value = None if has_ring() else written("ALGORITHM")
    return value if isinstance(value, str) and value in ALLOWED_ALGORITHMS else None


def is_asymmetric() -> bool:
    return algorithm() is not None and algorithm() not in HMAC_ALGORITHMS


def uses_hmac() -> bool:
    return algorithm() in HMAC_ALGORITHMS


def signs_with_secret_key() -> bool:
    key = written("SIGNING_KEY")
    return isinstance(key, (str, bytes)) and force_bytes(key) == force_bytes(settings.SECRET_KEY)


def _has_signing_key() -> bool:
    """Whether there is one; SECRET_KEY, the default, is no private key."""
    return _is_key(written("SIGNING_KEY")) and not (is_asymmetric() and signs_with_secret_key())


def _has_verifying_key() -> bool:
    return _is_key(written("VERIFYING_KEY"))


def _is_key(value: Any) -> bool:
    return value is not None and not algorithms.is_blank(value)


def _backend() -> TokenBackend | None:
    """What signs and verifies, of the algorithm and the keys alone; ``None`` if the algorithm can't be used."""
    name = algorithm()
    try:
        return None if name is None else TokenBackend(name, written("SIGNING_KEY"), written("VERIFYING_KEY"))
    except TokenBackendError:
        return None


def _probe() -> str | None:
    """A token, ``None`` if the key signs none."""
    backend = _backend()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return None if backend is None else backend.encode({})
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise what they like
        return None


def _loads_verifying_key() -> bool:
    backend = _backend()
    try:
        # Older PyJWT loads a key of another type; it fails to export it.
        return backend is not None and bool(backend._algorithm.to_jwk(backend.prepared_verifying_key))
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise what they like
        return False


def _verifies(probe: str) -> bool:
    backend = _backend()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return backend is not None and backend.decode(probe) == {}
    except Exception:  # noqa: BLE001  # PyJWT and cryptography raise what they like
        return False


@check("simplejwt.E007", hint="Write 'HS256', or 'ES256' or 'RS256' with a key pair.")
def unknown_algorithm() -> Iterator[Finding]:
    """``ALGORITHM`` is none that there is."""
    value = written("ALGORITHM")
    if isinstance(value, str) and value not in ALLOWED_ALGORITHMS and not is_blank(value) and not has_ring():
        yield Finding(f"SIMPLE_JWT['ALGORITHM'] {value!r} is none of {', '.join(sorted(ALLOWED_ALGORITHMS))}.")


@check("simplejwt.E008", hint="Run: pip install 'djangorestframework-simplejwt[crypto]'.")
def missing_cryptography() -> Iterator[Finding]:
    """The algorithm needs the package ``cryptography``, which is not installed."""
    if is_asymmetric() and _backend() is None:
        yield Finding(f"SIMPLE_JWT['ALGORITHM'] {algorithm()!r} needs the package cryptography.")


@check("simplejwt.E009", hint=f"Leave SIGNING_KEY out, or write a secret. {NEW_SECRET}")
def empty_secret() -> Iterator[Finding]:
    """The secret of an HMAC algorithm is blank or ``None``: tokens can be neither issued nor verified."""
    if uses_hmac() and not _has_signing_key():
        yield Finding("SIMPLE_JWT['SIGNING_KEY'] is empty or blank.")


@check(
    "simplejwt.W025",
    hint="Write the whole PEM text of a private key of that kind, line breaks included; for HMAC, any secret but PEM.",
)
def unusable_signing_key() -> Iterator[Finding]:
    """``SIGNING_KEY`` can't be read, or is no key that the algorithm signs with."""
    if _backend() is not None and _has_signing_key() and _probe() is None:
        yield Finding(f"SIMPLE_JWT['SIGNING_KEY'] is no key that {algorithm()} can sign with.")


@check("simplejwt.W026", hint="Write the PEM text of the private key as SIGNING_KEY, or take these views away.")
def missing_signing_key() -> Iterator[Finding]:
    """The algorithm needs a private key, there is none, and views that issue tokens are mounted."""
    if is_asymmetric() and not _has_signing_key() and mounts(*SIGNING_VIEWS):
        yield Finding(f"{algorithm()} needs SIMPLE_JWT['SIGNING_KEY'] to issue tokens; SECRET_KEY is no private key.")


@check("simplejwt.W027", hint="Write the PEM text of the public key as VERIFYING_KEY, or the issuer's JWK_URL.")
def missing_verifying_key() -> Iterator[Finding]:
    """The algorithm needs a public key, there is neither that nor a ``JWK_URL``, and something verifies tokens."""
    if not is_asymmetric() or written("JWK_URL") or _has_verifying_key():
        return
    ours = "rest_framework_simplejwt.authentication.JWTAuthentication"
    if mounts(*_VERIFYING) or any(descends(each, ours) for each in authenticators()):
        yield Finding(f"{algorithm()} needs SIMPLE_JWT['VERIFYING_KEY'] or SIMPLE_JWT['JWK_URL'] to verify tokens.")


@check("simplejwt.W028", hint="Write the whole PEM text of a public key of that kind, with its line breaks.")
def unusable_verifying_key() -> Iterator[Finding]:
    """``VERIFYING_KEY`` can't be read, or is of another kind than the algorithm's."""
    if _relies_on_verifying_key() and not _loads_verifying_key():
        yield Finding(f"SIMPLE_JWT['VERIFYING_KEY'] is no key that {algorithm()} can verify with.")


def _relies_on_verifying_key() -> bool:
    return is_asymmetric() and _backend() is not None and _has_verifying_key() and not written("JWK_URL")


@check("simplejwt.W029", hint=f"Write both halves of one pair: {_PAIR}.")
def mismatched_keys() -> Iterator[Finding]:
    """``VERIFYING_KEY`` does not verify what ``SIGNING_KEY`` signs."""
    if _relies_on_verifying_key() and _has_signing_key() and _loads_verifying_key():
        probe = _probe()
        if probe is not None and not _verifies(probe):
            yield Finding("SIMPLE_JWT['VERIFYING_KEY'] does not verify what SIMPLE_JWT['SIGNING_KEY'] signs.")


def _is_refused(url: str) -> str | None:
    try:
        fetch.checked(url, allow_http=bool(written("JWK_ALLOW_HTTP")))
    except (fetch.FetchError, ValueError) as error:
        return str(error)
    return None


@check(
    "simplejwt.W030",
    hint="Write a URL that begins with https://, such as https://issuer.example/.well-known/jwks.json; "
    "or SIMPLE_JWT['JWK_ALLOW_HTTP'] = True for an http:// URL on a private network.",
)
def insecure_jwk_url() -> Iterator[Finding]:
    """``JWK_URL`` is not fetched, for it is neither ``https`` nor on this machine, say: tokens are answered 503."""
    url = written("JWK_URL")
    if isinstance(url, str) and url and is_asymmetric() and (reason := _is_refused(url)):
        yield Finding(f"SIMPLE_JWT['JWK_URL'] is not fetched: {reason}.")


@check("simplejwt.W004", hint="Write ALGORITHM = 'RS256', or whichever the issuer signs with; or leave JWK_URL out.")
def ignored_jwk_url() -> Iterator[Finding]:
    """``JWK_URL`` is ignored, as the algorithm has no public keys."""
    if written("JWK_URL") and uses_hmac():
        yield Finding(f"SIMPLE_JWT['JWK_URL'] is ignored: {algorithm()} has no public keys.")


@check("simplejwt.E022", hint="Write {{'kid': ..., 'algorithm': 'ES256', 'key_file': ...}} for each key of the ring.")
def unreadable_ring() -> Iterator[Finding]:
    """A key of ``SIGNING_KEYS`` or ``VERIFYING_KEYS`` can't be read, or two have one ``kid``."""
    try:
        state.configured_keys()
    except ImproperlyConfigured as error:
        yield Finding(str(error))
    except Exception as error:  # noqa: BLE001  # a list was expected, and anything may be there
        yield Finding(f"SIMPLE_JWT['SIGNING_KEYS'] or ['VERIFYING_KEYS'] is no list of dicts: {type(error).__name__}.")


def secret() -> bytes | None:
    """The secret of an HMAC algorithm, if there is one."""
    key: Any = written("SIGNING_KEY")
    return force_bytes(key) if uses_hmac() and _has_signing_key() and isinstance(key, (str, bytes)) else None
