"""Base classes of the admin pages of the two optional apps."""

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

# The largest number of rows that a list of pages counts. A search finds the rows beyond it.
MAX_COUNTED_ROWS = 10_000

# The value of str() of the field that has the encoded token.
_TOKEN_TEXT_FIELD = "token_blacklist.OutstandingToken.token"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts at most ``MAX_COUNTED_ROWS``: to count all rows of a table, a database reads each of them."""

    @cached_property
    def count(self) -> int:
        """Returns the number of rows, or ``MAX_COUNTED_ROWS`` if there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_COUNTED_ROWS].count())


def search_lookup(model: type[Model], name: str) -> str:
    """Returns the look-up for ``search_fields`` that reaches the value of a field.

    For a relation that is the look-up of its target field, since ``icontains`` does not work on relations.
    """
    field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    names = [name]
    while field.is_relation:
        field = field.target_field
        names.append(field.name)
    return "__".join(names)


def reads_token_text(model: type[Model], lookup: str) -> bool:
    """Returns whether a look-up on ``model`` compares encoded tokens, directly or across relations."""
    for part in lookup.split(LOOKUP_SEP):
        try:
            field: Any = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return False
        if field.related_model is None:
            return str(field) == _TOKEN_TEXT_FIELD
        model = field.related_model
    return False


class UserSearchAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """A list, the newest first, that can be searched by the user and by the id of a token or family.

    A subclass sets ``user_path`` and ``id_path``: the look-ups of the user and of the id.
    """

    user_path = "user"
    id_path: str
    ordering = ("-id",)
    paginator = BoundedPaginator
    # The time to build a page grows with its rows.
    list_per_page = 25
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Reject look-ups on encoded tokens. A filter by their first characters would disclose them one by one."""
        if reads_token_text(self.model, lookup):
            return False
        # Django 4.2 passes no request.
        arguments = () if request is None else (request,)
        return super().lookup_allowed(lookup, value, *arguments)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """Search for the exact id first, which uses its index. Other searches read every row."""
        exact = queryset.filter(**{self.id_path: search_term.strip()})
        if search_term and exact.exists():
            return exact, False
        return super().get_search_results(request, queryset, search_term)

    @classproperty
    def search_fields(cls) -> list[str]:  # noqa: N805  # read on the class too
        """Returns the look-ups of the search box: the user's primary key, their ``USERNAME_FIELD``, and ``id_path``."""
        user = get_user_model()
        names = "pk", user.USERNAME_FIELD
        return [*(f"{cls.user_path}__{search_lookup(user, name)}" for name in names), cls.id_path]


class IssuedRecordAdmin(UserSearchAdmin):
    """Read-only admin of issued tokens or families, with an action that revokes the selected ones.

    A subclass sets ``revoked_model`` and defines ``store()`` and ``send_revoked_signal()``.
    """

    list_select_related = ("user",)
    actions = ("revoke_selected",)
    revoked_model: type[Model]

    def store(self) -> RevocationStore:
        """Returns the store that revokes the selected rows."""
        raise NotImplementedError

    @admin.action(description=gettext_lazy("Revoke selected %(verbose_name_plural)s"), permissions=["revoke"])
    @sensitive_variables()
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Revokes the selected rows and shows how many were new. Sends a signal for each after the commit."""
        store = self.store()
        revoked_count = 0
        # Not iterator(): pgbouncer does not support cursors that outlast a transaction.
        for record_id, expires_at in queryset.values_list(self.id_path, "expires_at"):
            issued = Issued(record_id, aware_utcnow(), expires_at, owner_pk=lambda: None, text=lambda: "")
            _, is_first = store.revoke(issued)
            if is_first:
                revoked_count += 1
                store.after_commit(partial(self.send_revoked_signal, record_id))
        self.message_user(request, format_lazy(gettext_lazy("Revoked: {}"), revoked_count))

    def send_revoked_signal(self, record_id: str) -> None:
        """Sends the signal that this token or family was revoked. Called after the revocation is committed."""
        raise NotImplementedError

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Returns whether the user has the permission to add revocations. Only such users see the action."""
        options = self.revoked_model._meta
        return request.user.has_perm(f"{options.app_label}.{get_permission_codename('add', options)}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
