"""The codec, the token classes and refusals, without a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.request import Request

from . import mint, primitives

Batch = tuple[Callable[[Any], object], list[Any]]


def _encode(count: int) -> Batch:
    return mint.backend().encode, [mint.claims() for _ in range(count)]


def _decode_first(count: int) -> Batch:
    return _project_backend().decode, mint.access(count)


def _decode_again(count: int) -> Batch:
    return _again(_project_backend().decode, count)


def _token_first(count: int) -> Batch:
    from rest_framework_simplejwt.tokens import AccessToken

    return AccessToken, mint.access(count)


def _token_again(count: int) -> Batch:
    from rest_framework_simplejwt.tokens import AccessToken

    return _again(AccessToken, count)


def _forged(count: int) -> Batch:
    return _refused(mint.requests(mint.forged(count)))


def _expired(count: int) -> Batch:
    return _refused(mint.requests(mint.access(count, lifetime=-3600)))


def _refused(requests: list[Request]) -> Batch:
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    authenticate = JWTStatelessUserAuthentication().authenticate

    def refuse(request: Request) -> None:
        try:
            authenticate(request)
        except APIException:
            return
        raise AssertionError("it was accepted")

    return refuse, requests


def _project_backend() -> Any:
    from rest_framework_simplejwt.tokens import AccessToken

    return AccessToken().get_token_backend()


def _again(function: Callable[[str], object], count: int) -> Batch:
    """Returns copies of one token, since each request has its own string."""
    [token] = mint.access(1)
    function(token)
    return function, [token.encode().decode() for _ in range(count)]


def _floor_again(count: int) -> Batch:
    [token] = mint.access(1)
    return primitives.recall(token), [token.encode().decode() for _ in range(count)]


WORK = {
    "encode": _encode,
    "decode first": _decode_first,
    "decode again": _decode_again,
    "AccessToken first": _token_first,
    "AccessToken again": _token_again,
    "bad signature": _forged,
    "expired": _expired,
    "floor encode": lambda count: (primitives.encode, [mint.claims() for _ in range(count)]),
    "floor first": lambda count: (primitives.decoder(), mint.access(count)),
    "floor again": _floor_again,
}
