"""Every statement that each endpoint sends to the database, including those that control transactions."""

import django
import pytest
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

# One project: statements of ATOMIC_REQUESTS are counted too.
pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db(transaction=True)]

ROTATING = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
SLIDING = {"AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.SlidingToken"]}

# On MariaDB the ORM looks for the row first, and inserts it within a savepoint.
GET_OR_CREATE = "SELECT SAVEPOINT INSERT RELEASE"
REVOKE = f"BEGIN SELECT {GET_OR_CREATE} COMMIT"

# The first SELECT looks up revocations of the token and its family, the second the user; the rest is the exchange.
ROTATE = (
    "SELECT SELECT WITH",
    "SELECT SELECT BEGIN INSERT INSERT COMMIT",
    "SELECT SELECT BEGIN INSERT INSERT COMMIT",
)

# By endpoint and whether families are enabled: the statements on PostgreSQL, SQLite and MariaDB, or on all of them.
STATEMENTS = {
    ("obtain", False): (
        "SELECT BEGIN INSERT COMMIT",
        "SELECT BEGIN INSERT COMMIT",
        f"SELECT BEGIN {GET_OR_CREATE} COMMIT",
    ),
    ("obtain", True): (
        "SELECT BEGIN INSERT INSERT COMMIT",
        "SELECT BEGIN INSERT INSERT COMMIT",
        f"SELECT BEGIN {GET_OR_CREATE} {GET_OR_CREATE} COMMIT",
    ),
    ("rotate", False): ROTATE,
    ("rotate", True): ROTATE,
    ("refresh", False): "SELECT SELECT",
    ("refresh", True): "SELECT SELECT",
    ("verify", False): "SELECT SELECT",
    ("verify", True): "SELECT SELECT",
    ("blacklist", False): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKE}"),
    ("blacklist", True): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKE}"),
    ("blacklist family", True): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKE}"),
    ("refresh sliding", False): "SELECT SELECT SELECT",
    ("refresh sliding", True): "SELECT SELECT SELECT",
    # The project has ATOMIC_REQUESTS.
    ("get", False): "BEGIN SELECT COMMIT",
    ("get", True): "BEGIN SELECT COMMIT",
    ("get sliding", False): "BEGIN SELECT SELECT COMMIT",
    ("get sliding", True): "BEGIN SELECT SELECT COMMIT",
}


@pytest.fixture(autouse=True)
def _frozen_clock(monkeypatch):
    """Stop the clock: a sliding token refreshed in a later second expires later, which updates its record."""
    now = tokens.aware_utcnow()
    monkeypatch.setattr(tokens, "aware_utcnow", lambda: now)


@pytest.fixture
def prepare(user, post, whoami, credentials, simple_jwt):
    """Change the settings for an endpoint, and return a function that calls it, each time with another token."""

    def prepare(endpoint, families):
        simple_jwt(TOKEN_FAMILY_ENABLED=families, **{"rotate": ROTATING, "get sliding": SLIDING}.get(endpoint, {}))
        token_class = SlidingToken if endpoint.endswith("sliding") else RefreshToken
        issued = iter([token_class.for_user(user) for _ in range(2)])
        return {
            "obtain": lambda: post("obtain", **credentials),
            "get": lambda: whoami(next(issued).access_token),
            "get sliding": lambda: whoami(next(issued)),
            "verify": lambda: post("verify", token=str(next(issued))),
            "refresh sliding": lambda: post("refresh sliding", token=str(next(issued))),
            "rotate": lambda: post("refresh", refresh=str(next(issued))),
        }.get(endpoint, lambda: post(endpoint, refresh=str(next(issued))))

    return prepare


@pytest.mark.parametrize(("endpoint", "families"), STATEMENTS)
def test_an_endpoint_sends_exactly_these_statements(endpoint, families, prepare):
    connection = connections[router.db_for_write(get_user_model())]
    call = prepare(endpoint, families)
    # The first call compiles the queries that later calls use.
    assert call().status_code == 200
    with CaptureQueriesContext(connection) as context:
        assert call().status_code == 200
    sent = " ".join(query["sql"].split()[0].rstrip(";") for query in context)
    expected = STATEMENTS[endpoint, families]
    if not isinstance(expected, str):
        expected = expected[["postgresql", "sqlite", "mysql"].index(connection.vendor)]
    if connection.vendor == "sqlite" and endpoint == "obtain" and django.VERSION < (5, 1):
        # This version of Django can't send BEGIN IMMEDIATE; an UPDATE takes the write lock instead.
        expected = expected.replace("BEGIN", "BEGIN UPDATE")
    assert sent == expected
