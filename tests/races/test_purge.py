"""The flush, while tokens are refreshed and logged out, and while another flush runs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.utils import aware_utcnow

from . import tasks
from .conftest import FEW, ON_REDIS, turns

pytestmark = pytest.mark.skipif(ON_REDIS, reason="in Redis keys go by themselves")

EXPIRED = timedelta(hours=-1)


@transaction.atomic
def expired_records(count):
    """Of tokens that have expired; every other one was revoked."""
    keys = [uuid4().hex for _ in range(count)]
    for key in keys[::2]:
        tasks.remember("token", key, EXPIRED)
    for key in keys[1::2]:
        tasks.revoke("token", key, EXPIRED)
    return keys


def left():
    return revocation.token_store().expired(aware_utcnow())


class TestPurge:
    def test_refreshes_and_log_outs_go_on_and_nothing_revoked_revives(self, threads, processes, new_token):
        store = revocation.token_store()
        for crew, past_the_check in turns(threads, processes):
            expired_records(6)
            share = crew.size // 2 - 1
            spent, ended = [[new_token() for _ in range(share)] for _ in range(2)]
            work = [(tasks.refresh, str(token)) for token in spent] + [(tasks.log_out, str(token)) for token in ended]
            *answers, _, _ = crew.race([*work, (tasks.purge,), (tasks.purge,)], past_the_check=past_the_check)
            assert {answer.status for answer in answers} == {200}
            assert left() == 0
            assert all(store.is_revoked(token["jti"]) for token in [*spent, *ended])
            assert not any(store.is_revoked(answer.claims["jti"]) for answer in answers if answer.refresh)

    def test_flushes_share_the_work(self, threads, processes):
        for crew, _ in turns(threads, processes, rounds=FEW):
            expired_records(12)
            assert sum(crew.race([(tasks.purge,)] * crew.size)) == 12
            assert left() == 0

    def test_a_token_that_is_revoked_for_longer_outlives_the_flush(self, threads, processes):
        for crew, _ in turns(threads, processes):
            keys = expired_records(6)
            revoking = [(tasks.revoke, "token", key) for key in keys * crew.size][: crew.size - 2]
            crew.race([*revoking, (tasks.purge,), (tasks.purge,)])
            assert all(revocation.token_store().is_revoked(key) for key in keys)
            assert left() == 0
