"""Checks of names: of settings, claims, the header and the user's field; and of the claims that a profile requires."""

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
from .project import (
    all_authentication_classes,
    configured,
    has_route_to,
    import_or_none,
    is_blank,
    is_customized,
    is_subclass_of,
    unknown_keys,
)
from .registry import Finding, check
from .revocation import refresh_token_classes
from .shapes import unmet_expectation

# From this similarity (difflib's ratio) on, an unknown name counts as a misspelling. With 0.8, the project's own
# GUEST_TOKEN_LIFETIME would count as one.
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


def _similar_setting(name: object) -> str | None:
    """Returns the setting that ``name`` is probably a misspelling of, or ``None``."""
    return next(iter(get_close_matches(str(name).upper(), DEFAULTS, n=1, cutoff=_SIMILARITY)), None)


@check("simplejwt.W003", hint="Did you mean {similar!r}?")
def misspelled_names() -> Iterator[Finding]:
    """A key of ``SIMPLE_JWT`` has no effect: it is not a setting, but resembles the name of one."""
    for name in unknown_keys():
        if similar := _similar_setting(name):
            yield Finding(f"SIMPLE_JWT[{name!r}] is not a setting and has no effect.", similar=similar)


@check("simplejwt.I001", hint="Keep them if your own code reads them. Otherwise remove them.")
def unknown_names() -> Iterator[Finding]:
    """``SIMPLE_JWT`` has keys that this package does not read."""
    names = [repr(name) for name in unknown_keys() if not _similar_setting(name)]
    if names:
        yield Finding(f"SIMPLE_JWT has keys that this package does not read: {', '.join(names)}.")


@check(
    "simplejwt.W032",
    hint="Write SIMPLE_JWT['{name}'] = {default!r}, which is the default, or another name that is not taken.",
)
def colliding_claims() -> Iterator[Finding]:
    """Two settings name the same claim, or one names a registered claim that has another purpose."""
    by_claim: dict[str, list[str]] = {}
    for name in _CLAIMS:
        claim = configured(name)
        # If token_family is installed, a wrong family claim prevents start-up, so it is not reported here.
        if isinstance(claim, str) and not is_blank(claim) and not (name in _FAMILY_CLAIMS and family_installed()):
            by_claim.setdefault(claim, []).append(name)
    for claim, names in by_claim.items():
        name = next(filter(is_customized, names), names[0])
        hint_values = {"name": name, "default": DEFAULTS[name]}
        if len(names) > 1:
            which = " and ".join(f"SIMPLE_JWT[{each!r}]" for each in names)
            yield Finding(f"{which} are both {claim!r}: one overwrites the other.", **hint_values)
        elif claim in _registered_claims() and (name, claim) != ("JTI_CLAIM", "jti"):
            text = f"SIMPLE_JWT[{name!r}] is {claim!r}, which RFC 7519 defines for another purpose."
            yield Finding(text, **hint_values)


def _registered_claims() -> set[str]:
    """Returns the registered claims that this package sets or checks with the current settings.

    They are defined in RFC 7519 section 4.1.
    """
    parties = {"AUDIENCE": "aud", "ISSUER": "iss"}
    return {"exp", "iat", "nbf", "jti"} | {claim for name, claim in parties.items() if configured(name) is not None}


@check(
    "simplejwt.E025",
    hint="Set ISSUER, AUDIENCE and CLIENT_ID in SIMPLE_JWT, and remove JTI_CLAIM.",
)
def incomplete_profile() -> Iterator[Finding]:
    """``ACCESS_TOKEN_PROFILE`` is ``"rfc9068"``, and a required claim has no setting: no token is accepted."""
    if configured("ACCESS_TOKEN_PROFILE") != profile.RFC_9068:
        return
    # E004 reports a value of a wrong type.
    missing = [
        name for name in ("ISSUER", "AUDIENCE", "CLIENT_ID") if not configured(name) and not unmet_expectation(name)
    ]
    if configured("JTI_CLAIM") != "jti" and not unmet_expectation("JTI_CLAIM"):
        missing.append("JTI_CLAIM = 'jti'")
    if missing:
        yield Finding(f"SIMPLE_JWT['ACCESS_TOKEN_PROFILE'] also needs {', '.join(missing)}: no token is accepted.")


