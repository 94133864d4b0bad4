"""Authenticates requests with each package, outside of any view."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.request import Request

from . import bare, mint, primitives
from .core import Batch


def _stateless(count: int, *, again: bool) -> Batch:
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    requests = mint.requests(mint.access(1)) * count if again else mint.requests(mint.access(count))
    return _accepted(JWTStatelessUserAuthentication().authenticate, requests)


def _stateful(count: int) -> Batch:
    from rest_framework_simplejwt.authentication import JWTAuthentication

    return _accepted(JWTAuthentication().authenticate, mint.requests(mint.access(1) * count))


def _sliding(count: int) -> Batch:
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.tokens import SlidingToken

    token = str(SlidingToken.for_user(User.objects.get()))
    return _accepted(JWTAuthentication().authenticate, mint.requests([token] * count))


def _ninja(authentication: str) -> Callable[[int], Batch]:
    def work(count: int) -> Batch:
        from ninja_jwt import authentication as module
        from ninja_jwt.tokens import AccessToken

        header = f"Bearer {AccessToken.for_user(User.objects.get())}"
        requests = [RequestFactory().get("/", HTTP_AUTHORIZATION=header)] * count
        return _accepted(getattr(module, authentication)(), requests)

    return work


def _knox(count: int) -> Batch:
    from knox.auth import TokenAuthentication

    return _accepted(TokenAuthentication().authenticate, mint.requests([_knox_token()] * count, "Token"))


@cache
def _knox_token() -> str:
    """Returns the only token of the user: knox reads all tokens of a user, so more of them would slow it down."""
    from knox.models import get_token_model

    _, token = get_token_model().objects.create(user=User.objects.get())
    return token


def _drf_token(count: int) -> Batch:
    from rest_framework.authentication import TokenAuthentication
    from rest_framework.authtoken.models import Token

    token, _ = Token.objects.get_or_create(user=User.objects.get())
    return _accepted(TokenAuthentication().authenticate, mint.requests([token.key] * count, "Token"))


def _session(count: int) -> Batch:
    """Authenticates by Django's session, with the two middlewares that it needs."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.middleware import AuthenticationMiddleware
    from django.contrib.sessions.middleware import SessionMiddleware
    from django.test import Client
    from rest_framework.authentication import SessionAuthentication

    client, factory = Client(), RequestFactory()
    client.force_login(get_user_model().objects.get())
    factory.cookies = client.cookies
    middlewares = [kind(lambda request: HttpResponse()) for kind in (SessionMiddleware, AuthenticationMiddleware)]
    authenticate = SessionAuthentication().authenticate

    def ask(request: HttpRequest) -> Any:
        for middleware in middlewares:
            middleware.process_request(request)
        return authenticate(Request(request))

    return _accepted(ask, [factory.get("/") for _ in range(count)])


def _accepted(authenticate: Callable[[Any], Any], requests: list[Any]) -> Batch:
    def ask(request: Any) -> None:
        assert authenticate(request) is not None

    return ask, requests


def _bare_sliding(count: int) -> Batch:
    from rest_framework_simplejwt.tokens import SlidingToken

    jti = SlidingToken.for_user(User.objects.get())["jti"]
    return bare.user_unless_revoked, [jti] * count


def _floor_again(count: int) -> Batch:
    [token] = mint.access(1)
    return primitives.recall(token), [token] * count


WORK = {
    "stateless first": lambda count: _stateless(count, again=False),
    "stateless again": lambda count: _stateless(count, again=True),
    "stateful": _stateful,
    "sliding": _sliding,
    "ninja stateless": _ninja("JWTTokenUserAuth"),
    "ninja stateful": _ninja("JWTAuth"),
    "knox": _knox,
    "DRF token": _drf_token,
    "session": _session,
    "floor first": lambda count: (primitives.decoder(), mint.access(count)),
    "floor again": _floor_again,
    "floor stateful": lambda count: bare.batch(bare.user, [()] * count),
    "floor sliding": _bare_sliding,
}
