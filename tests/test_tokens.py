"""The token classes: claims, times, verification, records, families and limits."""

import logging
from datetime import datetime, timedelta, timezone
from unittest import mock

import pytest
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.utils.functional import SimpleLazyObject

from rest_framework_simplejwt import jws, revocation, tokens, users
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    ExpiredTokenError,
    RefreshTokenBlacklistedError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.mixins import check_not_revoked
from rest_framework_simplejwt.models import TokenUser
from rest_framework_simplejwt.revocation import can_revoke_tokens
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.state import token_backend
from rest_framework_simplejwt.tokens import (
    AccessToken,
    BlacklistMixin,
    FamilyMixin,
    RefreshToken,
    SlidingToken,
    Token,
    UntypedToken,
)
from rest_framework_simplejwt.utils import datetime_to_epoch, make_utc

TOKEN_CLASSES = [AccessToken, RefreshToken, SlidingToken, UntypedToken]
BLACKLIST_METHODS = ["blacklist", "check_blacklist"]
FAMILY_METHODS = [
    "check_family_blacklist",
    "check_family_expiration",
    "get_family_id",
    "get_family_expiration_date",
    "blacklist_family",
]
MINUTE = timedelta(minutes=1)
LATER = timedelta(seconds=30)


class MinuteToken(Token):
    token_type = "minute"
    lifetime = MINUTE


def frozen_at(moment):
    """Patch the clock that tokens read: the current time is ``moment``."""
    return mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", return_value=moment)


@pytest.fixture
def now():
    return make_utc(datetime(2030, 1, 1, 12, 0, 0))


class TestNewToken:
    def test_it_has_a_type_times_and_an_id(self, now):
        with frozen_at(now):
            token = MinuteToken()
        jti = token.payload["jti"]
        assert token.payload == {
            "token_type": "minute",
            "iat": datetime_to_epoch(now),
            "exp": datetime_to_epoch(now) + 60,
            "jti": jti,
        }
        assert len(jti) == 32
        assert int(jti, 16)
        assert token.current_time == now
        assert token.token is None

    def test_each_token_has_a_unique_id(self):
        assert MinuteToken()["jti"] != MinuteToken()["jti"]

    @pytest.mark.parametrize(("name", "life"), [(None, MINUTE), ("x", None)])
    def test_a_class_without_type_or_lifetime_cannot_be_instantiated(self, name, life):
        class Incomplete(Token):
            token_type = name
            lifetime = life

        with pytest.raises(TokenError, match="^Cannot create token with no type or lifetime$"):
            Incomplete()

    def test_disabled_claims_are_absent(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM=None, JTI_CLAIM=None)
        token = MinuteToken()
        assert set(token.payload) == {"exp", "iat"}
        assert MinuteToken(str(token)).payload == token.payload

    def test_claim_names_follow_the_settings(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM="typ", JTI_CLAIM="id")
        assert set(MinuteToken().payload) == {"typ", "id", "exp", "iat"}

    @pytest.mark.parametrize(
        ("token_class", "name", "life"),
        [
            (AccessToken, "access", timedelta(minutes=5)),
            (RefreshToken, "refresh", timedelta(days=1)),
            (SlidingToken, "sliding", timedelta(minutes=5)),
            (UntypedToken, "untyped", timedelta(0)),
        ],
    )
    def test_each_class_has_its_type_and_default_lifetime(self, token_class, name, life):
        token = token_class()
        assert token["token_type"] == token_class.token_type == name
        assert token["exp"] - token["iat"] == token_class.lifetime.total_seconds() == life.total_seconds()

    def test_refresh_exp_of_a_sliding_token_is_one_day_after_iat(self):
        token = SlidingToken()
        assert token["refresh_exp"] - token["iat"] == 86400

    def test_passing_none_creates_a_new_token(self):
        assert RefreshToken(None)["token_type"] == "refresh"


