"""The grace period: an honest client whose answer was lost asks again, and nobody gets a second lineage."""

from datetime import timedelta

import pytest
from rest_framework import serializers
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import rotation, signals, tokens, views
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

pytestmark = [pytest.mark.django_db, pytest.mark.needs("revocation", "families")]

GRACE = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def _rotating(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        REFRESH_TOKEN_GRACE_PERIOD=GRACE,
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )


@pytest.fixture
def parent(user):
    token = RefreshToken.for_user(user)
    token["colour"] = {"name": "blue"}
    return str(token)


def refresh(text):
    return rotation.refresh(rotation.present(RefreshToken, text))


def is_refused(text, because="Token is blacklisted"):
    with pytest.raises(TokenError, match=because):
        refresh(text)
    return True


def test_the_predecessor_buys_the_same_successor_again(parent, clock):
    first = refresh(parent)
    clock(seconds=9)
    second = refresh(parent)
    assert second.replayed
    assert not first.replayed
    assert second.refresh == first.refresh
    assert RefreshToken(second.refresh).payload == first.token.payload


def test_with_a_leeway_of_its_class_it_expires_no_later(user, clock):
    backend = TokenBackend("HS256", "k" * 32, leeway=3600)
    patient = type("Patient", (RefreshToken,), {"_token_backend": backend})
    text = str(patient.for_user(user))
    first, second = (rotation.refresh(rotation.present(patient, text)) for _ in range(2))
    assert second.refresh == first.refresh


def test_and_a_fresh_access_token(parent, clock):
    first = AccessToken(refresh(parent).access)
    clock(seconds=9)
    second = AccessToken(refresh(parent).access, verify=False)
    assert second["jti"] != first["jti"]
    assert second["exp"] - first["exp"] in (8, 9, 10)
    assert second["colour"] == {"name": "blue"}


def test_the_successor_goes_on_as_if_nothing_had_been(parent):
    refresh(parent)
    assert refresh(refresh(parent).refresh).refresh


def test_no_successor_of_a_revoked_family_is_handed_out(parent):
    child = refresh(parent)
    RefreshToken(child.refresh).blacklist_family()
    assert is_refused(parent, "Token family is blacklisted")
    assert is_refused(child.refresh, "Token family is blacklisted")


def test_the_period_ends(parent, clock):
    child = refresh(parent).refresh
    clock(seconds=12)
    assert is_refused(parent)
    assert is_refused(child, "Token family is blacklisted")


def test_a_machine_whose_clock_is_ahead_within_the_leeway_ends_no_family(parent, clock, simple_jwt):
    simple_jwt(LEEWAY=20)
    child = refresh(parent).refresh
    clock(seconds=29)
    assert refresh(parent).refresh == child
    clock(seconds=2)
    assert is_refused(parent)
    assert is_refused(child, "Token family is blacklisted")


def test_a_machine_whose_clock_is_behind_ends_none_either(parent, clock):
    child = refresh(parent).refresh
    clock(minutes=-10)
    assert refresh(parent).refresh == child


def test_the_id_of_a_successor_is_the_same_on_every_machine_and_in_every_version(user, settings, simple_jwt):
    """Half of HMAC-SHA-256 under ``SECRET_KEY``: 128 bits, which nobody without the key can tell."""
    settings.SECRET_KEY = "the key of this example"
    simple_jwt(SIGNING_KEY="another key of this example, which changes nothing")
    token = RefreshToken.for_user(user)
    token["jti"] = "00000000000000000000000000000000"
    assert refresh(str(token)).token["jti"] == "64e8b8c795d2490effba5ed1596b7ba5"


def test_asking_again_does_not_extend_it(parent, clock):
    refresh(parent)
    for _ in range(3):
        clock(seconds=3)
        assert refresh(parent).replayed
    clock(seconds=3)
    assert is_refused(parent)


def test_never_after_the_successor_was_used(parent):
    refresh(refresh(parent).refresh)
    assert is_refused(parent)


def test_never_for_an_older_ancestor(parent):
    child = refresh(parent).refresh
    grandchild = refresh(child).refresh
    assert refresh(child).refresh == grandchild
    assert is_refused(parent)


