"""The RedisStore of the tests: on the server at REDIS_URL, or on a fake server in this process."""

import atexit
import os
from uuid import uuid4

import fakeredis
import redis
from django.core.cache.backends.locmem import LocMemCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from rest_framework_simplejwt import tokens, utils
from rest_framework_simplejwt.revocation.redis import RedisStore

TIME = "redis.call('TIME')"
# Like the client of RedisStore, with a longer timeout, since a test machine may be slow.
RETRY = {"retry": Retry(NoBackoff(), 1), "retry_on_error": [redis.ConnectionError, redis.TimeoutError]}


class _Clocked:
    """A client whose scripts add to the server's time what the fixture ``clock`` adds to the time of tokens."""

    def eval(self, script, *args):
        ahead = round((tokens.aware_utcnow() - utils.aware_utcnow()).total_seconds())
        time = f"{{string.format('%d', {TIME}[1] + {ahead}), {TIME}[2]}}"
        return super().eval(script.replace(TIME, time) if ahead else script, *args)


class _Client(_Clocked, redis.Redis):
    pass


class _FakeClient(_Clocked, fakeredis.FakeRedis):
    pass


def connect():
    if "REDIS_URL" in os.environ:
        client = _Client.from_url(os.environ["REDIS_URL"])
    else:
        client = _FakeClient(server=fakeredis.FakeServer())
    client.connection_pool.connection_kwargs.update(RETRY)
    return client


class Store(RedisStore):
    # Keys of this run alone: other programs may use the server.
    prefix = f"sjwt-test-{uuid4().hex}"
    client = connect()

    @classmethod
    def empty(cls):
        keys = list(cls.client.scan_iter(f"{cls.prefix}:*"))
        if keys:
            cls.client.delete(*keys)


class Cache(LocMemCache):
    """A cache whose ``clear()`` empties the store too, so that each test starts with an empty store."""

    def clear(self):
        super().clear()
        Store.empty()


# The keys of the previous test.
atexit.register(Store.empty)
