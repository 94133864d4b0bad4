import threading
from collections import OrderedDict

import pytest

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.memo import MAX_LENGTH, Memo, VerifiedToken

# No setting changes this, so one project is enough.
pytestmark = pytest.mark.needs("bare")

SECRET = "a secret that is longer than thirty-two bytes, as it should be"
VERIFIED = VerifiedToken({}, (0, 1), "key", None)


def count(backend):
    return len(backend._memo._entries)


def test_a_full_memo_drops_the_least_recently_used_token():
    memo = Memo(2)
    for token in (b"a", b"b"):
        memo.add(token, VERIFIED)
    assert memo.get(b"a")
    memo.add(b"c", VERIFIED)
    assert [bool(memo.get(token)) for token in (b"a", b"b", b"c")] == [True, False, True]


def test_a_memo_of_size_0_accepts_no_token_of_any_length():
    assert Memo(1).max_length == MAX_LENGTH
    assert Memo(0).max_length < 0


def test_by_default_nothing_is_cached():
    backend = TokenBackend("HS256", SECRET)
    assert backend.decode(backend.encode({})) == {}
    assert count(backend) == 0


@pytest.mark.parametrize(("spare", "cached"), [(0, 1), (-1, 0)])
def test_only_tokens_up_to_the_maximum_length_are_cached(spare, cached):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=8)
    token = backend.encode({})
    backend._memo.max_length = len(token) + spare
    assert backend.decode(token) == {}
    assert count(backend) == cached


@pytest.mark.parametrize(("size", "claims", "cached"), [(0, {}, 0), (8, {}, 1), (8, {"long": "a" * MAX_LENGTH}, 0)])
def test_a_backend_caches_a_token_that_its_memo_accepts(size, claims, cached):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=size)
    token = backend.encode(claims)
    assert backend.decode(token) == backend.decode(token.encode()) == claims
    assert count(backend) == cached


@pytest.mark.parametrize("claims", [{"exp": 1}, {"nbf": 2**33}, {"iat": 2**33}, {"aud": "others"}, {"iss": "others"}])
def test_only_a_valid_token_is_cached(claims):
    backend = TokenBackend("HS256", SECRET, audience="us", issuer="we", verified_cache_size=8)
    signer = TokenBackend("HS256", SECRET)
    for token in (signer.encode({"aud": "us", "iss": "we", **claims}), TokenBackend("HS256", SECRET[1:]).encode({})):
        with pytest.raises(TokenBackendError):
            backend.decode(token)
    assert count(backend) == 0


@pytest.mark.parametrize("claims", [{"flat": 1}, {"nested": {"list": [1]}}])
def test_a_caller_may_change_the_claims_it_gets(claims):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=8)
    token = backend.encode(claims)
    # Verified, parsed from the cached text, copied from the cached dict, and copied again.
    for _ in range(4):
        found = backend.decode(token)
        assert found == claims
        found.get("nested", {}).clear()
        found.clear()


def test_threads_share_one_memo():
    backend = TokenBackend("HS256", SECRET, verified_cache_size=5)
    tokens = {backend.encode({"number": number}): number for number in range(20)}
    wrong = []

    def work():
        for _ in range(20):
            wrong.extend(number for token, number in tokens.items() if backend.decode(token) != {"number": number})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert count(backend) == 5


def test_an_entry_that_another_thread_drops_during_add_is_no_error():
    class Emptied(OrderedDict):
        def popitem(self, last):
            self.clear()
            return super().popitem(last)

    memo = Memo(1)
    memo._entries = Emptied()
    for token in (b"a", b"b"):
        memo.add(token, VERIFIED)
    assert memo.get(b"b") is None


def test_an_entry_that_another_thread_drops_during_get_is_still_returned():
    class Forgetful(OrderedDict):
        def get(self, token):
            return self.pop(token)

    memo = Memo(1)
    memo._entries = Forgetful()
    memo.add(b"a", VERIFIED)
    assert memo.get(b"a") is VERIFIED
