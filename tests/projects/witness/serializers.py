from django.conf import settings
from rest_framework import serializers

from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer

from .tokens import KioskRefreshToken


class LoginSerializer(TokenObtainPairSerializer):
    """Claims of the project's own in the token, and items of its own in the answer."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["name"] = user.get_username()
        token["roles"] = ["staff"] if user.is_staff else []
        return token

    def validate(self, attrs):
        data = super().validate(attrs)
        data["lifetime"] = int(settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds())
        data["username"] = self.user.get_username()
        return data


class KioskLoginSerializer(TokenObtainPairSerializer):
    token_class = KioskRefreshToken


class CookieRefreshSerializer(TokenRefreshSerializer):
    """The refresh token rides in a cookie."""

    refresh = serializers.CharField(required=False)

    def validate(self, attrs):
        attrs["refresh"] = self.context["request"].COOKIES.get("refresh")
        if not attrs["refresh"]:
            raise InvalidToken("No valid token found in cookie 'refresh'")
        return super().validate(attrs)
