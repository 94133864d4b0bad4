import copy
import pickle
from datetime import timedelta
from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from rest_framework_simplejwt import settings as module
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import APISettings, api_settings, reload_api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken

EARLY = api_settings  # imported before any change of the settings


@pytest.mark.parametrize("name", module.DEFAULTS)
def test_every_setting_has_a_doc_and_a_value(name):
    assert vars(APISettings)[name].__doc__
    assert isinstance(getattr(APISettings, name), module.Setting)
    getattr(api_settings, name)


def test_the_defaults_of_all_settings():
    off = dict.fromkeys(
        """ROTATE_REFRESH_TOKENS BLACKLIST_AFTER_ROTATION UPDATE_LAST_LOGIN TOKEN_FAMILY_ENABLED
        TOKEN_FAMILY_CHECK_ON_ACCESS TOKEN_FAMILY_BLACKLIST_ON_REUSE CACHE_BLACKLISTED_REFRESH_TOKENS
        CACHE_BLACKLISTED_FAMILIES CHECK_REVOKE_TOKEN""".split(),
        False,
    )
    unset = dict.fromkeys("AUDIENCE ISSUER JSON_ENCODER JWK_URL".split())
    serializers = {
        "TOKEN_OBTAIN_SERIALIZER": "TokenObtainPairSerializer",
        "TOKEN_REFRESH_SERIALIZER": "TokenRefreshSerializer",
        "TOKEN_VERIFY_SERIALIZER": "TokenVerifySerializer",
        "TOKEN_BLACKLIST_SERIALIZER": "TokenBlacklistSerializer",
        "SLIDING_TOKEN_OBTAIN_SERIALIZER": "TokenObtainSlidingSerializer",
        "SLIDING_TOKEN_REFRESH_SERIALIZER": "TokenRefreshSlidingSerializer",
        "TOKEN_FAMILY_BLACKLIST_SERIALIZER": "TokenFamilyBlacklistSerializer",
    }
    own = {
        "REFRESH_TOKEN_GRACE_PERIOD": timedelta(0),
        "JWK_TIMEOUT": 2,
        "JWK_ALLOW_HTTP": False,
        "ACCESS_TOKEN_PROFILE": None,
        "ACCESS_TOKEN_PROFILE_REQUIRED": True,
        "CLIENT_ID": None,
        "SIGNING_KEYS": (),
        "VERIFYING_KEYS": (),
        "SIGNING_KEYS_DIR": None,
        "JWKS_MAX_AGE": 300,
        "TRUSTED_ISSUERS": (),
        "USER_FROM_CLAIMS": None,
        "REVOCATION_STORE": None,
        "REVOCATION_REDIS_URL": None,
        "REVOCATION_FAIL_MODE": "closed",
        "STORE_OUTSTANDING_TOKENS": "full",
        "MAX_TOKEN_LENGTH": 8192,
        "VERIFIED_TOKEN_CACHE_SIZE": 1024,
    }
    assert module.DEFAULTS == {
        **own,
        **off,
        **unset,
        **{name: f"rest_framework_simplejwt.serializers.{cls}" for name, cls in serializers.items()},
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
        "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
        "SLIDING_TOKEN_LIFETIME": timedelta(minutes=5),
        "SLIDING_TOKEN_REFRESH_LIFETIME": timedelta(days=1),
        "TOKEN_FAMILY_LIFETIME": timedelta(days=30),
        "ALGORITHM": "HS256",
        "SIGNING_KEY": django_settings.SECRET_KEY,
        "VERIFYING_KEY": "",
        "LEEWAY": 0,
        "SJWT_CACHE_NAME": "default",
        "CACHE_TTL_BLACKLISTED_REFRESH_TOKENS": 3600,
        "CACHE_TTL_BLACKLISTED_FAMILIES": 3600,
        "CACHE_KEY_PREFIX_BLACKLISTED_REFRESH_TOKENS": "sjwt_brt",
        "CACHE_KEY_PREFIX_BLACKLISTED_FAMILIES": "sjwt_btf",
        "AUTH_HEADER_TYPES": ("Bearer",),
        "AUTH_HEADER_NAME": "HTTP_AUTHORIZATION",
        "USER_ID_FIELD": "id",
        "USER_ID_CLAIM": "user_id",
        "USER_AUTHENTICATION_RULE": "rest_framework_simplejwt.authentication.default_user_authentication_rule",
        "ON_LOGIN_SUCCESS": "rest_framework_simplejwt.serializers.default_on_login_success",
        "ON_LOGIN_FAILED": "rest_framework_simplejwt.serializers.default_on_login_failed",
        "AUTH_TOKEN_CLASSES": ("rest_framework_simplejwt.tokens.AccessToken",),
        "TOKEN_TYPE_CLAIM": "token_type",
        "JTI_CLAIM": "jti",
        "TOKEN_FAMILY_CLAIM": "family_id",
        "TOKEN_FAMILY_EXPIRATION_CLAIM": "family_exp",
        "TOKEN_USER_CLASS": "rest_framework_simplejwt.models.TokenUser",
        "SLIDING_TOKEN_REFRESH_EXP_CLAIM": "refresh_exp",
        "REVOKE_TOKEN_CLAIM": "hash_password",
        "REVOKE_TOKEN_HASHER": "rest_framework_simplejwt.users.md5_fingerprint",
        "CHECK_USER_IS_ACTIVE": True,
    }


