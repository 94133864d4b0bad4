"""When an issuer's keys are asked for, which of them are used, and what happens while it is down."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rest_framework_simplejwt import forks
from rest_framework_simplejwt.backends import PyJWKClient
from rest_framework_simplejwt.keys import remote
from rest_framework_simplejwt.keys.remote import KeySetUnavailable, UnknownKey, read_key_set
from rest_framework_simplejwt.tokens import AccessToken
from tests.forking import succeeds_in_child
from tests.issuer import issuer, jwk, key_set, signed
from tests.key_pairs import new_private_key, private_key

pytestmark = pytest.mark.needs("bare")

# Whoever waits longer waits for ever.
GENEROUS = 5
DAY = 86_400
DOWN = None


class Clock:
    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time

    def forward(self, seconds):
        self.time += seconds


class Source:
    """What the issuer_keys fetches from: `answer` is a body, or DOWN. Answers when it is `free`."""

    def __init__(self):
        self.answer = key_set()
        self.fetches = 0
        self.free = threading.Event()
        self.free.set()

    def __call__(self, url, *, timeout, allow_http):
        self.fetches += 1
        assert (url, timeout, allow_http) == ("https://issuer.test/jwks", 2, False)
        assert self.free.wait(GENEROUS)
        if self.answer is DOWN:
            raise OSError("down")
        return self.answer


def wait_until(condition):
    deadline = time.monotonic() + GENEROUS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def source():
    source = Source()
    yield source
    source.free.set()


@pytest.fixture
def issuer_keys(clock, source):
    return PyJWKClient("https://issuer.test/jwks", algorithm="RS256", timeout=2, now=clock, fetch=source)


@pytest.fixture
def settled(issuer_keys):
    """Waits for the fetch that is under way."""
    return lambda: wait_until(lambda: issuer_keys._flight is None)


@pytest.fixture
def ask(issuer_keys):
    return lambda kid="first": issuer_keys.get_signing_key_from_jwt(signed(kid=kid))


def der(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class TestTheKeyOfAToken:
    def test_it_is_the_one_that_the_token_names(self, issuer_keys, source):
        private = new_private_key("RS")
        source.answer = key_set(jwk(private_key("RS"), "first"), jwk(private, "second"))
        found = issuer_keys.get_signing_key_from_jwt(signed(kid="second").encode())
        assert found.key_id == "second"
        assert der(found.key) == der(private.public_key())

    def test_it_verifies(self, ask):
        assert jwt.decode(signed(foo=1), ask().key, algorithms=["RS256"]) == {"foo": 1}

    def test_it_is_the_only_one_if_the_token_names_none(self, issuer_keys):
        assert issuer_keys.get_signing_key_from_jwt(signed(headers={})).key_id == "first"

    def test_a_token_that_names_none_of_two_is_refused(self, issuer_keys, source):
        source.answer = key_set(jwk(private_key("RS"), "a"), jwk(private_key("RS"), "b"))
        for _ in range(3):
            with pytest.raises(UnknownKey):
                issuer_keys.get_signing_key_from_jwt(signed(headers={}))
        assert source.fetches == 1

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": "HS256", "kid": "first"},
            {"alg": "RS384", "kid": "first"},
            {"alg": "none"},
            {"alg": None, "kid": "first"},
            {"kid": "first"},
            {"alg": "RS256", "kid": 1},
            {"alg": "RS256", "kid": None},
            {"alg": "RS256", "kid": ["first"]},
            [],
            "x",
        ],
    )
    def test_a_header_that_no_key_fits_costs_no_fetch(self, issuer_keys, source, header):
        text = jwt.utils.base64url_encode(json.dumps(header).encode()).decode()
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt(f"{text}.e30.AAAA")
        assert source.fetches == 0

    @pytest.mark.parametrize("kid", [1, ["first"]])
    def test_a_kid_of_another_type_is_refused_whatever_pyjwt_thinks_of_it(self, issuer_keys, source, kid, monkeypatch):
        monkeypatch.setattr(remote.jwt, "get_unverified_header", lambda token: {"alg": "RS256", "kid": kid})
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt("a.b.c")
        assert source.fetches == 0

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", b"\xff.\xff.\xff", "\ud800.e30.AAAA", None])
    def test_what_is_no_token_costs_no_fetch(self, issuer_keys, source, token):
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt(token)
        assert source.fetches == 0


class TestUsableKeys:
    FAMILIES = {"ES256": "ES256", "ES384": "ES384", "ES512": "ES512", "EdDSA": "Ed", "RS512": "RS", "PS256": "PS"}

    @pytest.mark.parametrize("algorithm", FAMILIES)
    def test_a_key_verifies_for_each_algorithm_that_it_fits(self, algorithm):
        private = private_key(self.FAMILIES[algorithm])
        (key,) = read_key_set(key_set(jwk(private, "x")), algorithm)
        assert jwt.decode(signed(private, algorithm=algorithm, foo=1), key.key, algorithms=[algorithm]) == {"foo": 1}

    @pytest.mark.parametrize(
        "members",
        [
            {"use": "sig"},
            {"alg": "RS256"},
            {"key_ops": ["verify"]},
            {"key_ops": ["encrypt", "verify"]},
            {"x5t": "?", "x": 1},
        ],
    )
    def test_a_key_for_verifying_may_say_so(self, members):
        assert read_key_set(key_set(jwk(private_key("RS"), "first", **members)), "RS256")

    @pytest.mark.parametrize(
        "key",
        [
            None,
            "x",
            [],
            {},
            {"kty": "oct", "k": "AAAA", "kid": "first"},
            {"kty": "RSA", "kid": "first"},
            jwk(private_key("RS"), "first", n=1),
            jwk(private_key("RS"), "first", n="AAAA", e="AA"),
            jwk(private_key("RS"), "first", kty=["RSA"]),
            jwk(private_key("RS"), "first", use="enc"),
            jwk(private_key("RS"), "first", key_ops=["sign"]),
            jwk(private_key("RS"), "first", key_ops="verify"),
            jwk(private_key("RS"), "first", alg="RS512"),
            jwk(private_key("RS"), 1),
            jwk(private_key("RS"), None),
            {**jwt.algorithms.RSAAlgorithm.to_jwk(private_key("RS"), as_dict=True), "key_ops": ["verify"]},
            jwk(private_key("ES256"), "first"),
            jwk(private_key("Ed"), "first"),
        ],
    )
    def test_others_are_left_out(self, key):
        bad = {"keys": [key, jwk(private_key("RS"), "second")]}
        assert [key.key_id for key in read_key_set(json.dumps(bad).encode(), "RS256")] == ["second"]

    @pytest.mark.parametrize("curve", ["P-384", None, ["P-256"]])
    def test_a_key_on_another_curve_is_left_out(self, curve):
        bad = {**jwk(ec.generate_private_key(ec.SECP384R1()), "x"), "crv": curve}
        with pytest.raises(ValueError, match="none of 1 keys"):
            read_key_set(key_set(bad), "ES256")

    def test_no_key_is_for_an_algorithm_of_shared_secrets(self):
        with pytest.raises(ValueError, match="none"):
            read_key_set(key_set({"kty": "oct", "k": "AAAA"}), "HS256")

    def test_a_key_without_a_kid_is_for_tokens_without_one(self, issuer_keys, source):
        published = jwk(private_key("RS"), "x")
        del published["kid"]
        source.answer = key_set(published)
        assert issuer_keys.get_signing_key_from_jwt(signed(headers={})).key_id is None
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt(signed())

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<!doctype html><title>Log in</title>",
            key_set()[:-5],
            b"[]",
            b"1",
            b"{}",
            b'{"keys": {}}',
            b'{"keys": null}',
            b'{"keys": []}',
            b'{"keys": [{}]}',
            b"\xff\xfe\xfd",
            b"[" * 100_000,
        ],
    )
    def test_what_is_no_set_of_usable_keys_is_a_failed_fetch(self, issuer_keys, source, ask, clock, settled, body):
        good = ask()
        source.answer = body
        clock.forward(500)
        assert ask() is good
        settled()
        assert source.fetches == 2
        clock.forward(1000)
        assert ask() is good


class TestHowLongASetIsUsed:
    def test_it_is_fetched_once_and_parsed_once(self, ask, source, clock):
        first = ask()
        for _ in range(10):
            clock.forward(47)
            assert ask() is first
        assert source.fetches == 1

    def test_it_is_renewed_in_the_background_before_it_lapses(self, ask, source, clock, settled):
        first = ask()
        source.free.clear()
        clock.forward(480)
        assert [ask() for _ in range(5)] == [first] * 5
        assert source.fetches == 2
        source.free.set()
        settled()
        assert ask() is not first
        clock.forward(479)
        ask()
        assert source.fetches == 2

    def test_a_key_that_was_withdrawn_is_good_until_the_set_lapses_and_no_longer(self, ask, source, clock):
        ask()
        source.answer = key_set(jwk(new_private_key("RS"), "second"))
        clock.forward(479)
        ask()
        clock.forward(200)
        with pytest.raises(UnknownKey):
            ask()

    def test_a_request_after_a_quiet_time_waits_for_news(self, ask, source, clock):
        first = ask()
        clock.forward(600)
        assert ask() is not first

    def test_a_set_that_was_just_fetched_is_not_fetched_again(self, issuer_keys, source, clock, ask):
        """The request looked, and found nothing, before another one's fetch was done."""
        ask()
        held, issuer_keys._held = issuer_keys._held, None
        before = issuer_keys._lock

        class Lock:
            def __enter__(self):
                issuer_keys._held, issuer_keys._lock = held, before
                return before.__enter__()

            def __exit__(self, *args):
                return before.__exit__(*args)

        issuer_keys._lock = Lock()
        assert ask().key_id == "first"
        assert source.fetches == 1


