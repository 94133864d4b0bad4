"""The protected view: programs authenticate with a token, people with the session of a log-in page."""

from __future__ import annotations

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rest_framework_simplejwt.authentication import JWTAuthentication


class WhoAmIView(APIView):
    """Returns the user, and whether a token or a session authenticated the request."""

    # The first class determines the 401 and its WWW-Authenticate header.
    authentication_classes = (JWTAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        proof = type(request.successful_authenticator).__name__
        return Response({"username": request.user.get_username(), "authenticated_by": proof})