def test_the_import_strings_of_all_settings():
    assert set(module.IMPORT_STRINGS) == {
        "AUTH_TOKEN_CLASSES",
        "JSON_ENCODER",
        "TOKEN_USER_CLASS",
        "USER_AUTHENTICATION_RULE",
        "ON_LOGIN_SUCCESS",
        "ON_LOGIN_FAILED",
        "REVOKE_TOKEN_HASHER",
        "USER_FROM_CLAIMS",
        "REVOCATION_STORE",
    }


def test_a_setting_that_the_project_does_not_set_has_its_default():
    assert APISettings({}).ACCESS_TOKEN_LIFETIME == timedelta(minutes=5)
    assert APISettings({}).SIGNING_KEY == django_settings.SECRET_KEY


def test_the_value_of_the_project_has_priority():
    assert APISettings({"LEEWAY": 7}).LEEWAY == 7


def test_a_subclass_may_add_settings_of_its_own():
    own = APISettings({"PAINT": "red"}, {**module.DEFAULTS, "PAINT": None, "SIZE": 3}, module.IMPORT_STRINGS)
    assert (own.PAINT, own.SIZE) == ("red", 3)
    own.reload({"PAINT": "blue"})
    assert own.PAINT == "blue"


def test_an_unknown_setting_raises_attribute_error():
    with pytest.raises(AttributeError, match="NO_SUCH_THING"):
        api_settings.NO_SUCH_THING  # noqa: B018


@pytest.mark.parametrize("name", module.REMOVED_SETTINGS)
def test_a_removed_setting_raises_runtime_error(name):
    with pytest.raises(RuntimeError, match=name):
        APISettings({name: "x"})


def test_a_removed_setting_in_override_settings_raises_runtime_error():
    with pytest.raises(RuntimeError, match="SECRET_KEY"), override_settings(SIMPLE_JWT={"SECRET_KEY": "x"}):
        pass


def test_import_strings_are_imported():
    settings = APISettings({"TOKEN_USER_CLASS": "rest_framework_simplejwt.tokens.Token"})
    assert settings.TOKEN_USER_CLASS.__name__ == "Token"
    assert list(settings.AUTH_TOKEN_CLASSES) == [AccessToken]


