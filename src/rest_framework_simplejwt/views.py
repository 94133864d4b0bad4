"""The endpoints: HTTP in, HTTP out."""

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

# What DRF's parsers let through: JSON nested thousands deep, a charset that is no text's, too many fields.
_UNREADABLE = (RecursionError, ValueError, LookupError, TypeError, OSError, zlib.error, SuspiciousOperation, BadRequest)


# What JSON may be encoded in (RFC 8259 section 8.1, RFC 7159 section 8.1), and ASCII, which is UTF-8. Other codecs of
# Python's take minutes, or inflate what they decode. Compared without punctuation: UTF-8, utf8, "utf-8".
_CHARSETS = frozenset({"utf8", "usascii", "ascii", "utf16", "utf16le", "utf16be", "utf32", "utf32le", "utf32be"})


class _ThrottleScope:
    """The attribute ``throttle_scope`` of a view, which exists once DRF's ``ScopedRateThrottle`` has a rate for it.

    Until then the view is to every throttle as it was in 5.5.1, where it had no such attribute: a project's
    own throttle may fall back on a scope of its own, and DRF's would raise for a scope without a rate.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def __get__(self, instance: object, owner: type) -> str:
        if self.scope not in ScopedRateThrottle.THROTTLE_RATES:
            raise AttributeError(f"{owner.__name__!r} has no attribute 'throttle_scope': {self.scope!r} has no rate")
        return self.scope


class TokenViewBase(generics.GenericAPIView[Any]):
    """Validates what is posted with a serializer, and answers 200 with its ``validated_data``.

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
        """The view, outside any transaction that ``ATOMIC_REQUESTS`` would open, on every database.

        Django's error reports hide what was posted to it, and the variables of all that it calls.
        """
        view = _outside_transactions(super().as_view(**initkwargs))
        return sensitive_post_parameters()(sensitive_variables()(view))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses a body that is too large, or in a charset other than UTF-8, before anything reads it.

        Raises ``UnsupportedMediaType`` (415) or ``RequestTooLarge`` (413).
        """
        _check_charset(request)
        _check_size(request)
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to ``exc``, which undoes nothing: a revocation outlives the 401 that reports it.

        DRF marks the transaction around a refusal for rollback, a caller's own included.
        """
        try:
            database_outage.raise_if_outage(exc)
        except DatabaseUnavailable as unavailable:
            exc = unavailable
        if isinstance(exc, DatabaseUnavailable):
            # Error trackers listen for it, and would hear nothing of the cause of a 503.
            got_request_exception.send(type(self), request=self.request._request)
        if isinstance(exc, AuthenticationFailed) and not isinstance(exc, LoginFailed):
            refusals.attach(self.request, exc)
        enclosing = [connection for connection in connections.all(initialized_only=True) if connection.in_atomic_block]
        marked = [connection.needs_rollback for connection in enclosing]
        response = super().handle_exception(exc)
        for connection, needs_rollback in zip(enclosing, marked, strict=True):
            connection.needs_rollback = needs_rollback
        return response

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """The class that ``serializer_class`` or ``_serializer_class`` leads to, asked for on each request.

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
        """The answer, which nobody may store (RFC 6749 section 5.1)."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        response["Pragma"] = "no-cache"
        return response

    def get_authenticate_header(self, request: Request) -> str:
        """The value of ``WWW-Authenticate`` on a 401."""
        return refusals.challenge(request, scheme=api_settings.AUTH_HEADER_TYPES[0], realm=self.www_authenticate_realm)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answers with the serializer's ``validated_data``. Its ``TokenError`` is raised as ``InvalidToken``."""
        serializer = self.get_serializer(data=_body(request))
        try:
            serializer.is_valid(raise_exception=True)
        except TokenError as error:
            raise InvalidToken(error.args[0]) from error
        return Response(serializer.validated_data, status=status.HTTP_200_OK)


def _outside_transactions(view: V) -> V:
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view


def _check_charset(request: Request) -> None:
    charset = (request.content_params or {}).get("charset", "")
    if charset and "".join(filter(str.isalnum, charset)).lower() not in _CHARSETS:
        detail = f'Unsupported charset "{charset}" in request Content-Type header. Send UTF-8.'
        raise UnsupportedMediaType(request.content_type, detail)


def _check_size(request: Request) -> None:
    """Applies ``DATA_UPLOAD_MAX_MEMORY_SIZE`` as Django does to forms; DRF's parsers have no limit.

    Django's parser of multipart forms applies it itself, without the files in them.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if limit is None or request._request.content_type == "multipart/form-data":
        return
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return  # Django and DRF then read nothing
    if length > limit:
        raise RequestTooLarge()


def _body(request: Request) -> object:
    try:
        return request.data
    except _UNREADABLE as error:
        raise ParseError() from error


class TokenObtainPairView(TokenViewBase):
    """Takes a set of user credentials and returns an access and refresh token pair."""

    _serializer_class = "TOKEN_OBTAIN_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_obtain")  # type: ignore[assignment]  # a descriptor


class TokenRefreshView(TokenViewBase):
    """Takes a refresh token and returns an access token, and a new refresh token if they rotate."""

    _serializer_class = "TOKEN_REFRESH_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_refresh")  # type: ignore[assignment]  # a descriptor


class TokenObtainSlidingView(TokenViewBase):
    """Takes a set of user credentials and returns a sliding token."""

    _serializer_class = "SLIDING_TOKEN_OBTAIN_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_obtain")  # type: ignore[assignment]  # a descriptor


class TokenRefreshSlidingView(TokenViewBase):
    """Takes a sliding token and returns it anew, while its refresh period has not ended."""

    _serializer_class = "SLIDING_TOKEN_REFRESH_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_refresh")  # type: ignore[assignment]  # a descriptor


class TokenVerifyView(TokenViewBase):
    """Takes a token of any kind and says whether it is good; not what it is good for."""

    _serializer_class = "TOKEN_VERIFY_SERIALIZER"
    throttle_scope: str = _ThrottleScope("token_verify")  # type: ignore[assignment]  # a descriptor


class TokenBlacklistView(TokenViewBase):
    """Takes a refresh token and revokes it."""

    _serializer_class = "TOKEN_BLACKLIST_SERIALIZER"


class TokenFamilyBlacklistView(TokenViewBase):
    """Takes a refresh token and revokes its family: everything that descends from the same login."""

    _serializer_class = "TOKEN_FAMILY_BLACKLIST_SERIALIZER"


class JWKSView(View):
    """The public keys that other services check our tokens with (RFC 7517), for ``/.well-known/jwks.json``.

    Anybody may read them: nothing is asked of the caller, and neither session nor database is touched.
    """

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view = csrf_exempt(_outside_transactions(super().as_view(**initkwargs)))
        # Django's LoginRequiredMiddleware lets it through.
        view.login_required = False  # type: ignore[attr-defined]  # of a function
        return view

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
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