class TestDecodedToken:
    @pytest.mark.parametrize("token_class", [AccessToken, RefreshToken, SlidingToken])
    @pytest.mark.parametrize("encoding", [str, str.encode])
    @pytest.mark.django_db
    def test_it_has_the_signed_claims(self, token_class, encoding):
        token = token_class()
        text = encoding(str(token))
        again = token_class(text)
        assert again.payload == token.payload
        assert again.token == text

    @pytest.mark.parametrize("text", ["", "garbage", b"garbage", "a.b.c"])
    def test_malformed_text_is_rejected(self, text):
        with pytest.raises(TokenError) as caught:
            RefreshToken(text)
        assert str(caught.value) == str(caught.value.args[0]) == "Token is invalid"
        assert isinstance(caught.value.__cause__, TokenBackendError)

    def test_an_expired_token_raises_expired_token_error(self):
        token = MinuteToken()
        token.set_exp(lifetime=-MINUTE)
        with pytest.raises(ExpiredTokenError, match="^Token is expired$") as caught:
            MinuteToken(str(token))
        assert isinstance(caught.value.__cause__, TokenBackendExpiredToken)

    def test_expiry_is_also_checked_against_the_clock_of_tokens(self, now):
        text = str(MinuteToken())
        with frozen_at(now), pytest.raises(TokenError, match="^Token 'exp' claim has expired$"):
            MinuteToken(text)

    def test_a_token_of_another_type_is_rejected(self):
        with pytest.raises(TokenError, match="^Token has wrong type$"):
            MinuteToken(str(AccessToken()))

    @pytest.mark.parametrize(
        ("claim", "message"),
        [("jti", "Token has no id"), ("token_type", "Token has no type"), ("exp", "Token has no 'exp' claim")],
    )
    @pytest.mark.django_db
    @pytest.mark.parametrize("token_class", [MinuteToken, RefreshToken])
    def test_the_error_names_a_missing_claim(self, token_class, claim, message):
        token = token_class()
        del token[claim]
        with pytest.raises(TokenError, match=f"^{message}$"):
            token_class(str(token))

    def test_without_verification_signature_type_and_expiry_are_not_checked(self):
        token = AccessToken()
        token.set_exp(lifetime=-MINUTE)
        text = TokenBackend("HS256", "another key of more than thirty-two bytes").encode(token.payload)
        assert MinuteToken(text, verify=False).payload == token.payload

    @pytest.mark.parametrize("dummy", ["", "x", "xx==", "not a signature", "a.b.c", "\u00e9\ud800", "\n", "A" * 5000])
    @pytest.mark.parametrize("encoding", [str, lambda text: text.encode(errors="surrogatepass")])
    def test_without_verification_any_text_is_accepted_as_signature(self, dummy, encoding):
        token = AccessToken()
        text = encoding(str(token).rpartition(".")[0] + "." + dummy)
        assert AccessToken(text, verify=False).payload == token.payload
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(text)

    @pytest.mark.parametrize(
        "malform", [lambda h, p: f"{h}.{p}", lambda h, p: f"!.{p}.", lambda h, p: f"{h}.{p}=.", lambda h, p: 5]
    )
    def test_without_verification_header_and_payload_must_still_decode(self, malform):
        header, payload, _ = str(AccessToken()).split(".")
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(malform(header, payload), verify=False)

    @pytest.mark.needs("token_blacklist")
    def test_an_unverified_token_with_a_dummy_signature_can_be_revoked(self, user):
        token = RefreshToken.for_user(user)
        dummy = str(token).rpartition(".")[0] + ".dummy"
        assert RefreshToken(dummy, verify=False).blacklist()[1]
        with pytest.raises(TokenError, match="blacklisted"):
            token.check_blacklist()

    def test_disabled_claims_are_not_checked(self, simple_jwt):
        text = str(AccessToken())
        simple_jwt(TOKEN_TYPE_CLAIM=None, JTI_CLAIM=None)
        assert MinuteToken(text)["token_type"] == "access"
        MinuteToken(text).verify_token_type()

    def test_untyped_token_accepts_any_type_and_no_type(self):
        token = MinuteToken()
        assert UntypedToken(str(token)).payload == token.payload
        del token["token_type"]
        assert UntypedToken(str(token)).payload == token.payload


