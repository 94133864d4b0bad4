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
    check_not_revoked,
)
from rest_framework_simplejwt.utils import datetime_to_epoch, make_utc

KINDS = [AccessToken, RefreshToken, SlidingToken, UntypedToken]
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


def at(moment):
    """Tokens think it is then."""
    return mock.patch("rest_framework_simplejwt.tokens.aware_utcnow", return_value=moment)


@pytest.fixture
def now():
    return make_utc(datetime(2030, 1, 1, 12, 0, 0))


class TestNewToken:
    def test_it_has_a_type_times_and_an_id(self, now):
        with at(now):
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

    def test_each_has_an_id_of_its_own(self):
        assert MinuteToken()["jti"] != MinuteToken()["jti"]

    @pytest.mark.parametrize(("kind", "life"), [(None, MINUTE), ("x", None)])
    def test_one_without_type_or_lifetime_can_not_be_made(self, kind, life):
        class Incomplete(Token):
            token_type = kind
            lifetime = life

        with pytest.raises(TokenError, match="^Cannot create token with no type or lifetime$"):
            Incomplete()

    def test_claims_switched_off_are_absent(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM=None, JTI_CLAIM=None)
        token = MinuteToken()
        assert set(token.payload) == {"exp", "iat"}
        assert MinuteToken(str(token)).payload == token.payload

    def test_claims_may_have_other_names(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM="typ", JTI_CLAIM="id")
        assert set(MinuteToken().payload) == {"typ", "id", "exp", "iat"}

    @pytest.mark.parametrize(
        ("kind", "name", "life"),
        [
            (AccessToken, "access", timedelta(minutes=5)),
            (RefreshToken, "refresh", timedelta(days=1)),
            (SlidingToken, "sliding", timedelta(minutes=5)),
            (UntypedToken, "untyped", timedelta(0)),
        ],
    )
    def test_the_four_kinds(self, kind, name, life):
        token = kind()
        assert token["token_type"] == kind.token_type == name
        assert token["exp"] - token["iat"] == kind.lifetime.total_seconds() == life.total_seconds()

    def test_a_sliding_token_says_until_when_it_can_be_refreshed(self):
        token = SlidingToken()
        assert token["refresh_exp"] - token["iat"] == 86400

    def test_a_refresh_token_made_of_none_is_new(self):
        assert RefreshToken(None)["token_type"] == "refresh"


