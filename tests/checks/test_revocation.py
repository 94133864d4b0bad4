"""Revocation, families and the caches."""

from datetime import timedelta
from unittest import mock

import pytest
from fakeredis import FakeRedis

from rest_framework_simplejwt import views
from rest_framework_simplejwt.revocation.redis import RedisStore
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken

from .urls import urls

REDIS = {"REVOCATION_STORE": "rest_framework_simplejwt.revocation.redis.RedisStore"}
REUSE = {"TOKEN_FAMILY_BLACKLIST_ON_REUSE": True, "TOKEN_FAMILY_ENABLED": True}
ROTATION = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
STORED = {"REVOCATION_STORE": "builtins.dict"}
# Whether it imports or not, a store is meant: the other checks count on it.
BROKEN = {"REVOCATION_STORE": "no.such.Store"}

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://cache.example:6379/2"},
    "list": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": ["redis://cache.example", "rediss://replica.example:6380"],
        "OPTIONS": {"db": 7},
    },
    "elsewhere": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": "127.0.0.1:11211"},
    "odd": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": [5]},
}


class Own(RedisStore):
    client = FakeRedis()


class Named(RedisStore):
    prefix = "own"


class NumberedToken(RefreshToken):
    def set_jti(self): ...


class NumberedSerializer(TokenRefreshSerializer):
    token_class = NumberedToken


class NumberedLogin(TokenObtainPairSerializer):
    token_class = NumberedToken


class PlainSerializer(TokenRefreshSerializer):
    token_class = type("Plain", (RefreshToken,), {})


class OfNoToken(TokenRefreshSerializer):
    token_class = None


@pytest.fixture
def caches(settings):
    settings.CACHES = CACHES


@pytest.mark.needs("no revocation")
class TestWithoutAMemory:
    def test_rotation_ends_nothing(self, ids):
        assert "W005" in ids(BLACKLIST_AFTER_ROTATION=True)
        assert ids(BLACKLIST_AFTER_ROTATION=True, **REUSE) & {"W005", "E018", "W007"} == {"E018"}, "it is told once"
        assert "W005" not in ids(BLACKLIST_AFTER_ROTATION=False)

    @pytest.mark.parametrize("store", [STORED, BROKEN])
    def test_a_store_remembers(self, ids, store):
        assert not {"W005", "E018"} & ids(**ROTATION, **REUSE, **store)

    def test_reuse_is_not_noticed(self, ids):
        assert "E018" in ids(**ROTATION, **REUSE)
        assert "E018" not in ids(TOKEN_FAMILY_BLACKLIST_ON_REUSE=False)

    def test_a_log_out_ends_nothing(self, ids, settings):
        settings.ROOT_URLCONF = urls(views.token_blacklist)
        assert ids(BLACKLIST_AFTER_ROTATION=True) & {"W005", "W007"} == {"W005"}, "it is told once"
        settings.SIMPLE_JWT = {}
        settings.ROOT_URLCONF = urls(type("LogOut", (views.TokenBlacklistView,), {}).as_view())
        assert "W007" in ids()
        assert "W007" not in ids(**STORED)
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert "W007" not in ids(REVOCATION_STORE=None)

    def test_a_token_needs_no_name(self, ids):
        assert "W031" not in ids(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=True)


@pytest.mark.needs("no families")
def test_families_need_a_memory(ids):
    assert "E016" in ids(TOKEN_FAMILY_ENABLED=True)
    assert "E016" not in ids(TOKEN_FAMILY_ENABLED=True, **BROKEN)


@pytest.mark.needs("families")
def test_families_that_are_remembered_are_left_alone(ids):
    assert "E016" not in ids(TOKEN_FAMILY_ENABLED=True)


@pytest.mark.needs("token_blacklist")
def test_a_memory_of_tokens_is_enough(ids):
    assert not {"W005", "W007", "E018"} & ids(**ROTATION, **REUSE)