class TestMapping:
    def test_claims_are_read_written_and_deleted_as_in_a_dict(self):
        token = MinuteToken()
        token["colour"] = "blue"
        assert token["colour"] == token.get("colour") == "blue"
        assert "colour" in token
        del token["colour"]
        assert "colour" not in token
        assert token.get("colour") is None
        assert token.get("colour", "red") == "red"
        with pytest.raises(KeyError):
            token["colour"]

    def test_repr_is_the_repr_of_the_payload(self):
        token = MinuteToken()
        assert repr(token) == repr(token.payload)

    def test_str_returns_the_signed_token(self):
        token = MinuteToken()
        assert token_backend.decode(str(token)) == token.payload


class TestTimes:
    def test_set_exp_defaults_to_the_tokens_current_time_plus_its_lifetime(self, now):
        with frozen_at(now):
            token = MinuteToken()
        token.set_exp()
        assert token["exp"] == datetime_to_epoch(now + MINUTE)

    def test_set_exp_takes_another_claim_time_and_lifetime(self, now):
        token = MinuteToken()
        token.set_exp(claim="later", from_time=now, lifetime=timedelta(0))
        assert token["later"] == datetime_to_epoch(now)
        token.set_exp(claim="later", from_time=None, lifetime=2 * MINUTE)
        assert token["later"] == datetime_to_epoch(token.current_time + 2 * MINUTE)

    def test_set_iat_takes_another_claim_and_time(self, now):
        token = MinuteToken()
        token.set_iat()
        assert token["iat"] == datetime_to_epoch(token.current_time)
        token.set_iat(claim="then", at_time=now)
        assert token["then"] == datetime_to_epoch(now)

    def test_check_exp_defaults_to_the_tokens_current_time(self, now):
        with frozen_at(now):
            token = MinuteToken()
        token.check_exp()
        token.check_exp("exp", now + MINUTE - timedelta(seconds=1))
        with pytest.raises(TokenError, match="Token 'exp' claim has expired"):
            token.check_exp("exp", now + MINUTE)
        with pytest.raises(TokenError, match="Token has no 'other' claim"):
            token.check_exp("other")

    @pytest.mark.parametrize("leeway", [30, timedelta(seconds=30)])
    def test_check_exp_allows_the_leeway(self, simple_jwt, now, leeway):
        with frozen_at(now):
            token = MinuteToken()
        simple_jwt(LEEWAY=leeway)
        token.check_exp("exp", now + MINUTE + timedelta(seconds=29))
        with pytest.raises(TokenError, match="expired"):
            token.check_exp("exp", now + MINUTE + timedelta(seconds=30))


class TestCustomBackend:
    class Backend:
        """A backend whose encoded tokens are not JWTs."""

        leeway = timedelta(0)

        def encode(self, payload):
            return f"custom.{payload['jti']}:{payload['exp']}:{payload['token_type']}"

        def decode(self, token, verify=True):
            jti, exp, token_type = token.removeprefix("custom.").split(":")
            return {"jti": jti, "exp": int(exp), "token_type": token_type}

        def get_leeway(self):
            return self.leeway

    def test_a_class_signs_and_verifies_with_its_backend(self):
        class Custom(MinuteToken):
            _token_backend = TestCustomBackend.Backend()

        token = Custom()
        assert token.token_backend is token.get_token_backend() is Custom._token_backend
        assert str(token).startswith("custom.")
        assert Custom(str(token))["jti"] == token["jti"]

    def test_get_token_backend_can_be_overridden(self):
        other = TokenBackend("HS256", "another key of more than thirty-two bytes")

        class Custom(MinuteToken):
            def get_token_backend(self):
                return other

        text = str(Custom())
        assert other.decode(text)
        assert Custom(text)
        with pytest.raises(TokenError, match="Token is invalid"):
            MinuteToken(text)

    @pytest.mark.needs("token_blacklist")
    def test_a_token_is_recorded_as_its_backend_encodes_it(self, user):
        class Custom(RefreshToken):
            _token_backend = TokenBackend("HS256", "another key of more than thirty-two bytes")

        token = Custom.for_user(user)
        assert tokens.OutstandingToken.objects.get(jti=token["jti"]).token == str(token)


USER_MODEL = settings.AUTH_USER_MODEL


def has_records(user):
    """Return whether a store has a record of a token or family of the user; revokes what it finds."""
    now = tokens.aware_utcnow()
    stores = [revocation.token_store()] if can_revoke_tokens() else []
    stores += [revocation.family_store()] if tokens.family_enabled() else []
    return any(store.revoke_all(user.pk, now=now) for store in stores)


