"""Families without an end in Redis: remembered as long as any of their tokens, and no longer."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import rotation, sessions
from rest_framework_simplejwt.claims import MAX_NUMERIC_DATE
from rest_framework_simplejwt.exceptions import RevocationUnavailable, TokenError
from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from tests.projects.redis.store import Store

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


class RememberMe(RefreshToken):
    lifetime = timedelta(days=90)


@pytest.fixture(autouse=True)
def _endless(simple_jwt):
    simple_jwt(
        TOKEN_FAMILY_LIFETIME=None,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
    )


def keys_that_stay():
    return [key for key in Store.client.scan_iter(f"{Store.prefix}:*") if Store.client.ttl(key) < 0]


def refreshed(token, kind=RefreshToken):
    return kind(rotation.refresh(rotation.present(kind, str(token))).refresh)


def is_revoked_until(token, end):
    """Whether its family is revoked until then, or longer by no more than what clocks may differ."""
    left = Store.client.expiretime(Store("family")._revocation_key(token["family_id"])) - end
    return module.RETENTION_MARGIN - 2 <= left <= module.RETENTION_MARGIN + 2


def last_access(token):
    return token["exp"] + int(AccessToken.lifetime.total_seconds())


def by_alarm(first, last):
    with pytest.raises(TokenError):
        rotation.present(RefreshToken, str(first))


@pytest.mark.parametrize(
    "revoke",
    [
        by_alarm,
        lambda first, last: last.blacklist_family(),
        lambda first, last: sessions.revoke_family(first["family_id"]),
        lambda first, last: sessions.revoke_everything(),
    ],
    ids=["by the alarm", "by a log-out", "by its id", "with all others"],
)
def test_its_revocation_outlasts_the_newest_token_and_nothing_stays(user, revoke, clock):
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    last = refreshed(first)
    revoke(first, last)
    assert is_revoked_until(last, last_access(last))
    assert keys_that_stay() == []


def test_its_record_lasts_as_long_as_somebody_refreshes_and_no_longer(user, clock):
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    last = refreshed(first)
    index = Store("family")._index_key(user.pk)
    assert [until for _, until in Store.client.zrange(index, 0, -1, withscores=True)] == [last_access(last)]
    assert keys_that_stay() == []
    assert sessions.revoke_all(user).families == 1


def test_a_class_with_a_longer_lifetime_counts(user):
    first = RememberMe.for_user(user)
    sessions.revoke_all(user)
    assert is_revoked_until(first, last_access(first))


def test_a_successor_that_was_made_meanwhile_counts(user, clock):
    """By a refresh that had asked for the family before."""
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    presented = rotation.present(RefreshToken, str(first))
    first.blacklist_family()
    last = RefreshToken(rotation.refresh(presented).refresh, verify=False)
    assert is_revoked_until(last, last_access(last))


def test_where_tokens_are_not_recorded_it_stays(user, simple_jwt):
    """Nobody knows its last token then. The check W042 says so."""
    simple_jwt(JTI_CLAIM=None)
    token = RefreshToken.for_user(user)
    token.blacklist_family()
    assert Store.client.ttl(Store("family")._revocation_key(token["family_id"])) == -1


def test_one_whose_other_tokens_nobody_knows_stays(user):
    """Redis may have been emptied: the token that is presented need not be the last."""
    token = RefreshToken.for_user(user)
    Store.empty()
    token.blacklist_family()
    assert Store.client.ttl(Store("family")._revocation_key(token["family_id"])) == -1


def test_an_access_token_of_the_last_moment_counts(user, simple_jwt):
    """The leeway lets in a refresh token for so long, and then the access token that it was turned into."""
    simple_jwt(LEEWAY=3600)
    token = RefreshToken.for_user(user)
    token.blacklist_family()
    assert is_revoked_until(token, last_access(token) + 2 * 3600)


def test_no_refresh_makes_it_last_longer_while_it_is_revoked_with_all_others(user, monkeypatch):
    token = RefreshToken.for_user(user)
    bury, refused = Store._revoke_entries, []

    def overtaken(self, *args):
        if self._kind == "family":
            with pytest.raises(RevocationUnavailable):
                token.outstand()
            refused.append(self)
        return bury(self, *args)

    monkeypatch.setattr(Store, "_revoke_entries", overtaken)
    sessions.revoke_all(user)
    assert refused


def test_one_that_nobody_has_heard_of_stays(user):
    sessions.revoke_family("f")
    assert Store.client.ttl(Store("family")._revocation_key("f")) == -1


def test_a_token_that_expires_at_the_end_of_all_dates_is_no_error(user):
    token = RefreshToken.for_user(user)
    token["exp"] = MAX_NUMERIC_DATE
    token.blacklist_family()
    assert Store("family").is_revoked(token["family_id"])


def test_a_family_with_an_end_needs_no_more_than_that(user, simple_jwt):
    simple_jwt(TOKEN_FAMILY_LIFETIME=timedelta(days=7))
    token = RefreshToken.for_user(user)
    refreshed(token)
    assert not list(Store.client.scan_iter(f"{Store.prefix}:family-end:*"))
    token.blacklist_family()
    assert is_revoked_until(token, token["family_exp"])