class TestAnOutage:
    @pytest.fixture
    def good(self, ask, source):
        good = ask()
        source.answer = DOWN
        return good

    def test_the_last_set_is_used_for_a_day(self, good, ask, clock, settled):
        for _ in range(DAY // 1000):
            clock.forward(1000)
            assert ask() is good
            settled()
        clock.forward(DAY % 1000 - 1)
        assert ask() is good
        clock.forward(1)
        settled()
        with pytest.raises(KeySetUnavailable):
            ask()

    def test_a_failed_renewal_is_tried_again_every_30_seconds(self, good, ask, source, clock, settled):
        clock.forward(480)
        for _ in range(100):
            ask()
            settled()
            clock.forward(3)
        assert source.fetches == 1 + 10

    def test_no_request_waits_for_a_renewal_that_keeps_failing(self, good, ask, source, clock, settled):
        clock.forward(590)
        ask()
        settled()
        source.free.clear()
        for _ in range(3):
            clock.forward(10)
            assert ask() is good
        assert source.fetches == 3

    def test_an_unknown_kid_is_refused_meanwhile(self, good, ask, source, clock, settled):
        clock.forward(480)
        ask()
        settled()
        for _ in range(3):
            with pytest.raises(UnknownKey):
                ask("new")
        assert source.fetches == 2

    def test_the_set_is_renewed_when_it_is_over(self, good, ask, source, clock, settled):
        clock.forward(500)
        ask()
        settled()
        source.answer = key_set()
        clock.forward(30)
        ask()
        settled()
        assert ask() is not good

    def test_without_keys_one_fetch_a_second_is_tried(self, ask, source, clock):
        source.answer = DOWN
        for _ in range(40):
            with pytest.raises(KeySetUnavailable):
                ask()
            clock.forward(0.25)
        assert source.fetches == 10

    def test_without_keys_it_is_over_within_a_second(self, ask, source, clock):
        source.answer = DOWN
        with pytest.raises(KeySetUnavailable):
            ask()
        source.answer = key_set()
        with pytest.raises(KeySetUnavailable):
            ask()
        clock.forward(1)
        assert ask()

    def test_without_keys_one_request_waits_and_a_crowd_does_not(self, ask, source, clock, settled):
        source.answer = DOWN
        with pytest.raises(KeySetUnavailable):
            ask()
        clock.forward(1)
        source.free.clear()
        source.answer = key_set()
        with ThreadPoolExecutor(1) as pool:
            scout = pool.submit(ask)
            wait_until(lambda: source.fetches == 2)
            for _ in range(5):
                with pytest.raises(KeySetUnavailable):
                    ask()
            source.free.set()
            assert scout.result().key_id == "first"

    def test_its_start_and_its_end_are_logged_once_and_no_token_is(self, issuer_keys, source, clock, settled, caplog):
        caplog.set_level(logging.INFO, "rest_framework_simplejwt")
        token = signed(foo="bar")
        source.answer = DOWN
        for _ in range(3):
            with pytest.raises(KeySetUnavailable):
                issuer_keys.get_signing_key_from_jwt(token)
            clock.forward(1)
        source.answer = key_set()
        issuer_keys.get_signing_key_from_jwt(token)
        clock.forward(500)
        issuer_keys.get_signing_key_from_jwt(token)
        settled()
        what = "The issuer of the keys (JWK_URL)"
        assert [(record.levelname, record.getMessage().partition(";")[0]) for record in caplog.records] == [
            ("ERROR", f"{what} does not answer"),
            ("INFO", f"{what} answers again"),
        ]
        assert not [part for part in token.split(".") if part in caplog.text]

    def test_a_process_that_can_start_no_thread_says_so_and_tries_again_a_second_later(
        self, ask, source, clock, caplog
    ):
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")) as start:
            for _ in range(2):
                with pytest.raises(KeySetUnavailable):
                    ask()
        assert start.call_count == 1
        assert "can't start new thread" in caplog.text
        assert source.fetches == 0
        clock.forward(1)
        assert ask().key_id == "first"


class TestAnUnknownKid:
    def test_it_may_be_new(self, ask, source):
        ask()
        source.answer = key_set(jwk(private_key("RS"), "second"))
        assert ask("second").key_id == "second"
        assert source.fetches == 2

    def test_of_many_one_in_30_seconds_costs_a_fetch(self, ask, source, clock):
        ask()
        for number in range(90):
            with pytest.raises(UnknownKey):
                ask(f"forged {number}")
            clock.forward(1)
        assert source.fetches == 1 + 3

    def test_the_fetch_that_was_needed_anyway_is_that_one(self, ask, source):
        for number in range(5):
            with pytest.raises(UnknownKey):
                ask(f"forged {number}")
        assert source.fetches == 1

    def test_a_set_that_was_fetched_meanwhile_is_looked_into(self, issuer_keys, source, ask):
        ask()
        before = issuer_keys._held
        source.answer = key_set(jwk(private_key("RS"), "second"))
        ask("second")
        assert issuer_keys._search("second", before).key_id == "second"
        assert source.fetches == 2

    def test_many_at_once_wait_for_the_same_fetch(self, issuer_keys, source, ask):
        ask()
        source.answer = key_set(jwk(private_key("RS"), "second"))
        source.free.clear()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(ask, "second") for _ in range(8)]
            wait_until(lambda: source.fetches == 2)
            source.free.set()
            assert {future.result().key_id for future in waiting} == {"second"}
        assert source.fetches == 2

    def test_a_failed_search_keeps_the_set(self, ask, source, clock):
        good = ask()
        source.answer = DOWN
        with pytest.raises(UnknownKey):
            ask("second")
        assert ask() is good
        clock.forward(29)
        with pytest.raises(UnknownKey):
            ask("second")
        assert source.fetches == 2


