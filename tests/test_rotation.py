"""Rotation: a refresh replaces the refresh token, and reuse of the old one triggers the alarm."""

from unittest import mock

import pytest
from django.db import transaction

from rest_framework_simplejwt import revocation, rotation, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = pytest.mark.django_db

# A refresh consumes the presented token; reuse of it triggers the alarm, which revokes the family.
ROTATION = {
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
}


def present_and_refresh(text, token_class=RefreshToken, request=None):
    """Verify the refresh token in ``text`` and refresh it, as the refresh view does; return the ``Pair``."""
    return rotation.refresh(rotation.present(token_class, text, request))


@pytest.fixture
def refresh(user):
    token = RefreshToken.for_user(user)
    token["colour"] = "blue"
    return token


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(**ROTATION)


def test_the_successor_differs_only_in_id_and_times(refresh, clock):
    new_claims = {"jti", "exp", "iat"}
    clock(seconds=5)
    successor = present_and_refresh(str(refresh)).token
    assert successor["jti"] != refresh["jti"]
    assert {k: v for k, v in successor.payload.items() if k not in new_claims} == {
        k: v for k, v in refresh.payload.items() if k not in new_claims
    }
    assert successor["exp"] - successor["iat"] == RefreshToken.lifetime.total_seconds()
    assert successor["iat"] - refresh["iat"] in {5, 6}


def test_tokens_without_an_id_are_rotated_if_rotation_does_not_consume_them(user, simple_jwt):
    simple_jwt(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=False)
    assert "jti" not in present_and_refresh(str(RefreshToken.for_user(user))).token


def test_the_successor_can_be_refreshed(refresh):
    present_and_refresh(present_and_refresh(str(refresh)).refresh)


class PrefixedId(RefreshToken):
    """A project's class that generates ids in its own format."""

    def set_jti(self):
        super().set_jti()
        self["jti"] = f"custom-{self['jti']}"


def test_an_overridden_set_jti_generates_the_successors_id(user):
    consumed = PrefixedId.for_user(user)
    first = present_and_refresh(str(consumed), PrefixedId)
    assert first.token["jti"].startswith("custom-")
    assert first.token["jti"] != consumed["jti"]
    assert present_and_refresh(first.refresh, PrefixedId).token["jti"].startswith("custom-")


@pytest.mark.needs("token_blacklist")
def test_a_token_with_an_overridden_set_jti_can_be_refreshed_only_once(user):
    consumed = PrefixedId.for_user(user)
    present_and_refresh(str(consumed), PrefixedId)
    with pytest.raises(RefreshTokenBlacklistedError):
        present_and_refresh(str(consumed), PrefixedId)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.rotate(consumed)


@pytest.mark.needs("token_blacklist")
class TestWithBlacklist:
    def test_a_consumed_token_is_rejected(self, refresh):
        text = str(refresh)
        present_and_refresh(text)
        with pytest.raises(RefreshTokenBlacklistedError, match="Token is blacklisted"):
            rotation.present(RefreshToken, text)

    def test_the_old_token_stays_valid_if_blacklist_after_rotation_is_off(self, refresh, simple_jwt):
        simple_jwt(BLACKLIST_AFTER_ROTATION=False)
        text = str(refresh)
        assert present_and_refresh(text).token["jti"] != present_and_refresh(text).token["jti"]

    def test_the_successor_is_recorded_like_an_obtained_token(self, refresh, user):
        successor = present_and_refresh(str(refresh)).token
        row = tokens.OutstandingToken.objects.get(jti=successor["jti"])
        assert row.user == user
        assert row.token == str(successor)
        assert row.created_at == successor.current_time

    def test_only_the_first_of_two_rotations_issues_a_successor(self, refresh):
        text = str(refresh)
        first, second = RefreshToken(text), RefreshToken(text)
        rotation.rotate(first)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(second)
        assert tokens.OutstandingToken.objects.count() == 2

    @pytest.mark.parametrize("step", ["set_exp", "outstand"])
    def test_a_rotation_that_fails_leaves_the_old_token_valid(self, refresh, step):
        text = str(refresh)
        broken = mock.patch.object(RefreshToken, step, side_effect=RuntimeError("the rotation fails"))
        with broken, pytest.raises(RuntimeError):
            present_and_refresh(text)
        assert present_and_refresh(text)

    @pytest.mark.parametrize("result", [None, mock.MagicMock(), ("row", True)])
    def test_a_refresh_succeeds_unless_an_overridden_blacklist_reports_false(self, refresh, result):
        with mock.patch("rest_framework_simplejwt.tokens.RefreshToken.blacklist", return_value=result) as blacklist:
            assert present_and_refresh(str(refresh))
        blacklist.assert_called_once_with()

    def test_a_refresh_is_refused_if_an_overridden_blacklist_reports_false(self, refresh):
        not_first = mock.patch("rest_framework_simplejwt.tokens.RefreshToken.blacklist", return_value=("row", False))
        with not_first, pytest.raises(RefreshTokenBlacklistedError):
            present_and_refresh(str(refresh))

    def test_a_revoked_token_is_rejected(self, refresh):
        rotation.revoke(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, str(refresh))


