"""One refresh token, refreshed by many racers at the same time within the grace period."""

from datetime import timedelta

import pytest

from . import tasks
from .conftest import FEW, is_family_revoked, turns


@pytest.fixture(autouse=True)
def _grace_period(settings):
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)}


def race(rounds, new_token, ids):
    for crew, after_check in rounds:
        token = new_token()
        before = ids()
        answers = crew.race([(tasks.refresh, str(token))] * crew.size, after_check=after_check)
        assert {answer.status for answer in answers} == {200}
        claims = [answer.claims for answer in answers]
        assert all(one == claims[0] for one in claims), "also jti, iat and exp are equal"
        assert ids() - before == {claims[0]["jti"]}
        assert not is_family_revoked(token)
        assert tasks.refresh(answers[0].refresh).status == 200


class TestGrace:
    def test_sixteen_threads_get_the_same_successor(self, threads, new_token, ids):
        race(turns(threads), new_token, ids)

    def test_eight_processes_get_the_same_successor(self, processes, new_token, ids):
        race(turns(processes, rounds=FEW), new_token, ids)
