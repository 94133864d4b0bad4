"""What each endpoint sends to the database, transaction commands included, to the last statement."""

import django
import pytest
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.test.utils import CaptureQueriesContext

from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

pytestmark = [pytest.mark.needs("token_blacklist", "token_family"), pytest.mark.django_db(transaction=True)]

ROTATING = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
SLIDING = {"AUTH_TOKEN_CLASSES": ["rest_framework_simplejwt.tokens.SlidingToken"]}

# Each of these once with families and once without: what is called, with which kind of token, under which settings.
WORK = {
    "refresh": (lambda post, text: post("refresh", refresh=text), RefreshToken, {}),
    "rotate": (lambda post, text: post("refresh", refresh=text), RefreshToken, ROTATING),
    "verify": (lambda post, text: post("verify", token=text), RefreshToken, {}),
    "blacklist": (lambda post, text: post("blacklist", refresh=text), RefreshToken, {}),
    "blacklist family": (lambda post, text: post("blacklist family", refresh=text), RefreshToken, {}),
    "refresh sliding": (lambda post, text: post("refresh sliding", token=text), SlidingToken, {}),
    "get": (None, RefreshToken, {}),
    "get sliding": (None, SlidingToken, SLIDING),
}
# SQLite, PostgreSQL, and MariaDB, where the ORM does it.
SENT = {}


@pytest.fixture
def statements(user):
    def sent(call):
        """The verbs of what it sends the second time, when all is compiled that is."""
        connection = connections[router.db_for_write(get_user_model())]
        call()
        with CaptureQueriesContext(connection) as context:
            answer = call()
        assert answer.status_code == 200, answer.content
        return " ".join(query["sql"].split()[0].rstrip(";") for query in context)

    return sent


def test_all(statements, user, post, whoami, credentials, simple_jwt):
    out = {}
    for families in (False, True):
        for name, (call, kind, settings) in WORK.items():
            if name == "blacklist family" and not families: continue
            simple_jwt(**{"TOKEN_FAMILY_ENABLED": families, "ROTATE_REFRESH_TOKENS": False, "BLACKLIST_AFTER_ROTATION": False, "AUTH_TOKEN_CLASSES":["rest_framework_simplejwt.tokens.AccessToken"], **settings})
            toks = [kind.for_user(user) for _ in range(2)]
            t = iter([str(getattr(x,"access_token",x)) if call is None else str(x) for x in toks])
            out[name, families] = statements((lambda: whoami(next(t))) if call is None else (lambda: call(post, next(t))))
        for name in ("obtain", "obtain sliding"):
            out[name, families] = statements(lambda: post(name, **credentials))
    for k,v in out.items(): print("OUT",k,v)
    assert 0
