"""Fills a table of outstanding tokens step by step, and queries it: ``python -m benchmarks.work.growth URL``."""

# ruff: noqa: S608  # SQL that is all its own

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from benchmarks.work.filling import JTI, TEXT, series
from benchmarks.work.listen import listen, timed
from benchmarks.work.project import BLACKLIST_APP, set_up

ADMIN = ("django.contrib.admin", "django.contrib.messages", "django.contrib.sessions")
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": PROCESSORS},
    }
]
LIST = "/admin/token_blacklist/outstandingtoken/"
TOKENS_PER_USER = 10


def main() -> None:
    more = {"MIDDLEWARE": MIDDLEWARE, "TEMPLATES": TEMPLATES, "STATIC_URL": "/static/"}
    set_up(sys.argv[1], BLACKLIST_APP, *ADMIN, ROOT_URLCONF="benchmarks.work.admin_urls", **more)
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("admin", password="admin")  # noqa: S106  # of a database that is dropped
    works = {"grow": grow, "read": read, "refresh": refresh, "first_page": first_page, "search": search}
    listen(works)


def grow(first: int, last: int) -> int:
    """Adds users with ten tokens each, half of them revoked. Returns the number of rows."""
    from django.db import connection
    from django.utils import timezone

    vendor, now = connection.vendor, timezone.now()
    users = last // TOKENS_PER_USER
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (username, password, first_name, last_name, email, is_superuser, is_staff, "
            f"is_active, date_joined) {series(vendor, first // TOKENS_PER_USER + 1, users)} "
            "SELECT 'user' || n, '!', '', '', '', %s, %s, %s, %s FROM series",
            [False, False, True, now],
        )
        cursor.execute(
            "INSERT INTO token_blacklist_outstandingtoken (jti, token, created_at, expires_at, user_id) "
            f"{series(vendor, first, last)} SELECT {JTI[vendor]}, {TEXT[vendor]}, %s, %s, MOD(n, {users}) + 1 "
            "FROM series ORDER BY n",
            [now, now + timedelta(days=1)],
        )
        cursor.execute(
            "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at) SELECT id, %s "
            "FROM token_blacklist_outstandingtoken WHERE MOD(id, 2) = 0 "
            "AND id > (SELECT COALESCE(MAX(token_id), 0) FROM token_blacklist_blacklistedtoken) ORDER BY id",
            [now],
        )
        if vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT COUNT(*) FROM token_blacklist_outstandingtoken")
        return int(cursor.fetchone()[0])


def read(count: int) -> float:
    """Reads new tokens, issued among the others."""
    from rest_framework_simplejwt.tokens import RefreshToken

    return timed(RefreshToken, _issue(count))


def refresh(count: int) -> float:
    from rest_framework.test import APIRequestFactory

    from rest_framework_simplejwt.views import TokenRefreshView

    view, factory = TokenRefreshView.as_view(), APIRequestFactory()

    def post(request: Any) -> None:
        response = view(request).render()
        assert response.status_code == 200, response.content

    bodies = [json.dumps({"refresh": text}) for text in _issue(count)]
    return timed(post, [factory.post("/", body, content_type="application/json") for body in bodies], seconds=10)


def first_page(count: int) -> float:
    return timed(_get, [LIST] * count, seconds=3)


def search(count: int) -> float:
    """Searches tokens from all parts of the table."""
    from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

    ends = OutstandingToken.objects.order_by("id").first().pk, OutstandingToken.objects.order_by("id").last().pk
    places = range(ends[0], ends[1], max(1, (ends[1] - ends[0]) // count))
    found = OutstandingToken.objects.filter(pk__in=places).values_list("jti", flat=True)
    return timed(_get, [f"{LIST}?q={jti}" for jti in found], seconds=3)


def _get(path: str) -> None:
    response = _administrator().get(path)
    assert response.status_code == 200, response.content
    if "?q=" in path:
        # Once in the search field, and once in the result.
        assert response.content.count(path.partition("=")[2].encode()) > 1


def _administrator(made: list[Any] = []) -> Any:  # noqa: B006  # one client, logged in once
    if not made:
        from django.contrib.auth.models import User
        from django.test import Client

        made.append(Client())
        made[0].force_login(User.objects.get(username="admin"))
    return made[0]


def _issue(count: int) -> list[str]:
    from django.contrib.auth.models import User
    from django.db import transaction

    from rest_framework_simplejwt.tokens import RefreshToken

    users = User.objects.filter(username__startswith="user").order_by("-pk")[:count]
    with transaction.atomic():
        return [str(RefreshToken.for_user(user)) for user in users]


if __name__ == "__main__":
    main()