class TestTokenFromText:
    @pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
    @pytest.mark.parametrize("encoding", [str, str.encode])
    @pytest.mark.django_db
    def test_it_is_what_was_signed(self, kind, encoding):
        token = kind()
        text = encoding(str(token))
        again = kind(text)
        assert again.payload == token.payload
        assert again.token == text

    @pytest.mark.parametrize("text", ["", "garbage", b"garbage", "a.b.c"])
    def test_garbage_is_an_invalid_token(self, text):
        with pytest.raises(TokenError) as caught:
            RefreshToken(text)
        assert str(caught.value) == str(caught.value.args[0]) == "Token is invalid"
        assert isinstance(caught.value.__cause__, TokenBackendError)

    def test_an_expired_one_is_told_apart(self):
        token = MinuteToken()
        token.set_exp(lifetime=-MINUTE)
        with pytest.raises(ExpiredTokenError, match="^Token is expired$") as caught:
            MinuteToken(str(token))
        assert isinstance(caught.value.__cause__, TokenBackendExpiredToken)

    def test_the_clock_of_tokens_is_checked_too(self, now):
        text = str(MinuteToken())
        with at(now), pytest.raises(TokenError, match="^Token 'exp' claim has expired$"):
            MinuteToken(text)

    def test_another_kind_is_refused(self):
        with pytest.raises(TokenError, match="^Token has wrong type$"):
            MinuteToken(str(AccessToken()))

    @pytest.mark.parametrize(
        ("claim", "message"),
        [("jti", "Token has no id"), ("token_type", "Token has no type"), ("exp", "Token has no 'exp' claim")],
    )
    @pytest.mark.django_db
    @pytest.mark.parametrize("kind", [MinuteToken, RefreshToken])
    def test_a_claim_that_is_missing_is_named(self, kind, claim, message):
        token = kind()
        del token[claim]
        with pytest.raises(TokenError, match=f"^{message}$"):
            kind(str(token))

    def test_unverified_it_may_have_any_signature_type_and_age(self):
        token = AccessToken()
        token.set_exp(lifetime=-MINUTE)
        text = TokenBackend("HS256", "somebody else's key of more than 32 bytes").encode(token.payload)
        assert MinuteToken(text, verify=False).payload == token.payload

    @pytest.mark.parametrize("dummy", ["", "x", "xx==", "not a signature", "a.b.c", "\u00e9\ud800", "\n", "A" * 5000])
    @pytest.mark.parametrize("encoding", [str, lambda text: text.encode(errors="surrogatepass")])
    def test_unverified_anything_may_stand_in_place_of_its_signature(self, dummy, encoding):
        token = AccessToken()
        text = encoding(str(token).rpartition(".")[0] + "." + dummy)
        assert AccessToken(text, verify=False).payload == token.payload
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(text)

    @pytest.mark.parametrize("spoil", [lambda h, p: f"{h}.{p}", lambda h, p: f"!.{p}.", lambda h, p: f"{h}.{p}=.", str])
    def test_unverified_it_must_still_be_a_token(self, spoil):
        header, payload, _ = str(AccessToken()).split(".")
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(spoil(header, payload) if spoil is not str else 5, verify=False)

    @pytest.mark.needs("token_blacklist")
    def test_unverified_with_a_dummy_signature_it_can_be_revoked(self, user):
        token = RefreshToken.for_user(user)
        dummy = str(token).rpartition(".")[0] + ".dummy"
        assert RefreshToken(dummy, verify=False).blacklist()[1]
        with pytest.raises(TokenError, match="blacklisted"):
            token.check_blacklist()

    def test_checks_switched_off_are_not_made(self, simple_jwt):
        text = str(AccessToken())
        simple_jwt(TOKEN_TYPE_CLAIM=None, JTI_CLAIM=None)
        assert MinuteToken(text)["token_type"] == "access"
        MinuteToken(text).verify_token_type()

    def test_any_kind_is_an_untyped_token(self, simple_jwt):
        token = MinuteToken()
        assert UntypedToken(str(token)).payload == token.payload
        del token["token_type"]
        assert UntypedToken(str(token)).payload == token.payload


class TestMapping:
    def test_claims_are_read_written_and_deleted(self):
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

    def test_its_repr_is_the_payloads(self):
        token = MinuteToken()
        assert repr(token) == repr(token.payload)

    def test_its_text_is_signed(self):
        token = MinuteToken()
        assert token_backend.decode(str(token)) == token.payload


class TestTimes:
    def test_exp_is_set_from_the_tokens_time_and_lifetime(self, now):
        with at(now):
            token = MinuteToken()
        token.set_exp()
        assert token["exp"] == datetime_to_epoch(now + MINUTE)

    def test_exp_can_be_another_claim_time_and_lifetime(self, now):
        token = MinuteToken()
        token.set_exp(claim="later", from_time=now, lifetime=timedelta(0))
        assert token["later"] == datetime_to_epoch(now)
        token.set_exp(claim="later", from_time=None, lifetime=2 * MINUTE)
        assert token["later"] == datetime_to_epoch(token.current_time + 2 * MINUTE)

    def test_iat_can_be_another_claim_and_time(self, now):
        token = MinuteToken()
        token.set_iat()
        assert token["iat"] == datetime_to_epoch(token.current_time)
        token.set_iat(claim="then", at_time=now)
        assert token["then"] == datetime_to_epoch(now)

    def test_expiry_is_checked_against_the_tokens_time(self, now):
        with at(now):
            token = MinuteToken()
        token.check_exp()
        token.check_exp("exp", now + MINUTE - timedelta(seconds=1))
        with pytest.raises(TokenError, match="Token 'exp' claim has expired"):
            token.check_exp("exp", now + MINUTE)
        with pytest.raises(TokenError, match="Token has no 'other' claim"):
            token.check_exp("other")

    @pytest.mark.parametrize("leeway", [30, timedelta(seconds=30)])
    def test_leeway_is_honoured(self, simple_jwt, now, leeway):
        with at(now):
            token = MinuteToken()
        simple_jwt(LEEWAY=leeway)
        token.check_exp("exp", now + MINUTE + timedelta(seconds=29))
        with pytest.raises(TokenError, match="expired"):
            token.check_exp("exp", now + MINUTE + timedelta(seconds=30))


