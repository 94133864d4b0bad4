"""The grace period: a client that presents a consumed token again gets the same successor, and no other."""

from datetime import timedelta

import pytest
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import rotation, signals, tokens, views
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from tests.test_rotation import ROTATION, present_and_refresh

pytestmark = [pytest.mark.django_db, pytest.mark.needs("revocation", "families")]

GRACE = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(**ROTATION, REFRESH_TOKEN_GRACE_PERIOD=GRACE)


@pytest.fixture
def parent(user):
    token = RefreshToken.for_user(user)
    token["colour"] = {"name": "blue"}
    return str(token)


def assert_rejected(text, message="Token is blacklisted"):
    with pytest.raises(TokenError, match=message):
        present_and_refresh(text)


def test_a_consumed_token_gets_the_same_successor_within_the_grace_period(parent, clock):
    first = present_and_refresh(parent)
    clock(seconds=9)
    second = present_and_refresh(parent)
    assert second.replayed
    assert not first.replayed
    assert second.refresh == first.refresh
    assert RefreshToken(second.refresh).payload == first.token.payload


def test_a_replay_does_not_add_the_leeway_of_its_class_to_the_expiry(user, clock):
    backend = TokenBackend("HS256", "k" * 32, leeway=3600)
    lenient = type("Lenient", (RefreshToken,), {"_token_backend": backend})
    text = str(lenient.for_user(user))
    first, second = (present_and_refresh(text, lenient) for _ in range(2))
    assert second.refresh == first.refresh


def test_a_replay_issues_a_new_access_token(parent, clock):
    first = AccessToken(present_and_refresh(parent).access)
    clock(seconds=9)
    second = AccessToken(present_and_refresh(parent).access, verify=False)
    assert second["jti"] != first["jti"]
    assert second["exp"] - first["exp"] in (8, 9, 10)
    assert second["colour"] == {"name": "blue"}


def test_the_successor_can_be_refreshed_after_a_replay(parent):
    present_and_refresh(parent)
    assert present_and_refresh(present_and_refresh(parent).refresh).refresh


def test_a_revoked_family_rejects_the_consumed_token_and_its_successor(parent):
    child = present_and_refresh(parent)
    RefreshToken(child.refresh).blacklist_family()
    assert_rejected(parent, "Token family is blacklisted")
    assert_rejected(child.refresh, "Token family is blacklisted")


def test_a_consumed_token_is_reuse_after_the_grace_period(parent, clock):
    child = present_and_refresh(parent).refresh
    clock(seconds=12)
    assert_rejected(parent)
    assert_rejected(child, "Token family is blacklisted")


def test_the_leeway_extends_the_grace_period_for_servers_whose_clock_is_ahead(parent, clock, simple_jwt):
    simple_jwt(LEEWAY=20)
    child = present_and_refresh(parent).refresh
    clock(seconds=29)
    assert present_and_refresh(parent).refresh == child
    clock(seconds=2)
    assert_rejected(parent)
    assert_rejected(child, "Token family is blacklisted")


def test_a_server_whose_clock_is_behind_accepts_a_replay(parent, clock):
    child = present_and_refresh(parent).refresh
    clock(minutes=-10)
    assert present_and_refresh(parent).refresh == child


def test_the_id_of_a_successor_is_derived_from_its_parents_id_and_secret_key(user, settings, simple_jwt):
    """128 bits of an HMAC-SHA-256 under ``SECRET_KEY``, which clients can't compute. All servers must agree on it."""
    settings.SECRET_KEY = "the key of this example"
    simple_jwt(SIGNING_KEY="the signing key of this test, which does not matter here")
    token = RefreshToken.for_user(user)
    token["jti"] = "00000000000000000000000000000000"
    assert present_and_refresh(str(token)).token["jti"] == "64e8b8c795d2490effba5ed1596b7ba5"


def test_a_replay_does_not_extend_the_grace_period(parent, clock):
    present_and_refresh(parent)
    for _ in range(3):
        clock(seconds=3)
        assert present_and_refresh(parent).replayed
    clock(seconds=3)
    assert_rejected(parent)


def test_a_replay_is_rejected_after_the_successor_was_refreshed(parent):
    present_and_refresh(present_and_refresh(parent).refresh)
    assert_rejected(parent)


def test_only_the_direct_predecessor_can_be_replayed(parent):
    child = present_and_refresh(parent).refresh
    grandchild = present_and_refresh(child).refresh
    assert present_and_refresh(child).refresh == grandchild
    assert_rejected(parent)


def test_a_replay_is_rejected_after_the_successor_was_logged_out(parent):
    rotation.log_out(RefreshToken, present_and_refresh(parent).refresh)
    assert_rejected(parent)


