"""While Redis is unavailable, requests are answered 503 within a short time."""

import time
from datetime import timedelta

import pytest
import redis

from rest_framework_simplejwt.exceptions import RevocationUnavailable
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken
from tests.revocation.contract import issued
from tests.revocation.server import free_port, is_unavailable, silent_server

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


@pytest.fixture
def texts(use_redis, issue):
    """Valid encoded tokens, issued before the server became unavailable."""
    texts = issue()
    use_redis(f"redis://127.0.0.1:{free_port()}/0")
    return texts


def test_every_request_is_answered_503(texts, send_all):
    answers = send_all(texts)
    assert [name for name, answer in answers.items() if not is_unavailable(answer)] == []


def test_in_the_open_mode_only_requests_are_authenticated(texts, send_all, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    answers = send_all(texts)
    authenticated = {name for name, answer in answers.items() if answer.status_code == 200}
    assert authenticated == {"access", "sliding"}
    assert all(is_unavailable(answer) for name, answer in answers.items() if name not in authenticated)


def test_the_open_mode_ends_with_the_authentication_of_a_request(texts, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    assert whoami(texts["sliding"]).status_code == 200
    with pytest.raises(RevocationUnavailable):
        SlidingToken(texts["sliding"])


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_a_forged_token_is_rejected_without_the_store(texts, send_all, simple_jwt, mode):
    simple_jwt(REVOCATION_FAIL_MODE=mode)
    answers = send_all({name: f"{text[:-8]}AAAAAAAA" for name, text in texts.items()})
    assert {answer.status_code for name, answer in answers.items() if name != "login"} == {401}


def test_the_open_mode_rejects_an_expired_token(texts, whoami, simple_jwt):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    expired = AccessToken(texts["access"], verify=False)
    expired.set_exp(lifetime=timedelta(seconds=-1))
    assert whoami(expired).status_code == 401


def test_a_server_that_never_replies_does_not_delay_requests_for_long(texts, use_redis, send_all):
    """The bound leaves room: each command is tried twice, with a timeout to connect and one for the reply."""
    with silent_server() as url:
        use_redis(url)
        start = time.monotonic()
        answers = send_all(texts)
        waited = time.monotonic() - start
    assert all(is_unavailable(answer) for answer in answers.values())
    assert waited < 2 * len(answers)


@pytest.mark.parametrize("error", ["-READONLY You can't write", "-LOADING not yet", "-OOM out of memory", "-ERR what?"])
def test_an_error_reply_is_an_outage(use_redis, error, monkeypatch):
    def refuses(*args, **kwargs):
        raise redis.ResponseError(error)

    use_redis(f"redis://127.0.0.1:{free_port()}/0")
    store = RedisStore("token")
    monkeypatch.setattr(store.client, "eval", refuses, raising=False)
    with pytest.raises(RevocationUnavailable):
        store.revoke(issued())