class TestBackendOfItsOwn:
    class Backend:
        """Two segments, and no JWT at all."""

        leeway = timedelta(0)

        def encode(self, payload):
            return f"mine.{payload['jti']}:{payload['exp']}:{payload['token_type']}"

        def decode(self, token, verify=True):
            jti, exp, kind = token.removeprefix("mine.").split(":")
            return {"jti": jti, "exp": int(exp), "token_type": kind}

        def get_leeway(self):
            return self.leeway

    def test_a_class_signs_and_verifies_through_it(self):
        class Mine(MinuteToken):
            _token_backend = TestBackendOfItsOwn.Backend()

        token = Mine()
        assert token.token_backend is token.get_token_backend() is Mine._token_backend
        assert str(token).startswith("mine.")
        assert Mine(str(token))["jti"] == token["jti"]

    def test_get_token_backend_may_be_overridden(self):
        other = TokenBackend("HS256", "another key of more than thirty-two bytes")

        class Mine(MinuteToken):
            def get_token_backend(self):
                return other

        text = str(Mine())
        assert other.decode(text)
        assert Mine(text)
        with pytest.raises(TokenError, match="Token is invalid"):
            MinuteToken(text)

    @pytest.mark.needs("token_blacklist")
    def test_it_is_recorded_through_it(self, user):
        class Mine(RefreshToken):
            _token_backend = TokenBackend("HS256", "another key of more than thirty-two bytes")

        token = Mine.for_user(user)
        assert tokens.OutstandingToken.objects.get(jti=token["jti"]).token == str(token)


USER_MODEL = settings.AUTH_USER_MODEL


def recorded_for(user):
    """Whether the store has anything of the user."""
    now = tokens.aware_utcnow()
    stores = [revocation.token_store()] if can_revoke_tokens() else []
    stores += [revocation.family_store()] if tokens.family_enabled() else []
    return any(store.revoke_all(user.pk, now=now) for store in stores)


def is_recorded(kind):
    """Whether tokens of that kind, or their families, are recorded in this project."""
    return (issubclass(kind, BlacklistMixin) and can_revoke_tokens()) or (
        issubclass(kind, FamilyMixin) and tokens.family_enabled()
    )


def proxy_of(find):
    """The user as an instance of a proxy of their model."""
    user = find()
    options = type("Meta", (), {"proxy": True, "app_label": user._meta.app_label, "apps": Apps()})
    proxy = type("Staff", (type(user),), {"Meta": options, "__module__": __name__})
    return proxy._default_manager.get(pk=user.pk)


