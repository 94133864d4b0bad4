"""With Redis and neither of the two apps, every endpoint does what it does with the apps."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, router
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from rest_framework_simplejwt import sessions, signals
from rest_framework_simplejwt.sessions import Revoked
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]

GRACE = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_CHECK_ON_ACCESS=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )


@pytest.fixture
def login(post, user, credentials):
    return lambda: post("obtain", **credentials).json()


@pytest.fixture
def is_accepted(post, whoami):
    """Return whether both tokens of a pair are accepted. Fails if only one is."""

    def check(pair):
        answers = [
            post("verify", token=pair["refresh"]),
            post("verify", token=pair["access"]),
            whoami(pair["access"]),
        ]
        assert {answer.status_code for answer in answers} in ({200}, {401})
        return answers[0].status_code == 200

    return check


def test_a_refresh_consumes_the_token_and_issues_a_pair(login, post, is_accepted):
    old = login()
    new = post("refresh", refresh=old["refresh"])
    assert new.status_code == 200
    assert is_accepted(new.json())
    assert post("verify", token=old["refresh"]).status_code == 401


def test_reuse_is_rejected_and_revokes_the_family(login, post, is_accepted, received):
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    with received(signals.refresh_token_reused) as alarms:
        reuse = post("refresh", refresh=old["refresh"])
    assert (reuse.status_code, reuse.json()["code"]) == (401, "token_not_valid")
    assert len(alarms) == 1
    assert not is_accepted(new)
    assert post("refresh", refresh=new["refresh"]).status_code == 401


def test_the_alarm_revokes_no_other_family(login, post, is_accepted):
    other, old = login(), login()
    for _ in range(2):
        post("refresh", refresh=old["refresh"])
    assert is_accepted(other)


def test_a_replay_gets_the_same_successor(login, post, is_accepted, simple_jwt, clock):
    simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    clock(seconds=8)
    again = post("refresh", refresh=old["refresh"]).json()
    assert again["refresh"] == new["refresh"]
    assert again["access"] != new["access"]
    assert is_accepted(new)


def test_after_the_grace_period_it_is_reuse(login, post, is_accepted, simple_jwt, clock):
    simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    clock(seconds=12)
    assert post("refresh", refresh=old["refresh"]).status_code == 401
    assert not is_accepted(new)


def test_a_log_out_revokes_the_token_and_a_second_one_is_rejected(login, post):
    pair = login()
    assert [post("blacklist", refresh=pair["refresh"]).status_code for _ in range(2)] == [200, 401]
    for endpoint, body in {"refresh": "refresh", "verify": "token"}.items():
        assert post(endpoint, **{body: pair["refresh"]}).status_code == 401


def test_no_token_of_a_family_that_was_logged_out_is_accepted(login, post, is_accepted):
    other, pair = login(), login()
    assert post("blacklist family", refresh=pair["refresh"]).status_code == 200
    assert not is_accepted(pair)
    assert post("refresh", refresh=pair["refresh"]).status_code == 401
    assert is_accepted(other)


def test_no_copy_of_a_revoked_sliding_token_is_accepted(post, whoami, user, credentials, simple_jwt):
    simple_jwt(AUTH_TOKEN_CLASSES=("rest_framework_simplejwt.tokens.SlidingToken",))
    token = post("obtain sliding", **credentials).json()["token"]
    assert whoami(token).status_code == 200
    longer = post("refresh sliding", token=token).json()["token"]
    assert sessions.revoke_all(user) == Revoked(tokens=1, families=0)
    assert {whoami(copy).status_code for copy in (token, longer)} == {401}
    assert post("refresh sliding", token=longer).status_code == 401


def test_revoke_all_ends_every_session_of_a_user(login, user, is_accepted):
    pairs = [login() for _ in range(3)]
    assert sessions.revoke_all(user) == Revoked(tokens=3, families=3)
    assert [is_accepted(pair) for pair in pairs] == [False] * 3
    assert is_accepted(login())


def test_revoke_all_can_exclude_one_family(login, post, user, is_accepted):
    here, *elsewhere = login(), login(), login()
    here = post("refresh", refresh=here["refresh"]).json()
    family_id = RefreshToken(here["refresh"]).get_family_id()
    assert sessions.revoke_all(user, except_family=family_id) == Revoked(tokens=2, families=2)
    assert is_accepted(here)
    assert [is_accepted(pair) for pair in elsewhere] == [False] * 2


def test_revoke_everything_ends_every_session(login, user, credentials, is_accepted):
    field = get_user_model().USERNAME_FIELD
    bob = get_user_model().objects.create_user(**{**credentials, field: f"bob-{credentials[field]}"})
    token = RefreshToken.for_user(bob)
    pairs = [login(), {"refresh": str(token), "access": str(token.access_token)}]
    assert sessions.revoke_everything() == Revoked(tokens=2, families=2)
    assert [is_accepted(pair) for pair in pairs] == [False] * 2


def test_nothing_is_written_to_the_database(login, post, user):
    with CaptureQueriesContext(connections[router.db_for_write(get_user_model())]) as queries:
        pair = post("refresh", refresh=login()["refresh"]).json()
        post("verify", token=pair["access"])
        post("blacklist", refresh=pair["refresh"])
        post("blacklist family", refresh=login()["refresh"])
        post("refresh", refresh=pair["refresh"])
        sessions.revoke_all(user)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


def send_together(*requests):
    """Send requests at the same time, each in its own thread. Return the responses in the same order."""
    barrier = Barrier(len(requests))

    def send(request):
        path, refresh = request
        barrier.wait()
        try:
            return APIClient().post(path, {"refresh": refresh})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_of_many_refreshes_one_succeeds(self, login):
        refresh = login()["refresh"]
        answers = send_together(*[("/token/refresh/", refresh)] * 6)
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5

    def test_within_the_grace_period_all_refreshes_get_the_same_successor(self, login, simple_jwt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
        refresh = login()["refresh"]
        answers = send_together(*[("/token/refresh/", refresh)] * 6)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh"] for answer in answers}) == 1

    @pytest.mark.parametrize("attempt", range(5))
    def test_after_a_concurrent_log_out_no_successor_is_accepted(self, login, post, simple_jwt, attempt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
        refresh = login()["refresh"]
        refreshed, logged_out = send_together(("/token/refresh/", refresh), ("/token/blacklist/", refresh))
        assert logged_out.status_code == 200
        left = [refresh, refreshed.json()["refresh"]] if refreshed.status_code == 200 else [refresh]
        assert {post("refresh", refresh=text).status_code for text in left} == {401}
