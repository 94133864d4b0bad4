"""One refresh token, refreshed by many at once, without a grace period."""

import pytest
from django.db import connection

from . import tasks
from .conftest import FEW, ON_REDIS, ROUNDS, family_revoked, journal, turns


def assert_one_winner(token, answers, ids, before):
    winners = [answer for answer in answers if answer.status == 200]
    losers = [answer for answer in answers if answer.status != 200]
    assert len(winners) == 1
    assert {(answer.status, answer.code) for answer in losers} == {(401, "token_not_valid")}
    assert ids() - before == {winners[0].claims["jti"]}, "nothing of the losers is kept"
    # A race beyond the grace is a reuse.
    assert family_revoked(token)


def race(rounds, new_token, ids):
    for crew, past_the_check in rounds:
        token = new_token()
        before = ids()
        answers = crew.race([(tasks.refresh, str(token))] * crew.size, past_the_check=past_the_check)
        assert_one_winner(token, answers, ids, before)


class TestRefresh:
    def test_one_of_sixteen_threads_wins(self, threads, new_token, ids):
        race(turns(threads), new_token, ids)

    def test_one_of_eight_processes_wins(self, processes, new_token, ids):
        race(turns(processes), new_token, ids)

    def test_one_wins_where_the_token_was_never_recorded(self, threads, new_token, ids):
        for _ in range(ROUNDS):
            token = new_token()
            forget(token)
            before = ids()
            answers = threads.race([(tasks.refresh, str(token))] * threads.size, past_the_check=True)
            assert len([answer for answer in answers if answer.status == 200]) == 1
            assert len([answer for answer in answers if answer.code == "token_not_valid"]) == threads.size - 1
            # In SQL the token itself is recorded too, to be revoked.
            assert len(ids() - before - {token["jti"]}) == 1
            assert tasks.refresh(str(token)).status == 401

    def test_the_successor_is_good_where_a_reuse_ends_no_family(self, threads, new_token, settings):
        settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "TOKEN_FAMILY_BLACKLIST_ON_REUSE": False}
        for _ in range(FEW):
            answers = threads.race([(tasks.refresh, str(new_token()))] * threads.size, past_the_check=True)
            (winner,) = [answer for answer in answers if answer.status == 200]
            assert tasks.refresh(winner.refresh).status == 200


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a journal mode is SQLite's")
@pytest.mark.skipif(ON_REDIS, reason="no database decides")
class TestRollbackJournal:
    """SQLite as it comes: a writer waits for every reader, and readers for the writer."""

    @pytest.fixture(autouse=True)
    def _rollback_journal(self, threads, processes):
        self.everybody_leaves(threads, processes)
        journal("DELETE")
        yield
        self.everybody_leaves(threads, processes)
        journal("WAL")

    @staticmethod
    def everybody_leaves(*crews):
        for crew in crews:
            crew.each(tasks.close_connections)
        connection.close()

    def test_one_wins(self, threads, processes, new_token, ids):
        race(turns(threads, rounds=FEW), new_token, ids)
        race(turns(processes, rounds=FEW), new_token, ids)


def forget(token):
    if ON_REDIS:
        tasks.store_of("token").empty()
        return
    from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
    from rest_framework_simplejwt.token_family.models import TokenFamily

    OutstandingToken.objects.filter(jti=token["jti"]).delete()
    TokenFamily.objects.filter(family_id=token.get_family_id()).delete()