def are_recorded(token_class):
    """Return whether this project records tokens of this class, or their families."""
    return (issubclass(token_class, BlacklistMixin) and can_revoke_tokens()) or (
        issubclass(token_class, FamilyMixin) and tokens.family_enabled()
    )


def as_proxy_model(get_user):
    """Return the user as an instance of a proxy of the user model."""
    user = get_user()
    options = type("Meta", (), {"proxy": True, "app_label": user._meta.app_label, "apps": Apps()})
    proxy = type("ProxyUser", (type(user),), {"Meta": options, "__module__": __name__})
    return proxy._default_manager.get(pk=user.pk)


@pytest.mark.django_db
class TestForUser:
    @pytest.mark.parametrize("token_class", TOKEN_CLASSES)
    def test_the_user_id_claim_is_a_string(self, user, user_id, token_class):
        token = token_class.for_user(user)
        assert isinstance(token, token_class)
        assert token[api_settings.USER_ID_CLAIM] == user_id
        assert isinstance(token[api_settings.USER_ID_CLAIM], str)

    def test_an_unsaved_user_is_rejected(self):
        unsaved = mock.Mock(**{api_settings.USER_ID_FIELD: None})
        with pytest.raises(TokenError, match="without an id"):
            AccessToken.for_user(unsaved)

    @pytest.mark.needs("no users_plain")
    def test_a_token_for_an_inactive_user_logs_a_warning(self, user, user_id, caplog):
        with caplog.at_level(logging.WARNING, logger="rest_framework_simplejwt"):
            AccessToken.for_user(user)
            assert caplog.messages == []
            user.is_active = False
            AccessToken.for_user(user)
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith("Creating token for inactive user")
        assert user_id.replace("-", "") in caplog.messages[0].replace("-", "")

    def test_the_token_has_a_fingerprint_of_the_password_if_check_revoke_token_is_on(self, user, simple_jwt):
        assert "hash_password" not in AccessToken.for_user(user)
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        assert AccessToken.for_user(user)["hash_password"] == users.md5_fingerprint(user)

    def test_access_tokens_are_not_recorded(self, user):
        assert AccessToken.for_user(user).outstand() is None

    @pytest.mark.parametrize("token_class", [AccessToken, RefreshToken, SlidingToken])
    def test_an_instance_of_another_model_is_rejected(self, user, token_class):
        # It has the primary key of a user.
        row = ContentType(pk=user.pk, app_label="shop")
        with pytest.raises(TokenError, match=f"ContentType is not the user model: AUTH_USER_MODEL is {USER_MODEL}"):
            token_class.for_user(row)
        assert not has_records(user)

    @pytest.mark.parametrize("token_class", [RefreshToken, SlidingToken])
    def test_a_stateless_user_is_not_recorded_as_the_stored_user_with_its_id(self, user, token_class):
        stateless = TokenUser(AccessToken.for_user(user))
        setattr(stateless, api_settings.USER_ID_FIELD, user.pk)
        if are_recorded(token_class):
            with pytest.raises(TokenError, match="TokenUser is not the user model"):
                token_class.for_user(stateless)
        else:
            assert token_class.for_user(stateless)
        assert not has_records(user)

    @pytest.mark.parametrize("make", [as_proxy_model, SimpleLazyObject])
    @pytest.mark.parametrize("token_class", [AccessToken, RefreshToken, SlidingToken])
    def test_a_proxy_of_the_user_model_and_a_lazy_user_are_accepted(self, user, user_id, token_class, make):
        same = make(lambda: user)
        assert token_class.for_user(same)[api_settings.USER_ID_CLAIM] == user_id
        assert has_records(user) == are_recorded(token_class)


