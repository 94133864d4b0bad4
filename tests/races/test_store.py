"""`revoke` returns True to exactly one of many concurrent callers."""

from itertools import cycle, product
from uuid import uuid4

from . import tasks
from .conftest import ROUNDS


def race(crew):
    kinds = cycle(product(["token", "family"], [True, False]))
    for _, (kind, is_recorded) in zip(range(ROUNDS), kinds, strict=False):
        record_id = uuid4().hex
        if is_recorded:
            tasks.remember(kind, record_id)
        are_first = crew.race([(tasks.revoke, kind, record_id)] * crew.size)
        assert sorted(are_first) == [False] * (crew.size - 1) + [True]
        assert tasks.store_of(kind).is_revoked(record_id)


class TestRevoke:
    def test_one_of_sixteen_threads_is_the_first(self, threads):
        race(threads)

    def test_one_of_eight_processes_is_the_first(self, processes):
        race(processes)
