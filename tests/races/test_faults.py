"""After a process is killed during a refresh, the client's token can still be refreshed."""

from datetime import timedelta

import pytest
from django.db import connection

from . import tasks, victim
from .conftest import FEW, ON_REDIS, is_family_revoked


@pytest.fixture
def grace_period(settings):
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)}


# The moments of a kill at which nothing was committed.
UNCOMMITTED = {
    "redis": ["recorded", "exchanged"],
    "postgresql": ["recorded", "revoked"],
}.get("redis" if ON_REDIS else connection.vendor, ["recorded", "revoked", "exchanged"])


class TestKilledProcess:
    @pytest.mark.parametrize("moment", victim.MOMENTS)
    def test_a_retry_gets_the_one_successor(self, moment, grace_period, processes, new_token, ids):
        for _ in range(FEW):
            token = new_token()
            before = ids()
            processes.run_in_one(victim.be_killed_while_refreshing, str(token), moment)
            recorded = ids() - before
            answers = [tasks.refresh(str(token)) for _ in range(2)]
            assert {answer.status for answer in answers} == {200}
            assert answers[0].claims == answers[1].claims
            assert ids() - before == {answers[0].claims["jti"]}
            assert moment != "committed" or recorded == {answers[0].claims["jti"]}, (
                "a committed successor is returned by the retry"
            )
            assert not is_family_revoked(token)
            assert tasks.refresh(answers[0].refresh).status == 200

    @pytest.mark.parametrize("moment", UNCOMMITTED)
    def test_without_a_grace_period_a_refresh_that_was_not_committed_can_be_retried(
        self, moment, processes, new_token, ids
    ):
        for _ in range(FEW):
            token = new_token()
            before = ids()
            processes.run_in_one(victim.be_killed_while_refreshing, str(token), moment)
            assert ON_REDIS or ids() == before
            answer = tasks.refresh(str(token))
            assert answer.status == 200
            assert ids() - before == {answer.claims["jti"]}