@pytest.mark.django_db
class TestForUser:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_id_is_a_string(self, user, user_id, kind):
        token = kind.for_user(user)
        assert isinstance(token, kind)
        assert token[api_settings.USER_ID_CLAIM] == user_id
        assert isinstance(token[api_settings.USER_ID_CLAIM], str)

    def test_an_unsaved_user_gets_no_token(self):
        nobody = mock.Mock(**{api_settings.USER_ID_FIELD: None})
        with pytest.raises(TokenError, match="without an id"):
            AccessToken.for_user(nobody)

    @pytest.mark.needs("no users_plain")
    def test_an_inactive_user_is_logged(self, user, user_id, caplog):
        with caplog.at_level(logging.WARNING, logger="rest_framework_simplejwt"):
            AccessToken.for_user(user)
            assert caplog.messages == []
            user.is_active = False
            AccessToken.for_user(user)
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith("Creating token for inactive user")
        assert user_id.replace("-", "") in caplog.messages[0].replace("-", "")

    def test_the_password_is_fingerprinted_when_that_is_checked(self, user, simple_jwt):
        assert "hash_password" not in AccessToken.for_user(user)
        simple_jwt(CHECK_REVOKE_TOKEN=True)
        assert AccessToken.for_user(user)["hash_password"] == users.md5_fingerprint(user)

    def test_only_kinds_that_can_be_revoked_are_recorded(self, user):
        assert AccessToken.for_user(user).outstand() is None

    @pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
    def test_a_row_of_another_model_gets_no_token(self, user, kind):
        # Whatever its key: a user may have the same.
        row = ContentType(pk=user.pk, app_label="shop")
        with pytest.raises(TokenError, match=f"ContentType is not the user model: AUTH_USER_MODEL is {USER_MODEL}"):
            kind.for_user(row)
        assert not recorded_for(user)

    @pytest.mark.parametrize("kind", [RefreshToken, SlidingToken])
    def test_what_stands_in_for_a_user_is_not_recorded_as_the_user_of_its_id(self, user, kind):
        stand_in = TokenUser(AccessToken.for_user(user))
        setattr(stand_in, api_settings.USER_ID_FIELD, user.pk)
        if is_recorded(kind):
            with pytest.raises(TokenError, match="TokenUser is not the user model"):
                kind.for_user(stand_in)
        else:
            assert kind.for_user(stand_in)
        assert not recorded_for(user)

    @pytest.mark.parametrize("make", [proxy_of, SimpleLazyObject])
    @pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
    def test_a_proxy_of_the_user_model_and_a_lazy_user_get_theirs(self, user, user_id, kind, make):
        same = make(lambda: user)
        assert kind.for_user(same)[api_settings.USER_ID_CLAIM] == user_id
        assert recorded_for(user) == is_recorded(kind)


class TestAccessTokenOfARefreshToken:
    def test_each_read_is_a_new_token_of_the_same_time(self, now):
        with at(now):
            refresh = RefreshToken()
        with at(now + LATER):
            first, second = refresh.access_token, refresh.access_token
        assert first["jti"] != second["jti"] != refresh["jti"]
        assert first.current_time == now
        assert first["iat"] == datetime_to_epoch(now)
        assert first["exp"] == datetime_to_epoch(now + AccessToken.lifetime)
        assert first["token_type"] == "access"

    def test_other_claims_are_copied(self):
        refresh = RefreshToken()
        refresh["colour"] = "blue"
        assert refresh.access_token["colour"] == "blue"

    def test_the_copies_are_its_own(self):
        refresh = RefreshToken()
        refresh["roles"] = {"a": ["b"]}
        refresh.access_token["roles"]["a"].append("admin")
        assert refresh["roles"] == {"a": ["b"]}

    def test_a_subclass_says_what_is_not_copied_and_what_is_made(self):
        class Mine(RefreshToken):
            no_copy_claims = (*RefreshToken.no_copy_claims, "secret")
            access_token_class = MinuteToken

        refresh = Mine()
        refresh["secret"] = 1
        assert isinstance(refresh.access_token, MinuteToken)
        assert "secret" not in refresh.access_token

    def test_claims_that_are_not_copied(self):
        assert RefreshToken.no_copy_claims == ("token_type", "exp", "jti", "jti", "iat")

    def test_renamed_claims_are_not_copied_either(self, simple_jwt):
        simple_jwt(TOKEN_TYPE_CLAIM="typ", JTI_CLAIM="id")
        refresh = RefreshToken()
        assert refresh.access_token["typ"] == "access"
        assert refresh.access_token["id"] != refresh["id"]

    @pytest.mark.parametrize("checked", [True, False])
    def test_the_family_is_copied_only_where_it_is_checked(self, simple_jwt, checked):
        simple_jwt(TOKEN_FAMILY_CHECK_ON_ACCESS=checked)
        refresh = RefreshToken()
        refresh["family_id"], refresh["family_exp"] = "f", refresh["exp"]
        assert ("family_id" in refresh.access_token) is checked
        assert ("family_exp" in refresh.access_token) is checked


