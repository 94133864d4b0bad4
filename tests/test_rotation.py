from unittest import mock

import pytest
from django.db import transaction

from rest_framework_simplejwt import revocation, rotation, tokens
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def refresh(user):
    token = RefreshToken.for_user(user)
    token["colour"] = "blue"
    return token


@pytest.fixture(autouse=True)
def _rotating(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
        TOKEN_FAMILY_ENABLED=True,
    )


def successor_of(text):
    return rotation.refresh(rotation.present(RefreshToken, text)).token


def test_the_successor_differs_in_id_and_times_alone(refresh, clock):
    fixed = {"jti", "exp", "iat"}
    clock(seconds=5)
    successor = successor_of(str(refresh))
    assert successor["jti"] != refresh["jti"]
    assert {k: v for k, v in successor.payload.items() if k not in fixed} == {
        k: v for k, v in refresh.payload.items() if k not in fixed
    }
    assert successor["exp"] - successor["iat"] == RefreshToken.lifetime.total_seconds()
    assert successor["iat"] - refresh["iat"] in {5, 6}


def test_tokens_without_an_id_are_rotated_where_none_is_spent(user, simple_jwt):
    simple_jwt(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=False)
    assert "jti" not in successor_of(str(RefreshToken.for_user(user)))


def test_the_successor_works(refresh):
    successor_of(str(successor_of(str(refresh))))


class Numbered(RefreshToken):
    """Names its tokens in a way of its own."""

    def set_jti(self):
        super().set_jti()
        self["jti"] = f"mine-{self['jti']}"


def refresh_numbered(text):
    return rotation.refresh(rotation.present(Numbered, text))


def test_a_project_that_names_its_tokens_names_the_successor_too(user):
    spent = Numbered.for_user(user)
    first = refresh_numbered(str(spent))
    assert first.token["jti"].startswith("mine-")
    assert first.token["jti"] != spent["jti"]
    assert refresh_numbered(first.refresh).token["jti"].startswith("mine-")


@pytest.mark.needs("token_blacklist")
def test_such_a_token_is_good_once(user):
    spent = Numbered.for_user(user)
    refresh_numbered(str(spent))
    with pytest.raises(RefreshTokenBlacklistedError):
        refresh_numbered(str(spent))
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.rotate(spent)


@pytest.mark.needs("token_blacklist")
class TestWithTheBlacklist:
    def test_the_old_token_is_spent(self, refresh):
        text = str(refresh)
        successor_of(text)
        with pytest.raises(RefreshTokenBlacklistedError, match="Token is blacklisted"):
            rotation.present(RefreshToken, text)

    def test_the_old_token_lives_where_it_is_not_blacklisted(self, refresh, simple_jwt):
        simple_jwt(BLACKLIST_AFTER_ROTATION=False)
        text = str(refresh)
        assert successor_of(text)["jti"] != successor_of(text)["jti"]

    def test_the_successor_is_recorded_as_an_obtained_token_is(self, refresh, user):
        successor = successor_of(str(refresh))
        row = tokens.OutstandingToken.objects.get(jti=successor["jti"])
        assert row.user == user
        assert row.token == str(successor)
        assert row.created_at == successor.current_time

    def test_whoever_lost_the_race_gets_no_second_lineage(self, refresh):
        text = str(refresh)
        first, second = RefreshToken(text), RefreshToken(text)
        rotation.rotate(first)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(second)
        assert tokens.OutstandingToken.objects.count() == 2

    @pytest.mark.parametrize("step", ["set_exp", "outstand"])
    def test_a_failure_half_way_leaves_the_old_token_good(self, refresh, step):
        text = str(refresh)
        broken = mock.patch.object(RefreshToken, step, side_effect=RuntimeError("no disk"))
        with broken, pytest.raises(RuntimeError):
            successor_of(text)
        assert successor_of(text)

    @pytest.mark.parametrize("answer", [None, mock.MagicMock(), ("row", True)])
    def test_a_blacklist_method_of_the_projects_own_may_answer_anything_but_no(self, refresh, answer):
        with mock.patch("rest_framework_simplejwt.tokens.RefreshToken.blacklist", return_value=answer) as blacklist:
            assert successor_of(str(refresh))
        blacklist.assert_called_once_with()

    def test_a_blacklist_method_of_the_projects_own_may_say_no(self, refresh):
        no = mock.patch("rest_framework_simplejwt.tokens.RefreshToken.blacklist", return_value=("row", False))
        with no, pytest.raises(RefreshTokenBlacklistedError):
            successor_of(str(refresh))

    def test_revoking_is_for_good(self, refresh):
        rotation.revoke(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, str(refresh))


