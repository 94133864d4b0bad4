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
def test_a_header_is_returned_as_bytes(value, expected):
    assert transport.read_header(request_with(HTTP_X=value), "HTTP_X") == expected


def test_a_missing_header_is_none():
    assert transport.read_header(request_with(), "HTTP_X") is None


@pytest.mark.parametrize("header", [b"Bearer tok", b"bearer tok", b"BEARER tok", b"  JWT   tok  "])
def test_schemes_are_compared_without_case(header):
    assert transport.extract_token(header, ("Bearer", "jwt")) == b"tok"


@pytest.mark.parametrize("header", [b"", b"   ", b"Basic tok", b"Bearertok", b"tok Bearer", b"\xff\xfe"])
def test_another_scheme_gives_no_token(header):
    assert transport.extract_token(header, ("Bearer",)) is None


@pytest.mark.parametrize("header", [b"Bearer", b"Bearer a b", b"Bearer one, Bearer two"])
def test_anything_but_one_word_after_the_scheme_is_refused(header):
    with pytest.raises(AuthenticationFailed) as caught:
        transport.extract_token(header, ("Bearer",))
    assert caught.value.detail == {
        "detail": "Authorization header must contain two space-delimited values",
        "code": "bad_authorization_header",
    }


def test_a_header_of_many_words_needs_little_memory():
    header = b"Bearer " + b"a " * 500_000
    tracemalloc.start()
    try:
        with pytest.raises(AuthenticationFailed):
            transport.extract_token(header, ("Bearer",))
        assert tracemalloc.get_traced_memory()[1] < 2 * len(header)
    finally:
        tracemalloc.stop()
