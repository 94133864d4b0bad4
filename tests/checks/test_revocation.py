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
# The other checks take a store that can't be imported for a store; W023 reports it.
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
    "invalid": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": [5]},
}


class StoreWithOwnClient(RedisStore):
    client = FakeRedis()


class StoreWithOwnPrefix(RedisStore):
    prefix = "own"


class NumberedToken(RefreshToken):
    def set_jti(self): ...


class NumberedSerializer(TokenRefreshSerializer):
    token_class = NumberedToken


class NumberedLogin(TokenObtainPairSerializer):
    token_class = NumberedToken


class PlainSerializer(TokenRefreshSerializer):
    token_class = type("Plain", (RefreshToken,), {})


class SerializerWithoutToken(TokenRefreshSerializer):
    token_class = None


@pytest.fixture
def caches(settings):
    settings.CACHES = CACHES


@pytest.mark.needs("no revocation")
class TestWithoutAStore:
    def test_blacklisting_after_rotation_is_reported(self, reported):
        assert "W005" in reported(BLACKLIST_AFTER_ROTATION=True)
        assert reported(BLACKLIST_AFTER_ROTATION=True, **REUSE) & {"W005", "E018", "W007"} == {"E018"}, (
            "only one of them is reported"
        )
        assert "W005" not in reported(BLACKLIST_AFTER_ROTATION=False)

    @pytest.mark.parametrize("store", [STORED, BROKEN])
    def test_a_configured_store_is_accepted(self, reported, store):
        assert not {"W005", "E018"} & reported(**ROTATION, **REUSE, **store)

    def test_reuse_detection_is_reported(self, reported):
        assert "E018" in reported(**ROTATION, **REUSE)
        assert "E018" not in reported(TOKEN_FAMILY_BLACKLIST_ON_REUSE=False)

    def test_a_logout_view_is_reported(self, reported, settings):
        settings.ROOT_URLCONF = urls(views.token_blacklist)
        assert reported(BLACKLIST_AFTER_ROTATION=True) & {"W005", "W007"} == {"W005"}, "only one of them is reported"
        settings.SIMPLE_JWT = {}
        settings.ROOT_URLCONF = urls(type("LogOut", (views.TokenBlacklistView,), {}).as_view())
        assert "W007" in reported()
        assert "W007" not in reported(**STORED)
        settings.ROOT_URLCONF = urls(views.token_verify)
        assert "W007" not in reported(REVOCATION_STORE=None)

    def test_tokens_without_ids_are_accepted(self, reported):
        assert "W031" not in reported(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=True)


@pytest.mark.needs("no families")
def test_families_without_a_store_are_an_error(reported):
    assert "E016" in reported(TOKEN_FAMILY_ENABLED=True)
    assert "E016" not in reported(TOKEN_FAMILY_ENABLED=True, **BROKEN)


@pytest.mark.needs("families")
def test_families_with_a_store_are_accepted(reported):
    assert "E016" not in reported(TOKEN_FAMILY_ENABLED=True)


@pytest.mark.needs("token_blacklist")
def test_the_blacklist_app_is_a_store_of_revoked_tokens(reported):
    assert not {"W005", "W007", "E018"} & reported(**ROTATION, **REUSE)


@pytest.mark.parametrize("name", ["TOKEN_FAMILY_CHECK_ON_ACCESS", "TOKEN_FAMILY_BLACKLIST_ON_REUSE"])
def test_family_settings_without_families_are_an_error(reported, name):
    assert "E017" in reported(TOKEN_FAMILY_ENABLED=False, **{name: True})
    assert not {"W005", "W006", "E018"} & reported(TOKEN_FAMILY_ENABLED=False, **{name: True}), (
        "only one of them is reported"
    )
    assert "E017" not in reported(TOKEN_FAMILY_ENABLED=True, **{name: True})


@pytest.mark.parametrize("rotation", [{}, {"ROTATE_REFRESH_TOKENS": True}, {"BLACKLIST_AFTER_ROTATION": True}])
def test_reuse_detection_without_rotation_is_a_warning(reported, rotation):
    assert "W006" in reported(**REUSE, **rotation)
    assert "W006" not in reported(**REUSE, **ROTATION)


def test_a_family_logout_view_without_families_is_a_warning(reported, settings):
    settings.ROOT_URLCONF = urls(views.TokenFamilyBlacklistView.as_view())
    assert "W008" in reported(TOKEN_FAMILY_ENABLED=False, **STORED)
    assert "W008" not in reported(TOKEN_FAMILY_ENABLED=True, REVOCATION_STORE=None), "E016 reports it, if anything does"
    assert "W008" not in reported(TOKEN_FAMILY_ENABLED=True, **STORED)
    settings.ROOT_URLCONF = urls()
    assert "W008" not in reported(TOKEN_FAMILY_ENABLED=False)


