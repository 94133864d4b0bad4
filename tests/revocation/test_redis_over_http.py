"""A project that has Redis and neither of the two apps: every endpoint does what it does with them."""

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
def _rotating(simple_jwt):
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
def is_good(post, whoami):
    """Whether a pair opens anything: all of it must, or none."""

    def ask(pair):
        answers = [
            post("verify", token=pair["refresh"]),
            post("verify", token=pair["access"]),
            whoami(pair["access"]),
        ]
        assert {answer.status_code for answer in answers} in ({200}, {401})
        return answers[0].status_code == 200

    return ask


def test_a_refresh_spends_the_old_token_for_a_new_pair(login, post, is_good):
    old = login()
    new = post("refresh", refresh=old["refresh"])
    assert new.status_code == 200
    assert is_good(new.json())
    assert post("verify", token=old["refresh"]).status_code == 401


def test_a_replay_is_refused_and_ends_the_family(login, post, is_good, received):
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    with received(signals.refresh_token_reused) as alarms:
        replay = post("refresh", refresh=old["refresh"])
    assert (replay.status_code, replay.json()["code"]) == (401, "token_not_valid")
    assert len(alarms) == 1
    assert not is_good(new)
    assert post("refresh", refresh=new["refresh"]).status_code == 401


def test_the_alarm_reaches_no_other_family(login, post, is_good):
    other, old = login(), login()
    for _ in range(2):
        post("refresh", refresh=old["refresh"])
    assert is_good(other)


def test_within_the_grace_period_a_replay_gets_the_same_successor(login, post, is_good, simple_jwt, clock):
    simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    clock(seconds=8)
    again = post("refresh", refresh=old["refresh"]).json()
    assert again["refresh"] == new["refresh"]
    assert again["access"] != new["access"]
    assert is_good(new)


def test_after_the_grace_period_a_replay_is_a_theft(login, post, is_good, simple_jwt, clock):
    simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
    old = login()
    new = post("refresh", refresh=old["refresh"]).json()
    clock(seconds=12)
    assert post("refresh", refresh=old["refresh"]).status_code == 401
    assert not is_good(new)


def test_a_log_out_is_for_good_and_a_second_one_is_refused(login, post):
    pair = login()
    assert [post("blacklist", refresh=pair["refresh"]).status_code for _ in range(2)] == [200, 401]
    for endpoint, body in {"refresh": "refresh", "verify": "token"}.items():
        assert post(endpoint, **{body: pair["refresh"]}).status_code == 401


def test_a_family_that_was_logged_out_opens_nothing(login, post, is_good):
    other, pair = login(), login()
    assert post("blacklist family", refresh=pair["refresh"]).status_code == 200
    assert not is_good(pair)
    assert post("refresh", refresh=pair["refresh"]).status_code == 401
    assert is_good(other)


def test_a_sliding_token_that_was_revoked_opens_nothing(post, whoami, user, credentials, simple_jwt):
    simple_jwt(AUTH_TOKEN_CLASSES=("rest_framework_simplejwt.tokens.SlidingToken",))
    token = post("obtain sliding", **credentials).json()["token"]
    assert whoami(token).status_code == 200
    longer = post("refresh sliding", token=token).json()["token"]
    assert sessions.revoke_all(user) == Revoked(tokens=1, families=0)
    assert {whoami(copy).status_code for copy in (token, longer)} == {401}
    assert post("refresh sliding", token=longer).status_code == 401


def test_all_of_a_user_can_be_ended(login, user, is_good):
    pairs = [login() for _ in range(3)]
    assert sessions.revoke_all(user) == Revoked(tokens=3, families=3)
    assert [is_good(pair) for pair in pairs] == [False] * 3
    assert is_good(login())


def test_all_but_one_family_can_be_ended(login, post, user, is_good):
    here, *elsewhere = login(), login(), login()
    here = post("refresh", refresh=here["refresh"]).json()
    family_id = RefreshToken(here["refresh"]).get_family_id()
    assert sessions.revoke_all(user, except_family=family_id) == Revoked(tokens=2, families=2)
    assert is_good(here)
    assert [is_good(pair) for pair in elsewhere] == [False] * 2


def test_everything_of_everybody_can_be_ended(login, user, credentials, is_good):
    field = get_user_model().USERNAME_FIELD
    bob = get_user_model().objects.create_user(**{**credentials, field: f"bob-{credentials[field]}"})
    token = RefreshToken.for_user(bob)
    pairs = [login(), {"refresh": str(token), "access": str(token.access_token)}]
    assert sessions.revoke_everything() == Revoked(tokens=2, families=2)
    assert [is_good(pair) for pair in pairs] == [False] * 2


def test_nothing_is_written_to_the_database(login, post, user):
    with CaptureQueriesContext(connections[router.db_for_write(get_user_model())]) as queries:
        pair = post("refresh", refresh=login()["refresh"]).json()
        post("verify", token=pair["access"])
        post("blacklist", refresh=pair["refresh"])
        post("blacklist family", refresh=login()["refresh"])
        post("refresh", refresh=pair["refresh"])
        sessions.revoke_all(user)
    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


def at_once(*requests):
    """The answers to requests that start together, each with a thread and a connection of its own."""
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
class TestAtOnce:
    def test_of_many_refreshes_one_wins(self, login):
        refresh = login()["refresh"]
        answers = at_once(*[("/token/refresh/", refresh)] * 6)
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5

    def test_within_the_grace_period_all_get_the_same_successor(self, login, simple_jwt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
        refresh = login()["refresh"]
        answers = at_once(*[("/token/refresh/", refresh)] * 6)
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh"] for answer in answers}) == 1

    @pytest.mark.parametrize("attempt", range(5))
    def test_a_log_out_that_races_a_refresh_leaves_nothing_alive(self, login, post, simple_jwt, attempt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=GRACE)
        refresh = login()["refresh"]
        refreshed, logged_out = at_once(("/token/refresh/", refresh), ("/token/blacklist/", refresh))
        assert logged_out.status_code == 200
        left = [refresh, refreshed.json()["refresh"]] if refreshed.status_code == 200 else [refresh]
        assert {post("refresh", refresh=text).status_code for text in left} == {401}