@pytest.mark.parametrize("name", ["TOKEN_FAMILY_CHECK_ON_ACCESS", "TOKEN_FAMILY_BLACKLIST_ON_REUSE"])
def test_the_switches_of_families_need_families(ids, name):
    assert "E017" in ids(TOKEN_FAMILY_ENABLED=False, **{name: True})
    assert not {"W005", "W006", "E018"} & ids(TOKEN_FAMILY_ENABLED=False, **{name: True}), "it is told once"
    assert "E017" not in ids(TOKEN_FAMILY_ENABLED=True, **{name: True})


@pytest.mark.parametrize("rotation", [{}, {"ROTATE_REFRESH_TOKENS": True}, {"BLACKLIST_AFTER_ROTATION": True}])
def test_reuse_needs_rotation_to_be_theft(ids, rotation):
    assert "W006" in ids(**REUSE, **rotation)
    assert "W006" not in ids(**REUSE, **ROTATION)


def test_a_family_log_out_needs_families(ids, settings):
    settings.ROOT_URLCONF = urls(views.TokenFamilyBlacklistView.as_view())
    assert "W008" in ids(TOKEN_FAMILY_ENABLED=False, **STORED)
    assert "W008" not in ids(TOKEN_FAMILY_ENABLED=True, REVOCATION_STORE=None), "that is E016, if anything"
    assert "W008" not in ids(TOKEN_FAMILY_ENABLED=True, **STORED)
    settings.ROOT_URLCONF = urls()
    assert "W008" not in ids(TOKEN_FAMILY_ENABLED=False)


