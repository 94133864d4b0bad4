"""What the admin pages of the two optional apps have in common."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.utils.functional import cached_property, classproperty
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from ..utils import aware_utcnow, format_lazy
from .base import Issued, RevocationStore

# How many rows a page list counts: beyond, it says as many, and a search finds the others.
MOST_COUNTED = 10_000

# As Django writes a field.
_TOKEN_TEXT = "token_blacklist.OutstandingToken.token"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts no further than ``MOST_COUNTED``: a database reads every row of a table to count them all."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


def searchable_path(model: type[Model], name: str) -> str:
    """The look-up that leads from a field to a column with a value: a relation has no ``icontains`` of its own."""
    field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    names = [name]
    while field.is_relation:
        field = field.target_field
        names.append(field.name)
    return "__".join(names)


def reaches_token_text(model: type[Model], lookup: str) -> bool:
    """Whether a look-up on ``model`` compares the text of tokens, directly or across relations."""
    for part in lookup.split(LOOKUP_SEP):
        try:
            field: Any = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return False
        if field.related_model is None:
            return str(field) == _TOKEN_TEXT
        model = field.related_model
    return False


class UserSearchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Newest first; found by its user, at the end of ``user_path``, or by its id, which is looked for first."""

    user_path = "user"
    id_path: str
    ordering = ("-id",)
    paginator = BoundedPaginator
    # Most of a page's time is that of its rows.
    list_per_page = 25
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuses look-ups on the text of tokens: whoever may ask how a token begins can spell it out."""
        if reaches_token_text(self.model, lookup):
            return False
        # Django 4.2 passes no request.
        arguments = () if request is None else (request,)
        return super().lookup_allowed(lookup, value, *arguments)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """The one of that id, by the index; else whatever has the term in it, which reads every row."""
        exact = queryset.filter(**{self.id_path: search_term.strip()})
        if search_term and exact.exists():
            return exact, False
        return super().get_search_results(request, queryset, search_term)

    @classproperty
    def search_fields(cls) -> list[str]:  # noqa: N805  # read on the class too
        user = get_user_model()
        names = "pk", user.USERNAME_FIELD
        return [*(f"{cls.user_path}__{searchable_path(user, name)}" for name in names), cls.id_path]


class IssuedAdmin(UserSearchAdmin):
    """Read-only, but that they can be revoked: these rows come from a login, and go with the flush."""

    list_select_related = ("user",)
    actions = ("revoke_selected",)
    revoked_model: type[Model]

    def store(self) -> RevocationStore:
        raise NotImplementedError

    @admin.action(description=gettext_lazy("Revoke selected %(verbose_name_plural)s"), permissions=["revoke"])
    @sensitive_variables()
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        store = self.store()
        revoked = 0
        # Not iterator(): pgbouncer has no cursors that outlive a transaction.
        for key, expires_at in queryset.values_list(self.id_path, "expires_at"):
            _, first = store.revoke(Issued(key, aware_utcnow(), expires_at, owner_pk=lambda: None, text=lambda: ""))
            if first:
                revoked += 1
                store.after_commit(partial(self.tell, key))
        self.message_user(request, format_lazy(gettext_lazy("Revoked: {}"), revoked))

    def tell(self, key: str) -> None:
        """Tell the receivers that this one was revoked."""
        raise NotImplementedError

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may add rows to the table of revocations may revoke."""
        options = self.revoked_model._meta
        return request.user.has_perm(f"{options.app_label}.{get_permission_codename('add', options)}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
