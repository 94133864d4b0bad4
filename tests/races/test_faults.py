"""A process that is killed in the middle of a refresh leaves its client with a token that is good."""

from datetime import timedelta

import pytest
from django.db import connection

from . import tasks, victim
from .conftest import FEW, ON_REDIS, family_revoked


@pytest.fixture
def grace_period(settings):
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)}


# The moments of a kill at which nothing was committed.
UNCOMMITTED = {
    "redis": ["recorded", "exchanged"],
    "postgresql": ["recorded", "revoked"],
}.get("redis" if ON_REDIS else connection.vendor, ["recorded", "revoked", "exchanged"])


class TestKilled:
    @pytest.mark.parametrize("moment", victim.MOMENTS)
    def test_the_old_token_buys_its_one_successor(self, moment, grace_period, processes, new_token, ids):
        for _ in range(FEW):
            token = new_token()
            before = ids()
            processes.alone(victim.die_while_refreshing, str(token), moment)
            kept = ids() - before
            answers = [tasks.refresh(str(token)) for _ in range(2)]
            assert {answer.status for answer in answers} == {200}
            assert answers[0].claims == answers[1].claims
            assert ids() - before == {answers[0].claims["jti"]}
            assert moment != "committed" or kept == {answers[0].claims["jti"]}, "what was committed is handed out"
            assert not family_revoked(token)
            assert tasks.refresh(answers[0].refresh).status == 200

    @pytest.mark.parametrize("moment", UNCOMMITTED)
    def test_what_was_not_committed_costs_nothing_without_a_grace_period(self, moment, processes, new_token, ids):
        for _ in range(FEW):
            token = new_token()
            before = ids()
            processes.alone(victim.die_while_refreshing, str(token), moment)
            assert ON_REDIS or ids() == before
            answer = tasks.refresh(str(token))
            assert answer.status == 200
            assert ids() - before == {answer.claims["jti"]}
