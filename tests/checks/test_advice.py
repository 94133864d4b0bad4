"""`check --deploy`. What it says of caches and of log-outs stands in test_revocation."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import views
from tests.key_pairs import pem_pair

from .urls import urls

PRIVATE, PUBLIC = pem_pair("RS")
PAIR = {"ALGORITHM": "RS256", "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}
GRACE = timedelta(0)
REUSE = {"TOKEN_FAMILY_BLACKLIST_ON_REUSE": True, "TOKEN_FAMILY_ENABLED": True}
CLASSES = "rest_framework_simplejwt.authentication.{}"


@pytest.mark.needs("token_blacklist")
class TestStoredTexts:
    def test_they_are_warned_of(self, ids):
        assert "W001" in ids()

    @pytest.mark.parametrize(
        "sound",
        [{"STORE_OUTSTANDING_TOKENS": "none"}, {"REVOCATION_STORE": "builtins.dict"}],
        ids=["none", "elsewhere"],
    )
    def test_where_there_are_none_it_is_not(self, ids, sound):
        assert "W001" not in ids(**sound)


@pytest.mark.needs("no token_blacklist")
def test_without_the_app_there_are_no_texts(ids):
    assert "W001" not in ids()


class TestSecret:
    @pytest.mark.parametrize(("algorithm", "needed"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
    def test_one_that_is_shorter_than_its_hash_is_too_short(self, ids, algorithm, needed):
        assert "W009" in ids(ALGORITHM=algorithm, SIGNING_KEY="x" * (needed - 1))
        assert "W009" not in ids(ALGORITHM=algorithm, SIGNING_KEY="x" * needed)
        assert "W009" not in ids(ALGORITHM=algorithm, SIGNING_KEY="é" * (needed // 2)), "bytes count"

    def test_the_secret_key_is_used_twice(self, ids, settings):
        assert "W010" in ids()
        assert "W010" in ids(SIGNING_KEY=settings.SECRET_KEY.encode())
        assert "W010" not in ids(SIGNING_KEY="x" * 64)

    @pytest.mark.parametrize("key", ["", None, 5])
    def test_one_that_is_none_is_told_as_that(self, ids, key):
        assert not {"W009", "W010"} & ids(SIGNING_KEY=key)

    def test_no_hint_makes_another_key_in_each_process(self, simple_jwt, messages):
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

    def test_a_key_pair_is_no_secret(self, ids):
        assert not {"W009", "W010"} & ids(**PAIR)


def test_tokens_under_a_public_key_should_say_whom_they_are_for(ids):
    assert "W011" in ids(**PAIR)
    assert "W011" not in ids(**PAIR, AUDIENCE="us")
    assert "W011" not in ids(**PAIR, AUDIENCE=None, ISSUER="them")
    assert "W011" not in ids(ALGORITHM="HS256", SIGNING_KEY="x" * 64, ISSUER=None)


def test_keys_should_not_come_over_http(ids):
    assert "W046" in ids(JWK_ALLOW_HTTP=True)
    assert "W046" not in ids(JWK_ALLOW_HTTP=False)


def test_stateless_authentication_does_not_notice_a_changed_password(ids, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [CLASSES.format("JWTTokenUserAuthentication")]}
    assert "W014" in ids(CHECK_REVOKE_TOKEN=True)
    assert "W014" not in ids(CHECK_REVOKE_TOKEN=False)
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [CLASSES.format("JWTAuthentication")]}
    assert "W014" not in ids(CHECK_REVOKE_TOKEN=True)


class TestRotation:
    def test_old_tokens_that_stay_valid_are_advised_against(self, ids):
        assert "W038" in ids(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=False)
        assert "W038" not in ids(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
        assert "W038" not in ids(ROTATE_REFRESH_TOKENS=False, BLACKLIST_AFTER_ROTATION=False)

    def test_where_reuse_is_to_be_detected_that_is_told_of_once(self, ids):
        found = ids(**REUSE, ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=False)
        assert found & {"W006", "W037", "W038"} == {"W006"}

    def test_reuse_without_a_grace_period_is_advised_against(self, ids):
        rotation = {
            "ROTATE_REFRESH_TOKENS": True,
            "BLACKLIST_AFTER_ROTATION": True,
            "REVOCATION_STORE": "builtins.dict",
        }
        assert "W037" in ids(**REUSE, **rotation)
        assert "W037" not in ids(**REUSE, **rotation, REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=1))
        assert "W037" not in ids(**REUSE, **rotation, REFRESH_TOKEN_GRACE_PERIOD=None), "that is E001"
        assert "W037" not in ids(**REUSE | {"TOKEN_FAMILY_BLACKLIST_ON_REUSE": False}, REFRESH_TOKEN_GRACE_PERIOD=GRACE)


class TestLifetimes:
    def test_an_access_token_should_not_outlast_a_day(self, ids, messages):
        assert "W039" in ids(ACCESS_TOKEN_LIFETIME=timedelta(days=1, seconds=1))
        [message] = [message for message in messages() if message.id == "simplejwt.W039"]
        assert message.hint.startswith("Write SIMPLE_JWT['ACCESS_TOKEN_LIFETIME'] = ")
        assert "W039" not in ids(ACCESS_TOKEN_LIFETIME=timedelta(days=1))

    def test_nor_a_sliding_one_where_there_are_any(self, ids, settings):
        settings.ROOT_URLCONF = urls(views.token_obtain_sliding)
        assert "W039" in ids(SLIDING_TOKEN_LIFETIME=timedelta(days=2))
        settings.ROOT_URLCONF = urls(views.token_obtain_pair)
        assert "W039" not in ids(SLIDING_TOKEN_LIFETIME=timedelta(days=2))