@pytest.mark.parametrize("value", ["JWT", ("JWT",), ["JWT"]])
def test_one_header_type_may_be_a_plain_string(value):
    settings = APISettings({"AUTH_HEADER_TYPES": value})
    assert settings.AUTH_HEADER_TYPES == ("JWT",)
    assert settings.AUTH_HEADER_TYPES == ("JWT",), "also when read again"


def test_override_settings_reaches_early_importers_and_is_undone():
    before = EARLY.LEEWAY
    with override_settings(SIMPLE_JWT={"LEEWAY": 99}):
        assert EARLY.LEEWAY == 99
        assert module.api_settings is EARLY
    assert EARLY.LEEWAY == before


def test_the_default_signing_key_follows_secret_key():
    with override_settings(SECRET_KEY="x" * 50, SIMPLE_JWT={}):
        assert EARLY.SIGNING_KEY == "x" * 50
    assert EARLY.SIGNING_KEY == django_settings.SECRET_KEY


def test_other_settings_of_django_change_nothing():
    api_settings.LEEWAY = 5
    try:
        with override_settings(DEBUG=True):
            assert api_settings.LEEWAY == 5
    finally:
        del api_settings.LEEWAY


def test_a_reload_discards_an_assigned_value(simple_jwt):
    simple_jwt(LEEWAY=1)
    api_settings.LEEWAY = 5
    reload_api_settings(setting="SIMPLE_JWT", value={"LEEWAY": 2})
    assert api_settings.LEEWAY == 2


def test_a_reload_without_a_value_restores_the_defaults(simple_jwt):
    simple_jwt(LEEWAY=1)
    reload_api_settings(setting="SIMPLE_JWT", value=None)
    assert api_settings.LEEWAY == 0


def test_a_cached_value_may_be_deleted_and_is_read_again(simple_jwt):
    simple_jwt(LEEWAY=1)
    assert api_settings.LEEWAY == 1
    del api_settings.LEEWAY
    assert api_settings.LEEWAY == 1


def test_a_value_may_be_deleted_before_a_reload(simple_jwt):
    assert api_settings.LEEWAY == 0
    del api_settings.LEEWAY
    simple_jwt(LEEWAY=3)
    assert api_settings.LEEWAY == 3


def test_a_value_may_be_patched(simple_jwt):
    with mock.patch("rest_framework_simplejwt.settings.api_settings.LEEWAY", 42):
        assert api_settings.LEEWAY == 42
    assert api_settings.LEEWAY == 0


def edit_item(values):
    values["LEEWAY"] = 3


def delete_and_set(values):
    values.setdefault("LEEWAY", 1)
    del values["LEEWAY"]
    values |= {"LEEWAY": 3}


@pytest.mark.parametrize("edit", [edit_item, delete_and_set, lambda values: values.update(LEEWAY=3)])
def test_an_edit_of_user_settings_takes_effect_at_once(simple_jwt, edit):
    simple_jwt()
    assert api_settings.LEEWAY == 0
    edit(api_settings.user_settings)
    assert api_settings.LEEWAY == 3


def test_user_settings_may_be_patched(simple_jwt):
    simple_jwt(LEEWAY=1)
    with mock.patch.dict(api_settings.user_settings, {"LEEWAY": 2}):
        assert api_settings.LEEWAY == 2
    assert api_settings.LEEWAY == 1


def test_an_edit_of_user_settings_does_not_change_simple_jwt(simple_jwt):
    simple_jwt(LEEWAY=1)
    assert isinstance(api_settings.user_settings, dict)
    api_settings.user_settings["LEEWAY"] = 2
    assert django_settings.SIMPLE_JWT["LEEWAY"] == 1


def test_an_edit_of_user_settings_keeps_assigned_values(simple_jwt):
    simple_jwt()
    api_settings.LEEWAY = 5
    api_settings.user_settings["ISSUER"] = "us"
    assert api_settings.LEEWAY == 5


def test_user_settings_can_be_edited_without_a_settings_object():
    module.UserSettings(LEEWAY=1).clear()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda values: pickle.loads(pickle.dumps(values))])
