"""Checks of `check --deploy`; test_revocation.py tests those of caches and of logout views."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import views
from tests.key_pairs import pem_pair

from .urls import urls

PRIVATE, PUBLIC = pem_pair("RS")
PAIR = {"ALGORITHM": "RS256", "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}
NO_GRACE = timedelta(0)
REUSE = {"TOKEN_FAMILY_BLACKLIST_ON_REUSE": True, "TOKEN_FAMILY_ENABLED": True}
AUTHENTICATION = "rest_framework_simplejwt.authentication.{}"


@pytest.mark.needs("token_blacklist")
class TestStoredTexts:
    def test_stored_texts_are_reported(self, reported):
        assert "W001" in reported()

    @pytest.mark.parametrize(
        "values",
        [{"STORE_OUTSTANDING_TOKENS": "none"}, {"REVOCATION_STORE": "builtins.dict"}],
        ids=["none", "elsewhere"],
    )
    def test_nothing_is_reported_if_no_texts_are_stored(self, reported, values):
        assert "W001" not in reported(**values)


@pytest.mark.needs("no token_blacklist")
def test_nothing_is_reported_without_the_blacklist_app(reported):
    assert "W001" not in reported()


class TestSecret:
    @pytest.mark.parametrize(("algorithm", "needed"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_a_secret_shorter_than_the_hash_is_reported(self, reported, algorithm, needed):
        assert "W009" in reported(ALGORITHM=algorithm, SIGNING_KEY="x" * (needed - 1))
        assert "W009" not in reported(ALGORITHM=algorithm, SIGNING_KEY="x" * needed)
        assert "W009" not in reported(ALGORITHM=algorithm, SIGNING_KEY="é" * (needed // 2)), "bytes count"

    def test_signing_with_secret_key_is_reported(self, reported, settings):
        assert "W010" in reported()
        assert "W010" in reported(SIGNING_KEY=settings.SECRET_KEY.encode())
        assert "W010" not in reported(SIGNING_KEY="x" * 64)

    @pytest.mark.parametrize("key", ["", None, 5])
    def test_a_missing_secret_is_not_reported_as_a_short_one(self, reported, key):
        assert not {"W009", "W010"} & reported(SIGNING_KEY=key)

    def test_no_hint_generates_a_key_in_each_process(self, simple_jwt, messages):
        hints = []
        for key in ("", "short"):
            simple_jwt(SIGNING_KEY=key)
            hints += [m.hint for m in messages() if m.id in ("simplejwt.E009", "simplejwt.W009", "simplejwt.W010")]
        assert len(hints) == 2
        for hint in hints:
            assert hint.count("secrets.token") == hint.count(
                '`python -c "import secrets; print(secrets.token_urlsafe(64))"`'
            )
            assert "os.environ['JWT_SIGNING_KEY']" in hint

    def test_a_key_pair_is_not_checked_as_a_secret(self, reported):
        assert not {"W009", "W010"} & reported(**PAIR)


def test_a_key_pair_without_audience_or_issuer_is_reported(reported):
    assert "W011" in reported(**PAIR)
    assert "W011" not in reported(**PAIR, AUDIENCE="us")
    assert "W011" not in reported(**PAIR, AUDIENCE=None, ISSUER="them")
    assert "W011" not in reported(ALGORITHM="HS256", SIGNING_KEY="x" * 64, ISSUER=None)


def test_allowing_http_is_reported(reported):
    assert "W046" in reported(JWK_ALLOW_HTTP=True)
    assert "W046" not in reported(JWK_ALLOW_HTTP=False)


def test_stateless_authentication_with_check_revoke_token_is_reported(reported, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [AUTHENTICATION.format("JWTTokenUserAuthentication")]}
    assert "W014" in reported(CHECK_REVOKE_TOKEN=True)
    assert "W014" not in reported(CHECK_REVOKE_TOKEN=False)
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [AUTHENTICATION.format("JWTAuthentication")]}
    assert "W014" not in reported(CHECK_REVOKE_TOKEN=True)


class TestRotation:
    def test_rotation_without_blacklisting_is_reported(self, reported):
        assert "W038" in reported(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=False)
        assert "W038" not in reported(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
        assert "W038" not in reported(ROTATE_REFRESH_TOKENS=False, BLACKLIST_AFTER_ROTATION=False)

    def test_with_reuse_detection_only_w006_is_reported(self, reported):
        found = reported(**REUSE, ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=False)
        assert found & {"W006", "W037", "W038"} == {"W006"}

    def test_reuse_detection_without_a_grace_period_is_reported(self, reported):
        rotation = {
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
            "REVOCATION_STORE": "builtins.dict",
        }
        assert "W037" in reported(**REUSE, **rotation)
        assert "W037" not in reported(**REUSE, **rotation, REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=1))
        assert "W037" not in reported(**REUSE, **rotation, REFRESH_TOKEN_GRACE_PERIOD=None), "E001 reports it"
        assert "W037" not in reported(
            **REUSE | {"TOKEN_FAMILY_BLACKLIST_ON_REUSE": False}, REFRESH_TOKEN_GRACE_PERIOD=NO_GRACE
        )


class TestLifetimes:
    def test_an_access_token_lifetime_of_more_than_a_day_is_reported(self, reported, messages):
        assert "W039" in reported(ACCESS_TOKEN_LIFETIME=timedelta(days=1, seconds=1))
        [message] = [message for message in messages() if message.id == "simplejwt.W039"]
        assert message.hint.startswith("Write SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'] = ")
        assert "W039" not in reported(ACCESS_TOKEN_LIFETIME=timedelta(days=1))

    def test_a_long_sliding_token_lifetime_is_reported_with_sliding_views(self, reported, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_sliding)
        assert "W039" in reported(SLIDING_TOKEN_LIFETIME=timedelta(days=2))
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        assert "W039" not in reported(SLIDING_TOKEN_LIFETIME=timedelta(days=2))