class TestIdsOfTheProjectsOwn:
    """A successor is found by its id, so a token class that makes ids of its own has no grace period."""

    GRACE = {**ROTATION, **STORED, "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)}

    @pytest.fixture(autouse=True)
    def _no_views(self, settings):
        settings.ROOT_URLCONF = urls()

    def test_the_class_is_named(self, ids, messages):
        assert "W040" in ids(**self.GRACE, TOKEN_REFRESH_SERIALIZER=f"{__name__}.NumberedSerializer")
        [message] = [message for message in messages() if message.id == "simplejwt.W040"]
        assert f"{__name__}.NumberedToken" in message.msg
        assert f"{__name__}.NumberedToken" in message.hint

    @pytest.mark.parametrize(
        "attributes",
        [
            {"serializer_class": "class"},
            {"_serializer_class": f"{__name__}.NumberedSerializer"},
            {"serializer_class": "subclass"},
        ],
    )
    def test_so_is_that_of_a_view(self, ids, settings, attributes):
        classes = {"class": NumberedSerializer, "subclass": type("Sub", (NumberedSerializer,), {})}
        attributes = {name: classes.get(value, value) for name, value in attributes.items()}
        settings.ROOT_URLCONF = urls(type("Refresh", (views.TokenRefreshView,), attributes).as_view())
        assert "W040" in ids(**self.GRACE)

    @pytest.mark.parametrize(
        "sound",
        [
            {"TOKEN_REFRESH_SERIALIZER": f"{__name__}.PlainSerializer"},
            {"TOKEN_REFRESH_SERIALIZER": "no.such.Serializer"},
            {"REFRESH_TOKEN_GRACE_PERIOD": timedelta(0)},
            {"BLACKLIST_AFTER_ROTATION": False},
            {"TOKEN_REFRESH_SERIALIZER": f"{__name__}.OfNoToken"},
        ],
    )
    def test_without_grace_or_ids_of_its_own_nothing_is_told(self, ids, sound):
        values = {**self.GRACE, "TOKEN_REFRESH_SERIALIZER": f"{__name__}.NumberedSerializer"} | sound
        assert "W040" not in ids(**values)

    def test_only_a_serializer_that_refreshes_counts(self, ids, settings):
        login = type("Login", (views.TokenObtainPairView,), {"serializer_class": NumberedLogin})
        settings.ROOT_URLCONF = urls(login.as_view(), views.token_refresh)
        assert "W040" not in ids(**self.GRACE)


class TestNamelessTokens:
    def test_they_can_not_be_blacklisted_after_rotation(self, ids, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" in ids(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=True, **STORED)
        assert "W031" not in ids(JTI_CLAIM="jti", BLACKLIST_AFTER_ROTATION=True, **STORED)

    def test_nor_by_a_log_out(self, ids, settings):
        settings.ROOT_URLCONF = urls(views.token_blacklist)
        assert "W031" in ids(JTI_CLAIM=None, **STORED)

    @pytest.mark.needs("token_blacklist")
    def test_nor_by_the_app(self, ids, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" in ids(JTI_CLAIM=None)

    @pytest.mark.needs("no token_blacklist")
    def test_with_families_alone_they_need_not_be(self, ids, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" not in ids(JTI_CLAIM=None, TOKEN_FAMILY_ENABLED=True, **STORED)


@pytest.mark.usefixtures("caches")
class TestCaches:
    @pytest.mark.parametrize("switch", ["CACHE_BLACKLISTED_REFRESH_TOKENS", "CACHE_BLACKLISTED_FAMILIES"])
    def test_the_one_to_use_must_be_there(self, ids, messages, switch):
        assert "E020" in ids(SJWT_CACHE_NAME="sesions", **{switch: True})
        assert [m.hint for m in messages() if m.id == "simplejwt.E020"] == [
            "Write one of these: 'default', 'redis', 'list', 'elsewhere', 'odd'."
        ]
        assert "E020" not in ids(SJWT_CACHE_NAME="redis", **{switch: True})

    def test_one_that_is_not_used_need_not(self, ids):
        assert "E020" not in ids(SJWT_CACHE_NAME="sesions")

    def test_a_name_of_another_type_is_told_as_that(self, ids):
        found = ids(SJWT_CACHE_NAME=[], CACHE_BLACKLISTED_FAMILIES=True)
        assert "E004" in found
        assert "E020" not in found

    def test_one_that_no_two_processes_share_saves_nothing(self, ids, settings):
        assert "W012" in ids(CACHE_BLACKLISTED_FAMILIES=True)
        assert "W012" not in ids(CACHE_BLACKLISTED_FAMILIES=False)
        assert "W012" not in ids(CACHE_BLACKLISTED_FAMILIES=True, SJWT_CACHE_NAME="redis")
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        assert "W012" in ids(CACHE_BLACKLISTED_FAMILIES=True, SJWT_CACHE_NAME="default")

    @pytest.mark.parametrize("cache", [{}, {"BACKEND": "no.such.Cache"}, {"BACKEND": "builtins.id"}])
    def test_a_broken_one_is_none_of_ours(self, ids, settings, cache):
        settings.CACHES = {"default": cache}
        assert not {"W012", "E020"} & ids(CACHE_BLACKLISTED_FAMILIES=True)


@pytest.mark.usefixtures("caches")
class TestRedisStore:
    OURS = {"E020", "E021", "W013"}

    @pytest.fixture
    def told(self, ids):
        return lambda **values: ids(**{**REDIS, **values}) & self.OURS

    def test_it_must_know_where_to_connect(self, told, messages):
        assert told() == {"E021"}
        assert told(SJWT_CACHE_NAME="nowhere") == {"E020"}
        assert told(REVOCATION_REDIS_URL="redis://localhost:6379/1") == set()

    def test_a_url_that_is_none_is_told_without_the_password_in_it(self, told, messages):
        assert told(REVOCATION_REDIS_URL="redsi://:opensesame@localhost") == {"E021"}
        assert not any("opensesame" in f"{message.msg} {message.hint}" for message in messages())
        assert told(REVOCATION_REDIS_URL=5) == set(), "that is E004"

    @pytest.mark.parametrize(
        ("name", "url", "shared"),
        [
            ("redis", None, True),
            ("redis", "redis://cache.example/2", True),
            ("redis", "redis://cache.example:6379/1", False),
            ("redis", "redis://elsewhere.example:6379/2", False),
            ("redis", "rediss://replica.example:6380/7", True),
            ("redis", "unix:///run/redis.sock", False),
            ("list", None, True),
        ],
    )
    def test_it_should_not_share_its_database_with_a_cache(self, told, name, url, shared):
        found = told(SJWT_CACHE_NAME=name, REVOCATION_REDIS_URL=url)
        assert found == ({"W013"} if shared else set())

    def test_a_subclass_counts_unless_it_connects_by_itself(self, told):
        assert told(REVOCATION_STORE=f"{__name__}.Named") == {"E021"}
        assert told(REVOCATION_STORE=f"{__name__}.Own") == set()

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ("foo=bar", "'foo'"),
            ("protocol=7", "protocol"),
            ("encoding=latin-1", "latin-1"),
            ("encoding=utf-16", "encoding"),
            ("retry_on_error=TimeoutError", "retry_on_error"),
            ("retry=3", "update_supported_errors"),
            ("credential_provider=vault", "credential_provider"),
        ],
    )
    def test_an_option_that_redis_py_does_not_take_in_a_url_is_told(self, ids, messages, options, named):
        assert "E027" in ids(**REDIS, REVOCATION_REDIS_URL=f"redis://:opensesame@localhost/1?{options}")
        (found,) = [message for message in messages() if message.id == "simplejwt.E027"]
        assert named in found.msg
        assert "opensesame" not in found.msg

    @pytest.mark.parametrize(
        "url",
        [
            "redis://localhost/1?socket_timeout=2&health_check_interval=30&max_connections=9&decode_responses=True",
            "redis://me:opensesame@localhost/1?protocol=3&client_name=us&encoding=UTF-8",
            "rediss://localhost/1?ssl_cert_reqs=none&ssl_ca_certs=/etc/ssl/ca.pem&ssl_check_hostname=no",
            "unix:///run/redis.sock?db=3",
        ],
    )
    def test_whatever_it_takes_is_fine(self, ids, url):
        assert "E027" not in ids(**REDIS, REVOCATION_REDIS_URL=url)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            (None, None),
            ({"db": 2, "password": "opensesame", "parser_class": "x.Y", "health_check_interval": 30}, None),
            ({"CLIENT_CLASS": "x.DefaultClient", "PASSWORD": "opensesame", "SOCKET_TIMEOUT": 5}, None),
            ({"CONNECTION_POOL_KWARGS": {"max_connections": 50, "socket_keepalive_options": {}}}, None),
            ({"CONNECTION_POOL_KWARGS": {"timeout": 20}}, "'timeout'"),
            ({"pool_class": "redis.BlockingConnectionPool", "timeout": 20}, "'timeout'"),
            ({"CLIENT_CLASS": "x.SentinelClient", "SENTINELS": [("sentinel.example", 26379)]}, "SENTINELS"),
            ({"REDIS_CLIENT_CLASS": "redis.cluster.RedisCluster"}, "REDIS_CLIENT_CLASS"),
        ],
    )
    def test_so_is_an_option_of_the_cache(self, ids, messages, settings, options, named):
        settings.CACHES = {**CACHES, "redis": {**CACHES["redis"], "OPTIONS": options}}
        assert ("E027" in ids(**REDIS, SJWT_CACHE_NAME="redis")) is (named is not None)
        assert all(named in message.msg for message in messages() if message.id == "simplejwt.E027")
        assert "E027" not in ids(**REDIS, SJWT_CACHE_NAME="redis", REVOCATION_REDIS_URL="redis://localhost/1")

    def test_families_that_nobody_can_see_the_end_of_are_told(self, ids):
        endless = {"TOKEN_FAMILY_LIFETIME": None, "JTI_CLAIM": None, "TOKEN_FAMILY_ENABLED": True}
        assert "W042" in ids(**REDIS, **endless)
        assert "W042" in ids(**{**endless, "REVOCATION_STORE": f"{__name__}.Own"})
        assert "W042" not in ids(**{**endless, "REVOCATION_STORE": "builtins.dict"})
        for other in ({"TOKEN_FAMILY_ENABLED": False}, {"JTI_CLAIM": "jti"}, {"TOKEN_FAMILY_LIFETIME": timedelta(1)}):
            assert "W042" not in ids(**REDIS, **{**endless, **other})

    def test_nothing_connects(self, told):
        with (
            mock.patch("socket.socket", side_effect=AssertionError),
            mock.patch("socket.getaddrinfo", side_effect=AssertionError),
        ):
            assert told(SJWT_CACHE_NAME="redis") == {"W013"}