@pytest.mark.needs("token_blacklist", "token_family")
class TestAlarm:
    def consume(self, refresh):
        """Refresh the token; return its text and that of its successor."""
        text = str(refresh)
        return text, present_and_refresh(text).refresh

    def test_reuse_revokes_the_family_and_logs_one_warning(self, refresh, caplog):
        text, successor = self.consume(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            rotation.present(RefreshToken, successor)
        assert len(caplog.messages) == 1
        assert text not in caplog.text

    def test_rotating_a_token_that_was_consumed_after_its_verification_is_reuse(self, refresh):
        text = str(refresh)
        first, second = RefreshToken(text), RefreshToken(text)
        pair = rotation.rotate(first)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(second)
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            rotation.present(RefreshToken, pair.refresh)

    def test_reuse_does_not_revoke_the_family_if_the_alarm_is_off(self, refresh, simple_jwt):
        simple_jwt(TOKEN_FAMILY_BLACKLIST_ON_REUSE=False)
        text, successor = self.consume(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert rotation.present(RefreshToken, successor)

    def test_reuse_does_not_revoke_other_families_of_the_user(self, refresh, user):
        other = str(RefreshToken.for_user(user))
        text, _ = self.consume(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert rotation.present(RefreshToken, other)

    def test_reuse_of_a_token_without_a_family_triggers_no_alarm(self, refresh, caplog):
        del refresh[api_settings.TOKEN_FAMILY_CLAIM]
        text, _ = self.consume(refresh)
        caplog.clear()
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert caplog.messages == []

    def test_reuse_triggers_no_alarm_while_families_are_disabled(self, refresh, simple_jwt):
        text, _ = self.consume(refresh)
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert not tokens.BlacklistedTokenFamily.objects.exists()

    def test_a_forged_token_triggers_no_alarm(self, refresh):
        text, successor = self.consume(refresh)
        with pytest.raises(TokenError, match="Token is invalid"):
            rotation.present(RefreshToken, text[:-4] + "AAAA")
        assert rotation.present(RefreshToken, successor)


@pytest.mark.needs("no revocation")
def test_without_a_store_the_old_token_stays_valid(refresh):
    text = str(refresh)
    present_and_refresh(text)
    rotation.revoke(refresh)
    assert rotation.present(RefreshToken, text)


@pytest.mark.needs("token_blacklist")
@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_rolled_back_does_not_consume_the_token(user):
    text = str(RefreshToken.for_user(user))
    alias = tokens.OutstandingToken.objects.db_manager(None).db

    def roll_back():
        with transaction.atomic(using=alias):
            present_and_refresh(text)
            raise RuntimeError("the project rolls back")

    with pytest.raises(RuntimeError):
        roll_back()
    assert present_and_refresh(text)


@pytest.mark.needs("redis")
def test_redis_consumes_a_token_once_and_revokes_its_family_on_reuse(refresh, post):
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert post("refresh", refresh=str(refresh)).json()["detail"] == "Token is blacklisted"
    assert revocation.family_store().is_revoked(refresh["family_id"])
