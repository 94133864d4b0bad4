"""Names: of settings, of claims, of the header, of the user's field."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from inspect import getattr_static

from django.contrib.auth import get_user_model
from django.db.models import Model

from .. import profile
from ..revocation import family_installed
from ..settings import DEFAULTS
from .keys import SIGNING_VIEWS
from .project import authenticators, descends, imported, is_blank, is_customized, mounts, unknown, written
from .registry import Finding, check
from .revocation import refresh_token_classes
from .shapes import complaint

# The share of letters in common from which on a name is a typo of ours. At 0.8, GUEST_TOKEN_LIFETIME would be.
_SIMILARITY = 0.83

_FAMILY_CLAIMS = ("TOKEN_FAMILY_CLAIM", "TOKEN_FAMILY_EXPIRATION_CLAIM")
_CLAIMS = (
    "TOKEN_TYPE_CLAIM",
    "JTI_CLAIM",
    "USER_ID_CLAIM",
    "REVOKE_TOKEN_CLAIM",
    "SLIDING_TOKEN_REFRESH_EXP_CLAIM",
    *_FAMILY_CLAIMS,
)
_OBTAINING_VIEWS = ("TokenObtainPairView", "TokenObtainSlidingView")


def _guess(name: object) -> str | None:
    return next(iter(get_close_matches(str(name).upper(), DEFAULTS, n=1, cutoff=_SIMILARITY)), None)


@check("simplejwt.W003", hint="Did you mean {guess!r}?")
def misspelled_names() -> Iterator[Finding]:
    """A key of ``SIMPLE_JWT`` resembles the name of a setting, and has no effect."""
    for name in unknown():
        if guess := _guess(name):
            yield Finding(f"SIMPLE_JWT[{name!r}] is no setting, and has no effect.", guess=guess)


@check("simplejwt.I001", hint="Nothing, if code of your own reads them. Otherwise take them out.")
def unknown_names() -> Iterator[Finding]:
    """``SIMPLE_JWT`` has keys that this package does not read."""
    names = [repr(name) for name in unknown() if not _guess(name)]
    if names:
        yield Finding(f"SIMPLE_JWT has keys that this package does not read: {', '.join(names)}.")


@check("simplejwt.W032", hint="Write SIMPLE_JWT['{name}'] = {default!r}, which is the default, or another free name.")
def colliding_claims() -> Iterator[Finding]:
    """Two settings name one claim, or one names a registered claim that tokens have for another purpose."""
    by_claim: dict[str, list[str]] = {}
    for name in _CLAIMS:
        claim = written(name)
        # Where the app is installed, a wrong family claim prevents start-up.
        if isinstance(claim, str) and not is_blank(claim) and not (name in _FAMILY_CLAIMS and family_installed()):
            by_claim.setdefault(claim, []).append(name)
    for claim, names in by_claim.items():
        name = next(filter(is_customized, names), names[0])
        blanks = {"name": name, "default": DEFAULTS[name]}
        if len(names) > 1:
            which = " and ".join(f"SIMPLE_JWT[{each!r}]" for each in names)
            yield Finding(f"{which} are both {claim!r}: one overwrites the other.", **blanks)
        elif claim in _registered_claims() and (name, claim) != ("JTI_CLAIM", "jti"):
            yield Finding(f"SIMPLE_JWT[{name!r}] is {claim!r}, which RFC 7519 has for another purpose.", **blanks)


def _registered_claims() -> set[str]:
    """Those that this package writes or checks."""
    parties = {"AUDIENCE": "aud", "ISSUER": "iss"}
    return {"exp", "iat", "nbf", "jti"} | {claim for name, claim in parties.items() if written(name) is not None}


@check(
    "simplejwt.E025",
    hint="Write ISSUER, AUDIENCE and CLIENT_ID in SIMPLE_JWT, and leave JTI_CLAIM out.",
)
def incomplete_profile() -> Iterator[Finding]:
    """``ACCESS_TOKEN_PROFILE`` is ``"rfc9068"``, and a claim that it requires is left out: no token is accepted."""
    if written("ACCESS_TOKEN_PROFILE") != profile.RFC_9068:
        return
    # A value of a wrong type is E004.
    missing = [name for name in ("ISSUER", "AUDIENCE", "CLIENT_ID") if not written(name) and not complaint(name)]
    if written("JTI_CLAIM") != "jti" and not complaint("JTI_CLAIM"):
        missing.append("JTI_CLAIM = 'jti'")
    if missing:
        yield Finding(f"SIMPLE_JWT['ACCESS_TOKEN_PROFILE'] needs {', '.join(missing)}.")


@check(
    "simplejwt.W052",
    hint="Let encode() of {backend} take typ and write it into the header, or leave ACCESS_TOKEN_PROFILE out.",
)
def backends_without_types() -> Iterator[Finding]:
    """``ACCESS_TOKEN_PROFILE`` is on, and a token class has a backend whose ``encode`` takes no ``typ``."""
    if written("ACCESS_TOKEN_PROFILE") != profile.RFC_9068:
        return
    accepted = written("AUTH_TOKEN_CLASSES")
    paths = accepted if isinstance(accepted, (list, tuple)) else ()
    classes = (each for each in (*map(imported, paths), *refresh_token_classes()) if isinstance(each, type))
    for token_class in dict.fromkeys(classes):
        backend = getattr(token_class, "_token_backend", None)
        if hasattr(backend, "encode") and not profile.is_carried_by(backend):
            name = f"{token_class.__module__}.{token_class.__qualname__}"
            text = f"SIMPLE_JWT['ACCESS_TOKEN_PROFILE'] has no effect on {name}: its backend can't write a type."
            yield Finding(text, backend=type(backend).__name__)


@check("simplejwt.W033", hint="Write {instead}.")
def parties_that_only_verify() -> Iterator[Finding]:
    """``ISSUER`` or ``AUDIENCE`` is a collection that verifies tokens and can't be in one, and views issue tokens."""
    if not mounts(*SIGNING_VIEWS):
        return
    for name, writable, instead in (
        ("ISSUER", str, "the name of this service as ISSUER, and an entry of TRUSTED_ISSUERS for each other one"),
        ("AUDIENCE", (str, list, tuple), "AUDIENCE as a list"),
    ):
        value = written(name)
        if isinstance(value, Collection) and not isinstance(value, writable) and any(isinstance(x, str) for x in value):
            yield Finding(f"SIMPLE_JWT[{name!r}] verifies tokens, but none can be issued with it.", instead=instead)


