"""What the admin pages of the two optional apps have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest


class UserSearchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Newest first; found by its user, at the end of ``user_path``, or by its id."""

    user_path = "user"
    id_path: str
    ordering = ("-id",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return f"{self.user_path}__pk", f"{self.user_path}__{get_user_model().USERNAME_FIELD}", self.id_path


class IssuedAdmin(UserSearchAdmin):
    """Read-only: these rows come from a login, and go with the flush."""

    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
