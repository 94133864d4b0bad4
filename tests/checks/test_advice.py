"""`check --deploy`. What it says of caches and of log-outs stands in test_revocation."""

import pytest

from tests.keys import pem_pair

PRIVATE, PUBLIC = pem_pair("RS")
PAIR = {"ALGORITHM": "RS256", "SIGNING_KEY": PRIVATE, "VERIFYING_KEY": PUBLIC}
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

    def test_a_key_pair_is_no_secret(self, ids):
        assert not {"W009", "W010"} & ids(**PAIR)


def test_tokens_under_a_public_key_should_say_whom_they_are_for(ids):
    assert "W011" in ids(**PAIR)
    assert "W011" not in ids(**PAIR, AUDIENCE="us")
    assert "W011" not in ids(**PAIR, AUDIENCE=None, ISSUER="them")
    assert "W011" not in ids(ALGORITHM="HS256", SIGNING_KEY="x" * 64, ISSUER=None)


def test_stateless_authentication_does_not_notice_a_changed_password(ids, settings):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [CLASSES.format("JWTTokenUserAuthentication")]}
    assert "W014" in ids(CHECK_REVOKE_TOKEN=True)
    assert "W014" not in ids(CHECK_REVOKE_TOKEN=False)
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [CLASSES.format("JWTAuthentication")]}
    assert "W014" not in ids(CHECK_REVOKE_TOKEN=True)
