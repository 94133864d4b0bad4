"""Complete calls of views, from DRF's request factory to the rendered response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from ..project import NAME, PASSWORD
from . import bare
from .core import Batch

_factory = APIRequestFactory()


def _refresh(count: int) -> Batch:
    from rest_framework_simplejwt.views import TokenRefreshView

    return _answered(TokenRefreshView, [_post(refresh=token) for token in _refresh_tokens(count)])


def _blacklist(count: int) -> Batch:
    from rest_framework_simplejwt.views import TokenBlacklistView

    return _answered(TokenBlacklistView, [_post(refresh=token) for token in _refresh_tokens(count)])


def _obtain(count: int) -> Batch:
    from rest_framework_simplejwt.views import TokenObtainPairView

    return _answered(TokenObtainPairView, [_post(username=NAME, password=PASSWORD) for _ in range(count)])


def _get(count: int) -> Batch:
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.tokens import SlidingToken

    class Protected(APIView):
        authentication_classes = [JWTAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request: Request) -> Response:
            return Response({})

    header = f"Bearer {SlidingToken.for_user(User.objects.get())}"
    return _answered(Protected, [_factory.get("/", HTTP_AUTHORIZATION=header) for _ in range(count)])


def _answered(view: type[APIView], requests: list[Any]) -> Batch:
    answer: Callable[[Any], Response] = view.as_view()

    def call(request: Any) -> None:
        response = answer(request).render()
        assert response.status_code == 200, response.content

    return call, requests


def _post(**data: str) -> Any:
    return _factory.post("/", data, format="json")


def _refresh_tokens(count: int) -> list[str]:
    from rest_framework_simplejwt.tokens import RefreshToken

    user = User.objects.get()
    return [str(RefreshToken.for_user(user)) for _ in range(count)]


def _jtis(count: int) -> list[str]:
    """Returns the ids of outstanding refresh tokens."""
    from rest_framework_simplejwt.tokens import RefreshToken

    return [RefreshToken(token)["jti"] for token in _refresh_tokens(count)]


def _bare_rotate(count: int) -> Batch:
    return bare.batch(bare.rotate, [(jti, uuid4().hex, "e" * 300) for jti in _jtis(count)])


WORK = {
    "refresh": _refresh,
    "blacklist": _blacklist,
    "obtain": _obtain,
    "get": _get,
    "floor rotate": _bare_rotate,
    "floor blacklist": lambda count: (bare.blacklist, _jtis(count)),
    "floor user": lambda count: (bare.user_unless_revoked, _jtis(count)),
}