@pytest.mark.parametrize("owner", [RefreshToken, RefreshToken()], ids=["class", "instance"])
class TestMembersOfMissingApps:
    @pytest.mark.needs("no revocation")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_without_the_blacklist_its_methods_do_not_exist(self, owner, name):
        assert not hasattr(owner, name)
        with pytest.raises(AttributeError, match=name):
            getattr(owner, name)

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_with_the_blacklist_they_do(self, owner, name):
        assert callable(getattr(owner, name))

    @pytest.mark.needs("token_blacklist")
    @pytest.mark.parametrize("name", BLACKLIST_METHODS)
    def test_an_app_removed_at_run_time_takes_them_along(self, owner, name, settings):
        settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if "blacklist" not in app]
        assert not hasattr(owner, name)

    @pytest.mark.needs("no families")
    @pytest.mark.parametrize("name", FAMILY_METHODS)
    def test_without_the_family_app_its_methods_do_not_exist(self, owner, name, simple_jwt):
        simple_jwt(TOKEN_FAMILY_ENABLED=True)
        assert not hasattr(owner, name)

    @pytest.mark.needs("token_family")
    @pytest.mark.parametrize("name", FAMILY_METHODS)
    def test_with_the_family_app_they_exist_while_the_feature_is_on(self, owner, name, simple_jwt):
        assert callable(getattr(owner, name))
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        assert not hasattr(owner, name)


@pytest.mark.needs("no revocation")
class TestWithoutTheBlacklist:
    def test_tokens_work_and_leave_no_record(self, user):
        refresh = RefreshToken.for_user(user)
        assert RefreshToken(str(refresh)).payload == refresh.payload
        assert refresh.outstand() is None

    def test_the_model_is_importable_and_abstract(self):
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

    def test_recording_it_again_changes_nothing(self, token):
        row, made = token.outstand()
        assert (row.jti, made) == (token["jti"], False)
        assert tokens.OutstandingToken.objects.count() == 1

    def test_a_new_token_is_recorded_when_asked(self, db):
        token = RefreshToken()
        row, made = token.outstand()
        assert (row.jti, row.user, made) == (token["jti"], None, True)

    def test_a_revoked_token_is_refused(self, token):
        text = str(token)
        assert token.check_blacklist() is None
        row, first = token.blacklist()
        assert (row.token.jti, first) == (token["jti"], True)
        with pytest.raises(RefreshTokenBlacklistedError, match="^Token is blacklisted$"):
            type(token)(text)
        with pytest.raises(RefreshTokenBlacklistedError):
            token.check_blacklist()

    def test_revoking_twice_is_first_once(self, token):
        row, first = token.blacklist()
        again, second = token.blacklist()
        assert (first, second) == (True, False)
        assert row == again

    def test_a_sliding_token_is_kept_revoked_until_the_last_copy_of_its_class_expires(self, user):
        backend = TokenBackend("HS256", "k" * 32, leeway=60)
        patient = type("Patient", (SlidingToken,), {"lifetime": timedelta(hours=2), "_token_backend": backend})
        token = patient.for_user(user)
        row, _ = token.blacklist()
        assert datetime_to_epoch(row.token.expires_at) == token["refresh_exp"] + 2 * 3600 + 60

    def test_a_token_older_than_the_app_can_be_revoked(self, user, user_id):
        token = RefreshToken()
        token[api_settings.USER_ID_CLAIM] = user_id
        row, first = token.blacklist()
        assert first
        assert row.token.user == user
        assert row.token.token == str(token)

    def test_a_token_can_be_revoked_after_its_user_is_gone(self, token, user):
        token_user = get_user_model().objects.get(pk=user.pk)
        token_user.delete()
        tokens.OutstandingToken.objects.all().delete()
        row, first = token.blacklist()
        assert (row.token.user, first) == (None, True)

    def test_a_revocation_outlives_its_user(self, token, user):
        token.blacklist()
        user.delete()
        with pytest.raises(RefreshTokenBlacklistedError):
            type(token)(str(token))

    def test_a_token_without_an_id_can_not_be_revoked(self, token):
        del token["jti"]
        with pytest.raises(TokenError, match="Token has no id"):
            token.blacklist()

    def test_without_ids_nothing_is_recorded(self, user, simple_jwt):
        simple_jwt(JTI_CLAIM=None)
        token = RefreshToken.for_user(user)
        assert token.outstand() is None
        assert RefreshToken(str(token)).payload == token.payload
        assert tokens.OutstandingToken.objects.count() == 0

    def test_a_revoked_token_is_refused_before_anything_else_is_said(self, token):
        token.blacklist()
        token["token_type"] = "other"
        with pytest.raises(RefreshTokenBlacklistedError):
            type(token)(str(token))

    def test_a_token_of_another_kind_can_be_checked(self, token):
        untyped = UntypedToken(str(token))
        check_not_revoked(untyped)
        token.blacklist()
        with pytest.raises(RefreshTokenBlacklistedError):
            check_not_revoked(untyped)

    def test_the_models_pass_through(self):
        from rest_framework_simplejwt.token_blacklist import models

        assert tokens.BlacklistedToken is models.BlacklistedToken
        assert tokens.OutstandingToken is models.OutstandingToken


