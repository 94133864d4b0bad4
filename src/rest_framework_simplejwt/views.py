"""The token endpoints and the JWKS endpoint."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import View
from rest_framework import generics, status
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.throttling import ScopedRateThrottle

from . import database_outage, refusals, state
from ._also import lazy_attributes
from .exceptions import (
    AuthenticationFailed,
    DatabaseUnavailable,
    InvalidToken,
    LoginFailed,
    RequestTooLarge,
    TokenError,
)
from .keys.ring import jwk_set
from .settings import api_settings

if TYPE_CHECKING:
    from rest_framework.views import AsView, GenericView

    AUTH_HEADER_TYPES: tuple[str, ...]
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AUTH_HEADER_TYPES": lambda: api_settings.AUTH_HEADER_TYPES,
        },
    )

__all__ = [
    "JWKSView",
    "TokenBlacklistView",
    "TokenFamilyBlacklistView",
    "TokenObtainPairView",
    "TokenObtainSlidingView",
    "TokenRefreshSlidingView",
    "TokenRefreshView",
    "TokenVerifyView",
    "TokenViewBase",
    "jwks",
    "token_blacklist",
    "token_family_blacklist",
    "token_obtain_pair",
    "token_obtain_sliding",
    "token_refresh",
    "token_refresh_sliding",
    "token_verify",
]

V = TypeVar("V", bound=Callable[..., HttpResponseBase])

# What DRF's parsers raise and do not handle: for JSON that is nested too deeply, an unknown charset or too many fields.
_PARSER_ERRORS = (
    RecursionError,
    ValueError,
    LookupError,
    TypeError,
    OSError,
    zlib.error,
    SuspiciousOperation,
    BadRequest,
)


# The charsets of JSON (RFC 8259 section 8.1, RFC 7159 section 8.1), and ASCII, a subset of UTF-8. Some other codecs
# of Python take minutes or decompress their input. Compared in lower case without punctuation: UTF-8, utf8, "utf-8".
_CHARSETS = frozenset({"utf8", "usascii", "ascii", "utf16", "utf16le", "utf16be", "utf32", "utf32le", "utf32be"})


class _ThrottleScope:
    """The attribute ``throttle_scope`` of a view, which exists only if DRF's throttle rates contain the scope.

    Without a rate the attribute raises ``AttributeError``, as the views of 5.5.1 have no such attribute: DRF's
    ``ScopedRateThrottle`` would raise for a scope without a rate, and a project's own throttle may use another scope.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __get__(self, instance: object, owner: type) -> str:
        """Returns the scope. Raises ``AttributeError`` if no throttle rate is configured for it."""
        if self.scope not in ScopedRateThrottle.THROTTLE_RATES:
            raise AttributeError(f"{owner.__name__!r} has no attribute 'throttle_scope': {self.scope!r} has no rate")
        return self.scope


class TokenViewBase(generics.GenericAPIView[Any]):
    """Validates the posted data with a serializer, and answers 200 with its ``validated_data``.

    Subclass it for an endpoint of your own, and set one of these attributes:

    - ``serializer_class``, a serializer class; it takes precedence;
    - ``_serializer_class``, the name of the setting that holds a serializer's dotted path, or such a path.

    The serializer's ``validate(attrs)`` returns the answer as a dict. It refuses with an exception: a ``TokenError``
    becomes the 401 ``token_not_valid`` with its text, an ``APIException`` such as ``AuthenticationFailed`` is
    answered as it is, a DRF ``ValidationError`` is a 400.

    ``www_authenticate_realm`` is the realm of the ``WWW-Authenticate`` header of a 401.
    """

    permission_classes = ()
    authentication_classes = ()

    serializer_class: type[BaseSerializer[Any]] | None = None
    _serializer_class: str = ""

    www_authenticate_realm: str = "api"

    @classmethod
    def as_view(cls, **initkwargs: Any) -> AsView[GenericView]:
        """Returns the view function, which ``ATOMIC_REQUESTS`` does not wrap in a transaction.

        Django's error reports hide the posted data and the variables of all functions that the view calls.
        """
        view = _exempt_from_atomic_requests(super().as_view(**initkwargs))
        return sensitive_post_parameters()(sensitive_variables()(view))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Checks the charset and the size of the body before anything reads it. DRF calls it before ``post``.

        Raises ``UnsupportedMediaType`` (415) or ``RequestTooLarge`` (413), and what DRF raises.
        """
        _check_charset(request)
        _check_size(request)
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """Returns the response for ``exc``, and keeps what was written to the database.

        DRF marks every enclosing transaction for rollback when it answers an error. Here a revocation must be
        committed with the 401 that reports it, so the marks are restored. Called by DRF.
        """
        try:
            database_outage.raise_if_outage(exc)
        except DatabaseUnavailable as unavailable:
            exc = unavailable
        if isinstance(exc, DatabaseUnavailable):
            # Error trackers listen to this signal, which Django does not send for a handled exception.
            got_request_exception.send(type(self), request=self.request._request)
        if isinstance(exc, AuthenticationFailed) and not isinstance(exc, LoginFailed):
            refusals.attach(self.request, exc)
        enclosing = [connection for connection in connections.all(initialized_only=True) if connection.in_atomic_block]
        previous_marks = [connection.needs_rollback for connection in enclosing]
        response = super().handle_exception(exc)
        for connection, needs_rollback in zip(enclosing, previous_marks, strict=True):
            connection.needs_rollback = needs_rollback
        return response

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """Returns the class that ``serializer_class`` or ``_serializer_class`` names. Called for each request.

        Override it to choose by ``self.request``. Raises ``ImportError`` that names a path which can't be imported.
        """
        if self.serializer_class is not None:
            return self.serializer_class
        path = getattr(api_settings, self._serializer_class, self._serializer_class)
        try:
            return import_string(path)  # type: ignore[no-any-return]  # a dotted path
        except ImportError as error:
            raise ImportError(f"Could not import serializer '{path}'") from error

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Returns the response with headers that forbid caching (RFC 6749 section 5.1). Called by DRF."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

    def get_authenticate_header(self, request: Request) -> str:
        """Returns the ``WWW-Authenticate`` header of a 401. Called by DRF."""
        return refusals.challenge(request, scheme=api_settings.AUTH_HEADER_TYPES[0], realm=self.www_authenticate_realm)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Returns the serializer's ``validated_data`` with status 200.

        Raises ``InvalidToken`` (401) for a ``TokenError`` of the serializer, ``ParseError`` (400) for a body that
        can't be parsed, and what the serializer raises.
        """
        serializer = self.get_serializer(data=_parse_body(request))
        try:
            serializer.is_valid(raise_exception=True)
        except TokenError as error:
            raise InvalidToken(error.args[0]) from error
        return Response(serializer.validated_data, status=status.HTTP_200_OK)


