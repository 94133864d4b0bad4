import hashlib
import hmac

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest_framework_simplejwt.keys.algorithms import HMAC_ALGORITHMS, get_algorithm, is_blank

# No setting changes this, so one project is enough.
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
def test_hs256_matches_the_vectors_of_rfc_4231(key, message, mac):
    assert get_algorithm("HS256").sign(message, key).hex() == mac


@given(
    st.sampled_from(sorted(HMAC_ALGORITHMS)),
    st.binary().filter(lambda key: not is_blank(key))
    | st.sampled_from([b"k" * size for size in (63, 64, 65, 127, 128, 129, 300)]),
    st.binary(),
    st.binary(min_size=1),
)
def test_hmac_equals_that_of_the_standard_library(name, key, message, other):
    ours = get_algorithm(name)
    mac = hmac.digest(key, message, f"sha{name[2:]}")
    assert ours.sign(message, key) == mac
    # The cached object of the key has not been changed by the first message.
    assert ours.verify(message, key, mac)
    for wrong in (mac[:-1], mac + b"\0", bytes(len(mac)), b""):
        assert not ours.verify(message, key, wrong)
    assert not ours.verify(message + other, key, mac)


def test_every_algorithm_is_pyjwts_or_a_subclass_of_it():
    for name, theirs in jwt.algorithms.get_default_algorithms().items():
        assert isinstance(get_algorithm(name), type(theirs))
    assert get_algorithm("HS384").hash_alg is hashlib.sha384


@pytest.mark.parametrize("key", ["x", " x\n", b"\0x", "é", b"\xff", 5, None, ["k"]])
def test_a_key_with_any_other_character_is_not_blank(key):
    assert not is_blank(key)


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        get_algorithm("HS257")
