from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenViewBase

from .serializers import CookieRefreshSerializer, KioskLoginSerializer


class CookieLoginView(TokenObtainPairView):
    def finalize_response(self, request, response, *args, **kwargs):
        if response.data.get("refresh"):
            response.set_cookie("refresh", response.data.pop("refresh"), httponly=True)
            response.set_cookie("access", response.data["access"], httponly=True)
        return super().finalize_response(request, response, *args, **kwargs)


class CookieRefreshView(TokenRefreshView):
    serializer_class = CookieRefreshSerializer

    def finalize_response(self, request, response, *args, **kwargs):
        if response.data.get("refresh"):
            response.set_cookie("refresh", response.data.pop("refresh"), httponly=True)
        return super().finalize_response(request, response, *args, **kwargs)


class KioskLoginView(TokenViewBase):
    serializer_class = KioskLoginSerializer


class MeView(APIView):
    def get(self, request):
        return Response({"username": request.user.get_username(), "name": request.auth.get("name")})


class LogoutView(APIView):
    permission_classes = (AllowAny,)

    def post(self, request):
        try:
            RefreshToken(request.data["refresh"]).blacklist()
        except TokenError as error:
            return Response({"detail": str(error)}, status=status.HTTP_400_BAD_REQUEST)
        return Response(status=status.HTTP_205_RESET_CONTENT)


class LogoutEverywhereView(APIView):
    def post(self, request):
        for token in OutstandingToken.objects.filter(user=request.user, blacklistedtoken__isnull=True):
            BlacklistedToken.objects.get_or_create(token=token)
        return Response(status=status.HTTP_205_RESET_CONTENT)