def _exempt_from_atomic_requests(view: V) -> V:
    """Marks the view so that ``ATOMIC_REQUESTS`` of no database wraps it in a transaction. Returns the view."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def _check_charset(request: Request) -> None:
    """Raises ``UnsupportedMediaType`` (415) if the request names a charset other than UTF-8, -16, -32 or ASCII."""
    charset = (request.content_params or {}).get("charset", "")
    if charset and "".join(filter(str.isalnum, charset)).lower() not in _CHARSETS:
        detail = f'Unsupported charset "{charset}" in request Content-Type header. Send UTF-8.'
        raise UnsupportedMediaType(request.content_type, detail)


def _check_size(request: Request) -> None:
    """Raises ``RequestTooLarge`` if the body is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``.

    Django applies this limit to forms, but DRF's parsers have none. Multipart forms are left to Django's parser, which
    does not count the files in them.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if limit is None or request._request.content_type == "multipart/form-data":
        return
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return  # Django and DRF do not read a body without a valid length
    if length > limit:
        raise RequestTooLarge()


def _parse_body(request: Request) -> object:
    """Returns the data of the body. Raises ``ParseError`` (400) if it can't be parsed."""
    try:
        return request.data
    except _PARSER_ERRORS as error:
        raise ParseError() from error


class TokenObtainPairView(TokenViewBase):
    """Takes a set of user credentials and returns an access and refresh token pair."""

    _serializer_class = "TOKEN_OBTAIN_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_obtain")  # type: ignore[assignment]  # a descriptor


class TokenRefreshView(TokenViewBase):
    """Takes a refresh token and returns an access token, and a new refresh token with ``ROTATE_REFRESH_TOKENS``."""

    _serializer_class = "TOKEN_REFRESH_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_refresh")  # type: ignore[assignment]  # a descriptor


class TokenObtainSlidingView(TokenViewBase):
    """Takes a set of user credentials and returns a sliding token."""

    _serializer_class = "SLIDING_TOKEN_OBTAIN_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_obtain")  # type: ignore[assignment]  # a descriptor


class TokenRefreshSlidingView(TokenViewBase):
    """Takes a sliding token and returns it with a new expiry, unless its refresh period has ended."""

    _serializer_class = "SLIDING_TOKEN_REFRESH_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_refresh")  # type: ignore[assignment]  # a descriptor


class TokenVerifyView(TokenViewBase):
    """Takes a token of any type and answers whether it is valid, but not what it permits."""

    _serializer_class = "TOKEN_VERIFY_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_verify")  # type: ignore[assignment]  # a descriptor


class TokenBlacklistView(TokenViewBase):
    """Takes a refresh token and revokes it."""

    _serializer_class = "TOKEN_BLACKLIST_SERIALIZER"


class TokenFamilyBlacklistView(TokenViewBase):
    """Takes a refresh token and revokes its family: all tokens that descend from the same login."""

    _serializer_class = "TOKEN_FAMILY_BLACKLIST_SERIALIZER"


class JWKSView(View):
    """Publishes the public keys that other services verify tokens with (RFC 7517), at ``/.well-known/jwks.json``.

    The endpoint is public: it needs no authentication, and uses neither the session nor the database.
    """

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Returns the view function, without CSRF protection, login requirement and ``ATOMIC_REQUESTS``."""
        view = csrf_exempt(_exempt_from_atomic_requests(super().as_view(**initkwargs)))
        # Django's LoginRequiredMiddleware reads this attribute.
        view.login_required = False  # type: ignore[attr-defined]  # of a function
        return view

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Returns the JWK set, which clients may cache for ``JWKS_MAX_AGE`` seconds, or 304 if it has not changed."""
        body = json.dumps(jwk_set(state.published_keys()), separators=(",", ":")).encode()
        response = HttpResponse(body, content_type="application/jwk-set+json")
        response["Cache-Control"] = f"public, max-age={api_settings.JWKS_MAX_AGE}"
        response["ETag"] = etag = quote_etag(hashlib.sha256(body).hexdigest())
        return get_conditional_response(request, etag=etag, response=response) or response


token_obtain_pair = TokenObtainPairView.as_view()
token_refresh = TokenRefreshView.as_view()
token_obtain_sliding = TokenObtainSlidingView.as_view()
token_refresh_sliding = TokenRefreshSlidingView.as_view()
token_verify = TokenVerifyView.as_view()
token_blacklist = TokenBlacklistView.as_view()
token_family_blacklist = TokenFamilyBlacklistView.as_view()
jwks = JWKSView.as_view()