class TestAccessTokenOfRefreshToken:
    def test_each_read_returns_a_new_access_token_with_the_refresh_tokens_time(self, now):
        with frozen_at(now):
            refresh = RefreshToken()
        with frozen_at(now + LATER):
            first, second = refresh.access_token, refresh.access_token
        assert first["jti"] != second["jti"] != refresh["jti"]
        assert first.current_time == now
        assert first["iat"] == datetime_to_epoch(now)
        assert first["exp"] == datetime_to_epoch(now + AccessToken.lifetime)
        assert first["token_type"] == "access"

    def test_custom_claims_are_copied(self):
        refresh = RefreshToken()
        refresh["colour"] = "blue"
        assert refresh.access_token["colour"] == "blue"

    def test_claims_are_copied_deeply(self):
        refresh = RefreshToken()
        refresh["roles"] = {"a": ["b"]}
        refresh.access_token["roles"]["a"].append("admin")
        assert refresh["roles"] == {"a": ["b"]}

    def test_a_subclass_sets_no_copy_claims_and_access_token_class(self):
        class Custom(RefreshToken):
            no_copy_claims = (*RefreshToken.no_copy_claims, "secret")
            access_token_class = MinuteToken

        refresh = Custom()
        refresh["secret"] = 1
        assert isinstance(refresh.access_token, MinuteToken)
        assert "secret" not in refresh.access_token

    def test_no_copy_claims_lists_type_times_and_id(self):
        assert RefreshToken.no_copy_claims == ("token_type", "exp", "jti", "jti", "iat")

    def test_renamed_type_and_id_claims_are_not_copied(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM="typ", JTI_CLAIM="id")
        refresh = RefreshToken()
        assert refresh.access_token["typ"] == "access"
        assert refresh.access_token["id"] != refresh["id"]

    @pytest.mark.parametrize("checked", [True, False])
    def test_family_claims_are_copied_only_if_check_on_access_is_on(self, simple_jwt, checked):
        simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=checked)
        refresh = RefreshToken()
        refresh["family_id"], refresh["family_exp"] = "f", refresh["exp"]
        assert ("family_id" in refresh.access_token) is checked
        assert ("family_exp" in refresh.access_token) is checked


@pytest.mark.parametrize("owner", [RefreshToken, RefreshToken()], ids=["class", "instance"])
class TestMethodsOfOptionalApps:
    @pytest.mark.needs("no revocation")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_blacklist_methods_do_not_exist_without_the_app(self, owner, name):
        assert not hasattr(owner, name)
        with pytest.raises(AttributeError, match=name):
            getattr(owner, name)

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_blacklist_methods_exist_with_the_app(self, owner, name):
        assert callable(getattr(owner, name))

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_blacklist_methods_do_not_exist_once_the_app_is_removed(self, owner, name, settings):
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if "blacklist" not in app]
        assert not hasattr(owner, name)

    @pytest.mark.needs("no families")
    @pytest.mark.parametrize("name", FAMILY_METHODS)
    def test_family_methods_do_not_exist_without_the_app(self, owner, name, simple_jwt):
        simple_jwt(TOKEN_FAMILY_ENABLED=True)
        assert not hasattr(owner, name)

    @pytest.mark.needs("token_family")
    @pytest.mark.parametrize("name", FAMILY_METHODS)
    def test_family_methods_exist_only_while_families_are_enabled(self, owner, name, simple_jwt):
        assert callable(getattr(owner, name))
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        assert not hasattr(owner, name)


@pytest.mark.needs("no revocation")
class TestWithoutBlacklist:
    def test_tokens_are_valid_but_not_recorded(self, user):
        refresh = RefreshToken.for_user(user)
        assert RefreshToken(str(refresh)).payload == refresh.payload
        assert refresh.outstand() is None

    def test_its_models_are_importable_and_abstract(self):
        assert tokens.BlacklistedToken._meta.abstract
        assert tokens.OutstandingToken._meta.abstract


