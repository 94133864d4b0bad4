"""While Redis can't be asked nothing is guessed, and nobody waits long; no server is needed to see that."""

import time
from datetime import timedelta

import pytest
import redis

from rest_framework_simplejwt.exceptions import RevocationUnavailable
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken
from tests.revocation.contract import issued
from tests.revocation.server import free_port, says_when_to_ask_again, silent_server

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


@pytest.fixture
def texts(on, issue):
    """Good tokens, issued before the server went."""
    texts = issue()
    on(f"redis://127.0.0.1:{free_port()}/0")
    return texts


def test_everything_is_refused_for_a_moment(texts, asked):
    answers = asked(texts)
    assert [name for name, answer in answers.items() if not says_when_to_ask_again(answer)] == []


def test_in_the_open_mode_only_access_is_granted(texts, asked, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    answers = asked(texts)
    granted = {name for name, answer in answers.items() if answer.status_code == 200}
    assert granted == {"access", "sliding"}
    assert all(says_when_to_ask_again(answer) for name, answer in answers.items() if name not in granted)


def test_no_more_than_access_is_granted_within_the_same_thread(texts, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    assert whoami(texts["sliding"]).status_code == 200
    with pytest.raises(RevocationUnavailable):
        SlidingToken(texts["sliding"])


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_a_forgery_is_refused_without_asking(texts, asked, simple_jwt, mode):
    simple_jwt(REVOCATION_FAIL_MODE=mode)
    answers = asked({name: f"{text[:-8]}AAAAAAAA" for name, text in texts.items()})
    assert {answer.status_code for name, answer in answers.items() if name != "login"} == {401}


def test_the_open_mode_accepts_no_token_that_has_expired(texts, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    expired = AccessToken(texts["access"], verify=False)
    expired.set_exp(lifetime=timedelta(seconds=-1))
    assert whoami(expired).status_code == 401


def test_a_server_that_says_nothing_is_not_waited_for(texts, on, asked):
    """Generous: each question is asked twice, and waits for a connection and for an answer."""
    with silent_server() as url:
        on(url)
        start = time.monotonic()
        answers = asked(texts)
        waited = time.monotonic() - start
    assert all(says_when_to_ask_again(answer) for answer in answers.values())
    assert waited < 2 * len(answers)


@pytest.mark.parametrize("error", ["-READONLY You can't write", "-LOADING not yet", "-OOM out of memory", "-ERR what?"])
def test_a_server_that_refuses_is_an_outage_too(on, error, monkeypatch):
    def refuses(*args, **kwargs):
        raise redis.ResponseError(error)

    on(f"redis://127.0.0.1:{free_port()}/0")
    store = RedisStore("token")
    monkeypatch.setattr(store.client, "eval", refuses, raising=False)
    with pytest.raises(RevocationUnavailable):
        store.revoke(issued())