class TestManyAtOnce:
    def test_they_wait_for_one_fetch(self, ask, source):
        source.free.clear()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(ask) for _ in range(8)]
            wait_until(lambda: source.fetches)
            time.sleep(0.05)
            assert not any(future.done() for future in waiting)
            source.free.set()
            assert len({id(future.result()) for future in waiting}) == 1
        assert source.fetches == 1

    def test_nobody_waits_beyond_the_time_out_whatever_the_fetch_does(self):
        never = threading.Event()
        issuer_keys = PyJWKClient("", algorithm="RS256", timeout=0.2, fetch=lambda url, timeout: never.wait(30))
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(issuer_keys.get_signing_key_from_jwt, signed()) for _ in range(4)]:
                with pytest.raises(KeySetUnavailable):
                    future.result()
        assert time.monotonic() - began < GENEROUS
        never.set()

    def test_while_a_fetch_is_stuck_nobody_waits_and_after_30_seconds_it_is_given_up(
        self, issuer_keys, ask, source, clock
    ):
        good, source.free = source.free, threading.Event()
        stuck = source.free
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask)
            wait_until(lambda: source.fetches)
            late = issuer_keys._flight
            for _ in range(3):
                clock.forward(10)
                with pytest.raises(KeySetUnavailable):
                    ask()
            assert source.fetches == 1
            clock.forward(2)
            source.free = good
            found = ask()
            assert source.fetches == 2
            source.answer = key_set(jwk(new_private_key("RS"), "first"))
            stuck.set()
            assert late.landed.wait(GENEROUS)
            assert ask() is found, "old news"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
