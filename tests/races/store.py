"""The RedisStore of the race tests: without short timeouts, and with a prefix whose keys they may delete."""

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
    """Has no timeouts: a racer that waits for a processor core must not be answered 503."""

    # Another run may use the same server at the same time.
    prefix = f"simplejwt-races-{settings.RUN}"

    @property
    def client(self):
        return connect(api_settings.REVOCATION_REDIS_URL)

    def empty(self):
        for key in self.client.scan_iter(f"{self.prefix}:*"):
            self.client.delete(key)

    def fill(self, owner_pk, count):
        """Add ``count`` new ids to the owner's index, as earlier refreshes would."""
        end = int(time.time()) + 3600
        self.client.zadd(self._index_key(owner_pk), {json.dumps([uuid4().hex, None]): end for _ in range(count)})

    def recorded(self, owner_pk):
        """Return the ids in the owner's index."""
        return {json.loads(member)[0] for member in self.client.zrange(self._index_key(owner_pk), 0, -1)}