@pytest.mark.needs("token_blacklist")
class TestBlacklist:
    @pytest.fixture(params=[RefreshToken, SlidingToken])
    def token(self, request, user):
        return request.param.for_user(user)

    def test_a_token_for_a_user_is_recorded(self, token, user):
        row = tokens.OutstandingToken.objects.get(jti=token["jti"])
        assert row.user == user
        assert row.token == str(token)
        assert row.created_at == token.current_time
        assert datetime_to_epoch(row.expires_at) == token["exp"]

    def test_recording_a_token_twice_changes_nothing(self, token):
        row, created = token.outstand()
        assert (row.jti, created) == (token["jti"], False)
        assert tokens.OutstandingToken.objects.count() == 1

    def test_outstand_records_a_token_without_a_user(self, db):
        token = RefreshToken()
        row, created = token.outstand()
        assert (row.jti, row.user, created) == (token["jti"], None, True)

    def test_a_revoked_token_is_rejected(self, token):
        text = str(token)
        assert token.check_blacklist() is None
        row, first = token.blacklist()
        assert (row.token.jti, first) == (token["jti"], True)
        with pytest.raises(RefreshTokenBlacklistedError, match="^Token is blacklisted$"):
            type(token)(text)
        with pytest.raises(RefreshTokenBlacklistedError):
            token.check_blacklist()

    def test_only_the_first_of_two_revocations_reports_success(self, token):
        row, first = token.blacklist()
        again, second = token.blacklist()
        assert (first, second) == (True, False)
        assert row == again

    def test_a_revoked_sliding_token_is_recorded_until_its_last_refreshed_copy_expires(self, user):
        backend = TokenBackend("HS256", "k" * 32, leeway=60)
        long_lived = type("LongLived", (SlidingToken,), {"lifetime": timedelta(hours=2), "_token_backend": backend})
        token = long_lived.for_user(user)
        row, _ = token.blacklist()
        assert datetime_to_epoch(row.token.expires_at) == token["refresh_exp"] + 2 * 3600 + 60

    def test_an_unrecorded_token_can_be_revoked(self, user, user_id):
        token = RefreshToken()
        token[api_settings.USER_ID_CLAIM] = user_id
        row, first = token.blacklist()
        assert first
        assert row.token.user == user
        assert row.token.token == str(token)

    def test_a_token_of_a_deleted_user_can_be_revoked(self, token, user):
        token_user = get_user_model().objects.get(pk=user.pk)
        token_user.delete()
        tokens.OutstandingToken.objects.all().delete()
        row, first = token.blacklist()
        assert (row.token.user, first) == (None, True)

    def test_a_revoked_token_is_rejected_after_its_user_is_deleted(self, token, user):
        token.blacklist()
        user.delete()
        with pytest.raises(RefreshTokenBlacklistedError):
            type(token)(str(token))

    def test_a_token_without_an_id_cannot_be_revoked(self, token):
        del token["jti"]
        with pytest.raises(TokenError, match="Token has no id"):
            token.blacklist()

    def test_tokens_without_ids_are_not_recorded(self, user, simple_jwt):
        simple_jwt(JTI_CLAIM=None)
        token = RefreshToken.for_user(user)
        assert token.outstand() is None
        assert RefreshToken(str(token)).payload == token.payload
        assert tokens.OutstandingToken.objects.count() == 0

    def test_revocation_is_checked_before_the_token_type(self, token):
        token.blacklist()
        token["token_type"] = "other"
        with pytest.raises(RefreshTokenBlacklistedError):
            type(token)(str(token))

    def test_check_not_revoked_accepts_tokens_of_another_class(self, token):
        untyped = UntypedToken(str(token))
        check_not_revoked(untyped)
        token.blacklist()
        with pytest.raises(RefreshTokenBlacklistedError):
            check_not_revoked(untyped)

    def test_the_tokens_module_offers_the_blacklist_models(self):
        from rest_framework_simplejwt.token_blacklist import models

        assert tokens.BlacklistedToken is models.BlacklistedToken
        assert tokens.OutstandingToken is models.OutstandingToken


def test_an_unknown_name_of_the_tokens_module_raises_attribute_error():
    with pytest.raises(AttributeError, match="Nonsense"):
        tokens.Nonsense  # noqa: B018


