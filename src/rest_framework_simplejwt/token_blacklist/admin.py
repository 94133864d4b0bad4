"""The admin pages of issued tokens and of their revocations."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .. import signals
from .._also import lazy_attributes
from ..revocation import RevocationStore, token_store
from ..revocation.admin import IssuedRecordAdmin, UserSearchAdmin
from .models import BlacklistedToken, OutstandingToken

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "AuthUser": "rest_framework_simplejwt.models.AuthUser",
            "QuerySet": "django.db.models.QuerySet",
            "Request": "rest_framework.request.Request",
            "TokenUser": "rest_framework_simplejwt.models.TokenUser",
        },
    )

__all__ = ["BlacklistedToken", "BlacklistedTokenAdmin", "OutstandingToken", "OutstandingTokenAdmin"]


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(IssuedRecordAdmin):
    """Hides the encoded token, which gives access, unless a subclass lists it in ``fields`` or ``fieldsets``."""

    id_path = "jti"
    list_display = ("jti", "user", "created_at", "expires_at")
    exclude = ("token",)
    revoked_model = BlacklistedToken

    def get_fields(self, request: HttpRequest, obj: OutstandingToken | None = None) -> Any:
        """Leave the encoded token out, also if a subclass sets ``exclude`` or makes every field read-only."""
        return self.fields or [name for name in super().get_fields(request, obj) if name != "token"]

    def store(self) -> RevocationStore:
        return token_store()

    def send_revoked_signal(self, record_id: str) -> None:
        signals.send(signals.token_revoked, OutstandingToken, jti=record_id, token=None)


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(UserSearchAdmin):
    id_path = "token__jti"
    user_path = "token__user"
    list_display = ("token_jti", "token_user", "token_created_at", "token_expires_at", "blacklisted_at")
    list_select_related = ("token__user",)
    raw_id_fields = ("token",)

    @admin.display(description=_("jti"), ordering="token__jti")
    def token_jti(self, obj: BlacklistedToken) -> str:
        return obj.token.jti

    @admin.display(description=_("user"), ordering="token__user")
    def token_user(self, obj: BlacklistedToken) -> AbstractBaseUser | None:
        return obj.token.user

    @admin.display(description=_("created at"), ordering="token__created_at")
    def token_created_at(self, obj: BlacklistedToken) -> datetime | None:
        return obj.token.created_at

    @admin.display(description=_("expires at"), ordering="token__expires_at")
    def token_expires_at(self, obj: BlacklistedToken) -> datetime:
        return obj.token.expires_at
