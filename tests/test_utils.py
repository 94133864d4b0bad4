from calendar import timegm
from datetime import datetime, timedelta, timezone

import pytest

from rest_framework_simplejwt import utils

CET = timezone(timedelta(hours=1))


def test_md5_fingerprints_are_upper_case_hex():
    assert utils.get_md5_hash_password("abc") == "900150983CD24FB0D6963F7D28E17F72"


@pytest.mark.parametrize("use_tz", [True, False])
def test_now_is_utc_and_aware_only_under_use_tz(settings, use_tz):
    settings.USE_TZ = use_tz
    now = utils.aware_utcnow()
    assert (now.tzinfo is not None) is use_tz
    assert abs(now.replace(tzinfo=timezone.utc) - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_a_naive_time_is_made_utc_under_use_tz(settings):
    settings.USE_TZ = True
    assert utils.make_utc(datetime(2000, 1, 1)) == datetime(2000, 1, 1, tzinfo=timezone.utc)


def test_an_aware_time_stays_as_it_is(settings):
    settings.USE_TZ = True
    assert utils.make_utc(datetime(2000, 1, 1, tzinfo=CET)).tzinfo is CET


def test_a_naive_time_stays_naive_without_use_tz(settings):
    settings.USE_TZ = False
    assert utils.make_utc(datetime(2000, 1, 1)) == datetime(2000, 1, 1)


@pytest.mark.parametrize(
    "time",
    [datetime(1970, 1, 1, 0, 1, 40), datetime(1970, 1, 1, 1, 1, 40, 999999, tzinfo=CET)],
    ids=["naive is UTC", "aware, fraction dropped"],
)
def test_the_seconds_since_the_epoch_are_whole_and_in_utc(time):
    assert utils.datetime_to_epoch(time) == 100


@pytest.mark.parametrize("time", [datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1969, 12, 31, 23, 59, 59, 1)])
def test_the_seconds_since_the_epoch_of_distant_times_are_exact(time):
    assert utils.datetime_to_epoch(time) == timegm(time.utctimetuple())


@pytest.mark.parametrize(("use_tz", "tzinfo"), [(True, timezone.utc), (False, None)])
def test_a_time_from_the_epoch_is_aware_only_under_use_tz(settings, use_tz, tzinfo):
    settings.USE_TZ = use_tz
    assert utils.datetime_from_epoch(100) == datetime(1970, 1, 1, 0, 1, 40, tzinfo=tzinfo)


@pytest.mark.parametrize(("text", "storable"), [("", True), ("Ωé", True), ("a\0b", False), ("\ud800", False)])
def test_text_with_nul_or_a_lone_surrogate_is_not_storable(text, storable):
    assert utils.is_storable(text) is storable


def test_a_lazy_format_is_formatted_when_it_is_read():
    parts = []
    lazy = utils.format_lazy("{}-{name}", parts, name="x")
    parts.append(1)
    assert str(lazy) == "[1]-x"


def test_the_logger_is_the_packages():
    assert utils.logger.name == "rest_framework_simplejwt"
