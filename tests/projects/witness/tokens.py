from datetime import timedelta

from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token


class DeviceToken(Token):
    """A kind of the project's own, for machines that never refresh."""

    token_type = "device"
    lifetime = timedelta(days=365)


class ShortAccessToken(AccessToken):
    lifetime = timedelta(minutes=1)


class KioskRefreshToken(RefreshToken):
    """The same kind as any refresh token, with a shorter life."""

    lifetime = timedelta(hours=1)
    access_token_class = ShortAccessToken
    no_copy_claims = (*RefreshToken.no_copy_claims, "kiosk")

    @classmethod
    def for_user(cls, user):
        token = super().for_user(user)
        token["kiosk"] = True
        return token
