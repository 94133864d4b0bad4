"""The RedisStore of the suite: on the server that REDIS_URL names, or on one within this process."""

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
# As RedisStore's own client, but for the short time that it waits: a machine that tests may be slow.
RETRY = {"retry": Retry(NoBackoff(), 1), "retry_on_error": [redis.ConnectionError, redis.TimeoutError]}


class _Clocked:
    """Its scripts read the server's clock as far ahead as the fixture ``clock`` has set that of the tokens."""

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
    # Of this run alone: a server may have other guests.
    prefix = f"sjwt-test-{uuid4().hex}"
    client = connect()

    @classmethod
    def empty(cls):
        keys = list(cls.client.scan_iter(f"{cls.prefix}:*"))
        if keys:
            cls.client.delete(*keys)


class Cache(LocMemCache):
    """A test begins with an empty cache, and so with an empty store."""

    def clear(self):
        super().clear()
        Store.empty()


# What the last test has left.
atexit.register(Store.empty)
