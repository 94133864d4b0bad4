"""RedisStore works with every option of redis-py's client."""

import os
from datetime import timedelta

import fakeredis
import pytest
import redis
from redis.exceptions import RedisClusterException

from rest_framework_simplejwt.exceptions import RevocationUnavailable
from rest_framework_simplejwt.revocation import redis as module
from rest_framework_simplejwt.revocation import verify_for_access
from rest_framework_simplejwt.revocation.redis import RedisStore
from tests.projects.redis.store import Store
from tests.revocation.contract import HOUR, issued, now
from tests.revocation.server import free_port, redis_server

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db]


def check_store(store):
    """Call each method of the store, so that replies of every type are read."""
    child = issued("y", owner=1, family_id="f", family_needed_until=now() + HOUR)
    assert store.remember(issued("x", owner=1))[1]
    assert not store.remember(issued("x", owner=1))[1]
    store.remember(child)
    assert store.successor("x", "y", now=now()) is None
    record, is_first = store.revoke(issued("x", successor=child))
    assert is_first
    assert store.revoke(issued("x")) == (record, False)
    found = store.successor("x", "y", now=now())
    assert (found.issued_at, found.expires_at, found.is_revoked) == (child.issued_at, child.expires_at, False)
    assert abs(found.age) < timedelta(minutes=1)
    store.remember(issued("é", owner=2, expires_at=None))
    assert store.revoke_all(1, now=now(), except_family="g") == 1
    assert store.revoke_all(None, now=now()) == 1
    assert [store.is_revoked(name) for name in ("x", "y", "é", "z")] == [True, True, True, False]


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("decode_responses", [True, False])
def test_replies_of_any_type_are_read(protocol, decode_responses, monkeypatch):
    reply_options = {"decode_responses": decode_responses, "protocol": protocol}
    if "REDIS_URL" in os.environ:
        client = redis.Redis.from_url(os.environ["REDIS_URL"], **reply_options)
    else:
        client = fakeredis.FakeRedis(server=fakeredis.FakeServer(), **reply_options)
    monkeypatch.setattr(Store, "client", client)
    try:
        check_store(Store("token"))
    finally:
        Store.empty()
        client.close()


OPTIONS = (
    "socket_timeout=2&socket_connect_timeout=2&health_check_interval=1&max_connections=1&decode_responses=True"
    "&protocol=3&client_name=us&retry_on_timeout=yes"
)


@pytest.mark.parametrize("scheme", ["redis", "unix"])
@pytest.mark.parametrize("options", ["", OPTIONS])
def test_a_url_can_have_a_socket_and_options(tmp_path, use_redis, scheme, options):
    with redis_server(tmp_path) as server:
        use_redis(f"{server.url if scheme == 'redis' else server.socket_url}?{options}")
        check_store(RedisStore("token"))


def test_credentials_and_options_are_read_from_the_cache(tmp_path, settings, simple_jwt):
    with redis_server(tmp_path) as server:
        redis.Redis.from_url(server.url).acl_setuser("us", enabled=True, passwords="+p", keys="*", commands=["+@all"])
        django = {"username": "us", "password": "p", "db": 3}
        django_redis = {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "PASSWORD": "p",
            "CONNECTION_POOL_KWARGS": {"username": "us", "db": 4, "socket_keepalive_options": {}},
        }
        try:
            for options in (django, django_redis):
                settings.CACHES = {
                    "default": settings.CACHES["default"],
                    "r": {"LOCATION": server.place, "OPTIONS": options},
                }
                simple_jwt(SJWT_CACHE_NAME="r", REVOCATION_REDIS_URL=None)
                check_store(RedisStore("token"))
                assert RedisStore("token").client is RedisStore("family").client
                assert RedisStore("token").client.client_info()["user"] == "us"
                assert RedisStore("token").client.client_info()["db"] == (3 if options is django else 4)
        finally:
            module._build_client.cache_clear()
            module._outage.end()


@pytest.mark.parametrize(
    "error", [OSError("No route to host"), RedisClusterException("No node answers"), redis.RedisError]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.is_revoked("x"),
        lambda store: store.are_revoked("x", RedisStore("family"), "f"),
        lambda store: store.exchange(issued(), issued("y")),
        lambda store: store.remember(issued()),
        lambda store: store.revoke(issued()),
        lambda store: store.revoke_all(1, now=now()),
        lambda store: store.revoke_all(None, now=now()),
        lambda store: store.successor("x", "y", now=now()),
    ],
    ids=[
        "is_revoked",
        "are_revoked",
        "exchange",
        "remember",
        "revoke",
        "revoke_all",
        "revoke_all of all owners",
        "successor",
    ],
)
def test_every_error_of_the_client_is_an_outage(use_redis, error, call, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    use_redis(f"redis://127.0.0.1:{free_port()}/0")
    store = RedisStore("token")
    for name in ("execute_command", "pipeline"):
        monkeypatch.setattr(store.client, name, fail)
    with pytest.raises(RevocationUnavailable):
        call(store)


class LazyStore(RedisStore):
    """Connects on first use, as the constructor of a client of a cluster does."""

    @property
    def client(self):
        raise RedisClusterException("no node can be reached")


@pytest.mark.parametrize("fail_mode", ["closed", "open"])
def test_a_client_that_can_not_be_created_is_an_outage(simple_jwt, fail_mode):
    simple_jwt(REVOCATION_FAIL_MODE=fail_mode)

    def ask(text):
        return LazyStore("token").are_revoked("x", LazyStore("family"), "f")

    if fail_mode == "open":
        assert verify_for_access(ask, "") == (False, False)
    else:
        with pytest.raises(RevocationUnavailable):
            verify_for_access(ask, "")


class Client:
    """A cluster in which only the nodes of some keys are available."""

    def __init__(self, revocations):
        self.revocations = revocations

    def exists(self, key):
        if key not in self.revocations:
            raise redis.ConnectionError("its node is down")
        return self.revocations[key]

    def pipeline(self, transaction):
        raise RedisClusterException("a node is down")


@pytest.mark.parametrize("kind", ["token", "family"])
def test_an_available_node_says_that_it_is_revoked_although_another_is_down(simple_jwt, kind):
    simple_jwt(REVOCATION_FAIL_MODE="open")
    key = RedisStore(kind)._revocation_key("x")
    store = type("Store", (RedisStore,), {"client": Client({key: 1})})

    def ask(text):
        return store("token").are_revoked("x", store("family"), "x")

    assert verify_for_access(ask, "") == (kind == "token", kind == "family")


@pytest.mark.parametrize("is_token_revoked", [False, True])
def test_stores_with_different_clients_are_asked_one_by_one(is_token_revoked):
    tokens, families = RedisStore("token"), RedisStore("family")
    of_tokens = Client({tokens._revocation_key("x"): is_token_revoked})
    of_families = Client({families._revocation_key("f"): True})
    store, family_store = (type("Store", (RedisStore,), {"client": client}) for client in (of_tokens, of_families))
    answers = store("token").are_revoked("x", family_store("family"), "f")
    assert answers == ((True, False) if is_token_revoked else (False, True))