def test_a_copy_of_user_settings_is_a_plain_dict(simple_jwt, copied):
    simple_jwt(LEEWAY=1)
    plain = copied(api_settings.user_settings)
    plain["LEEWAY"] = 2
    assert type(plain) is dict
    assert api_settings.LEEWAY == 1


class TestDeleting:
    """Test suites delete a setting so that it is read again."""

    def test_a_setting_that_was_edited_raises_nothing(self, simple_jwt):
        simple_jwt(LEEWAY=1)
        assert api_settings.LEEWAY == 1
        api_settings.user_settings.pop("LEEWAY")
        delattr(api_settings, "LEEWAY")
        assert api_settings.LEEWAY == 0

    def test_a_setting_that_was_never_read_raises_nothing(self, simple_jwt):
        simple_jwt()
        del api_settings.CLIENT_ID
        del api_settings.CLIENT_ID

    def test_an_unknown_setting_raises(self):
        with pytest.raises(AttributeError):
            del api_settings.NO_SUCH_THING


class TestLifetimes:
    KINDS = [(AccessToken, "ACCESS_TOKEN"), (RefreshToken, "REFRESH_TOKEN"), (SlidingToken, "SLIDING_TOKEN")]

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    def test_they_follow_the_settings(self, simple_jwt, kind, name):
        simple_jwt(**{f"{name}_LIFETIME": timedelta(hours=7)})
        token = kind()
        assert kind.lifetime == token.lifetime == timedelta(hours=7)
        assert token["exp"] - token["iat"] == 7 * 3600

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    def test_a_subclass_may_set_its_own(self, simple_jwt, kind, name):
        own = type("Own", (kind,), {"lifetime": timedelta(seconds=5)})
        simple_jwt(**{f"{name}_LIFETIME": timedelta(hours=7)})
        assert own()["exp"] - own()["iat"] == 5

    @pytest.mark.parametrize(("kind", "name"), KINDS)
    def test_they_follow_the_settings_again_after_a_patch(self, simple_jwt, kind, name):
        with mock.patch.object(kind, "lifetime", timedelta(seconds=5)):
            assert kind()["exp"] - kind()["iat"] == 5
        simple_jwt(**{f"{name}_LIFETIME": timedelta(hours=7)})
        assert kind.lifetime == timedelta(hours=7)

    def test_an_instance_may_have_its_own(self):
        token = AccessToken()
        token.lifetime = timedelta(seconds=5)
        token.set_exp()
        assert token["exp"] - token["iat"] == 5

    def test_of_an_access_token_of_a_refresh_token(self, simple_jwt):
        refresh = RefreshToken()
        simple_jwt(ACCESS_TOKEN_LIFETIME=timedelta(seconds=1))
        assert refresh.access_token["exp"] - refresh.access_token["iat"] == 1


