"""Checks of the types and ranges of settings."""

from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt.checks import shapes
from rest_framework_simplejwt.settings import DEFAULTS, api_settings

from .urls import urls


class TestGracePeriod:
    @pytest.mark.parametrize("period", [timedelta(0), timedelta(seconds=10), timedelta(minutes=5)])
    def test_a_valid_grace_period_is_accepted(self, reported, period):
        assert "E001" not in reported(REFRESH_TOKEN_GRACE_PERIOD=period)

    @pytest.mark.parametrize("period", [10, None, timedelta(seconds=-1), timedelta(minutes=5, seconds=1)])
    def test_an_invalid_grace_period_is_an_error(self, reported, period):
        assert "E001" in reported(REFRESH_TOKEN_GRACE_PERIOD=period)

    @pytest.mark.needs("token_blacklist")
    def test_an_invalid_grace_period_prevents_start_up(self, simple_jwt):
        config = apps.get_app_config("token_blacklist")
        config.ready()
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=timedelta(hours=1))
        with pytest.raises(ImproperlyConfigured, match="REFRESH_TOKEN_GRACE_PERIOD.*from 0 to 5 minutes"):
            config.ready()


@pytest.mark.parametrize(
    ("check_id", "name", "choices"),
    [("E002", "STORE_OUTSTANDING_TOKENS", ("full", "none")), ("E003", "REVOCATION_FAIL_MODE", ("closed", "open"))],
)
def test_an_unknown_choice_is_an_error(reported, check_id, name, choices):
    assert check_id in reported(**{name: "some"})
    assert all(check_id not in reported(**{name: choice}) for choice in choices)