class TestAfterAFork:
    def test_a_fetch_and_a_lock_that_stayed_in_the_parent_hold_nobody(self, issuer_keys, ask, source):
        source.free.clear()

        def in_the_child():
            source.free = threading.Event()
            source.free.set()
            return ask().key_id == "first"

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(ask)
            wait_until(lambda: source.fetches)
            with issuer_keys._lock:
                assert succeeds_in_child(in_the_child)
            source.free.set()
            assert waiting.result()

    def test_the_keys_that_the_parent_had_are_there(self, ask, source):
        ask()
        source.answer = DOWN
        assert succeeds_in_child(lambda: ask().key_id == "first" and source.fetches == 1)

    def test_the_locks_are_new(self, issuer_keys):
        before = issuer_keys._lock
        with before:
            forks.reset_all()
            assert issuer_keys._lock is not before
            assert not issuer_keys._lock.locked()


def test_the_keys_know_no_django():
    code = "import sys, rest_framework_simplejwt.keys.remote; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class TestThroughARequest:
    @pytest.fixture
    def server(self, simple_jwt):
        with issuer() as server:
            simple_jwt(ALGORITHM="RS256", SIGNING_KEY=private_key("RS"), JWK_URL=server.url, JWK_TIMEOUT=GENEROUS)
            yield server

    def token(self, kid="first"):
        claims = {**AccessToken().payload, "user_id": "1"}
        return signed(kid=kid, **claims)

    @pytest.fixture
    def enter(self, whoami):
        return lambda token: whoami(token, path="/stateless/")

    def test_a_key_of_the_issuer_opens(self, server, enter):
        assert [enter(self.token()).status_code for _ in range(3)] == [200] * 3
        assert server.requests == 1

    def test_a_user_of_the_database_enters_too(self, server, user, whoami):
        claims = {**AccessToken.for_user(user).payload}
        assert whoami(signed(**claims)).json()["user"] == str(user.pk)

    def test_a_forged_kid_costs_one_fetch_in_all(self, server, enter):
        enter(self.token())
        for number in range(5):
            answer = enter(self.token(f"forged {number}"))
            assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert server.requests == 2

    def test_an_issuer_that_is_down_is_a_503_that_says_when_to_ask_again(self, server, enter, simple_jwt):
        server.says(b"", 500)
        for _ in range(5):
            answer = enter(self.token())
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            assert answer.json() == {
                "detail": "Tokens can't be checked at the moment, try again",
                "code": "keys_unavailable",
            }
        assert server.requests == 1

    def test_a_silent_issuer_holds_no_request_longer_than_the_time_out(self, server, enter, simple_jwt):
        simple_jwt(JWK_TIMEOUT=0.2)
        server.is_silent()
        began = time.monotonic()
        assert [enter(self.token()).status_code for _ in range(3)] == [503] * 3
        assert time.monotonic() - began < GENEROUS

    def test_it_opens_again_when_the_issuer_is_back(self, server, enter, monkeypatch):
        server.says(b"<html>", 502)
        assert enter(self.token()).status_code == 503
        server.says(key_set())
        monkeypatch.setattr(remote, "RETRY_AFTER_WITHOUT_KEYS", 0)
        assert enter(self.token()).status_code == 200

    def test_new_keys_are_taken_and_the_old_ones_forgotten(self, server, enter):
        assert enter(self.token()).status_code == 200
        server.says(key_set(jwk(private_key("RS"), "second")))
        assert enter(self.token("second")).status_code == 200
        assert enter(self.token()).status_code == 401
        assert server.requests == 2

    def test_the_view_that_verifies_says_so_too(self, server, post, db):
        server.says(b"", 500)
        answer = post("verify", token=self.token())
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
