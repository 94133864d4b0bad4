"""RedisStore passes the tests of every store; and tests of its keys, indexes and retries."""

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

    def expiry_of(self, key):
        left = Store.client.ttl(key)
        return left if left < 0 else round(time.time() + left)

    def revocation_expires_at(self, store, end):
        there = self.expiry_of(store._revocation_key("x"))
        return there == -1 if end is None else abs(there - datetime_to_epoch(end) - RETENTION_MARGIN) <= 2

    def test_a_revocation_expires_after_its_token(self, store):
        store.revoke(issued(expires_at=now() + HOUR))
        assert self.revocation_expires_at(store, now() + HOUR)

    @pytest.mark.parametrize("leeway", [3600, 3600.0, HOUR], ids=repr)
    def test_a_revocation_expires_after_the_leeway(self, store, leeway, simple_jwt):
        simple_jwt(LEEWAY=leeway)
        store.revoke(issued(expires_at=now() + HOUR))
        assert self.revocation_expires_at(store, now() + 2 * HOUR)

    def test_a_revocation_of_a_token_without_expiry_does_not_expire(self, store):
        store.revoke(issued(expires_at=None))
        assert self.revocation_expires_at(store, None)

    @pytest.mark.parametrize("again", ["revoke", "remember"])
    @pytest.mark.parametrize("hours", [(1, 3), (3, 1)], ids=["lengthened", "shortened"])
    def test_a_revocation_expires_after_the_longest_copy(self, store, again, hours):
        first, second = (issued(expires_at=now() + number * HOUR) for number in hours)
        store.revoke(first)
        getattr(store, again)(second)
        assert self.revocation_expires_at(store, now() + 3 * HOUR)

    @pytest.mark.parametrize("again", ["revoke", "remember"])
    @pytest.mark.parametrize("ends", [(HOUR, None), (None, HOUR)], ids=["lengthened", "shortened"])
    def test_a_revocation_does_not_expire_if_a_copy_does_not(self, store, again, ends):
        first, second = (issued(expires_at=end and now() + end) for end in ends)
        store.revoke(first)
        getattr(store, again)(second)
        assert self.revocation_expires_at(store, None)

    def test_a_revocation_by_revoke_all_expires_after_its_token(self, store, alice):
        store.remember(issued(owner=alice, expires_at=now() + 2 * HOUR))
        store.revoke_all(alice, now=now())
        assert self.revocation_expires_at(store, now() + 2 * HOUR)

    def test_every_key_of_an_expiring_token_expires(self, store, alice):
        self.consume(store, owner=alice)
        store.remember(issued("z", owner=alice))
        store.revoke(issued("z"))
        keys = list(Store.client.scan_iter(f"{Store.prefix}:*"))
        assert len(keys) == 3
        assert all(Store.client.ttl(key) > 0 for key in keys)

    def test_the_age_of_a_successor_is_never_negative(self, store):
        self.consume(store)
        revoked_at, _, facts = Store.client.get(store._revocation_key("x")).partition(b" ")
        Store.client.set(store._revocation_key("x"), b"%d %s" % (int(revoked_at) + 9_000_000, facts))
        assert store.successor("x", "y", now=now()).age == timedelta(0)

    def test_an_index_expires_with_its_last_entry(self, store, alice):
        index = store._index_key(alice)
        for hours in (1, 3, 2):
            store.remember(issued(str(hours), owner=alice, expires_at=now() + hours * HOUR))
        assert abs(self.expiry_of(index) - datetime_to_epoch(now() + 3 * HOUR) - RETENTION_MARGIN) <= 2
        store.remember(issued("without expiry", owner=alice, expires_at=None))
        assert self.expiry_of(index) == -1

    def test_an_index_drops_expired_entries(self, store, alice, simple_jwt):
        simple_jwt(LEEWAY=None)
        expired_at = now() - timedelta(seconds=RETENTION_MARGIN + 5)
        for name, end in {"x": now() + HOUR, "expired": expired_at, "y": now() + HOUR}.items():
            store.remember(issued(name, owner=alice, expires_at=end))
        assert Store.client.zcard(store._index_key(alice)) == 2

    def test_one_of_many_concurrent_revocations_is_first(self, store):
        """One script looks and writes, so no two callers can both find no revocation."""
        barrier = Barrier(8)

        def revoke(_):
            barrier.wait()
            return store.revoke(issued())[1]

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(revoke, range(8))) == 1

    @pytest.mark.parametrize("lost", ["revoke", "revoke_all"])
    def test_a_retry_after_a_lost_reply_is_still_first(self, store, alice, lost, losing_a_reply):
        store.remember(issued(owner=alice))
        with losing_a_reply() as lost_replies:
            outcome = store.revoke(issued())[1] if lost == "revoke" else store.revoke_all(alice, now=now())
        assert lost_replies
        assert outcome == 1
        assert not store.revoke(issued())[1]

    def test_a_revocation_has_the_servers_time(self, store, clock):
        clock(hours=1)
        revocation, _ = store.revoke(issued(issued_at=now() - HOUR))
        assert abs(revocation.revoked_at / 1e6 - time.time() - 3600) < 60

    def test_the_age_of_a_successor_is_measured_by_the_servers_clock(self, store, clock):
        self.consume(store)
        clock(seconds=9)
        found = store.successor("x", "y", now=now() - HOUR)
        assert timedelta(seconds=9) <= found.age < timedelta(minutes=1)


