"""Where a token rides in a request: the ``Authorization`` header (RFC 6750 section 2.1)."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import HTTP_HEADER_ENCODING

from .exceptions import AuthenticationFailed


def read_header(request: HttpRequest, name: str) -> bytes | None:
    """The header under ``name`` in ``request.META``; WSGI hands headers over as Latin-1 text."""
    header = request.META.get(name)
    return header.encode(HTTP_HEADER_ENCODING, errors="replace") if isinstance(header, str) else header


def token_in(header: bytes, schemes: Collection[str]) -> bytes | None:
    """The token behind one of the ``schemes``, or ``None`` for an empty header or another scheme.

    Schemes are matched without regard to case (RFC 9110 section 11.1). Raises
    ``AuthenticationFailed`` (``bad_authorization_header``) unless one word follows ours.
    """
    words = header.split()
    if not words or words[0].lower() not in {scheme.lower().encode(HTTP_HEADER_ENCODING) for scheme in schemes}:
        return None
    if len(words) != 2:
        raise AuthenticationFailed(
            _("Authorization header must contain two space-delimited values"), code="bad_authorization_header"
        )
    return words[1]
