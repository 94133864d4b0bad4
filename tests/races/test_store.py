"""The one promise that everything else rests on: `revoke` is True for exactly one caller, ever."""

from itertools import cycle, product
from uuid import uuid4

from . import tasks
from .conftest import ROUNDS


def race(crew):
    kinds = cycle(product(["token", "family"], [True, False]))
    for _, (kind, remembered) in zip(range(ROUNDS), kinds, strict=False):
        key = uuid4().hex
        if remembered:
            tasks.remember(kind, key)
        firsts = crew.race([(tasks.revoke, kind, key)] * crew.size)
        assert sorted(firsts) == [False] * (crew.size - 1) + [True]
        assert tasks.store_of(kind).is_revoked(key)


class TestRevoke:
    def test_one_of_sixteen_threads_is_the_first(self, threads):
        race(threads)

    def test_one_of_eight_processes_is_the_first(self, processes):
        race(processes)
