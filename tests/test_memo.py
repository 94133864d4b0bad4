import threading
from collections import OrderedDict

import pytest

from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.memo import LONGEST, Memo, Verified

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")

SECRET = "a secret that is longer than thirty-two bytes, as it should be"
SOME = Verified({}, (0, 1), "key", None)


def held(backend):
    return len(backend._memo._entries)


def test_who_was_not_asked_for_the_longest_goes_first():
    kept = Memo(2)
    for token in (b"a", b"b"):
        kept.add(token, SOME)
    assert kept.get(b"a")
    kept.add(b"c", SOME)
    assert [bool(kept.get(token)) for token in (b"a", b"b", b"c")] == [True, False, True]


def test_a_memo_of_none_takes_no_token_of_any_length():
    assert Memo(1).longest == LONGEST
    assert Memo(0).longest < 0


def test_by_default_nothing_is_remembered():
    backend = TokenBackend("HS256", SECRET)
    assert backend.decode(backend.encode({})) == {}
    assert held(backend) == 0


@pytest.mark.parametrize(("spare", "kept"), [(0, 1), (-1, 0)])
def test_a_token_may_be_as_long_as_the_longest(spare, kept):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=8)
    token = backend.encode({})
    backend._memo.longest = len(token) + spare
    assert backend.decode(token) == {}
    assert held(backend) == kept


@pytest.mark.parametrize(("size", "claims", "kept"), [(0, {}, 0), (8, {}, 1), (8, {"long": "a" * LONGEST}, 0)])
def test_a_backend_keeps_what_its_memo_takes(size, claims, kept):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=size)
    token = backend.encode(claims)
    assert backend.decode(token) == backend.decode(token.encode()) == claims
    assert held(backend) == kept


@pytest.mark.parametrize("claims", [{"exp": 1}, {"nbf": 2**33}, {"iat": 2**33}, {"aud": "others"}, {"iss": "others"}])
def test_only_a_token_that_is_good_enters(claims):
    backend = TokenBackend("HS256", SECRET, audience="us", issuer="we", verified_cache_size=8)
    signer = TokenBackend("HS256", SECRET)
    for token in (signer.encode({"aud": "us", "iss": "we", **claims}), TokenBackend("HS256", SECRET[1:]).encode({})):
        with pytest.raises(TokenBackendError):
            backend.decode(token)
    assert held(backend) == 0


@pytest.mark.parametrize("claims", [{"flat": 1}, {"nested": {"list": [1]}}])
def test_what_a_caller_changes_is_theirs_alone(claims):
    backend = TokenBackend("HS256", SECRET, verified_cache_size=8)
    token = backend.encode(claims)
    # Verified, read again, remembered, and that again.
    for _ in range(4):
        found = backend.decode(token)
        assert found == claims
        found.get("nested", {}).clear()
        found.clear()


def test_many_threads_share_it():
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
    assert held(backend) == 5


def test_a_memo_that_other_threads_empty_meanwhile_is_empty():
    class Emptied(OrderedDict):
        def popitem(self, last):
            self.clear()
            return super().popitem(last)

    kept = Memo(1)
    kept._entries = Emptied()
    for token in (b"a", b"b"):
        kept.add(token, SOME)
    assert kept.get(b"b") is None


def test_a_token_that_another_thread_forgets_meanwhile_is_found_all_the_same():
    class Forgetful(OrderedDict):
        def get(self, token):
            return self.pop(token)

    kept = Memo(1)
    kept._entries = Forgetful()
    kept.add(b"a", SOME)
    assert kept.get(b"a") is SOME
