"""Where a token rides in a request: the ``Authorization`` header (RFC 6750 section 2.1)."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import HTTP_HEADER_ENCODING
from rest_framework.request import Request

from .exceptions import AuthenticationFailed, RefusalCode


def read_header(request: HttpRequest | Request, name: str) -> bytes | None:
    """The header under ``name`` in ``request.META``; WSGI hands headers over as Latin-1 text."""
    # Past DRF's look-up of what its request does not have itself, twice as long as all the rest.
    header = (request._request if isinstance(request, Request) else request).META.get(name)
    return header.encode(HTTP_HEADER_ENCODING, "replace") if isinstance(header, str) else header


def token_in(header: bytes, schemes: Collection[str]) -> bytes | None:
    """The token behind one of the ``schemes``, or ``None`` for an empty header or another scheme.

    Schemes are matched without regard to case (RFC 9110 section 11.1). Raises
    ``AuthenticationFailed`` (``bad_authorization_header``) unless one word follows ours.
    """
    # No more than it takes to tell: a header of spaces and letters must not become as many objects.
    words = header.split(None, 2)
    if not words or words[0].lower() not in _spelled(tuple(schemes)):
        return None
    if len(words) != 2:
        raise AuthenticationFailed(
            _("Authorization header must contain two space-delimited values"), RefusalCode.BAD_AUTHORIZATION_HEADER
        )
    return words[1]


@lru_cache(maxsize=16)
def _spelled(schemes: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(scheme.lower().encode(HTTP_HEADER_ENCODING) for scheme in schemes)
