"""RedisStore for racers that share two cores, under a prefix that the tests may empty."""

import json
import time
from functools import lru_cache
from uuid import uuid4

import redis
from django.conf import settings

from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.settings import api_settings


@lru_cache(maxsize=1)
def connect(url):
    return redis.Redis.from_url(url)


class PatientRedisStore(RedisStore):
    """Never times out: a racer that waits for a core is no outage, and a 503 would decide nothing."""

    # Of this run, since another one may be under way on the same server.
    prefix = f"simplejwt-races-{settings.RUN}"

    @property
    def client(self):
        return connect(api_settings.REVOCATION_REDIS_URL)

    def empty(self):
        for key in self.client.scan_iter(f"{self.prefix}:*"):
            self.client.delete(key)

    def fill(self, owner_pk, count):
        """Enter so many ids in the owner's index, as of earlier refreshes."""
        end = int(time.time()) + 3600
        self.client.zadd(self._index_key(owner_pk), {json.dumps([uuid4().hex, None]): end for _ in range(count)})

    def recorded(self, owner_pk):
        """The ids in the owner's index."""
        return {json.loads(member)[0] for member in self.client.zrange(self._index_key(owner_pk), 0, -1)}