@check(
    "simplejwt.W052",
    hint="Add a parameter typ to encode() of {backend} and write it into the token's header, or remove "
    "ACCESS_TOKEN_PROFILE.",
)
def backends_without_typ() -> Iterator[Finding]:
    """``ACCESS_TOKEN_PROFILE`` is set, and a token class has a backend whose ``encode`` does not take ``typ``."""
    if configured("ACCESS_TOKEN_PROFILE") != profile.RFC_9068:
        return
    accepted = configured("AUTH_TOKEN_CLASSES")
    paths = accepted if isinstance(accepted, (list, tuple)) else ()
    classes = (each for each in (*map(import_or_none, paths), *refresh_token_classes()) if isinstance(each, type))
    for token_class in dict.fromkeys(classes):
        backend = getattr(token_class, "_token_backend", None)
        if hasattr(backend, "encode") and not profile.supports_typ(backend):
            name = f"{token_class.__module__}.{token_class.__qualname__}"
            text = f"SIMPLE_JWT['ACCESS_TOKEN_PROFILE'] has no effect on {name}: its backend can't write a typ."
            yield Finding(text, backend=type(backend).__name__)


@check("simplejwt.W033", hint="Write {instead}.")
def unissuable_issuer_or_audience() -> Iterator[Finding]:
    """``ISSUER`` or ``AUDIENCE`` is a collection that can't be a claim, and your URLs have views that issue tokens."""
    if not has_route_to(*SIGNING_VIEWS):
        return
    for name, writable, instead in (
        (
            "ISSUER",
            str,
            "SIMPLE_JWT['ISSUER'] as the name of this service, and an entry of TRUSTED_ISSUERS for each other issuer",
        ),
        ("AUDIENCE", (str, list, tuple), "SIMPLE_JWT['AUDIENCE'] as a list"),
    ):
        value = configured(name)
        if isinstance(value, Collection) and not isinstance(value, writable) and any(isinstance(x, str) for x in value):
            text = f"SIMPLE_JWT[{name!r}] can verify tokens, but no token can be issued with it."
            yield Finding(text, instead=instead)


@check("simplejwt.W034", hint="Write SIMPLE_JWT['AUTH_HEADER_NAME'] = {key!r}.")
def invalid_header_name() -> Iterator[Finding]:
    """``AUTH_HEADER_NAME`` is not a key of a header in ``request.META``, such as ``HTTP_AUTHORIZATION``."""
    name = configured("AUTH_HEADER_NAME")
    if not isinstance(name, str) or is_blank(name):
        return
    key = "HTTP_" + name.strip().upper().replace("-", "_").removeprefix("HTTP_")
    if name != key:
        text = f"SIMPLE_JWT['AUTH_HEADER_NAME'] is {name!r}, which is not the key of a header in request.META."
        yield Finding(text, key=key)


@check("simplejwt.W035", hint="Write SIMPLE_JWT['USER_ID_FIELD'] = 'pk', or the name of a field of {model}.")
def missing_user_field() -> Iterator[Finding]:
    """``USER_ID_FIELD`` names no field of the user model, or is a look-up while your URLs have views for logins."""
    model, field = _user_model(), configured("USER_ID_FIELD")
    if model is None or not isinstance(field, str) or is_blank(field) or not _is_user_id_field_read():
        return
    label = model._meta.label
    if not _has_attribute(model, field.partition("__")[0]):
        yield Finding(f"SIMPLE_JWT['USER_ID_FIELD'] is {field!r}, but {label} has no such field.", model=label)
    elif not _has_attribute(model, field) and has_route_to(*_OBTAINING_VIEWS):
        text = (
            f"SIMPLE_JWT['USER_ID_FIELD'] is {field!r}, a look-up: it finds users, but no token can be issued with it."
        )
        yield Finding(text, model=label)


def _user_model() -> type[Model] | None:
    """Returns the user model, or ``None`` without ``django.contrib.auth``."""
    try:
        return get_user_model()
    except Exception:  # noqa: BLE001  # there is no user model without django.contrib.auth
        return None


def _is_user_id_field_read() -> bool:
    """Returns whether ``USER_ID_FIELD`` matters.

    It does if the project sets it, issues tokens for users, or reads users from the database on requests.
    """
    any_class, stateless = (
        f"rest_framework_simplejwt.authentication.{name}"
        for name in ("JWTAuthentication", "JWTStatelessUserAuthentication")
    )
    reading_user = (
        each
        for each in all_authentication_classes()
        if is_subclass_of(each, any_class) and not is_subclass_of(each, stateless)
    )
    return is_customized("USER_ID_FIELD") or has_route_to(*_OBTAINING_VIEWS) or any(reading_user)


def _has_attribute(model: object, name: str) -> bool:
    """Returns whether a model class has ``name`` as a field or another attribute, or may compute it."""
    # A model with __getattr__ may compute any attribute.
    return name == "pk" or any(getattr_static(model, each, None) is not None for each in (name, "__getattr__"))