def test_other_names_do_not_pass_through():
    with pytest.raises(AttributeError, match="Nonsense"):
        tokens.Nonsense  # noqa: B018


@pytest.mark.needs("token_family")
class TestFamily:
    @pytest.fixture
    def refresh(self, user):
        return RefreshToken.for_user(user)

    def test_a_login_founds_a_family(self, refresh, user):
        family = tokens.TokenFamily.objects.get(family_id=refresh.get_family_id())
        assert refresh["family_id"] == family.family_id
        assert int(family.family_id, 16)
        assert family.user == user
        assert family.created_at == refresh.current_time
        assert family.expires_at == refresh.get_family_expiration_date()
        assert refresh["family_exp"] - refresh["iat"] == timedelta(days=30).total_seconds()

    def test_a_family_need_not_end(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_LIFETIME=None)
        refresh = RefreshToken.for_user(user)
        assert "family_exp" not in refresh
        assert refresh.get_family_expiration_date() is None
        assert tokens.TokenFamily.objects.get().expires_at is None
        assert RefreshToken(str(refresh)).payload == refresh.payload

    def test_while_the_feature_is_off_there_are_none(self, user, simple_jwt):
        simple_jwt(TOKEN_FAMILY_ENABLED=False)
        assert "family_id" not in RefreshToken.for_user(user)
        assert not tokens.TokenFamily.objects.exists()

    def test_a_revoked_family_takes_its_tokens_along(self, refresh):
        row, first = refresh.blacklist_family()
        assert (row.family.family_id, first) == (refresh["family_id"], True)
        assert refresh.blacklist_family() == (row, False)
        with pytest.raises(TokenError, match="^Token family is blacklisted$"):
            RefreshToken(str(refresh))

    def test_a_family_older_than_the_app_can_be_revoked(self, refresh, user):
        tokens.TokenFamily.objects.all().delete()
        row, first = refresh.blacklist_family()
        assert first
        assert row.family.user == user
        assert row.family.expires_at == refresh.get_family_expiration_date()

    def test_an_ended_family_takes_its_tokens_along(self, refresh):
        refresh.set_exp("family_exp", lifetime=-MINUTE)
        with pytest.raises(TokenError, match="^Token family has expired$"):
            RefreshToken(str(refresh))

    def test_leeway_is_honoured_for_families(self, refresh, simple_jwt):
        refresh.set_exp("family_exp", lifetime=-MINUTE)
        simple_jwt(LEEWAY=90)
        RefreshToken.check_family_expiration(refresh)
        with pytest.raises(TokenError, match="Token family has expired"):
            RefreshToken.check_family_expiration(refresh, refresh.current_time + MINUTE)

    def test_a_malformed_end_has_passed(self, refresh):
        refresh["family_exp"] = "tomorrow"
        with pytest.raises(TokenError, match="Token family has expired"):
            RefreshToken(str(refresh))
        with pytest.raises(TokenError, match="family_exp"):
            refresh.get_family_expiration_date()

    @pytest.mark.parametrize("odd", [1, "", [], "x\0", "x" * 256])
    def test_a_malformed_family_is_refused(self, refresh, odd):
        refresh["family_id"] = odd
        with pytest.raises(TokenError, match="Token is invalid"):
            RefreshToken(str(refresh))

    def test_a_token_without_a_family_passes_with_a_warning(self, refresh, caplog):
        del refresh["family_id"]
        RefreshToken(str(refresh))
        assert caplog.messages == ["A refresh token without a family was accepted"]
        with pytest.raises(TokenError, match="^Token has no family ID$"):
            refresh.blacklist_family()
        assert refresh.get_family_id() is None

    def test_any_kind_of_token_can_be_checked(self, refresh):
        untyped = UntypedToken(str(refresh))
        FamilyMixin.check_family_blacklist(untyped)
        FamilyMixin.check_family_expiration(untyped)
        check_not_revoked(untyped)
        refresh.blacklist_family()
        with pytest.raises(TokenError, match="Token family is blacklisted"):
            check_not_revoked(untyped)

    def test_a_token_without_a_family_is_not_worth_a_warning_on_verification(self, caplog, db):
        check_not_revoked(AccessToken())
        assert caplog.messages == []

    @pytest.mark.parametrize("end", ["blacklist_family", "expire"])
    def test_access_tokens_die_with_their_family_where_that_is_checked(self, refresh, simple_jwt, end):
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

    def test_access_tokens_outlive_their_family_elsewhere(self, refresh):
        access = str(refresh.access_token)
        refresh.blacklist_family()
        AccessToken(access)

    def test_the_models_pass_through(self):
        from rest_framework_simplejwt.token_family import models

        assert tokens.TokenFamily is models.TokenFamily
        assert tokens.BlacklistedTokenFamily is models.BlacklistedTokenFamily


