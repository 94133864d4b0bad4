"""One refresh token, logged out and refreshed by many racers at the same time."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.signals import token_revoked

from . import tasks
from .conftest import FEW, ON_REDIS, ROUNDS, is_family_revoked, turns


@pytest.fixture
def signalled():
    """The ids of the tokens for which the signal token_revoked was sent."""
    ids = []

    def receive(token, **facts):
        ids.append(token["jti"])

    token_revoked.connect(receive)
    yield ids
    token_revoked.disconnect(receive)


def revocations(token):
    if ON_REDIS:
        # There is at most one key.
        return int(revocation.token_store().is_revoked(token["jti"]))
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    return BlacklistedToken.objects.filter(token__jti=token["jti"]).count()


def is_rejected(answer):
    return (answer.status, answer.code) == (401, "token_not_valid")


class Duel:
    """Half of a crew refreshes a token, the other half logs it out.

    A log-out takes less time, so without a delay the refreshes would never win. The delay changes after each race, so
    that each side wins some of them.
    """

    def __init__(self):
        self.delays = {}

    def race(self, turn, refresh, text):
        """Run one race. Return the answers to the refreshes and those to the log-outs."""
        crew, after_check = turn
        log_out = (tasks.log_out, text, self.delays.setdefault(turn, 0.01))
        answers = crew.race([refresh, log_out] * (crew.size // 2), after_check=after_check)
        return answers[::2], answers[1::2]

    def adjust_delay(self, turn, *, refresh_won):
        factor = 0.6 if refresh_won else 1.7
        self.delays[turn] = min(self.delays[turn] * factor, 0.5)


class TestLogOut:
    def test_every_concurrent_log_out_succeeds(self, threads, new_token, signalled):
        tokens = [new_token() for _ in range(ROUNDS)]
        for token in tokens:
            answers = threads.race([(tasks.log_out, str(token))] * threads.size, after_check=True)
            assert {answer.status for answer in answers} == {200}
            assert revocations(token) == 1
            assert not is_family_revoked(token)
        assert signalled == [token["jti"] for token in tokens], "each was logged out once"

    def test_a_late_log_out_is_rejected_and_triggers_no_alarm(self, threads, new_token):
        for _ in range(FEW):
            token = new_token()
            answers = threads.race([(tasks.log_out, str(token))] * threads.size)
            # A log-out that starts after another one has finished is rejected.
            assert 200 in {answer.status for answer in answers}
            assert all(answer.status == 200 or is_rejected(answer) for answer in answers)
            assert revocations(token) == 1
            assert not is_family_revoked(token)


class TestRefreshRacingLogOut:
    def test_a_refresh_and_a_log_out_never_both_succeed(self, threads, processes, new_token):
        duel = Duel()
        winners = set()
        for turn in turns(threads, processes, rounds=max(ROUNDS, 25)):
            text = str(new_token())
            refreshed, ended = duel.race(turn, (tasks.refresh, text), text)
            assert all(answer.status == 200 or is_rejected(answer) for answer in [*refreshed, *ended])
            successful_refreshes = [answer for answer in refreshed if answer.status == 200]
            assert len(successful_refreshes) == (0 if 200 in {answer.status for answer in ended} else 1)
            assert tasks.refresh(text).status == 401
            duel.adjust_delay(turn, refresh_won=bool(successful_refreshes))
            winners.add(bool(successful_refreshes))
        assert winners == {True, False}, "if one side never wins, there is no race"


class TestRefreshRacingLogOutWithinTheGracePeriod:
    @pytest.fixture(autouse=True)
    def _grace_period(self, settings):
        settings.SIMPLE_JWT = {
            **settings.SIMPLE_JWT,
            "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10),
            # The successors themselves must be revoked, not only their family.
            "TOKEN_FAMILY_BLACKLIST_ON_REUSE": False,
        }

    @pytest.mark.parametrize("steps", [1, 3])
    def test_after_a_log_out_no_successor_is_accepted(self, threads, processes, new_token, steps):
        duel = Duel()
        revoked_successors = 0
        for turn in turns(threads, processes, rounds=max(ROUNDS, 25)):
            text = str(new_token())
            chains, ended = duel.race(turn, (tasks.refresh_repeatedly, text, steps), text)
            successors = {answer.refresh for chain in chains for answer in chain if answer.status == 200}
            if 200 in {answer.status for answer in ended}:
                assert {tasks.refresh(one).status for one in {text, *successors}} == {401}
                revoked_successors += bool(successors)
            duel.adjust_delay(turn, refresh_won=bool(successors))
        assert revoked_successors, "no log-out revoked a successor in any round"
