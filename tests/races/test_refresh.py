"""One refresh token, refreshed by many racers at the same time without a grace period."""

import pytest
from django.db import connection

from . import tasks
from .conftest import FEW, ON_REDIS, ROUNDS, is_family_revoked, set_journal_mode, turns


def assert_one_winner(token, answers, ids, before):
    winners = [answer for answer in answers if answer.status == 200]
    losers = [answer for answer in answers if answer.status != 200]
    assert len(winners) == 1
    assert {(answer.status, answer.code) for answer in losers} == {(401, "token_not_valid")}
    assert ids() - before == {winners[0].claims["jti"]}, "the losers leave no record"
    # Without a grace period the other refreshes are reuse.
    assert is_family_revoked(token)


def race(rounds, new_token, ids):
    for crew, after_check in rounds:
        token = new_token()
        before = ids()
        answers = crew.race([(tasks.refresh, str(token))] * crew.size, after_check=after_check)
        assert_one_winner(token, answers, ids, before)


class TestRefresh:
    def test_one_of_sixteen_threads_wins(self, threads, new_token, ids):
        race(turns(threads), new_token, ids)

    def test_one_of_eight_processes_wins(self, processes, new_token, ids):
        race(turns(processes), new_token, ids)

    def test_one_wins_where_the_token_was_never_recorded(self, threads, new_token, ids):
        for _ in range(ROUNDS):
            token = new_token()
            delete_records(token)
            before = ids()
            answers = threads.race([(tasks.refresh, str(token))] * threads.size, after_check=True)
            assert len([answer for answer in answers if answer.status == 200]) == 1
            assert len([answer for answer in answers if answer.code == "token_not_valid"]) == threads.size - 1
            # SQL records the token itself too, to revoke it.
            assert len(ids() - before - {token["jti"]}) == 1
            assert tasks.refresh(str(token)).status == 401

    def test_the_successor_is_accepted_if_reuse_does_not_revoke_the_family(self, threads, new_token, settings):
        settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "TOKEN_FAMILY_BLACKLIST_ON_REUSE": False}
        for _ in range(FEW):
            answers = threads.race([(tasks.refresh, str(new_token()))] * threads.size, after_check=True)
            (winner,) = [answer for answer in answers if answer.status == 200]
            assert tasks.refresh(winner.refresh).status == 200


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a journal mode is SQLite's")
@pytest.mark.skipif(ON_REDIS, reason="no database decides")
class TestRollbackJournal:
    """SQLite's default journal mode: a writer waits for all readers, and readers wait for the writer."""

    @pytest.fixture(autouse=True)
    def _rollback_journal(self, threads, processes):
        self.close_all_connections(threads, processes)
        set_journal_mode("DELETE")
        yield
        self.close_all_connections(threads, processes)
        set_journal_mode("WAL")

    @staticmethod
    def close_all_connections(*crews):
        for crew in crews:
            crew.each(tasks.close_connections)
        connection.close()

    def test_one_wins(self, threads, processes, new_token, ids):
        race(turns(threads, rounds=FEW), new_token, ids)
        race(turns(processes, rounds=FEW), new_token, ids)


def delete_records(token):
    if ON_REDIS:
        tasks.store_of("token").empty()
        return
    from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
    from rest_framework_simplejwt.token_family.models import TokenFamily

    OutstandingToken.objects.filter(jti=token["jti"]).delete()
    TokenFamily.objects.filter(family_id=token.get_family_id()).delete()