@pytest.mark.needs("token_family")
class TestFamily:
    @pytest.fixture
    def refresh(self, user):
        return RefreshToken.for_user(user)

    def test_for_user_starts_a_family(self, refresh, user):
        family = tokens.TokenFamily.objects.get(family_id=refresh.get_family_id())
        assert refresh["family_id"] == family.family_id
        assert int(family.family_id, 16)
        assert family.user == user
        assert family.created_at == refresh.current_time
        assert family.expires_at == refresh.get_family_expiration_date()
        assert refresh["family_exp"] - refresh["iat"] == timedelta(days=30).total_seconds()

    def test_a_family_without_a_lifetime_has_no_expiration(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        refresh = RefreshToken.for_user(user)
        assert "family_exp" not in refresh
        assert refresh.get_family_expiration_date() is None
        assert tokens.TokenFamily.objects.get().expires_at is None
        assert RefreshToken(str(refresh)).payload == refresh.payload

    def test_for_user_starts_no_family_while_families_are_disabled(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        assert "family_id" not in RefreshToken.for_user(user)
        assert not tokens.TokenFamily.objects.exists()

    def test_a_token_of_a_revoked_family_is_rejected(self, refresh):
        row, first = refresh.blacklist_family()
        assert (row.family.family_id, first) == (refresh["family_id"], True)
        assert refresh.blacklist_family() == (row, False)
        with pytest.raises(TokenError, match="^Token family is blacklisted$"):
            RefreshToken(str(refresh))

    def test_an_unrecorded_family_can_be_revoked(self, refresh, user):
        tokens.TokenFamily.objects.all().delete()
        row, first = refresh.blacklist_family()
        assert first
        assert row.family.user == user
        assert row.family.expires_at == refresh.get_family_expiration_date()

    def test_a_token_of_an_expired_family_is_rejected(self, refresh):
        refresh.set_exp("family_exp", lifetime=-MINUTE)
        with pytest.raises(TokenError, match="^Token family has expired$"):
            RefreshToken(str(refresh))

    def test_the_family_expiration_check_allows_the_leeway(self, refresh, simple_jwt):
        refresh.set_exp("family_exp", lifetime=-MINUTE)
        simple_jwt(LEEWAY=90)
        RefreshToken.check_family_expiration(refresh)
        with pytest.raises(TokenError, match="Token family has expired"):
            RefreshToken.check_family_expiration(refresh, refresh.current_time + MINUTE)

    def test_a_malformed_family_expiration_counts_as_expired(self, refresh):
        refresh["family_exp"] = "tomorrow"
        with pytest.raises(TokenError, match="Token family has expired"):
            RefreshToken(str(refresh))
        with pytest.raises(TokenError, match="family_exp"):
            refresh.get_family_expiration_date()

    @pytest.mark.parametrize("family_id", [1, "", [], "x\0", "x" * 256])
    def test_a_malformed_family_id_is_rejected(self, refresh, family_id):
        refresh["family_id"] = family_id
        with pytest.raises(TokenError, match="Token is invalid"):
            RefreshToken(str(refresh))

    def test_a_refresh_token_without_a_family_is_accepted_with_a_warning(self, refresh, caplog):
        del refresh["family_id"]
        RefreshToken(str(refresh))
        assert caplog.messages == ["A refresh token without a family was accepted"]
        with pytest.raises(TokenError, match="^Token has no family ID$"):
            refresh.blacklist_family()
        assert refresh.get_family_id() is None

    def test_family_checks_accept_tokens_of_another_class(self, refresh):
        untyped = UntypedToken(str(refresh))
        FamilyMixin.check_family_blacklist(untyped)
        FamilyMixin.check_family_expiration(untyped)
        check_not_revoked(untyped)
        refresh.blacklist_family()
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            check_not_revoked(untyped)

    def test_check_not_revoked_logs_no_warning_for_a_token_without_a_family(self, caplog, db):
        check_not_revoked(AccessToken())
        assert caplog.messages == []

    @pytest.mark.parametrize("end", ["blacklist_family", "expire"])
    def test_access_tokens_of_an_ended_family_are_rejected_if_check_on_access_is_on(self, refresh, simple_jwt, end):
        simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=True)
        if end == "expire":
            refresh.set_exp("family_exp", lifetime=-MINUTE)
            access = str(refresh.access_token)
        else:
            access = str(refresh.access_token)
            AccessToken(access)
            refresh.blacklist_family()
        with pytest.raises(TokenError, match="Token family"):
            AccessToken(access)

    def test_access_tokens_of_a_revoked_family_are_accepted_if_check_on_access_is_off(self, refresh):
        access = str(refresh.access_token)
        refresh.blacklist_family()
        AccessToken(access)

    def test_the_tokens_module_offers_the_family_models(self):
        from rest_framework_simplejwt.token_family import models

        assert tokens.TokenFamily is models.TokenFamily
        assert tokens.BlacklistedTokenFamily is models.BlacklistedTokenFamily


@pytest.mark.needs("no families")
def test_without_the_family_app_access_tokens_need_no_family(simple_jwt, db):
    simple_jwt(TOKEN_FAMILY_ENABLED=True, TOKEN_FAMILY_CHECK_ON_ACCESS=True)
    AccessToken(str(AccessToken()))
    check_not_revoked(AccessToken())


def test_the_mixins_are_generic_types():
    assert BlacklistMixin["RefreshToken"]
    assert FamilyMixin["RefreshToken"]


def test_times_are_utc_in_every_time_zone(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    assert abs(AccessToken()["iat"] - datetime.now(timezone.utc).timestamp()) < 60


class TestMaxTokenLength:
    def test_a_longer_token_is_rejected_before_it_is_decoded(self, simple_jwt):
        text = str(AccessToken())
        simple_jwt(MAX_TOKEN_LENGTH=len(text))
        assert AccessToken(text)
        simple_jwt(MAX_TOKEN_LENGTH=len(text) - 1)
        with (
            mock.patch.object(TokenBackend, "decode", side_effect=AssertionError),
            pytest.raises(TokenError, match="^Token is invalid$"),
        ):
            AccessToken(text)

    def test_signing_a_longer_token_logs_a_warning(self, simple_jwt, caplog):
        simple_jwt(MAX_TOKEN_LENGTH=100)
        str(AccessToken())
        assert caplog.messages == ["This access token is longer than MAX_TOKEN_LENGTH and will be refused"]


def nested_claim(depth):
    """Return a claim that makes its payload ``depth`` levels deep."""
    value = {}
    for _ in range(depth - 2):
        value = [value]
    return value


class TestMaxDepth:
    def test_signing_claims_nested_too_deeply_logs_a_warning_and_decoding_rejects_them(self, caplog):
        token = AccessToken()
        token["preferences"] = nested_claim(jws.MAX_DEPTH)
        assert AccessToken(str(token))["preferences"] == nested_claim(jws.MAX_DEPTH)
        assert not caplog.messages
        token["preferences"] = nested_claim(jws.MAX_DEPTH + 1)
        text = str(token)
        warning = "The claims of this access token are nested more than 100 levels deep and will be refused"
        assert caplog.messages == [warning]
        for verify in (True, False):
            with pytest.raises(TokenError, match="^Token is invalid$"):
                AccessToken(text, verify=verify)


@pytest.mark.parametrize("value", [5, 1.5, True, ["a.b.c"], {"a": 1}, ("a",), object()])
def test_a_value_that_is_not_text_is_rejected(value):
    for verify in (True, False):
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(value, verify=verify)


class TestTimesOfAnAccessToken:
    """A class of a project's own sets its expiry in its own way."""

    @staticmethod
    def expiry_with(members, **class_attributes):
        access = type("Custom", (AccessToken,), members)
        refresh = type("Refresh", (RefreshToken,), {"access_token_class": access})()
        return refresh.access_token["exp"] - refresh["iat"]

    def test_by_a_set_exp_with_a_default_lifetime(self):
        def set_exp(self, claim="exp", from_time=None, lifetime=None):
            AccessToken.set_exp(self, claim, from_time, lifetime or timedelta(seconds=30))

        assert self.expiry_with({"set_exp": set_exp}) == 30

    def test_by_a_constructor_that_sets_the_lifetime(self):
        def init(self, token=None, verify=True):
            AccessToken.__init__(self, token, verify)
            self.lifetime = timedelta(seconds=30)

        assert self.expiry_with({"__init__": init}) == 30

    def test_not_by_a_constructor_that_writes_the_claim(self):
        def init(self, token=None, verify=True):
            AccessToken.__init__(self, token, verify)
            self["exp"] += 9999

        assert self.expiry_with({"__init__": init}) == 300

    def test_by_a_function_that_creates_the_token(self):
        refresh = type("Refresh", (RefreshToken,), {"access_token_class": staticmethod(lambda: AccessToken())})()
        assert refresh.access_token["exp"] - refresh["iat"] == 300


def test_a_constructor_that_is_called_again_reads_the_clock_again():
    token = AccessToken()
    token.current_time -= timedelta(days=1)
    token.__init__(str(AccessToken()))
    assert tokens.aware_utcnow() - token.current_time < timedelta(minutes=1)
