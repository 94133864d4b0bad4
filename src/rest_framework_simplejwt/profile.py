"""The JWT profile for OAuth 2.0 access tokens (RFC 9068): the ``typ`` header and the claims that it requires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.inspect import func_accepts_kwargs, func_supports_parameter
from django.utils.translation import gettext_lazy as _

from . import jws
from ._types import JSONObject
from .exceptions import TokenError

RFC_9068 = "rfc9068"

# The header's ``typ`` by ``token_type``; any other token type has "JWT". "rt+jwt" is our own, as none is registered.
_HEADER_TYPES = {"access": "at+jwt", "refresh": "rt+jwt"}


def supports_typ(backend: Any) -> bool:
    """Returns whether ``backend.encode`` takes the argument ``typ``. A project's own token backend may not."""
    return func_supports_parameter(backend.encode, "typ") or func_accepts_kwargs(backend.encode)


def header_type(token_type: str | None) -> str:
    """Returns the ``typ`` header of new tokens of ``token_type``, such as ``"at+jwt"`` (RFC 9068 section 2.1)."""
    return _HEADER_TYPES.get(token_type or "", "JWT")


def with_required_claims(
    claims: Mapping[str, object], token_type: str | None, *, user_id_claim: str, client_id: str | None
) -> JSONObject:
    """Returns a copy of ``claims``; for an access token, with ``sub`` and ``client_id`` added where they are missing.

    RFC 9068 section 2.2 requires both. ``sub`` is the claim called ``user_id_claim``, as a string; it is not added if
    there is no such claim. ``client_id`` is not added if the argument is ``None``. Neither depends on the other.
    """
    completed = dict(claims)
    if token_type == "access":
        if user_id_claim in claims:
            completed.setdefault("sub", str(claims[user_id_claim]))
        if client_id is not None:
            completed.setdefault("client_id", client_id)
    return completed


def check(token: str | bytes, claims: Mapping[str, object], token_type: str | None, *, required: bool) -> None:
    """Raises ``TokenError`` unless the header's ``typ`` fits ``token_type`` and the claims of section 2.2 are present.

    Calls it with a token whose signature, issuer, audience and times are verified. Only an access token needs the
    claims. With ``required=False`` a ``typ`` of "JWT" is accepted too, as in tokens issued before the profile was set.
    """
    typ = _normalized_typ(token)
    expected = header_type(token_type).lower()
    if expected == "jwt" or (typ == "jwt" and not required):
        return
    if typ != expected:
        raise TokenError(_("Token has wrong type"))
    names = ("iss", "sub", "client_id", "jti") if token_type == "access" else ()
    if not all(isinstance(claims.get(name), str) for name in names) or "iat" not in claims:
        raise TokenError(_("Token is invalid"))


def _normalized_typ(token: str | bytes) -> str:
    """Returns the header's ``typ`` in lower case, without ``application/``.

    Returns ``"jwt"`` for a token that is not a JWS: a project's own backend has accepted it.
    """
    try:
        header = jws.read_header(jws.split_compact(token).header, keys_published=True)
    except jws.Malformed:
        return "jwt"
    return header.typ.lower().removeprefix("application/")
