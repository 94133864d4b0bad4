"""With ``USE_TZ = False`` the grace period and the flush are correct across a change of local time."""

from datetime import datetime, timedelta, timezone
from io import StringIO
from types import SimpleNamespace
from unittest import mock

import pytest
from django.core.management import call_command

from rest_framework_simplejwt import backends, rotation, sessions, tokens
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.revocation import local_times
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.tokens import RefreshToken

pytestmark = [pytest.mark.django_db, pytest.mark.needs("naive_time")]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# In Berlin, clocks go forward from 2:00 to 3:00 in spring, and back from 3:00 to 2:00 in autumn.
SPRING = datetime(2026, 3, 29, 2, 30)
AUTUMN = datetime(2026, 10, 25, 2, 30)
MOMENTS = [SPRING + minutes * timedelta(minutes=1) for minutes in (-31, -30, 0, 30, 60, 90)] + [AUTUMN, AUTUMN + HOUR]


@pytest.fixture(autouse=True)
def _rotation(simple_jwt):
    simple_jwt(
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10),
    )


@pytest.fixture(params=[False, True], ids=["this database", "PostgreSQL"], autouse=True)
def _shifted_times(request, monkeypatch):
    """Shift the times that are written as PostgreSQL does, on any database."""
    if not request.param:
        return
    values = SQLStore._row_values

    def shifted_row_values(store, issued):
        found = values(store, issued)
        moment = {name: local_times.as_stored_by_postgresql(found[name]) for name in ("created_at", "expires_at")}
        return {**found, **moment}

    monkeypatch.setattr(SQLStore, "_row_values", shifted_row_values)


@pytest.fixture
def at(monkeypatch):
    """Set every clock of the package: `at(moment)`."""
    monkeypatch.setattr(backends, "time", SimpleNamespace())

    def at(moment):
        monkeypatch.setattr(tokens, "aware_utcnow", lambda: moment)
        backends.time.time = lambda: moment.replace(tzinfo=timezone.utc).timestamp()

    return at


def refresh(text, kind=RefreshToken):
    return rotation.refresh(rotation.present(kind, text))


def epoch(moment):
    return moment.replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize("lifetime", [DAY, HOUR / 2], ids=str)
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
class TestGrace:
    """``moment`` is the time of the refresh, or the expiry of the successor."""

    @pytest.fixture(params=[True, False], ids=["issued", "expires"])
    def refresh_once(self, request, user, at, simple_jwt, lifetime, moment):
        simple_jwt(REFRESH_TOKEN_LIFETIME=lifetime)
        now = moment if request.param else moment - lifetime
        at(now - timedelta(seconds=60))
        text = str(RefreshToken.for_user(user))
        at(now)
        return text, refresh(text), now

    def test_a_replay_within_the_period_gets_the_same_successor(self, refresh_once, at):
        text, first, now = refresh_once
        at(now + timedelta(seconds=9))
        again = refresh(text)
        assert again.replayed
        assert again.token.payload == first.token.payload
        assert RefreshToken(again.refresh)

    @pytest.mark.parametrize("after", [timedelta(seconds=11), HOUR + timedelta(seconds=5)], ids=str)
    def test_reuse_after_the_period_is_rejected(self, refresh_once, at, after):
        text, _, now = refresh_once
        at(now + after)
        with pytest.raises(TokenError):
            refresh(text)


class Bounded(RefreshToken):
    """A token class of a project, with its own expiry."""

    def set_exp(self, claim="exp", from_time=None, lifetime=None):
        super().set_exp(claim, from_time, lifetime)
        self.payload[claim] = min(self.payload[claim], int(epoch(SPRING + 5 * HOUR)))


@pytest.mark.parametrize("moment", [SPRING, SPRING + HOUR], ids=str)
def test_an_expiry_of_the_project_does_not_lengthen_the_period(user, at, moment):
    at(moment)
    text = str(Bounded.for_user(user))
    first = refresh(text, Bounded)
    at(moment + timedelta(seconds=9))
    assert refresh(text, Bounded).refresh == first.refresh
    at(moment + timedelta(seconds=11))
    with pytest.raises(TokenError):
        refresh(text, Bounded)


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("number", [-1, 1, 2])
def test_the_flush_and_revoke_all_miss_no_token_that_is_accepted(user, at, simple_jwt, moment, number):
    simple_jwt(REFRESH_TOKEN_LIFETIME=DAY, TOKEN_FAMILY_ENABLED=False)
    now = moment + number * HOUR / 2
    at(moment - DAY + timedelta(minutes=1))
    token = RefreshToken.for_user(user)
    command = "rest_framework_simplejwt.token_blacklist.management.commands.flushexpiredtokens"
    with mock.patch(f"{command}.aware_utcnow", lambda: now):
        call_command("flushexpiredtokens", stdout=StringIO())
    at(now)
    sessions.revoke_all(user)
    with pytest.raises(TokenError, match="blacklisted" if now <= moment else "blacklisted|expired"):
        RefreshToken(str(token))