def test_never_after_the_successor_was_logged_out(parent):
    rotation.log_out(RefreshToken, refresh(parent).refresh)
    assert is_refused(parent)


def test_never_after_the_token_itself_was_logged_out(parent):
    rotation.log_out(RefreshToken, parent)
    assert is_refused(parent)


def test_logging_out_with_the_predecessor_ends_the_successor(parent):
    child = refresh(parent).refresh
    rotation.log_out(RefreshToken, parent)
    assert is_refused(child)
    assert is_refused(parent)


def test_logging_out_with_the_predecessor_too_late_is_a_reuse(parent, clock):
    child = refresh(parent).refresh
    clock(seconds=12)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.log_out(RefreshToken, parent)
    assert is_refused(child, "Token family is blacklisted")


def test_logging_out_twice_is_refused_but_no_reuse(parent, caplog):
    sibling = RefreshToken(parent)
    sibling.set_jti()
    rotation.log_out(RefreshToken, parent)
    with pytest.raises(RefreshTokenBlacklistedError):
        rotation.log_out(RefreshToken, parent)
    assert caplog.messages == []
    assert refresh(str(sibling)), "the family lives"


def test_who_loses_the_race_gets_the_winners_successor(parent):
    first, second = RefreshToken(parent), RefreshToken(parent)
    won = rotation.rotate(first)
    lost = rotation.rotate(second)
    assert lost.replayed
    assert lost.refresh == won.refresh


def test_a_log_out_that_loses_the_race_to_a_refresh_ends_what_that_bought(parent, monkeypatch):
    presented = RefreshToken(parent)
    child = refresh(parent).refresh
    monkeypatch.setattr(rotation, "present_to_log_out", lambda *args: presented)
    rotation.log_out(RefreshToken, parent)
    assert is_refused(child)


def test_a_log_out_that_loses_the_race_to_another_is_content(parent, monkeypatch):
    presented = RefreshToken(parent)
    rotation.log_out(RefreshToken, parent)
    monkeypatch.setattr(rotation, "present_to_log_out", lambda *args: presented)
    rotation.log_out(RefreshToken, parent)


@pytest.mark.parametrize("switch", [{"REFRESH_TOKEN_GRACE_PERIOD": timedelta(0)}, {"ROTATE_REFRESH_TOKENS": False}])
def test_without_a_period_or_rotation_there_is_no_second_time(parent, simple_jwt, switch):
    refresh(parent)
    simple_jwt(**switch)
    assert is_refused(parent)


def test_the_family_ends_the_successor_too(parent):
    refresh(parent).token.blacklist_family()
    assert is_refused(parent, "Token family is blacklisted")


def test_a_successor_that_is_revoked_at_this_moment_is_not_handed_out(parent, monkeypatch):
    child = refresh(parent).token
    store = type(tokens.revocation.token_store())
    parent_id = RefreshToken(parent, verify=False)["jti"]
    found = tokens.revocation.token_store().successor(parent_id, child["jti"], now=child.current_time)
    child.blacklist()
    monkeypatch.setattr(store, "successor", lambda *args, **kwargs: found)
    assert is_refused(parent)


def test_a_new_secret_key_within_the_period_is_no_reuse(parent, settings, simple_jwt):
    simple_jwt(SIGNING_KEY="the key that signs, which does not change here")
    parent = str(RefreshToken(parent, verify=False))
    first = refresh(parent)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the new secret key of the project"
    simple_jwt(SIGNING_KEY="the key that signs, which does not change here")
    assert refresh(parent).token["jti"] == first.token["jti"]


def test_receivers_learn_whether_it_was_a_replay(parent, received):
    requests = [object(), object()]
    with received(signals.token_refreshed) as calls:
        pairs = [rotation.refresh(rotation.present(RefreshToken, parent, request)) for request in requests]
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


def test_json_and_cookies_both_get_the_successor(parent, post):
    answers = [post("refresh", refresh=parent) for _ in range(2)]
    request = APIRequestFactory().post("/", {})
    request.COOKIES["refresh"] = parent
    answers.append(CookieRefreshView.as_view()(request))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.data["refresh"] for answer in answers}) == 1
    assert len({answer.data["access"] for answer in answers}) == 3
