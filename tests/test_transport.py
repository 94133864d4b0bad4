import tracemalloc

import pytest
from django.http import HttpRequest

from rest_framework_simplejwt import transport
from rest_framework_simplejwt.exceptions import AuthenticationFailed


def request_with(**meta):
    request = HttpRequest()
    request.META.update(meta)
    return request


@pytest.mark.parametrize(
    ("value", "expected"), [("Bearer é", b"Bearer \xe9"), (b"Bearer x", b"Bearer x"), ("Bearer €", b"Bearer ?")]
)
def test_a_header_is_bytes(value, expected):
    assert transport.read_header(request_with(HTTP_X=value), "HTTP_X") == expected


def test_a_missing_header_is_none():
    assert transport.read_header(request_with(), "HTTP_X") is None


@pytest.mark.parametrize("header", [b"Bearer tok", b"bearer tok", b"BEARER tok", b"  JWT   tok  "])
def test_the_scheme_is_matched_without_regard_to_case(header):
    assert transport.token_in(header, ("Bearer", "jwt")) == b"tok"


@pytest.mark.parametrize("header", [b"", b"   ", b"Basic tok", b"Bearertok", b"tok Bearer", b"\xff\xfe"])
def test_another_scheme_is_not_ours(header):
    assert transport.token_in(header, ("Bearer",)) is None


@pytest.mark.parametrize("header", [b"Bearer", b"Bearer a b", b"Bearer one, Bearer two"])
def test_one_word_must_follow(header):
    with pytest.raises(AuthenticationFailed) as caught:
        transport.token_in(header, ("Bearer",))
    assert caught.value.detail == {
        "detail": "Authorization header must contain two space-delimited values",
        "code": "bad_authorization_header",
    }


def test_a_header_of_many_words_is_not_made_into_as_many_objects():
    header = b"Bearer " + b"a " * 500_000
    tracemalloc.start()
    try:
        with pytest.raises(AuthenticationFailed):
            transport.token_in(header, ("Bearer",))
        assert tracemalloc.get_traced_memory()[1] < 2 * len(header)
    finally:
        tracemalloc.stop()