INVALID = [
    *[(name, value) for name in shapes._LIFETIMES for value in (None, 300, 5.0, "5 minutes")],
    *[("TOKEN_FAMILY_LIFETIME", value) for value in (300, timedelta(0), timedelta(-1))],
    *[("LEEWAY", value) for value in ("10", [], float("nan"), float("inf"))],
    *[(name, value) for name in shapes._TTLS for value in (None, 0, -1, True, 1.5, "60")],
    *[("JWK_TIMEOUT", value) for value in (None, 0, -1, True, "2", float("inf"), timedelta(seconds=2))],
    *[("MAX_TOKEN_LENGTH", value) for value in (None, 0, True, "8192")],
    *[("USER_ID_CLAIM", value) for value in (None, 1, b"id")],
    *[(name, None) for name in ("REVOKE_TOKEN_CLAIM", "SLIDING_TOKEN_REFRESH_EXP_CLAIM", "TOKEN_FAMILY_CLAIM")],
    *[("TOKEN_FAMILY_EXPIRATION_CLAIM", value) for value in (None, "")],
    *[(name, 1) for name in ("TOKEN_TYPE_CLAIM", "JTI_CLAIM")],
    *[(name, "") for name in shapes._PREFIXES],
    *[("AUTH_HEADER_TYPES", value) for value in (None, 5, (), b"Bearer", (b"Bearer",), ("Bearer", None))],
    *[(name, None) for name in ("AUTH_HEADER_NAME", "USER_ID_FIELD", "SJWT_CACHE_NAME", "ALGORITHM")],
    *[("JWK_URL", value) for value in (5, b"https://issuer.example/keys")],
    *[("REVOCATION_REDIS_URL", value) for value in (5, ["redis://localhost"])],
    *[(name, value) for name in ("AUDIENCE", "ISSUER") for value in (5, b"us", [], (5,), UUID(int=1))],
]
DUBIOUS = [
    *[(name, value) for name in shapes._SWITCHES for value in (0, 1, None, "False")],
    *[(name, value) for name in shapes._LIFETIMES for value in (timedelta(0), timedelta(-1))],
    *[("LEEWAY", value) for value in (None, True, -1, -0.5, timedelta(-1))],
    *[(name, value) for name in (*shapes._CLAIMS, *shapes._CLAIMS_OR_NONE) for value in ("", " \t")],
    *[("AUTH_HEADER_TYPES", value) for value in ("", "Bearer token", ("Bearer ", "JWT"), ("Bearer", ""), ["\t"])],
    *[(name, value) for name in ("AUTH_HEADER_NAME", "USER_ID_FIELD", "ALGORITHM") for value in ("", " \t")],
    *[(name, value) for name in ("AUDIENCE", "ISSUER") for value in ("", " ", ["us", ""], ["us", 5])],
]
VALID = [
    *[(name, timedelta(seconds=1)) for name in (*shapes._LIFETIMES, "TOKEN_FAMILY_LIFETIME")],
    ("TOKEN_FAMILY_LIFETIME", None),
    *[("LEEWAY", value) for value in (0, 10, 1.5, timedelta(0), timedelta(seconds=5))],
    *[(name, value) for name in shapes._SWITCHES for value in (True, False)],
    *[(name, 60) for name in (*shapes._TTLS, "MAX_TOKEN_LENGTH")],
    *[(name, "x") for name in (*shapes._CLAIMS, *shapes._FAMILY_CLAIMS, *shapes._PREFIXES)],
    *[(name, value) for name in shapes._CLAIMS_OR_NONE for value in ("x", None)],
    *[("AUTH_HEADER_TYPES", value) for value in ("JWT", ("Bearer", "JWT"), ["Bearer"], {"Bearer"})],
    *[("JWK_TIMEOUT", value) for value in (2, 0.5)],
    *[("JWK_URL", value) for value in (None, "https://issuer.example/keys")],
    *[("REVOCATION_REDIS_URL", value) for value in (None, "redis://localhost:6379/1")],
    *[(name, value) for name in ("AUDIENCE", "ISSUER") for value in (None, "us", ["us", "them"], {"us"})],
]
# While one of these features is off, an invalid value of its settings is a warning.
FEATURES = {
    "CHECK_REVOKE_TOKEN": True,
    "TOKEN_FAMILY_ENABLED": True,
    "CACHE_BLACKLISTED_REFRESH_TOKENS": True,
    "CACHE_BLACKLISTED_FAMILIES": True,
}
OPTIONAL = [
    *[(name, 300) for name in ("SLIDING_TOKEN_LIFETIME", "SLIDING_TOKEN_REFRESH_LIFETIME", "TOKEN_FAMILY_LIFETIME")],
    *[(name, None) for name in ("SLIDING_TOKEN_REFRESH_EXP_CLAIM", "REVOKE_TOKEN_CLAIM", *shapes._FAMILY_CLAIMS)],
    *[(name, None) for name in (*shapes._TTLS, *shapes._PREFIXES, "SJWT_CACHE_NAME")],
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_an_invalid_value_is_an_error(reported, messages, name, value):
    found = reported(**FEATURES | {name: value})
    assert "E004" in found
    assert "W002" not in found, "it is reported once"
    [message] = [message for message in messages() if message.id == "simplejwt.E004"]
    assert name in message.msg
    assert name in message.hint


@pytest.mark.parametrize(("name", "value"), OPTIONAL)
def test_an_invalid_value_that_nothing_reads_is_a_warning(reported, settings, name, value):
    settings.ROOT_URLCONF = urls()
    found = reported(**dict.fromkeys(FEATURES, False) | {name: value})
    assert "W002" in found
    assert "E004" not in found


@pytest.mark.parametrize(("name", "value"), DUBIOUS)
def test_a_dubious_value_is_a_warning(reported, name, value):
    found = reported(**{name: value})
    assert "W002" in found
    assert "E004" not in found


@pytest.mark.parametrize(("name", "value"), VALID)
def test_a_valid_value_is_accepted(reported, name, value):
    assert not {"E004", "W002"} & reported(**{name: value})


def test_a_value_assigned_to_api_settings_is_checked(reported):
    api_settings.LEEWAY = "10"
    try:
        assert shapes.unmet_expectation("LEEWAY")
    finally:
        del api_settings.LEEWAY


def test_the_hint_says_what_to_write(simple_jwt, messages):
    simple_jwt(ACCESS_TOKEN_LIFETIME=300)
    [message] = [message for message in messages() if message.id == "simplejwt.E004"]
    assert message.hint == (
        "Write SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'] = timedelta(seconds=300), which is the default, "
        "or another value: a timedelta."
    )


def test_every_setting_has_a_rule_or_its_own_check():
    ruled = {name for rule in (*shapes.MUST, *shapes.SHOULD) for name in rule.names}
    elsewhere = {
        "SIGNING_KEY": "keys",
        "VERIFYING_KEY": "keys",
        "SIGNING_KEYS": "E022",
        "VERIFYING_KEYS": "E022",
        "SIGNING_KEYS_DIR": "E022",
        "TRUSTED_ISSUERS": "E024",
        "REFRESH_TOKEN_GRACE_PERIOD": "E001",
        "STORE_OUTSTANDING_TOKENS": "E002",
        "REVOCATION_FAIL_MODE": "E003",
    }
    paths = {name for name in DEFAULTS if name.endswith("_SERIALIZER")} | set(api_settings.import_strings)
    assert ruled | set(elsewhere) | paths == set(DEFAULTS)


class TestLifetimes:
    NAMES = [*shapes._LIFETIMES, "TOKEN_FAMILY_LIFETIME"]

    @pytest.mark.parametrize("name", NAMES)
    def test_a_lifetime_that_ends_after_the_year_9999_is_a_warning(self, reported, messages, name):
        found = reported(**{name: timedelta(days=365 * 8000)})
        assert "W036" in found
        assert not {"E004", "W002", "W039"} & found, "it is reported once"
        [message] = [message for message in messages() if message.id == "simplejwt.W036"]
        assert name in message.msg
        assert name in message.hint

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("value", [timedelta(days=365 * 1000), timedelta.min, 5])
    def test_a_shorter_lifetime_is_accepted(self, reported, name, value):
        assert "W036" not in reported(**{name: value})


class TestNotADict:
    @pytest.fixture
    def set_simple_jwt(self, monkeypatch):
        """Set SIMPLE_JWT to any value. override_settings can't, because it reads the value."""
        return lambda value: monkeypatch.setitem(vars(settings), "SIMPLE_JWT", value)

    @pytest.mark.parametrize("value", [5, "ALGORITHM", [("ALGORITHM", "HS256")], (), {"ALGORITHM"}, ""])
    def test_settings_that_are_no_mapping_are_the_only_error_reported(self, messages, set_simple_jwt, value):
        set_simple_jwt(value)
        [message] = messages()
        assert message.id == "simplejwt.E026"
        assert message.msg == f"settings.SIMPLE_JWT must be a dict, not {type(value).__name__}."

    @pytest.mark.parametrize("value", [None, {}, MappingProxyType({})])
    def test_a_mapping_or_none_is_accepted(self, messages, set_simple_jwt, value):
        set_simple_jwt(value)
        assert "simplejwt.E026" not in {message.id for message in messages()}


@pytest.mark.needs("token_family")
@pytest.mark.parametrize(
    ("name", "value"), [("TOKEN_FAMILY_ENABLED", 1), ("TOKEN_FAMILY_LIFETIME", 5), ("TOKEN_FAMILY_CLAIM", "")]
)
def test_invalid_family_settings_prevent_start_up(simple_jwt, name, value):
    config = apps.get_app_config("token_family")
    config.ready()
    simple_jwt(**{name: value})
    with pytest.raises(ImproperlyConfigured, match=f"{name}.*must be .*, not {value!r}"):
        config.ready()