@check("simplejwt.W034", hint="Write SIMPLE_JWT['AUTH_HEADER_NAME'] = {key!r}.")
def header_without_http() -> Iterator[Finding]:
    """``AUTH_HEADER_NAME`` is no key that ``request.META`` has for a header: those begin with ``HTTP_``."""
    name = written("AUTH_HEADER_NAME")
    if not isinstance(name, str) or is_blank(name):
        return
    key = "HTTP_" + name.strip().upper().replace("-", "_").removeprefix("HTTP_")
    if name != key:
        yield Finding(f"SIMPLE_JWT['AUTH_HEADER_NAME'] {name!r} is not how request.META names a header.", key=key)


@check("simplejwt.W035", hint="Write SIMPLE_JWT['USER_ID_FIELD'] = 'pk', or the name of a field of {model}.")
def missing_user_field() -> Iterator[Finding]:
    """The user model has no ``USER_ID_FIELD``, or that is a look-up, which finds users but can't be issued."""
    model, field = _user_model(), written("USER_ID_FIELD")
    if model is None or not isinstance(field, str) or is_blank(field) or not _reads_user_field():
        return
    label = model._meta.label
    if not _has(model, field.partition("__")[0]):
        yield Finding(f"SIMPLE_JWT['USER_ID_FIELD']: {label} has no field {field!r}.", model=label)
    elif not _has(model, field) and mounts(*_OBTAINING_VIEWS):
        yield Finding(f"SIMPLE_JWT['USER_ID_FIELD'] {field!r} is a look-up: a token can't be issued.", model=label)


def _user_model() -> type[Model] | None:
    try:
        return get_user_model()
    except Exception:  # noqa: BLE001  # without django.contrib.auth there is none
        return None


def _reads_user_field() -> bool:
    """Whether the project wrote one, or has something that reads the default."""
    ours, stateless = (
        f"rest_framework_simplejwt.authentication.{name}"
        for name in ("JWTAuthentication", "JWTStatelessUserAuthentication")
    )
    stateful = (each for each in authenticators() if descends(each, ours) and not descends(each, stateless))
    return is_customized("USER_ID_FIELD") or mounts(*_OBTAINING_VIEWS) or any(stateful)


def _has(model: object, name: str) -> bool:
    # One with a __getattr__ may have anything.
    return name == "pk" or any(getattr_static(model, each, None) is not None for each in (name, "__getattr__"))
