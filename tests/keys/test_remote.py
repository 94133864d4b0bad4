"""When the keys of an issuer are fetched, which of them are used, and what happens while it is unavailable."""

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

# Seconds that no test waits unless it hangs.
LONG = 5
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
    """What `issuer_keys` fetches from. `answer` is a body, or DOWN. A fetch ends only while `free` is set."""

    def __init__(self):
        self.answer = key_set()
        self.fetches = 0
        self.free = threading.Event()
        self.free.set()

    def __call__(self, url, *, timeout, allow_http):
        self.fetches += 1
        assert (url, timeout, allow_http) == ("https://issuer.test/jwks", 2, False)
        assert self.free.wait(LONG)
        if self.answer is DOWN:
            raise OSError("down")
        return self.answer


def wait_until(condition):
    deadline = time.monotonic() + LONG
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
def fetched(issuer_keys):
    """Waits for the running fetch."""
    return lambda: wait_until(lambda: issuer_keys._running_fetch is None)


@pytest.fixture
def find(issuer_keys):
    """Finds the key for a token with a `kid`, by default that of the only key of `source`."""
    return lambda kid="first": issuer_keys.get_signing_key_from_jwt(signed(kid=kid))


def der(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class TestKeyOfAToken:
    def test_is_the_key_that_the_token_names(self, issuer_keys, source):
        private = new_private_key("RS")
        source.answer = key_set(jwk(private_key("RS"), "first"), jwk(private, "second"))
        found = issuer_keys.get_signing_key_from_jwt(signed(kid="second").encode())
        assert found.key_id == "second"
        assert der(found.key) == der(private.public_key())

    def test_verifies_the_token(self, find):
        assert jwt.decode(signed(foo=1), find().key, algorithms=["RS256"]) == {"foo": 1}

    def test_is_the_only_key_if_the_token_names_none(self, issuer_keys):
        assert issuer_keys.get_signing_key_from_jwt(signed(headers={})).key_id == "first"

    def test_is_unknown_if_the_token_names_none_of_two_keys(self, issuer_keys, source):
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
    def test_a_header_that_no_key_fits_causes_no_fetch(self, issuer_keys, source, header):
        text = jwt.utils.base64url_encode(json.dumps(header).encode()).decode()
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt(f"{text}.e30.AAAA")
        assert source.fetches == 0

    @pytest.mark.parametrize("kid", [1, ["first"]])
    def test_a_kid_that_is_no_string_is_unknown_even_if_pyjwt_accepts_it(self, issuer_keys, source, kid, monkeypatch):
        monkeypatch.setattr(remote.jwt, "get_unverified_header", lambda token: {"alg": "RS256", "kid": kid})
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt("a.b.c")
        assert source.fetches == 0

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", b"\xff.\xff.\xff", "\ud800.e30.AAAA", None])
    def test_a_text_that_is_no_token_causes_no_fetch(self, issuer_keys, source, token):
        with pytest.raises(UnknownKey):
            issuer_keys.get_signing_key_from_jwt(token)
        assert source.fetches == 0


class TestUsableKeys:
    FAMILIES = {"ES256": "ES256", "ES384": "ES384", "ES512": "ES512", "EdDSA": "Ed", "RS512": "RS", "PS256": "PS"}

    @pytest.mark.parametrize("algorithm", FAMILIES)
    def test_a_key_verifies_with_an_algorithm_that_it_fits(self, algorithm):
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
    def test_a_key_with_members_that_allow_verifying_is_usable(self, members):
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
    def test_other_keys_are_ignored(self, key):
        bad = {"keys": [key, jwk(private_key("RS"), "second")]}
        assert [key.key_id for key in read_key_set(json.dumps(bad).encode(), "RS256")] == ["second"]

    @pytest.mark.parametrize("curve", ["P-384", None, ["P-256"]])
    def test_a_key_on_another_curve_is_ignored(self, curve):
        bad = {**jwk(ec.generate_private_key(ec.SECP384R1()), "x"), "crv": curve}
        with pytest.raises(ValueError, match="none of 1 keys"):
            read_key_set(key_set(bad), "ES256")

    def test_no_key_is_usable_for_hmac(self):
        with pytest.raises(ValueError, match="none"):
            read_key_set(key_set({"kty": "oct", "k": "AAAA"}), "HS256")

    def test_a_key_without_a_kid_verifies_tokens_without_a_kid(self, issuer_keys, source):
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
    def test_a_body_without_usable_keys_is_a_failed_fetch(self, issuer_keys, source, find, clock, fetched, body):
        cached = find()
        source.answer = body
        clock.forward(500)
        assert find() is cached
        fetched()
        assert source.fetches == 2
        clock.forward(1000)
        assert find() is cached


class TestCaching:
    def test_a_key_set_is_fetched_once_and_parsed_once(self, find, source, clock):
        first = find()
        for _ in range(10):
            clock.forward(47)
            assert find() is first
        assert source.fetches == 1

    def test_a_key_set_is_renewed_in_the_background_before_it_is_stale(self, find, source, clock, fetched):
        first = find()
        source.free.clear()
        clock.forward(480)
        assert [find() for _ in range(5)] == [first] * 5
        assert source.fetches == 2
        source.free.set()
        fetched()
        assert find() is not first
        clock.forward(479)
        find()
        assert source.fetches == 2

    def test_a_withdrawn_key_is_used_until_the_key_set_is_renewed(self, find, source, clock):
        find()
        source.answer = key_set(jwk(new_private_key("RS"), "second"))
        clock.forward(479)
        find()
        clock.forward(200)
        with pytest.raises(UnknownKey):
            find()

    def test_a_request_after_an_idle_time_waits_for_a_new_key_set(self, find, source, clock):
        first = find()
        clock.forward(600)
        assert find() is not first

    def test_a_key_set_that_was_just_fetched_is_not_fetched_again(self, issuer_keys, source, clock, find):
        """The request finds no key set, and then waits for the lock while another request's fetch ends."""
        find()
        key_set, issuer_keys._key_set = issuer_keys._key_set, None
        before = issuer_keys._lock

        class Lock:
            def __enter__(self):
                issuer_keys._key_set, issuer_keys._lock = key_set, before
                return before.__enter__()

            def __exit__(self, *args):
                return before.__exit__(*args)

        issuer_keys._lock = Lock()
        assert find().key_id == "first"
        assert source.fetches == 1


class TestOutage:
    @pytest.fixture
    def cached(self, find, source):
        cached = find()
        source.answer = DOWN
        return cached

    def test_the_last_key_set_is_used_for_a_day(self, cached, find, clock, fetched):
        for _ in range(DAY // 1000):
            clock.forward(1000)
            assert find() is cached
            fetched()
        clock.forward(DAY % 1000 - 1)
        assert find() is cached
        clock.forward(1)
        fetched()
        with pytest.raises(KeySetUnavailable):
            find()

    def test_a_failed_renewal_is_retried_every_30_seconds(self, cached, find, source, clock, fetched):
        clock.forward(480)
        for _ in range(100):
            find()
            fetched()
            clock.forward(3)
        assert source.fetches == 1 + 10

    def test_no_request_waits_while_renewals_fail(self, cached, find, source, clock, fetched):
        clock.forward(590)
        find()
        fetched()
        source.free.clear()
        for _ in range(3):
            clock.forward(10)
            assert find() is cached
        assert source.fetches == 3

    def test_an_unknown_kid_causes_no_fetch_after_a_failure(self, cached, find, source, clock, fetched):
        clock.forward(480)
        find()
        fetched()
        for _ in range(3):
            with pytest.raises(UnknownKey):
                find("new")
        assert source.fetches == 2

    def test_the_key_set_is_renewed_when_the_outage_ends(self, cached, find, source, clock, fetched):
        clock.forward(500)
        find()
        fetched()
        source.answer = key_set()
        clock.forward(30)
        find()
        fetched()
        assert find() is not cached

    def test_without_keys_a_fetch_is_retried_every_second(self, find, source, clock):
        source.answer = DOWN
        for _ in range(40):
            with pytest.raises(KeySetUnavailable):
                find()
            clock.forward(0.25)
        assert source.fetches == 10

    def test_without_keys_the_outage_ends_within_a_second(self, find, source, clock):
        source.answer = DOWN
        with pytest.raises(KeySetUnavailable):
            find()
        source.answer = key_set()
        with pytest.raises(KeySetUnavailable):
            find()
        clock.forward(1)
        assert find()

    def test_without_keys_only_one_request_waits_for_a_retry(self, find, source, clock, fetched):
        source.answer = DOWN
        with pytest.raises(KeySetUnavailable):
            find()
        clock.forward(1)
        source.free.clear()
        source.answer = key_set()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(find)
            wait_until(lambda: source.fetches == 2)
            for _ in range(5):
                with pytest.raises(KeySetUnavailable):
                    find()
            source.free.set()
            assert waiting.result().key_id == "first"

    def test_its_start_and_its_end_are_logged_once_without_a_token(self, issuer_keys, source, clock, fetched, caplog):
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
        fetched()
        what = "The issuer of the keys (JWK_URL)"
        assert [(record.levelname, record.getMessage().partition(";")[0]) for record in caplog.records] == [
            ("ERROR", f"{what} does not answer"),
            ("INFO", f"{what} answers again"),
        ]
        assert not [part for part in token.split(".") if part in caplog.text]

    def test_a_thread_that_can_not_start_is_logged_and_retried_a_second_later(self, find, source, clock, caplog):
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")) as start:
            for _ in range(2):
                with pytest.raises(KeySetUnavailable):
                    find()
        assert start.call_count == 1
        assert "can't start new thread" in caplog.text
        assert source.fetches == 0
        clock.forward(1)
        assert find().key_id == "first"


class TestUnknownKid:
    def test_a_new_key_is_fetched(self, find, source):
        find()
        source.answer = key_set(jwk(private_key("RS"), "second"))
        assert find("second").key_id == "second"
        assert source.fetches == 2

    def test_unknown_kids_cause_one_fetch_in_30_seconds(self, find, source, clock):
        find()
        for number in range(90):
            with pytest.raises(UnknownKey):
                find(f"forged {number}")
            clock.forward(1)
        assert source.fetches == 1 + 3

    def test_the_first_fetch_counts_as_one_for_an_unknown_kid(self, find, source):
        for number in range(5):
            with pytest.raises(UnknownKey):
                find(f"forged {number}")
        assert source.fetches == 1

    def test_a_key_set_that_was_just_fetched_is_searched_without_another_fetch(self, issuer_keys, source, find):
        find()
        before = issuer_keys._key_set
        source.answer = key_set(jwk(private_key("RS"), "second"))
        find("second")
        assert issuer_keys._find_new("second", before).key_id == "second"
        assert source.fetches == 2

    def test_concurrent_requests_wait_for_one_fetch(self, issuer_keys, source, find):
        find()
        source.answer = key_set(jwk(private_key("RS"), "second"))
        source.free.clear()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(find, "second") for _ in range(8)]
            wait_until(lambda: source.fetches == 2)
            source.free.set()
            assert {future.result().key_id for future in waiting} == {"second"}
        assert source.fetches == 2

    def test_a_failed_fetch_keeps_the_key_set(self, find, source, clock):
        cached = find()
        source.answer = DOWN
        with pytest.raises(UnknownKey):
            find("second")
        assert find() is cached
        clock.forward(29)
        with pytest.raises(UnknownKey):
            find("second")
        assert source.fetches == 2


class TestConcurrency:
    def test_requests_wait_for_one_fetch(self, find, source):
        source.free.clear()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(find) for _ in range(8)]
            wait_until(lambda: source.fetches)
            time.sleep(0.05)
            assert not any(future.done() for future in waiting)
            source.free.set()
            assert len({id(future.result()) for future in waiting}) == 1
        assert source.fetches == 1

    def test_no_request_waits_longer_than_the_timeout_whatever_the_fetch_does(self):
        never = threading.Event()
        issuer_keys = PyJWKClient("", algorithm="RS256", timeout=0.2, fetch=lambda url, timeout: never.wait(30))
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(issuer_keys.get_signing_key_from_jwt, signed()) for _ in range(4)]:
                with pytest.raises(KeySetUnavailable):
                    future.result()
        assert time.monotonic() - began < LONG
        never.set()

    def test_no_request_waits_for_a_stuck_fetch_which_is_given_up_after_30_seconds(
        self, issuer_keys, find, source, clock
    ):
        free, source.free = source.free, threading.Event()
        stuck = source.free
        with ThreadPoolExecutor(1) as pool:
            pool.submit(find)
            wait_until(lambda: source.fetches)
            late_fetch = issuer_keys._running_fetch
            for _ in range(3):
                clock.forward(10)
                with pytest.raises(KeySetUnavailable):
                    find()
            assert source.fetches == 1
            clock.forward(2)
            source.free = free
            found = find()
            assert source.fetches == 2
            source.answer = key_set(jwk(new_private_key("RS"), "first"))
            stuck.set()
            assert late_fetch.finished.wait(LONG)
            assert find() is found, "the result of the stuck fetch is ignored"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
