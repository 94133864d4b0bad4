"""The store in Redis keeps the contract; and what is only Redis's: keys that go by themselves, indexes, retries."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.revocation.redis import RETENTION_MARGIN, RedisStore
from rest_framework_simplejwt.utils import datetime_to_epoch
from tests.projects.redis.store import Store
from tests.revocation.contract import HOUR, StoreContract, issued, now

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


@pytest.mark.parametrize("kind", ["token", "family"])
class RedisContract(StoreContract):
    is_transactional = False
    is_purged = False

    @pytest.fixture
    def redis_store(self, kind):
        yield Store(kind)
        Store.empty()

    @pytest.fixture
    def empty(self, redis_store):
        return redis_store.empty


class TestRedisStore(RedisContract):
    @pytest.fixture
    def store(self, redis_store):
        return redis_store

    def lasts_until(self, key):
        left = Store.client.ttl(key)
        return left if left < 0 else round(time.time() + left)

    def tombstone_lasts_until(self, store, end):
        there = self.lasts_until(store._revocation_key("x"))
        return there == -1 if end is None else abs(there - datetime_to_epoch(end) - RETENTION_MARGIN) <= 2

    def test_a_tombstone_goes_a_while_after_its_token(self, store):
        store.revoke(issued(expires_at=now() + HOUR))
        assert self.tombstone_lasts_until(store, now() + HOUR)

    @pytest.mark.parametrize("leeway", [3600, 3600.0, HOUR], ids=repr)
    def test_a_tombstone_outlasts_the_leeway_however_long(self, store, leeway, simple_jwt):
        simple_jwt(LEEWAY=leeway)
        store.revoke(issued(expires_at=now() + HOUR))
        assert self.tombstone_lasts_until(store, now() + 2 * HOUR)

    def test_a_tombstone_without_an_end_stays(self, store):
        store.revoke(issued(expires_at=None))
        assert self.tombstone_lasts_until(store, None)

    @pytest.mark.parametrize("again", ["revoke", "remember"])
    @pytest.mark.parametrize("hours", [(1, 3), (3, 1)], ids=["lengthened", "shortened"])
    def test_a_tombstone_outlasts_the_longest_copy(self, store, again, hours):
        first, second = (issued(expires_at=now() + number * HOUR) for number in hours)
        store.revoke(first)
        getattr(store, again)(second)
        assert self.tombstone_lasts_until(store, now() + 3 * HOUR)

    @pytest.mark.parametrize("again", ["revoke", "remember"])
    @pytest.mark.parametrize("ends", [(HOUR, None), (None, HOUR)], ids=["lengthened", "shortened"])
    def test_a_tombstone_outlasts_a_copy_without_end(self, store, again, ends):
        first, second = (issued(expires_at=end and now() + end) for end in ends)
        store.revoke(first)
        getattr(store, again)(second)
        assert self.tombstone_lasts_until(store, None)

    def test_what_was_revoked_with_all_others_has_its_tombstone_as_long(self, store, alice):
        store.remember(issued(owner=alice, expires_at=now() + 2 * HOUR))
        store.revoke_all(alice, now=now())
        assert self.tombstone_lasts_until(store, now() + 2 * HOUR)

    def test_nothing_stays_for_ever_of_what_has_an_end(self, store, alice):
        self.consume(store, owner=alice)
        store.remember(issued("z", owner=alice))
        store.revoke(issued("z"))
        keys = list(Store.client.scan_iter(f"{Store.prefix}:*"))
        assert len(keys) == 3
        assert all(Store.client.ttl(key) > 0 for key in keys)

    def test_a_successor_that_a_server_with_a_faster_clock_has_recorded_is_new(self, store):
        self.consume(store)
        revoked_at, _, facts = Store.client.get(store._revocation_key("x")).partition(b" ")
        Store.client.set(store._revocation_key("x"), b"%d %s" % (int(revoked_at) + 9_000_000, facts))
        assert store.successor("x", "y", now=now()).age == timedelta(0)

    def test_an_index_lasts_as_long_as_its_longest_entry(self, store, alice):
        index = store._index_key(alice)
        for hours in (1, 3, 2):
            store.remember(issued(str(hours), owner=alice, expires_at=now() + hours * HOUR))
        assert abs(self.lasts_until(index) - datetime_to_epoch(now() + 3 * HOUR) - RETENTION_MARGIN) <= 2
        store.remember(issued("without an end", owner=alice, expires_at=None))
        assert self.lasts_until(index) == -1

    def test_an_index_forgets_what_is_long_over(self, store, alice, simple_jwt):
        simple_jwt(LEEWAY=None)
        over = now() - timedelta(seconds=RETENTION_MARGIN + 5)
        for name, end in {"live": now() + HOUR, "over": over, "new": now() + HOUR}.items():
            store.remember(issued(name, owner=alice, expires_at=end))
        assert Store.client.zcard(store._index_key(alice)) == 2

    def test_of_many_at_once_one_is_first(self, store):
        """One script decides: no two callers can both find nothing."""
        barrier = Barrier(8)

        def revoke(_):
            barrier.wait()
            return store.revoke(issued())[1]

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(revoke, range(8))) == 1

    @pytest.mark.parametrize("lost", ["revoke", "revoke_all"])
    def test_who_retries_because_the_answer_was_lost_is_still_first(self, store, alice, lost, losing_an_answer):
        store.remember(issued(owner=alice))
        with losing_an_answer() as answers_lost:
            outcome = store.revoke(issued())[1] if lost == "revoke" else store.revoke_all(alice, now=now())
        assert answers_lost
        assert outcome == 1
        assert not store.revoke(issued())[1]

    def test_the_time_in_a_tombstone_is_the_servers(self, store, clock):
        clock(hours=1)
        tombstone, _ = store.revoke(issued(issued_at=now() - HOUR))
        assert abs(tombstone.revoked_at / 1e6 - time.time() - 3600) < 60

    def test_the_age_of_a_successor_is_by_the_servers_clock(self, store, clock):
        self.consume(store)
        clock(seconds=9)
        found = store.successor("x", "y", now=now() - HOUR)
        assert timedelta(seconds=9) <= found.age < timedelta(minutes=1)


def test_kinds_do_not_mix():
    Store("token").revoke(issued())
    assert not Store("family").is_revoked("x")
    Store.empty()


@pytest.fixture
def losing_an_answer(monkeypatch):
    """Within it, one answer is lost after the server gave it; redis-py asks again, as its retry says."""

    @contextmanager
    def losing():
        lost = []
        Store.client.connection_pool.disconnect()
        connection = Store.client.connection_pool.connection_class
        read = connection.read_response

        def read_response(self, *args, **kwargs):
            answer = read(self, *args, **kwargs)
            if not lost and isinstance(answer, bytes) and b"[" in answer:
                lost.append(answer)
                self.disconnect()
                raise redis.ConnectionError("Connection reset by peer")
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(connection, "read_response", read_response)
            yield lost

    return losing


class TestWhereItConnects:
    @pytest.fixture
    def connection(self, settings, simple_jwt):
        def connect(url=None, **cache):
            settings.CACHES = {"default": settings.CACHES["default"], "revocations": cache}
            simple_jwt(REVOCATION_REDIS_URL=url, SJWT_CACHE_NAME="revocations")
            return RedisStore("token").client.connection_pool.connection_kwargs

        yield connect
        module._build_client.cache_clear()

    def test_the_setting_is_asked_first(self, connection):
        found = connection("redis://one:7000/3", LOCATION="redis://two:7000/4")
        assert (found["host"], found["port"], found["db"]) == ("one", 7000, 3)

    @pytest.mark.parametrize("location", ["redis://two/4", "redis://two/4,redis://replica/4", ["redis://two/4"]])
    def test_then_the_server_that_the_cache_writes_to(self, connection, location):
        found = connection(LOCATION=location, OPTIONS={"password": "p", "parser_class": "x.Y"})
        assert (found["host"], found["db"], found["password"]) == ("two", 4, "p")
        assert "parser_class" not in found

    @pytest.mark.parametrize("url", ["rediss://host/0", "unix:///run/redis.sock"])
    def test_in_any_way_that_redis_knows(self, connection, url):
        assert connection(url)

    @pytest.mark.parametrize("cache", [{}, {"LOCATION": "127.0.0.1:11211"}, {"LOCATION": ["memcached:11211"]}])
    def test_a_cache_that_is_elsewhere_is_an_error_that_says_what_to_do(self, connection, cache):
        with pytest.raises(ImproperlyConfigured, match=r"REVOCATION_REDIS_URL"):
            connection(**cache)

    def test_it_waits_a_short_while_and_asks_twice_at_most(self, connection):
        found = connection("redis://one")
        assert found["socket_timeout"] == found["socket_connect_timeout"] == module.TIMEOUT
        assert found["retry"]._retries == 1
        assert redis.TimeoutError in found["retry_on_error"]

    def test_one_pool_of_connections_serves_all(self, connection):
        connection("redis://one")
        assert RedisStore("token").client is RedisStore("family").client
