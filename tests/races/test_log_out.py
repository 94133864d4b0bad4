"""One refresh token, logged out by many at once, and refreshed meanwhile."""

from datetime import timedelta

import pytest

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.signals import token_revoked

from . import tasks
from .conftest import FEW, ON_REDIS, ROUNDS, family_revoked, turns


@pytest.fixture
def told():
    """The ids of the tokens that receivers heard were revoked."""
    ids = []

    def receive(token, **facts):
        ids.append(token["jti"])

    token_revoked.connect(receive)
    yield ids
    token_revoked.disconnect(receive)


def revocations(token):
    if ON_REDIS:
        # A key is one revocation by its nature.
        return int(revocation.token_store().is_revoked(token["jti"]))
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    return BlacklistedToken.objects.filter(token__jti=token["jti"]).count()


def rejected(answer):
    return (answer.status, answer.code) == (401, "token_not_valid")


class Duel:
    """Half of a crew refreshes a token in some way, the other half logs it out.

    A log-out is the shorter way: without a head start the refreshes would never win. How much
    they get changes with the winner, so that either side wins now and then.
    """

    def __init__(self):
        self.head_starts = {}

    def fight(self, turn, refresh, text):
        """What the refreshes and what the log-outs were answered."""
        crew, past_the_check = turn
        log_out = (tasks.log_out, text, self.head_starts.setdefault(turn, 0.01))
        answers = crew.race([refresh, log_out] * (crew.size // 2), past_the_check=past_the_check)
        return answers[::2], answers[1::2]

    def balance(self, turn, *, refresh_won):
        factor = 0.6 if refresh_won else 1.7
        self.head_starts[turn] = min(self.head_starts[turn] * factor, 0.5)


class TestLogOut:
    def test_all_who_were_in_time_have_what_they_wanted(self, threads, new_token, told):
        tokens = [new_token() for _ in range(ROUNDS)]
        for token in tokens:
            answers = threads.race([(tasks.log_out, str(token))] * threads.size, past_the_check=True)
            assert {answer.status for answer in answers} == {200}
            assert revocations(token) == 1
            assert not family_revoked(token)
        assert told == [token["jti"] for token in tokens], "each was logged out once"

    def test_a_second_click_is_no_theft(self, threads, new_token):
        for _ in range(FEW):
            token = new_token()
            answers = threads.race([(tasks.log_out, str(token))] * threads.size)
            # Who comes when it is over is refused.
            assert 200 in {answer.status for answer in answers}
            assert all(answer.status == 200 or rejected(answer) for answer in answers)
            assert revocations(token) == 1
            assert not family_revoked(token)


class TestRefreshRacingLogOut:
    def test_never_both_succeed(self, threads, processes, new_token):
        duel = Duel()
        winners = set()
        for turn in turns(threads, processes, rounds=max(ROUNDS, 25)):
            text = str(new_token())
            refreshed, ended = duel.fight(turn, (tasks.refresh, text), text)
            assert all(answer.status == 200 or rejected(answer) for answer in [*refreshed, *ended])
            purchases = [answer for answer in refreshed if answer.status == 200]
            assert len(purchases) == (0 if 200 in {answer.status for answer in ended} else 1)
            assert tasks.refresh(text).status == 401
            duel.balance(turn, refresh_won=bool(purchases))
            winners.add(bool(purchases))
        assert winners == {True, False}, "a side that never wins is not racing"


class TestRefreshRacingLogOutWithinTheGracePeriod:
    @pytest.fixture(autouse=True)
    def _grace_period(self, settings):
        settings.SIMPLE_JWT = {
            **settings.SIMPLE_JWT,
            "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10),
            # The successors themselves must be dead, not only their family.
            "TOKEN_FAMILY_BLACKLIST_ON_REUSE": False,
        }

    @pytest.mark.parametrize("steps", [1, 3])
    def test_after_a_log_out_nothing_that_a_refresh_bought_is_good(self, threads, processes, new_token, steps):
        duel = Duel()
        undone = 0
        for turn in turns(threads, processes, rounds=max(ROUNDS, 25)):
            text = str(new_token())
            chains, ended = duel.fight(turn, (tasks.refresh_on_and_on, text, steps), text)
            bought = {answer.refresh for chain in chains for answer in chain if answer.status == 200}
            if 200 in {answer.status for answer in ended}:
                assert {tasks.refresh(one).status for one in {text, *bought}} == {401}
                undone += bool(bought)
            duel.balance(turn, refresh_won=bool(bought))
        assert undone, "no log-out undid a refresh in any round"