@pytest.mark.needs("no families")
def test_without_the_family_app_access_tokens_need_none(simple_jwt, db):
    simple_jwt(TOKEN_FAMILY_ENABLED=True, TOKEN_FAMILY_CHECK_ON_ACCESS=True)
    AccessToken(str(AccessToken()))
    check_not_revoked(AccessToken())


def test_the_mixins_are_generic():
    assert BlacklistMixin["RefreshToken"]
    assert FamilyMixin["RefreshToken"]


def test_times_are_utc_whatever_the_time_zone(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    assert abs(AccessToken()["iat"] - datetime.now(timezone.utc).timestamp()) < 60


class TestLength:
    def test_a_longer_token_is_refused_before_it_is_looked_at(self, simple_jwt):
        text = str(AccessToken())
        simple_jwt(MAX_TOKEN_LENGTH=len(text))
        assert AccessToken(text)
        simple_jwt(MAX_TOKEN_LENGTH=len(text) - 1)
        with (
            mock.patch.object(TokenBackend, "decode", side_effect=AssertionError),
            pytest.raises(TokenError, match="^Token is invalid$"),
        ):
            AccessToken(text)

    def test_and_is_told_when_it_is_made(self, simple_jwt, caplog):
        simple_jwt(MAX_TOKEN_LENGTH=100)
        str(AccessToken())
        assert caplog.messages == ["This access token is longer than MAX_TOKEN_LENGTH and will be refused"]


def nested(depth):
    """A claim that makes a payload of that depth."""
    value = 1
    for _ in range(depth - 1):
        value = [value]
    return value


class TestDepth:
    def test_claims_that_are_nested_too_deeply_are_told_of_when_a_token_is_made(self, caplog):
        token = AccessToken()
        token["preferences"] = nested(jws.MAX_DEPTH)
        assert AccessToken(str(token))["preferences"] == nested(jws.MAX_DEPTH)
        assert not caplog.messages
        token["preferences"] = nested(jws.MAX_DEPTH + 1)
        text = str(token)
        problem = "The claims of this access token are nested more than 100 levels deep and will be refused"
        assert caplog.messages == [problem]
        for verify in (True, False):
            with pytest.raises(TokenError, match="^Token is invalid$"):
                AccessToken(text, verify=verify)


@pytest.mark.parametrize("garbage", [5, 1.5, True, ["a.b.c"], {"a": 1}, ("a",), object()])
def test_whatever_a_request_holds_where_a_token_belongs_is_no_token(garbage):
    for verify in (True, False):
        with pytest.raises(TokenError, match="^Token is invalid$"):
            AccessToken(garbage, verify=verify)
