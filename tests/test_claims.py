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
def test_any_other_value_is_no_id(value):
    assert not claims.is_id(value)
    with pytest.raises(TokenError, match="Token has no id"):
        claims.token_id({"jti": value}, "jti")


@pytest.mark.parametrize("claim", ["jti", None])
def test_a_missing_claim_is_no_id(claim):
    with pytest.raises(TokenError, match="Token has no id"):
        claims.token_id({}, claim)


def test_the_type_must_be_the_expected_one():
    claims.check_type({"typ": "access"}, "typ", "access")
    with pytest.raises(TokenError, match="Token has wrong type"):
        claims.check_type({"typ": "refresh"}, "typ", "access")
    with pytest.raises(TokenError, match="Token has no type"):
        claims.check_type({}, "typ", "access")


@pytest.mark.parametrize("value", [100, 100.0])
def test_a_time_is_a_number_of_seconds_since_the_epoch(value):
    assert claims.read_time({"exp": value}, "exp") == NOW


@pytest.mark.parametrize(
    "value", [None, True, "100", [100], float("nan"), float("inf"), -float("inf"), 10**20, -(10**20)]
)
def test_a_value_that_is_no_time_counts_as_a_missing_claim(value):
    with pytest.raises(TokenError, match="Token has no 'exp' claim"):
        claims.read_time({"exp": value}, "exp")
    with pytest.raises(TokenError, match="Token has no 'exp' claim"):
        claims.read_time({}, "exp")


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
    ("end", "ahead"),
    [(101, True), (100, False), (101.5, False), (True, False), (None, False), (claims.MAX_NUMERIC_DATE + 1, False)],
)
def test_only_whole_seconds_after_now_are_ahead(end, ahead):
    assert claims.is_ahead({"x": end}, "x", now=NOW) == ahead


@pytest.mark.parametrize(
    ("refresh_exp", "end"), [(5000, 5300), (None, 1000), ("x", 1000), (100, 1000), (253402300799, 1000)]
)
def test_the_last_copy_of_a_sliding_token_expires_a_lifetime_after_its_last_refresh(refresh_exp, end):
    payload = {"exp": 1000, "refresh_exp": refresh_exp}
    found = claims.last_copy_expiry(payload, "refresh_exp", lifetime=timedelta(seconds=300))
    assert datetime_to_epoch(found) == end


def test_a_sum_that_is_too_late_is_the_last_time_of_a_datetime():
    end = NOW.replace(year=9999)
    assert claims.add_capped(end, timedelta(hours=1)) == end + timedelta(hours=1)
    assert claims.add_capped(end, timedelta(days=400)) == datetime.max.replace(tzinfo=timezone.utc)


def check_times(now=1000, leeway=0, **claims_):
    claims.check_times(claims.lifespan(claims_), now=now, leeway=leeway)


@pytest.mark.parametrize(
    "valid",
    [
        {},
        {"iat": 1060, "nbf": 1000, "exp": 1001},
        {"iat": 1060, "exp": 1001},
        {"iat": 0, "nbf": 0.5, "exp": 1000.5},
        {"iat": 1070, "nbf": 1010, "exp": 991, "leeway": 10},
        {"exp": claims.MAX_NUMERIC_DATE},
    ],
)
def test_times_may_be_missing_integers_or_fractions(valid):
    check_times(**valid)


@pytest.mark.parametrize("exp", [1000, 999.5, 0, -1, -(10**20)])
def test_a_token_expires_at_exp(exp):
    with pytest.raises(claims.Expired):
        check_times(exp=exp)


@pytest.mark.parametrize(
    ("claim", "value"), [("iat", 1061), ("iat", 1060.5), ("iat", -1), ("nbf", 1001), ("nbf", 1000.5), ("nbf", -1)]
)
def test_a_start_in_the_future_or_before_the_epoch_is_invalid(claim, value):
    for others in ({}, {"iat": 1000, "exp": 2000}, {"iat": 1000, "nbf": 1000, "exp": 2000}):
        with pytest.raises(claims.InvalidClaims):
            check_times(**{**others, claim: value})


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
@pytest.mark.parametrize(
    "value", [None, True, False, "500", [500], {}, float("nan"), float("inf"), 10**20, claims.MAX_NUMERIC_DATE + 1]
)
def test_a_time_that_is_no_numeric_date_is_invalid(claim, value):
    with pytest.raises(claims.InvalidClaims) as caught:
        check_times(**{claim: value})
    assert not isinstance(caught.value, claims.Expired)


@pytest.mark.parametrize(
    ("payload", "audience", "issuer"),
    [
        ({}, None, None),
        ({"aud": 5, "iss": 5}, None, None),
        ({"aud": "us", "iss": "me"}, "us", "me"),
        ({"aud": ["them", "us"]}, "us", None),
        ({"aud": "us"}, ["we", "us"], None),
        ({"iss": "me"}, None, ("me", "myself")),
    ],
)
def test_audience_and_issuer_are_accepted_if_they_match_or_are_not_checked(payload, audience, issuer):
    claims.check_parties(payload, audience=audience, issuer=issuer)


@pytest.mark.parametrize("aud", [None, "them", "", [], ["them"], ["us", 1], {"us": 1}, 1, True, "u"])
def test_a_token_for_another_audience_is_invalid(aud):
    with pytest.raises(claims.InvalidClaims):
        claims.check_parties({"aud": aud}, audience="us", issuer=None)


@pytest.mark.parametrize("iss", [None, "you", "", ["me"], {"me": 1}, 1, "m"])
@pytest.mark.parametrize("issuer", ["me", ["me"]])
def test_a_token_from_another_issuer_is_invalid(iss, issuer):
    with pytest.raises(claims.InvalidClaims):
        claims.check_parties({"iss": iss}, audience=None, issuer=issuer)
