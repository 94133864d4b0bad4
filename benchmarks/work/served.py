"""The application for gunicorn: one trivial view for each authentication that a package has.

``python -m benchmarks.work.served`` fills the database, and prints as JSON the headers that each path takes.
"""

# ruff: noqa: T201  # its output is its answer

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from benchmarks.work.project import JWT, set_up

PACKAGE = os.environ["BENCHMARK_PACKAGE"]
# The apps and middleware that each package's authentication needs.
APPS = {
    "knox": ["knox"],
    "ninja": ["ninja", "ninja_jwt"],
    "plain": ["rest_framework.authtoken", "django.contrib.sessions"],
}
MIDDLEWARE = {
    "plain": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
}
TOKENS = 1000

set_up(
    os.environ["BENCHMARK_DATABASE"],
    *APPS.get(PACKAGE, []),
    ROOT_URLCONF=__name__,
    MIDDLEWARE=MIDDLEWARE.get(PACKAGE, []),
    NINJA_JWT={"ACCESS_TOKEN_LIFETIME": JWT["ACCESS_TOKEN_LIFETIME"]},
)

from django.core.wsgi import get_wsgi_application  # noqa: E402  # Django has to be set up first
from django.urls import path  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


def view(authentication: type | None = None) -> Callable[..., Any]:
    class View(APIView):
        authentication_classes = [] if authentication is None else [authentication]
        permission_classes = [] if authentication is None else [IsAuthenticated]

        def get(self, request: Any) -> Response:
            return Response({"ok": True})

    return View.as_view()


def views() -> dict[str, Any]:
    if PACKAGE in {"ours", "published"}:
        from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication

        return {"stateless": view(JWTStatelessUserAuthentication), "stateful": view(JWTAuthentication)}
    if PACKAGE == "knox":
        from knox.auth import TokenAuthentication as KnoxAuthentication

        return {"stateful": view(KnoxAuthentication)}
    from rest_framework.authentication import SessionAuthentication, TokenAuthentication

    return {"token": view(TokenAuthentication), "session": view(SessionAuthentication)}


def ninja_urls() -> Any:
    """Returns the URLs of the same view for Ninja."""
    from ninja import NinjaAPI
    from ninja_jwt.authentication import JWTAuth, JWTStatelessUserAuthentication

    api = NinjaAPI(docs_url=None, openapi_url=None)

    def answer(request: Any) -> dict[str, bool]:
        return {"ok": True}

    api.get("/none")(answer)
    api.get("/stateful", auth=JWTAuth())(answer)
    api.get("/stateless", auth=JWTStatelessUserAuthentication())(answer)
    return api.urls


if PACKAGE == "ninja":
    urlpatterns = [path("", ninja_urls())]
else:
    urlpatterns = [path("none", view()), *(path(name, found) for name, found in views().items())]


def headers() -> dict[str, list[tuple[str, str]]]:
    from django.contrib.auth.models import User

    user = User.objects.create_user("somebody")
    if PACKAGE == "knox":
        from knox.models import get_token_model

        return {"stateful": [("Authorization", f"Token {get_token_model().objects.create(user=user)[1]}")]}
    if PACKAGE == "plain":
        from django.test import Client
        from rest_framework.authtoken.models import Token

        client = Client()
        client.force_login(user)
        cookie = client.cookies["sessionid"].value
        token = Token.objects.create(user=user).key
        return {"token": [("Authorization", f"Token {token}")], "session": [("Cookie", f"sessionid={cookie}")]}
    return _bearer_headers(user)


def _bearer_headers(user: Any) -> dict[str, list[tuple[str, str]]]:
    if PACKAGE == "ninja":
        from ninja_jwt.tokens import AccessToken
    else:
        from rest_framework_simplejwt.tokens import AccessToken

    many = [("Authorization", f"Bearer {AccessToken.for_user(user)}") for _ in range(TOKENS)]
    return {"stateless": many[:1], "stateful": many[:1], "distinct": many}


if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps(headers()))
else:
    application = get_wsgi_application()
