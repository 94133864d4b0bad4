import hashlib
import hmac

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_framework_simplejwt.keys.algorithms import HMAC_ALGORITHMS, algorithm_of, is_blank

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")


@pytest.mark.parametrize(
    ("key", "message", "mac"),
    [
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
    ids=["2", "3", "6"],
)
def test_hs256_is_that_of_rfc_4231(key, message, mac):
    assert algorithm_of("HS256").sign(message, key).hex() == mac


@given(
    st.sampled_from(sorted(HMAC_ALGORITHMS)),
    st.binary().filter(lambda key: not is_blank(key))
    | st.sampled_from([b"k" * size for size in (63, 64, 65, 127, 128, 129, 300)]),
    st.binary(),
    st.binary(min_size=1),
)
def test_hmac_is_that_of_the_standard_library(name, key, message, other):
    mine = algorithm_of(name)
    mac = hmac.digest(key, message, f"sha{name[2:]}")
    assert mine.sign(message, key) == mac
    # What a key has begun is not used up.
    assert mine.verify(message, key, mac)
    for wrong in (mac[:-1], mac + b"\0", bytes(len(mac)), b""):
        assert not mine.verify(message, key, wrong)
    assert not mine.verify(message + other, key, mac)


def test_all_other_algorithms_are_pyjwt_s():
    for name, theirs in jwt.algorithms.get_default_algorithms().items():
        assert isinstance(algorithm_of(name), type(theirs))
    assert algorithm_of("HS384").hash_alg is hashlib.sha384


@pytest.mark.parametrize("key", ["x", " x\n", b"\0x", "é", b"\xff", 5, None, ["k"]])
def test_what_somebody_might_not_guess_is_not_blank(key):
    assert not is_blank(key)


def test_an_unknown_one_is_a_key_error():
    with pytest.raises(KeyError):
        algorithm_of("HS257")
