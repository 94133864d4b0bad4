from datetime import datetime, timedelta, timezone

import pytest

from rest_framework_simplejwt import claims
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.utils import datetime_to_epoch, make_utc

NOW = datetime(1970, 1, 1, 0, 1, 40, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def _aware(settings):
    settings.USE_TZ = True


@pytest.mark.parametrize("value", ["a", "x" * 255, "Ω"])
def test_an_id_is_a_string_that_every_store_can_hold(value):
    assert claims.is_id(value)
    assert claims.token_id({"jti": value}, "jti") == value


@pytest.mark.parametrize("value", ["", "x" * 256, "a\0b", "\ud800", None, 1, True, ["a"], {"a": 1}, b"a"])
def test_anything_else_is_no_id(value):
    assert not claims.is_id(value)
    with pytest.raises(TokenError, match="Token has no id"):
        claims.token_id({"jti": value}, "jti")


@pytest.mark.parametrize("claim", ["jti", None])
def test_a_missing_id_is_no_id(claim):
    with pytest.raises(TokenError, match="Token has no id"):
        claims.token_id({}, claim)


def test_the_type_must_be_the_expected_one():
    claims.check_type({"typ": "access"}, "typ", "access")
    with pytest.raises(TokenError, match="Token has wrong type"):
        claims.check_type({"typ": "refresh"}, "typ", "access")
    with pytest.raises(TokenError, match="Token has no type"):
        claims.check_type({}, "typ", "access")


@pytest.mark.parametrize("value", [100, 100.0])
def test_a_moment_is_a_number_of_seconds(value):
    assert claims.moment({"exp": value}, "exp") == NOW


@pytest.mark.parametrize(
    "value", [None, True, "100", [100], float("nan"), float("inf"), -float("inf"), 10**20, -(10**20)]
)
def test_what_is_no_moment_counts_as_a_missing_claim(value):
    with pytest.raises(TokenError, match="Token has no 'exp' claim"):
        claims.moment({"exp": value}, "exp")
    with pytest.raises(TokenError, match="Token has no 'exp' claim"):
        claims.moment({}, "exp")


@pytest.mark.parametrize(("now", "leeway"), [(99, 0), (109, 10)])
def test_a_claim_in_the_future_has_not_expired(now, leeway):
    claims.check_expiry(
        {"x": 100},
        "x",
        now=make_utc(datetime(1970, 1, 1, 0, 0, 0)) + timedelta(seconds=now),
        leeway=timedelta(seconds=leeway),
    )


@pytest.mark.parametrize(("late", "leeway"), [(0, 0), (1, 0), (10, 10)])
def test_a_claim_that_equals_now_has_expired(late, leeway):
    with pytest.raises(TokenError, match="Token 'x' claim has expired"):
        claims.check_expiry({"x": 100}, "x", now=NOW + timedelta(seconds=late), leeway=timedelta(seconds=leeway))


@pytest.mark.parametrize(
    ("refresh_exp", "end"), [(5000, 5300), (None, 1000), ("x", 1000), (100, 1000), (253402300799, 1000)]
)
def test_the_last_copy_of_a_sliding_token_ends_a_lifetime_after_its_last_refresh(refresh_exp, end):
    payload = {"exp": 1000, "refresh_exp": refresh_exp}
    found = claims.end_of_copies(payload, "refresh_exp", lifetime=timedelta(seconds=300))
    assert datetime_to_epoch(found) == end