class TestEditsOfSimpleJWT:
    """Code of the project edits its own dict, `settings.SIMPLE_JWT`, after the settings were loaded."""

    @pytest.fixture
    def project_dict(self, simple_jwt):
        simple_jwt(ISSUER="us")
        return django_settings.SIMPLE_JWT

    def test_a_setting_may_be_added(self, project_dict):
        project_dict["LEEWAY"] = 3
        assert EARLY.LEEWAY == 3
        assert EARLY.user_settings == {**project_dict}

    def test_a_setting_may_be_removed(self, project_dict):
        assert project_dict.pop("ISSUER") == "us"
        assert EARLY.ISSUER is None

    def test_reading_generation_applies_edits(self, project_dict):
        assert EARLY.LEEWAY == 0
        project_dict["LEEWAY"] = 3
        assert EARLY.generation
        assert EARLY.LEEWAY == 3

    @pytest.mark.parametrize(("kind", "name"), TestLifetimes.KINDS)
    def test_an_edited_lifetime_applies_to_the_next_token(self, project_dict, kind, name):
        assert kind.lifetime == kind().lifetime
        project_dict[f"{name}_LIFETIME"] = timedelta(hours=7)
        token = kind()
        assert token["exp"] - token["iat"] == 7 * 3600
        project_dict[f"{name}_LIFETIME"] = timedelta(hours=8)
        assert kind.lifetime == timedelta(hours=8)

    def test_an_edited_claim_name_applies_to_the_next_token(self, project_dict):
        assert "jti" in AccessToken()
        project_dict.update(JTI_CLAIM="id", TOKEN_TYPE_CLAIM="kind")
        assert {"id", "kind"} <= set(AccessToken().payload)

    def test_an_edited_signing_key_replaces_the_backend(self, project_dict):
        old = str(AccessToken())
        project_dict["SIGNING_KEY"] = "another key of more than thirty-two bytes"
        assert AccessToken(str(AccessToken()))
        with pytest.raises(TokenError):
            AccessToken(old)

    def test_edits_of_user_settings_are_kept(self, project_dict):
        EARLY.user_settings["CLIENT_ID"] = "edited"
        project_dict["LEEWAY"] = 3
        assert (EARLY.CLIENT_ID, EARLY.LEEWAY) == ("edited", 3)

    def test_a_removed_setting_raises_when_any_setting_is_read(self, project_dict):
        project_dict["SECRET_KEY"] = "x"
        with pytest.raises(RuntimeError, match="SECRET_KEY"):
            EARLY.CLIENT_ID  # noqa: B018
        del project_dict["SECRET_KEY"]

    def test_simple_jwt_may_be_assigned_later(self, settings):
        del settings.SIMPLE_JWT
        assert EARLY.ISSUER is None
        django_settings.SIMPLE_JWT = {"LEEWAY": 3}
        assert EARLY.LEEWAY == 3

    def test_an_empty_simple_jwt_may_be_filled(self, settings):
        settings.SIMPLE_JWT = {}
        assert EARLY.ISSUER is None
        django_settings.SIMPLE_JWT["ISSUER"] = "us"
        assert EARLY.generation
        assert EARLY.ISSUER == "us"

    def test_secret_key_may_be_assigned_later(self, settings):
        settings.SIMPLE_JWT = {}
        django_settings.SECRET_KEY = "x" * 50
        assert EARLY.SIGNING_KEY == "x" * 50

    def test_an_object_with_its_own_dict_applies_its_edits(self):
        own = {"LEEWAY": 1}
        mine = APISettings(own)
        own["ISSUER"] = "mine"
        assert (mine.LEEWAY, mine.ISSUER) == (1, "mine")

    def test_an_object_without_a_dict_applies_edits_of_simple_jwt(self, project_dict):
        mine = APISettings()
        project_dict["LEEWAY"] = 3
        assert (mine.LEEWAY, mine.ISSUER) == (3, "us")


@pytest.mark.parametrize("value", [["ISSUER"], "ISSUER", 5, ("ISSUER", "us")])
def test_a_value_other_than_a_dict_raises_when_a_setting_is_read(value):
    with override_settings(SIMPLE_JWT=value):
        assert api_settings.user_settings == {}
        with pytest.raises(ImproperlyConfigured, match=f"must be a dict, not {type(value).__name__}"):
            api_settings.ISSUER  # noqa: B018
    assert api_settings.ISSUER is None


def test_no_copy_claims_follow_the_settings(simple_jwt):
    simple_jwt(JTI_CLAIM="id", TOKEN_TYPE_CLAIM="kind")
    assert RefreshToken.no_copy_claims == ("kind", "exp", "id", "jti", "iat")


def test_ready_of_the_apps_reads_no_setting(simple_jwt):
    """The `ready()` of another app may still edit the settings."""
    simple_jwt()
    for config in apps.get_app_configs():
        if config.name.startswith("rest_framework_simplejwt"):
            config.ready()
    assert module.DEFAULTS.keys().isdisjoint(vars(api_settings))