def test_a_token_that_was_logged_out_cannot_be_replayed(parent):
    rotation.log_out(RefreshToken, parent)
    assert_rejected(parent)


def test_logging_out_with_a_consumed_token_revokes_its_successor(parent):
    child = present_and_refresh(parent).refresh
    rotation.log_out(RefreshToken, parent)
    assert_rejected(child)
    assert_rejected(parent)


def test_logging_out_with_a_consumed_token_after_the_grace_period_is_reuse(parent, clock):
    child = present_and_refresh(parent).refresh
    clock(seconds=12)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.log_out(RefreshToken, parent)
    assert_rejected(child, "Token family is blacklisted")


def test_a_second_log_out_is_rejected_but_is_no_reuse(parent, caplog):
    sibling = RefreshToken(parent)
    sibling.set_jti()
    rotation.log_out(RefreshToken, parent)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.log_out(RefreshToken, parent)
    assert caplog.messages == []
    assert present_and_refresh(str(sibling)), "the family was revoked"


def test_a_refresh_that_loses_the_race_gets_the_same_successor(parent):
    first, second = RefreshToken(parent), RefreshToken(parent)
    won = rotation.rotate(first)
    lost = rotation.rotate(second)
    assert lost.replayed
    assert lost.refresh == won.refresh


def test_a_log_out_that_loses_the_race_to_a_refresh_revokes_the_successor(parent, monkeypatch):
    presented = RefreshToken(parent)
    child = present_and_refresh(parent).refresh
    monkeypatch.setattr(rotation, "present_to_log_out", lambda *args: presented)
    rotation.log_out(RefreshToken, parent)
    assert_rejected(child)


def test_a_log_out_that_loses_the_race_to_another_log_out_succeeds(parent, monkeypatch):
    presented = RefreshToken(parent)
    rotation.log_out(RefreshToken, parent)
    monkeypatch.setattr(rotation, "present_to_log_out", lambda *args: presented)
    rotation.log_out(RefreshToken, parent)


@pytest.mark.parametrize("disabled", [{"REFRESH_TOKEN_GRACE_PERIOD": timedelta(0)}, {"ROTATE_REFRESH_TOKENS": False}])
def test_without_a_grace_period_or_rotation_a_replay_is_rejected(parent, simple_jwt, disabled):
    present_and_refresh(parent)
    simple_jwt(**disabled)
    assert_rejected(parent)


def test_a_family_revoked_through_the_successor_rejects_the_consumed_token(parent):
    present_and_refresh(parent).token.blacklist_family()
    assert_rejected(parent, "Token family is blacklisted")


def test_a_successor_that_is_revoked_during_the_replay_is_not_returned(parent, monkeypatch):
    child = present_and_refresh(parent).token
    store = type(tokens.revocation.token_store())
    parent_id = RefreshToken(parent, verify=False)["jti"]
    found = tokens.revocation.token_store().successor(parent_id, child["jti"], now=child.current_time)
    child.blacklist()
    monkeypatch.setattr(store, "successor", lambda *args, **kwargs: found)
    assert_rejected(parent)


def test_a_replay_is_accepted_after_secret_key_has_changed(parent, settings, simple_jwt):
    simple_jwt(SIGNING_KEY="the signing key, which does not change here")
    parent = str(RefreshToken(parent, verify=False))
    first = present_and_refresh(parent)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the new secret key of the project"
    simple_jwt(SIGNING_KEY="the signing key, which does not change here")
    assert present_and_refresh(parent).token["jti"] == first.token["jti"]


def test_token_refreshed_tells_receivers_whether_it_was_a_replay(parent, received):
    requests = [object(), object()]
    with received(signals.token_refreshed) as calls:
        pairs = [present_and_refresh(parent, request=request) for request in requests]
    assert [call["replayed"] for call in calls] == [False, True]
    assert [call["request"] for call in calls] == requests
    assert {call["token"]["jti"] for call in calls} == {pairs[0].token["jti"]}


class CookieRefreshSerializer(TokenRefreshSerializer):
    refresh = serializers.CharField(required=False)

    def validate(self, attrs):
        attrs["refresh"] = self.context["request"].COOKIES["refresh"]
        return super().validate(attrs)


class CookieRefreshView(views.TokenRefreshView):
    serializer_class = CookieRefreshSerializer


def test_replays_by_json_and_by_cookie_get_the_same_successor(parent, post):
    responses = [post("refresh", refresh=parent) for _ in range(2)]
    request = APIRequestFactory().post("/", {})
    request.COOKIES["refresh"] = parent
    responses.append(CookieRefreshView.as_view()(request))
    assert [response.status_code for response in responses] == [200, 200, 200]
    assert len({response.data["refresh"] for response in responses}) == 1
    assert len({response.data["access"] for response in responses}) == 3
