"""Read the token from the ``Authorization`` header of a request (RFC 6750 section 2.1)."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework import HTTP_HEADER_ENCODING
from rest_framework.request import Request

from .exceptions import AuthenticationFailed, RefusalCode


def read_header(request: HttpRequest | Request, name: str) -> bytes | None:
    """Returns the header with the key ``name`` in ``request.META`` as bytes, or ``None`` if there is none.

    WSGI decodes headers as Latin-1; this is undone.
    """
    # DRF's Request looks META up in __getattr__, which takes twice as long as the rest of this function.
    header = (request._request if isinstance(request, Request) else request).META.get(name)
    return header.encode(HTTP_HEADER_ENCODING, "replace") if isinstance(header, str) else header


def extract_token(header: bytes, schemes: Collection[str]) -> bytes | None:
    """Returns the token after one of the ``schemes``; ``None`` if the header is empty or has another scheme.

    Schemes are compared without case (RFC 9110 section 11.1). Raises ``AuthenticationFailed``
    (``bad_authorization_header``) unless exactly one word follows the scheme.
    """
    # At most three parts, so that a header of a million words does not become a million objects.
    words = header.split(None, 2)
    if not words or words[0].lower() not in _lowercase(tuple(schemes)):
        return None
    if len(words) != 2:
        raise AuthenticationFailed(
            _("Authorization header must contain two space-delimited values"), RefusalCode.BAD_AUTHORIZATION_HEADER
        )
    return words[1]


@lru_cache(maxsize=16)
def _lowercase(schemes: tuple[str, ...]) -> frozenset[bytes]:
    """Returns the schemes in lower case, as bytes."""
    return frozenset(scheme.lower().encode(HTTP_HEADER_ENCODING) for scheme in schemes)
