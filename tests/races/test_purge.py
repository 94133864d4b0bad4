"""The flush runs while tokens are refreshed and logged out, and while another flush runs."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from rest_framework_simplejwt import revocation
from rest_framework_simplejwt.utils import aware_utcnow

from . import tasks
from .conftest import FEW, ON_REDIS, turns

pytestmark = pytest.mark.skipif(ON_REDIS, reason="Redis deletes expired ids itself")

EXPIRED = timedelta(hours=-1)


@transaction.atomic
def expired_records(count):
    """Record ``count`` expired tokens, of which every other one is revoked. Return their ids."""
    ids = [uuid4().hex for _ in range(count)]
    for record_id in ids[::2]:
        tasks.remember("token", record_id, EXPIRED)
    for record_id in ids[1::2]:
        tasks.revoke("token", record_id, EXPIRED)
    return ids


def count_expired():
    return revocation.token_store().expired(aware_utcnow())


class TestPurge:
    def test_refreshes_and_log_outs_succeed_and_no_revocation_is_lost(self, threads, processes, new_token):
        store = revocation.token_store()
        for crew, after_check in turns(threads, processes):
            expired_records(6)
            share = crew.size // 2 - 1
            refreshed, ended = [[new_token() for _ in range(share)] for _ in range(2)]
            work = [(tasks.refresh, str(token)) for token in refreshed] + [
                (tasks.log_out, str(token)) for token in ended
            ]
            *answers, _, _ = crew.race([*work, (tasks.purge,), (tasks.purge,)], after_check=after_check)
            assert {answer.status for answer in answers} == {200}
            assert count_expired() == 0
            assert all(store.is_revoked(token["jti"]) for token in [*refreshed, *ended])
            assert not any(store.is_revoked(answer.claims["jti"]) for answer in answers if answer.refresh)

    def test_each_row_is_counted_by_one_flush(self, threads, processes):
        for crew, _ in turns(threads, processes, rounds=FEW):
            expired_records(12)
            assert sum(crew.race([(tasks.purge,)] * crew.size)) == 12
            assert count_expired() == 0

    def test_a_token_that_is_revoked_with_a_later_expiry_is_not_flushed(self, threads, processes):
        for crew, _ in turns(threads, processes):
            ids = expired_records(6)
            revoking = [(tasks.revoke, "token", record_id) for record_id in ids * crew.size][: crew.size - 2]
            crew.race([*revoking, (tasks.purge,), (tasks.purge,)])
            assert all(revocation.token_store().is_revoked(record_id) for record_id in ids)
            assert count_expired() == 0