class TestOverriddenSetJti:
    """A successor is found by its id, so a token class that overrides set_jti has no grace period."""

    GRACE = {**ROTATION, **STORED, "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)}

    @pytest.fixture(autouse=True)
    def _no_views(self, settings):
        settings.ROOT_URLCONF = urls()

    def test_a_token_class_that_overrides_set_jti_is_named(self, reported, messages):
        assert "W040" in reported(**self.GRACE, TOKEN_REFRESH_SERIALIZER=f"{__name__}.NumberedSerializer")
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
    def test_the_token_class_of_a_view_is_found(self, reported, settings, attributes):
        classes = {"class": NumberedSerializer, "subclass": type("Sub", (NumberedSerializer,), {})}
        attributes = {name: classes.get(value, value) for name, value in attributes.items()}
        settings.ROOT_URLCONF = urls(type("Refresh", (views.TokenRefreshView,), attributes).as_view())
        assert "W040" in reported(**self.GRACE)

    @pytest.mark.parametrize(
        "values",
        [
            {"TOKEN_REFRESH_SERIALIZER": f"{__name__}.PlainSerializer"},
            {"TOKEN_REFRESH_SERIALIZER": "no.such.Serializer"},
            {"REFRESH_TOKEN_GRACE_PERIOD": timedelta(0)},
            {"BLACKLIST_AFTER_ROTATION": False},
            {"TOKEN_REFRESH_SERIALIZER": f"{__name__}.SerializerWithoutToken"},
        ],
    )
    def test_nothing_is_reported_without_a_grace_period_or_set_jti(self, reported, values):
        settings = {**self.GRACE, "TOKEN_REFRESH_SERIALIZER": f"{__name__}.NumberedSerializer"} | values
        assert "W040" not in reported(**settings)

    def test_only_refresh_serializers_are_checked(self, reported, settings):
        login = type("Login", (views.TokenObtainPairView,), {"serializer_class": NumberedLogin})
        settings.ROOT_URLCONF = urls(login.as_view(), views.token_refresh)
        assert "W040" not in reported(**self.GRACE)


class TestTokensWithoutIds:
    def test_blacklisting_after_rotation_is_a_warning(self, reported, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" in reported(JTI_CLAIM=None, BLACKLIST_AFTER_ROTATION=True, **STORED)
        assert "W031" not in reported(JTI_CLAIM="jti", BLACKLIST_AFTER_ROTATION=True, **STORED)

    def test_a_logout_view_is_a_warning(self, reported, settings):
        settings.ROOT_URLCONF = urls(views.token_blacklist)
        assert "W031" in reported(JTI_CLAIM=None, **STORED)

    @pytest.mark.needs("token_blacklist")
    def test_the_blacklist_app_is_a_warning(self, reported, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" in reported(JTI_CLAIM=None)

    @pytest.mark.needs("no token_blacklist")
    def test_families_without_blacklisting_are_accepted(self, reported, settings):
        settings.ROOT_URLCONF = urls()
        assert "W031" not in reported(JTI_CLAIM=None, TOKEN_FAMILY_ENABLED=True, **STORED)


@pytest.mark.usefixtures("caches")
class TestCaches:
    @pytest.mark.parametrize("switch", ["CACHE_BLACKLISTED_REFRESH_TOKENS", "CACHE_BLACKLISTED_FAMILIES"])
    def test_an_unknown_cache_is_an_error_if_it_is_used(self, reported, messages, switch):
        assert "E020" in reported(SJWT_CACHE_NAME="sesions", **{switch: True})
        assert [m.hint for m in messages() if m.id == "simplejwt.E020"] == [
            "Set SJWT_CACHE_NAME to one of these: 'default', 'redis', 'list', 'elsewhere', 'invalid'."
        ]
        assert "E020" not in reported(SJWT_CACHE_NAME="redis", **{switch: True})

    def test_an_unknown_cache_is_accepted_if_it_is_not_used(self, reported):
        assert "E020" not in reported(SJWT_CACHE_NAME="sesions")

    def test_a_cache_name_of_a_wrong_type_is_e004(self, reported):
        found = reported(SJWT_CACHE_NAME=[], CACHE_BLACKLISTED_FAMILIES=True)
        assert "E004" in found
        assert "E020" not in found

    def test_an_unshared_cache_is_a_warning(self, reported, settings):
        assert "W012" in reported(CACHE_BLACKLISTED_FAMILIES=True)
        assert "W012" not in reported(CACHE_BLACKLISTED_FAMILIES=False)
        assert "W012" not in reported(CACHE_BLACKLISTED_FAMILIES=True, SJWT_CACHE_NAME="redis")
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        assert "W012" in reported(CACHE_BLACKLISTED_FAMILIES=True, SJWT_CACHE_NAME="default")

    @pytest.mark.parametrize("cache", [{}, {"BACKEND": "no.such.Cache"}, {"BACKEND": "builtins.id"}])
    def test_a_broken_cache_is_left_to_django(self, reported, settings, cache):
        settings.CACHES = {"default": cache}
        assert not {"W012", "E020"} & reported(CACHE_BLACKLISTED_FAMILIES=True)


@pytest.mark.usefixtures("caches")
class TestRedisStore:
    REDIS_CHECKS = {"E020", "E021", "W013"}

    @pytest.fixture
    def redis_checks(self, reported):
        return lambda **values: reported(**{**REDIS, **values}) & self.REDIS_CHECKS

    def test_a_missing_url_is_an_error(self, redis_checks, messages):
        assert redis_checks() == {"E021"}
        assert redis_checks(SJWT_CACHE_NAME="nowhere") == {"E020"}
        assert redis_checks(REVOCATION_REDIS_URL="redis://localhost:6379/1") == set()

    def test_an_invalid_url_is_reported_without_its_password(self, redis_checks, messages):
        assert redis_checks(REVOCATION_REDIS_URL="redsi://:opensesame@localhost") == {"E021"}
        assert not any("opensesame" in f"{message.msg} {message.hint}" for message in messages())
        assert redis_checks(REVOCATION_REDIS_URL=5) == set(), "E004 reports it"

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
    def test_a_database_shared_with_a_cache_is_a_warning(self, redis_checks, name, url, shared):
        found = redis_checks(SJWT_CACHE_NAME=name, REVOCATION_REDIS_URL=url)
        assert found == ({"W013"} if shared else set())

    def test_a_subclass_is_checked_unless_it_overrides_client(self, redis_checks):
        assert redis_checks(REVOCATION_STORE=f"{__name__}.StoreWithOwnPrefix") == {"E021"}
        assert redis_checks(REVOCATION_STORE=f"{__name__}.StoreWithOwnClient") == set()

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
    def test_an_unusable_option_of_the_url_is_an_error(self, reported, messages, options, named):
        assert "E027" in reported(**REDIS, REVOCATION_REDIS_URL=f"redis://:opensesame@localhost/1?{options}")
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
    def test_valid_options_of_the_url_are_accepted(self, reported, url):
        assert "E027" not in reported(**REDIS, REVOCATION_REDIS_URL=url)

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
    def test_an_unusable_option_of_the_cache_is_an_error(self, reported, messages, settings, options, named):
        settings.CACHES = {**CACHES, "redis": {**CACHES["redis"], "OPTIONS": options}}
        assert ("E027" in reported(**REDIS, SJWT_CACHE_NAME="redis")) is (named is not None)
        assert all(named in message.msg for message in messages() if message.id == "simplejwt.E027")
        assert "E027" not in reported(**REDIS, SJWT_CACHE_NAME="redis", REVOCATION_REDIS_URL="redis://localhost/1")

    def test_families_without_end_and_tokens_without_ids_are_a_warning(self, reported):
        endless = {"TOKEN_FAMILY_LIFETIME": None, "JTI_CLAIM": None, "TOKEN_FAMILY_ENABLED": True}
        assert "W042" in reported(**REDIS, **endless)
        assert "W042" in reported(**{**endless, "REVOCATION_STORE": f"{__name__}.StoreWithOwnClient"})
        assert "W042" not in reported(**{**endless, "REVOCATION_STORE": "builtins.dict"})
        for other in ({"TOKEN_FAMILY_ENABLED": False}, {"JTI_CLAIM": "jti"}, {"TOKEN_FAMILY_LIFETIME": timedelta(1)}):
            assert "W042" not in reported(**REDIS, **{**endless, **other})

    def test_no_check_connects_to_redis(self, redis_checks):
        with (
            mock.patch("socket.socket", side_effect=AssertionError),
            mock.patch("socket.getaddrinfo", side_effect=AssertionError),
        ):
            assert redis_checks(SJWT_CACHE_NAME="redis") == {"W013"}
