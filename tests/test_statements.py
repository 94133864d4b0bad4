"""What each endpoint sends to the database, transaction commands included, to the last statement."""

import django
import pytest
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

# One project: what its requests are wrapped in is counted too.
pytestmark = [pytest.mark.needs("full"), pytest.mark.django_db(transaction=True)]

ROTATING = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
SLIDING = {"AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.SlidingToken"]}

# On MariaDB the ORM looks first, and has a savepoint for each row that it makes.
MADE = "SELECT SAVEPOINT INSERT RELEASE"
REVOKED = f"BEGIN SELECT {MADE} COMMIT"

# Is the token or its family revoked; who is the user; then the exchange.
ROTATED = (
    "SELECT SELECT WITH",
    "SELECT SELECT BEGIN INSERT INSERT COMMIT",
    "SELECT SELECT BEGIN INSERT INSERT COMMIT",
)

# Without families, and with them: on PostgreSQL, SQLite and MariaDB, or on all of them.
SENT = {
    ("obtain", False): ("SELECT BEGIN INSERT COMMIT", "SELECT BEGIN INSERT COMMIT", f"SELECT BEGIN {MADE} COMMIT"),
    ("obtain", True): (
        "SELECT BEGIN INSERT INSERT COMMIT",
        "SELECT BEGIN INSERT INSERT COMMIT",
        f"SELECT BEGIN {MADE} {MADE} COMMIT",
    ),
    ("rotate", False): ROTATED,
    ("rotate", True): ROTATED,
    ("refresh", False): "SELECT SELECT",
    ("refresh", True): "SELECT SELECT",
    ("verify", False): "SELECT SELECT",
    ("verify", True): "SELECT SELECT",
    ("blacklist", False): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKED}"),
    ("blacklist", True): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKED}"),
    ("blacklist family", True): ("SELECT INSERT", "SELECT INSERT", f"SELECT {REVOKED}"),
    ("refresh sliding", False): "SELECT SELECT SELECT",
    ("refresh sliding", True): "SELECT SELECT SELECT",
    # The project's requests are atomic.
    ("get", False): "BEGIN SELECT COMMIT",
    ("get", True): "BEGIN SELECT COMMIT",
    ("get sliding", False): "BEGIN SELECT SELECT COMMIT",
    ("get sliding", True): "BEGIN SELECT SELECT COMMIT",
}


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch):
    """A sliding token that is refreshed in a later second ends later, and its record is made to last as long."""
    now = tokens.aware_utcnow()
    monkeypatch.setattr(tokens, "aware_utcnow", lambda: now)


@pytest.fixture
def calls(user, post, whoami, credentials, simple_jwt):
    """What to call for a piece of work, the settings it needs being made; each call has a token of its own."""

    def prepared(work, families):
        simple_jwt(TOKEN_FAMILY_ENABLED=families, **{"rotate": ROTATING, "get sliding": SLIDING}.get(work, {}))
        kind = SlidingToken if work.endswith("sliding") else RefreshToken
        issued = iter([kind.for_user(user) for _ in range(2)])
        return {
            "obtain": lambda: post("obtain", **credentials),
            "get": lambda: whoami(next(issued).access_token),
            "get sliding": lambda: whoami(next(issued)),
            "verify": lambda: post("verify", token=str(next(issued))),
            "refresh sliding": lambda: post("refresh sliding", token=str(next(issued))),
            "rotate": lambda: post("refresh", refresh=str(next(issued))),
        }.get(work, lambda: post(work, refresh=str(next(issued))))

    return prepared


@pytest.mark.parametrize(("work", "families"), SENT)
def test_nothing_more_is_sent(work, families, calls):
    connection = connections[router.db_for_write(get_user_model())]
    call = calls(work, families)
    # What is compiled once is compiled now.
    assert call().status_code == 200
    with CaptureQueriesContext(connection) as context:
        assert call().status_code == 200
    sent = " ".join(query["sql"].split()[0].rstrip(";") for query in context)
    expected = SENT[work, families]
    if not isinstance(expected, str):
        expected = expected[["postgresql", "sqlite", "mysql"].index(connection.vendor)]
    if connection.vendor == "sqlite" and work == "obtain" and django.VERSION < (5, 1):
        # This Django can't begin a transaction as a writer.
        expected = expected.replace("BEGIN", "BEGIN UPDATE")
    assert sent == expected
