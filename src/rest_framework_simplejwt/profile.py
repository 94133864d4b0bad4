"""The JWT profile for OAuth 2.0 access tokens (RFC 9068): what they and refresh tokens say they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.inspect import func_accepts_kwargs, func_supports_parameter
from django.utils.translation import gettext_lazy as _

from . import jws
from ._types import JSONObject
from .exceptions import TokenError

RFC_9068 = "rfc9068"

# In the header, by the kind of token; the others remain plain "JWT". There is no registered one for refresh tokens.
_TYPES = {"access": "at+jwt", "refresh": "rt+jwt"}


def is_carried_by(backend: Any) -> bool:
    """Whether a token backend, which may be a project's own, can write a type: its ``encode`` takes ``typ``."""
    return func_supports_parameter(backend.encode, "typ") or func_accepts_kwargs(backend.encode)


def header_type(token_type: str | None) -> str:
    """The ``typ`` that a new token of that kind has (RFC 9068 section 2.1)."""
    return _TYPES.get(token_type or "", "JWT")


def complete(
    claims: Mapping[str, object], token_type: str | None, *, user_id_claim: str, client_id: str | None
) -> JSONObject:
    """The claims of an access token, with those that section 2.2 requires and our own names lack."""
    completed = dict(claims)
    if token_type == "access":
        if user_id_claim in claims:
            completed.setdefault("sub", str(claims[user_id_claim]))
        if client_id is not None:
            completed.setdefault("client_id", client_id)
    return completed


def check(token: str | bytes, claims: Mapping[str, object], token_type: str | None, *, required: bool) -> None:
    """Raise ``TokenError`` unless the header of a token, verified before, says that it is of this kind.

    For an access token the claims of section 2.2 must be there too; its issuer, audience and
    times are the codec's to check. What is not ``required`` may be a plain JWT, from before.
    """
    typ = _type_of(token)
    expected = header_type(token_type).lower()
    if expected == "jwt" or (typ == "jwt" and not required):
        return
    if typ != expected:
        raise TokenError(_("Token has wrong type"))
    names = ("iss", "sub", "client_id", "jti") if token_type == "access" else ()
    if not all(isinstance(claims.get(name), str) for name in names) or "iat" not in claims:
        raise TokenError(_("Token is invalid"))


def _type_of(token: str | bytes) -> str:
    """The ``typ`` of a token; ``"jwt"`` for one that a backend of the project's own accepts, and is no JWS."""
    try:
        header = jws.read_header(jws.take_apart(token).header, keys_published=True)
    except jws.Malformed:
        return "jwt"
    return header.typ.lower().removeprefix("application/")
