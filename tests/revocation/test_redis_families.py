"""Families that do not expire stay in Redis as long as their newest token, and no longer."""

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
def _families_do_not_expire(simple_jwt):
    simple_jwt(
        TOKEN_FAMILY_LIFETIME=None,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
    )


def keys_without_expiry():
    return [key for key in Store.client.scan_iter(f"{Store.prefix}:*") if Store.client.ttl(key) < 0]


def refresh(token, kind=RefreshToken):
    return kind(rotation.refresh(rotation.present(kind, str(token))).refresh)


def revocation_expires_at(token, end):
    """Return whether the revocation of the token's family expires at ``end`` plus the retention margin."""
    left = Store.client.expiretime(Store("family")._revocation_key(token["family_id"])) - end
    return module.RETENTION_MARGIN - 2 <= left <= module.RETENTION_MARGIN + 2


def latest_access_expiry(token):
    return token["exp"] + int(AccessToken.lifetime.total_seconds())


def trigger_alarm(first, last):
    with pytest.raises(TokenError):
        rotation.present(RefreshToken, str(first))


@pytest.mark.parametrize(
    "revoke",
    [
        trigger_alarm,
        lambda first, last: last.blacklist_family(),
        lambda first, last: sessions.revoke_family(first["family_id"]),
        lambda first, last: sessions.revoke_everything(),
    ],
    ids=["alarm", "log-out", "revoke_family", "revoke_everything"],
)
def test_a_revocation_expires_after_the_newest_token(user, revoke, clock):
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    last = refresh(first)
    revoke(first, last)
    assert revocation_expires_at(last, latest_access_expiry(last))
    assert keys_without_expiry() == []


def test_a_record_expires_after_the_newest_token(user, clock):
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    last = refresh(first)
    index = Store("family")._index_key(user.pk)
    assert [until for _, until in Store.client.zrange(index, 0, -1, withscores=True)] == [latest_access_expiry(last)]
    assert keys_without_expiry() == []
    assert sessions.revoke_all(user).families == 1


def test_the_lifetime_of_the_token_class_counts(user):
    first = RememberMe.for_user(user)
    sessions.revoke_all(user)
    assert revocation_expires_at(first, latest_access_expiry(first))


def test_a_successor_issued_after_the_revocation_counts(user, clock):
    """A refresh that checked the family before it was revoked."""
    clock(minutes=-10)
    first = RefreshToken.for_user(user)
    clock(minutes=10)
    presented = rotation.present(RefreshToken, str(first))
    first.blacklist_family()
    last = RefreshToken(rotation.refresh(presented).refresh, verify=False)
    assert revocation_expires_at(last, latest_access_expiry(last))


def test_a_revocation_does_not_expire_where_tokens_are_not_recorded(user, simple_jwt):
    """The expiry of its newest token is not known then. The check W042 warns about that."""
    simple_jwt(JTI_CLAIM=None)
    token = RefreshToken.for_user(user)
    token.blacklist_family()
    assert Store.client.ttl(Store("family")._revocation_key(token["family_id"])) == -1


def test_a_revocation_does_not_expire_if_there_is_no_record_of_the_family(user):
    """Redis may have lost its data, so the presented token may not be the newest."""
    token = RefreshToken.for_user(user)
    Store.empty()
    token.blacklist_family()
    assert Store.client.ttl(Store("family")._revocation_key(token["family_id"])) == -1


def test_an_access_token_issued_within_the_leeway_counts(user, simple_jwt):
    """The leeway applies to the refresh token, and again to the access token that it returns."""
    simple_jwt(LEEWAY=3600)
    token = RefreshToken.for_user(user)
    token.blacklist_family()
    assert revocation_expires_at(token, latest_access_expiry(token) + 2 * 3600)


def test_a_family_is_not_recorded_again_while_revoke_all_runs(user, monkeypatch):
    token = RefreshToken.for_user(user)
    revoke_entries, raised_in = Store._revoke_entries, []

    def revoke_during_a_refresh(self, *args):
        if self._kind == "family":
            with pytest.raises(RevocationUnavailable):
                token.outstand()
            raised_in.append(self)
        return revoke_entries(self, *args)

    monkeypatch.setattr(Store, "_revoke_entries", revoke_during_a_refresh)
    sessions.revoke_all(user)
    assert raised_in


def test_the_revocation_of_an_unknown_family_does_not_expire(user):
    sessions.revoke_family("f")
    assert Store.client.ttl(Store("family")._revocation_key("f")) == -1


def test_the_family_of_a_token_with_the_latest_possible_expiry_can_be_revoked(user):
    token = RefreshToken.for_user(user)
    token["exp"] = MAX_NUMERIC_DATE
    token.blacklist_family()
    assert Store("family").is_revoked(token["family_id"])


def test_a_family_that_expires_has_no_key_for_its_newest_token(user, simple_jwt):
    simple_jwt(TOKEN_FAMILY_LIFETIME=timedelta(days=7))
    token = RefreshToken.for_user(user)
    refresh(token)
    assert not list(Store.client.scan_iter(f"{Store.prefix}:family-end:*"))
    token.blacklist_family()
    assert revocation_expires_at(token, token["family_exp"])
