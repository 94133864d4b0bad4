"""The admin pages of token families and of their revocations."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext_lazy as _

from .. import signals
from ..revocation import RevocationStore, family_store
from ..revocation.admin import IssuedRecordAdmin, UserSearchAdmin
from .models import BlacklistedTokenFamily, TokenFamily

__all__ = ["BlacklistedTokenFamily", "BlacklistedTokenFamilyAdmin", "TokenFamily", "TokenFamilyAdmin"]


@admin.register(TokenFamily)
class TokenFamilyAdmin(IssuedRecordAdmin):
    id_path = "family_id"
    list_display = ("family_id", "user", "created_at", "expires_at")
    revoked_model = BlacklistedTokenFamily

    def store(self) -> RevocationStore:
        return family_store()

    def send_revoked_signal(self, record_id: str) -> None:
        signals.send(signals.family_revoked, TokenFamily, family_id=record_id, reason="revoked")


@admin.register(BlacklistedTokenFamily)
class BlacklistedTokenFamilyAdmin(UserSearchAdmin):
    id_path = "family__family_id"
    user_path = "family__user"
    list_display = ("family_family_id", "family_user", "family_created_at", "family_expires_at", "blacklisted_at")
    list_select_related = ("family__user",)
    raw_id_fields = ("family",)

    @admin.display(description=_("family ID"), ordering="family__family_id")
    def family_family_id(self, obj: BlacklistedTokenFamily) -> str:
        return obj.family.family_id

    @admin.display(description=_("user"), ordering="family__user")
    def family_user(self, obj: BlacklistedTokenFamily) -> AbstractBaseUser | None:
        return obj.family.user

    @admin.display(description=_("created at"), ordering="family__created_at")
    def family_created_at(self, obj: BlacklistedTokenFamily) -> datetime:
        return obj.family.created_at

    @admin.display(description=_("expires at"), ordering="family__expires_at")
    def family_expires_at(self, obj: BlacklistedTokenFamily) -> datetime | None:
        return obj.family.expires_at