class TestAfterAFork:
    def test_the_child_does_not_wait_for_the_fetch_and_the_lock_of_the_parent(self, issuer_keys, find, source):
        source.free.clear()

        def in_the_child():
            source.free = threading.Event()
            source.free.set()
            return find().key_id == "first"

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(find)
            wait_until(lambda: source.fetches)
            with issuer_keys._lock:
                assert succeeds_in_child(in_the_child)
            source.free.set()
            assert waiting.result()

    def test_the_child_has_the_keys_of_the_parent(self, find, source):
        find()
        source.answer = DOWN
        assert succeeds_in_child(lambda: find().key_id == "first" and source.fetches == 1)

    def test_the_lock_is_replaced(self, issuer_keys):
        before = issuer_keys._lock
        with before:
            forks.reset_all()
            assert issuer_keys._lock is not before
            assert not issuer_keys._lock.locked()


def test_the_module_imports_no_django():
    code = "import sys, rest_framework_simplejwt.keys.remote; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class TestThroughARequest:
    @pytest.fixture
    def server(self, simple_jwt):
        with issuer() as server:
            simple_jwt(ALGORITHM="RS256", SIGNING_KEY=private_key("RS"), JWK_URL=server.url, JWK_TIMEOUT=LONG)
            yield server

    def token(self, kid="first"):
        claims = {**AccessToken().payload, "user_id": "1"}
        return signed(kid=kid, **claims)

    @pytest.fixture
    def send(self, whoami):
        return lambda token: whoami(token, path="/stateless/")

    def test_a_token_of_the_issuer_is_accepted(self, server, send):
        assert [send(self.token()).status_code for _ in range(3)] == [200] * 3
        assert server.requests == 1

    def test_a_token_of_the_issuer_authenticates_a_user_of_the_database(self, server, user, whoami):
        claims = {**AccessToken.for_user(user).payload}
        assert whoami(signed(**claims)).json()["user"] == str(user.pk)

    def test_forged_kids_cause_one_fetch(self, server, send):
        send(self.token())
        for number in range(5):
            answer = send(self.token(f"forged {number}"))
            assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert server.requests == 2

    def test_while_the_issuer_is_unavailable_the_answer_is_503_with_retry_after(self, server, send, simple_jwt):
        server.respond_with(b"", 500)
        for _ in range(5):
            answer = send(self.token())
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            assert answer.json() == {
                "detail": "Tokens can't be checked at the moment, try again",
                "code": "keys_unavailable",
            }
        assert server.requests == 1

    def test_a_request_waits_for_a_silent_issuer_no_longer_than_the_timeout(self, server, send, simple_jwt):
        simple_jwt(JWK_TIMEOUT=0.2)
        server.stay_silent()
        began = time.monotonic()
        assert [send(self.token()).status_code for _ in range(3)] == [503] * 3
        assert time.monotonic() - began < LONG

    def test_tokens_are_accepted_again_when_the_outage_ends(self, server, send, monkeypatch):
        server.respond_with(b"<html>", 502)
        assert send(self.token()).status_code == 503
        server.respond_with(key_set())
        monkeypatch.setattr(remote, "RETRY_AFTER_WITHOUT_KEYS", 0)
        assert send(self.token()).status_code == 200

    def test_a_new_key_set_replaces_the_old_one(self, server, send):
        assert send(self.token()).status_code == 200
        server.respond_with(key_set(jwk(private_key("RS"), "second")))
        assert send(self.token("second")).status_code == 200
        assert send(self.token()).status_code == 401
        assert server.requests == 2

    def test_the_verify_view_answers_503_too(self, server, post, db):
        server.respond_with(b"", 500)
        answer = post("verify", token=self.token())
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