@pytest.mark.needs("token_blacklist", "token_family")
class TestAlarm:
    def stolen(self, refresh):
        """The spent token's text, and the successor that somebody else has by now."""
        text = str(refresh)
        return text, str(successor_of(text))

    def test_reuse_revokes_the_family(self, refresh, caplog):
        text, newest = self.stolen(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            rotation.present(RefreshToken, newest)
        assert len(caplog.messages) == 1
        assert text not in caplog.text

    def test_a_lost_race_is_a_reuse(self, refresh):
        text = str(refresh)
        first, second = RefreshToken(text), RefreshToken(text)
        pair = rotation.rotate(first)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.rotate(second)
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            rotation.present(RefreshToken, pair.refresh)

    def test_reuse_leaves_the_family_alone_where_the_alarm_is_off(self, refresh, simple_jwt):
        simple_jwt(TOKEN_FAMILY_BLACKLIST_ON_REUSE=False)
        text, newest = self.stolen(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert rotation.present(RefreshToken, newest)

    def test_other_families_of_the_user_live_on(self, refresh, user):
        other = str(RefreshToken.for_user(user))
        text, _ = self.stolen(refresh)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert rotation.present(RefreshToken, other)

    def test_a_token_without_a_family_raises_no_alarm(self, refresh, caplog):
        del refresh[api_settings.TOKEN_FAMILY_CLAIM]
        text, _ = self.stolen(refresh)
        caplog.clear()
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert caplog.messages == []

    def test_while_families_are_off_there_is_no_alarm(self, refresh, simple_jwt):
        text, _ = self.stolen(refresh)
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        with pytest.raises(RefreshTokenBlacklistedError):
            rotation.present(RefreshToken, text)
        assert not tokens.BlacklistedTokenFamily.objects.exists()

    def test_a_forged_token_raises_no_alarm(self, refresh):
        text, newest = self.stolen(refresh)
        with pytest.raises(TokenError, match="Token is invalid"):
            rotation.present(RefreshToken, text[:-4] + "AAAA")
        assert rotation.present(RefreshToken, newest)


@pytest.mark.needs("no revocation")
def test_without_a_blacklist_the_old_token_lives_on(refresh):
    text = str(refresh)
    successor_of(text)
    rotation.revoke(refresh)
    assert rotation.present(RefreshToken, text)


@pytest.mark.needs("token_blacklist")
@pytest.mark.django_db(transaction=True)
def test_what_a_project_rolls_back_was_never_rotated(user):
    text = str(RefreshToken.for_user(user))
    alias = tokens.OutstandingToken.objects.db_manager(None).db

    def roll_back():
        with transaction.atomic(using=alias):
            successor_of(text)
            raise RuntimeError("the project's own")

    with pytest.raises(RuntimeError):
        roll_back()
    assert successor_of(text)


@pytest.mark.needs("redis")
def test_a_token_is_consumed_once_in_redis_and_its_reuse_ends_the_family(refresh, post):
    assert post("refresh", refresh=str(refresh)).status_code == 200
    assert post("refresh", refresh=str(refresh)).json()["detail"] == "Token is blacklisted"
    assert revocation.family_store().is_revoked(refresh["family_id"])