def test_the_two_kinds_have_separate_keys():
    Store("token").revoke(issued())
    assert not Store("family").is_revoked("x")
    Store.empty()


@pytest.fixture
def losing_a_reply(monkeypatch):
    """A context manager in which one reply is lost after the server executed the command. redis-py then retries."""

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


class TestConnection:
    @pytest.fixture
    def connection(self, settings, simple_jwt):
        def connect(url=None, **cache):
            settings.CACHES = {"default": settings.CACHES["default"], "revocations": cache}
            simple_jwt(REVOCATION_REDIS_URL=url, SJWT_CACHE_NAME="revocations")
            return RedisStore("token").client.connection_pool.connection_kwargs

        yield connect
        module._build_client.cache_clear()

    def test_the_setting_comes_first(self, connection):
        found = connection("redis://one:7000/3", LOCATION="redis://two:7000/4")
        assert (found["host"], found["port"], found["db"]) == ("one", 7000, 3)

    @pytest.mark.parametrize("location", ["redis://two/4", "redis://two/4,redis://replica/4", ["redis://two/4"]])
    def test_without_the_setting_the_server_of_the_cache_is_used(self, connection, location):
        found = connection(LOCATION=location, OPTIONS={"password": "p", "parser_class": "x.Y"})
        assert (found["host"], found["db"], found["password"]) == ("two", 4, "p")
        assert "parser_class" not in found

    @pytest.mark.parametrize("url", ["rediss://host/0", "unix:///run/redis.sock"])
    def test_every_url_scheme_of_redis_is_accepted(self, connection, url):
        assert connection(url)

    @pytest.mark.parametrize("cache", [{}, {"LOCATION": "127.0.0.1:11211"}, {"LOCATION": ["memcached:11211"]}])
    def test_a_cache_that_is_not_in_redis_is_an_error_that_names_the_setting(self, connection, cache):
        with pytest.raises(ImproperlyConfigured, match=r"REVOCATION_REDIS_URL"):
            connection(**cache)

    def test_timeouts_are_short_and_a_command_is_tried_twice(self, connection):
        found = connection("redis://one")
        assert found["socket_timeout"] == found["socket_connect_timeout"] == module.TIMEOUT
        assert found["retry"]._retries == 1
        assert redis.TimeoutError in found["retry_on_error"]

    def test_all_stores_share_one_connection_pool(self, connection):
        connection("redis://one")
        assert RedisStore("token").client is RedisStore("family").client
