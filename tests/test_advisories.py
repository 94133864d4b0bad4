"""Vulnerabilities that JWT libraries have had, each with a test that the package does not have it."""

import base64
import hmac
import json
from contextlib import suppress
from datetime import timedelta
from encodings.aliases import aliases
from io import StringIO
from unittest import mock

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError, models
from django.test.utils import isolate_apps
from django.urls import NoReverseMatch, reverse
from django.views.debug import ExceptionReporter
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from rest_framework_simplejwt import jws, revocation, rotation, sessions, state, tokens, users, views
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import RefreshTokenBlacklistedError, RevocationUnavailable, TokenError
from rest_framework_simplejwt.revocation import sql
from rest_framework_simplejwt.revocation.sql import SQLStore
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
from tests.issuer import issuer, jwk, key_set, signed
from tests.key_pairs import pem_pair, private_key
from tests.signatures import second_signature
from tests.signing_keys import pem, put
from tests.test_rotation import ROTATION, present_and_refresh
from tests.test_tokens import nested_claim

pytestmark = pytest.mark.django_db


def forged(token, **claims):
    """The token's text with other claims and the signature of the original."""
    header, _, signature = str(token).split(".")
    payload = base64.urlsafe_b64encode(json.dumps({**token.payload, **claims}).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def deactivate_or_delete(user, action):
    if action == "delete":
        user.delete()
    else:
        user.is_active = False
        user.save()


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
def test_a_token_with_edited_claims_is_refused(user, whoami, path):
    token = AccessToken.for_user(user)
    assert whoami(forged(token), path=path).status_code == 401
    assert whoami(forged(token, is_superuser=True), path=path).status_code == 401


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
def test_an_expired_token_is_refused(user, whoami, path):
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=-AccessToken.lifetime)
    assert whoami(token, path=path).status_code == 401


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
@pytest.mark.parametrize("token_class", [RefreshToken, SlidingToken])
def test_a_token_of_another_type_is_not_accepted_as_access_token(user, whoami, path, token_class):
    assert whoami(token_class.for_user(user), path=path).status_code == 401


def test_an_unsigned_token_with_alg_none_is_refused(user, whoami):
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    _, payload, _ = str(AccessToken.for_user(user)).split(".")
    assert whoami(f"{header}.{payload}.").status_code == 401


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize(
    ("token_class", "endpoint", "field"),
    [(RefreshToken, "refresh", "refresh"), (SlidingToken, "refresh sliding", "token")],
)
@pytest.mark.parametrize("action", ["deactivate", "delete"])
def test_a_token_of_an_inactive_or_deleted_user_is_not_refreshed(user, post, token_class, endpoint, field, action):
    token = str(token_class.for_user(user))
    deactivate_or_delete(user, action)
    response = post(endpoint, **{field: token})
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize("token_class", [AccessToken, RefreshToken, SlidingToken])
@pytest.mark.parametrize("action", ["deactivate", "delete"])
def test_a_token_of_an_inactive_or_deleted_user_does_not_verify(user, post, token_class, action):
    token = str(token_class.for_user(user))
    deactivate_or_delete(user, action)
    response = post("verify", token=token)
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize("endpoint", ["obtain", "obtain sliding"])
def test_no_token_is_issued_to_an_inactive_user(user, post, credentials, endpoint, settings):
    # This backend of Django's authenticates inactive users: the refusal must come from the package.
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    user.is_active = False
    user.save()
    response = post(endpoint, **credentials)
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.parametrize("identity", [None, "", True, 1.5, [], {}, ["1"]])
def test_a_stateless_user_needs_a_valid_user_id(whoami, identity):
    token = AccessToken()
    token[api_settings.USER_ID_CLAIM] = identity
    assert whoami(token, path="/stateless/").status_code == 401


def test_long_user_ids_with_a_common_prefix_are_different_users(whoami):
    first, second = AccessToken(), AccessToken()
    first[api_settings.USER_ID_CLAIM] = "x" * 300 + "1"
    second[api_settings.USER_ID_CLAIM] = "x" * 300 + "2"
    user_ids = [whoami(token, path="/stateless/").json()["user"] for token in (first, second)]
    assert user_ids == ["x" * 300 + "1", "x" * 300 + "2"]


def test_an_access_token_shares_no_mutable_claim_with_its_refresh_token():
    refresh = RefreshToken()
    refresh["roles"] = ["reader"]
    refresh.access_token["roles"].append("admin")
    assert refresh["roles"] == ["reader"]
    assert refresh.access_token["roles"] == ["reader"]


@pytest.mark.parametrize("claim", ["TOKEN_TYPE_CLAIM", "JTI_CLAIM"])
def test_a_disabled_claim_is_absent(simple_jwt, claim):
    simple_jwt(**{claim: None})
    refresh = RefreshToken()
    for token in (refresh, refresh.access_token, SlidingToken()):
        assert not {None, "null", "None"} & json.loads(json.dumps(token.payload)).keys()
        assert "null" not in str(token.payload)


@pytest.mark.needs("token_blacklist")
def test_a_revoked_token_stays_revoked_when_its_user_is_deleted(user, post):
    token = RefreshToken.for_user(user)
    token.blacklist()
    user.delete()
    response = post("verify", token=str(token))
    assert (response.status_code, response.json()["detail"]) == (401, "Token is blacklisted")


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("claim", [True, 1.0, " 1", "1.0", "01", [1]])
def test_a_claim_that_only_resembles_a_users_id_matches_no_user(user, whoami, claim):
    type(user).objects.filter(pk=user.pk).update(id=1)
    token = AccessToken()
    token[api_settings.USER_ID_CLAIM] = claim
    assert whoami(token).json()["code"] == "user_not_found"


@pytest.mark.needs("token_blacklist")
def test_no_token_is_logged(user, post, simple_jwt, caplog):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_BLACKLIST_ON_REUSE=True)
    text = str(RefreshToken.for_user(user))
    caplog.set_level("DEBUG", logger="rest_framework_simplejwt")
    for _ in range(2):
        post("refresh", refresh=text)
    assert text.rsplit(".", 1)[0] not in caplog.text
    assert tokens.OutstandingToken.objects.exists()


def test_no_token_is_issued_for_an_instance_of_another_model_with_a_users_key(user):
    customer = ContentType(pk=user.pk, app_label="shop")
    for token_class in (AccessToken, RefreshToken, SlidingToken):
        with pytest.raises(TokenError):
            token_class.for_user(customer)


@pytest.mark.needs("revocation")
def test_logging_out_an_anonymous_or_unsaved_user_everywhere_revokes_no_token(user, whoami):
    """They have no primary key, or another model's, and a store takes a missing key for all users."""
    refresh = RefreshToken.for_user(user)
    for owner in (AnonymousUser(), type(user)(pk=None), ContentType(pk=user.pk)):
        with pytest.raises(TokenError):
            sessions.revoke_all(owner)
    assert RefreshToken(str(refresh))


@pytest.mark.needs("token_blacklist")
def test_revoke_all_ends_the_session_of_an_attacker_who_keeps_refreshing(user, simple_jwt, monkeypatch):
    """The attacker refreshes before each of twenty attempts to revoke the newest token."""
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=False)
    stolen, insert = [RefreshToken.for_user(user)], sql.insert_from_query

    def refresh_before_insert(*args):
        if len(stolen) <= 20:
            stolen.append(rotation.rotate(stolen[-1]).token)
            return 0
        return insert(*args)

    monkeypatch.setattr(sql, "insert_from_query", refresh_before_insert)
    assert sessions.revoke_all(user).tokens == 1
    with pytest.raises(TokenError):
        RefreshToken(str(stolen[-1]))


@pytest.mark.needs("token_blacklist", "token_family")
def test_reuse_triggers_the_alarm_although_the_user_authentication_rule_raises(user, post, simple_jwt):
    """An attacker may be able to make the project's rule raise, for instance by locking the account."""
    simple_jwt(**ROTATION)
    token = RefreshToken.for_user(user)
    successor = rotation.rotate(token).token
    simple_jwt(USER_AUTHENTICATION_RULE=mock.Mock(side_effect=RuntimeError))
    assert post("refresh", refresh=str(token)).status_code == 401
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        RefreshToken(str(successor))


def test_no_token_verifies_while_the_look_up_of_its_user_fails(user, client, post, monkeypatch):
    """Only a missing table of users, as in a stateless service, skips the look-up of the user."""
    token = str(AccessToken.for_user(user))
    client.raise_request_exception = False
    monkeypatch.setattr(users, "find", mock.Mock(side_effect=OperationalError("timeout")))
    assert post("verify", token=token).status_code == 503
    client.raise_request_exception = True
    error = ProgrammingError(f'column "x" of {user._meta.db_table} does not exist')
    monkeypatch.setattr(users, "find", mock.Mock(side_effect=error))
    with pytest.raises(ProgrammingError):
        post("verify", token=token)


def signed_with(token, secret, **header):
    """The token's claims, signed by HS256 with ``secret``, as an attacker who knows it could."""
    segments = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT", **header}, token.payload)
    ]
    signature = hmac.digest(secret, ".".join(segments).encode(), "sha256")
    return ".".join([*segments, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def test_a_public_key_is_not_accepted_as_an_hmac_secret(user, whoami, simple_jwt):
    private, public = pem_pair("ES256")
    simple_jwt(SIGNING_KEYS=[{"algorithm": "ES256", "key": private, "kid": "active", "accepts_no_kid": True}])
    token = AccessToken.for_user(user)
    assert whoami(token).status_code == 200
    for header in ({"kid": "active"}, {}):
        assert whoami(signed_with(token, public.encode(), **header)).status_code == 401


def test_a_token_signed_with_an_empty_secret_is_refused(user, whoami, simple_jwt, settings):
    settings.SECRET_KEY_FALLBACKS = [""]
    token = AccessToken.for_user(user)
    assert whoami(token).status_code == 200
    assert whoami(signed_with(token, b"")).status_code == 401
    simple_jwt(SIGNING_KEYS=[{"algorithm": "HS256", "key_callable": str, "accepts_no_kid": True}])
    with pytest.raises(ImproperlyConfigured, match="its key_callable is empty"):
        whoami(signed_with(token, b""))


@pytest.mark.parametrize("key", ["", b"", " \n", "\0"])
def test_a_blank_signing_key_neither_signs_nor_verifies(user, whoami, post, credentials, simple_jwt, key):
    """As from an environment variable that is not set; a server does not run the system checks."""
    secrets = {b"", key.encode() if isinstance(key, str) else key}
    token = AccessToken.for_user(user)
    simple_jwt(SIGNING_KEY=key)
    for secret in secrets:
        with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
            whoami(signed_with(token, secret))
    with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
        post("obtain", **credentials)


def test_no_keys_are_fetched_from_a_redirect_to_another_origin(user, whoami, simple_jwt):
    """With an open redirect at the issuer, an attacker could authenticate as any user with their own keys."""
    attacker = private_key("PS")
    with issuer() as trusted, issuer() as other:
        other.respond_with(key_set(jwk(attacker, "first")))
        trusted.respond_with(b"", 302, Location=other.url)
        simple_jwt(ALGORITHM="RS256", SIGNING_KEY=private_key("RS"), JWK_URL=trusted.url)
        assert whoami(signed(attacker, **AccessToken.for_user(user).payload)).status_code == 503
        assert other.requests == 0


@pytest.mark.needs("revocation", "families")
def test_a_second_valid_ecdsa_signature_does_not_evade_revocation(user, whoami, simple_jwt, clock):
    """Anybody can compute a second valid signature of an ES256 token: revocation and rotation must go by its jti."""
    private, public = pem_pair("ES256")
    simple_jwt(
        ALGORITHM="ES256",
        SIGNING_KEY=private,
        VERIFYING_KEY=public,
        **ROTATION,
        REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10),
        TOKEN_FAMILY_CHECK_ON_ACCESS=True,
    )

    def assert_revoked(token_class, text):
        for variant in (text, second_signature(text, "ES256")):
            with pytest.raises(TokenError, match="is blacklisted"):
                token_class(variant)

    logged_out = str(RefreshToken.for_user(user))
    RefreshToken(second_signature(logged_out, "ES256")).blacklist()
    assert_revoked(RefreshToken, logged_out)

    parent = str(RefreshToken.for_user(user))
    child = present_and_refresh(parent)
    replay = present_and_refresh(second_signature(parent, "ES256"))
    assert replay.replayed
    assert RefreshToken(replay.refresh)["jti"] == child.token["jti"]
    assert [whoami(text).status_code for text in (child.access, second_signature(child.access, "ES256"))] == [200, 200]

    clock(seconds=11)
    with pytest.raises(RefreshTokenBlacklistedError):
        present_and_refresh(second_signature(parent, "ES256"))
    assert_revoked(RefreshToken, child.refresh)
    assert_revoked(AccessToken, child.access)


@pytest.mark.needs("token_blacklist")
@pytest.mark.parametrize(("leeway", "ahead"), [(None, 30), (3600, 3630)], ids=["clock behind", "leeway of the class"])
def test_a_flush_does_not_make_a_revoked_token_valid(user, leeway, ahead):
    """The flush may see a token as expired that is still accepted elsewhere.

    The clock of another server may be behind, and a token class may have its own leeway.
    """
    attributes = {} if leeway is None else {"_token_backend": TokenBackend("HS256", "k" * 32, leeway=leeway)}
    token_class = type("Custom", (RefreshToken,), attributes)
    token = token_class.for_user(user)
    token.blacklist()
    later = tokens.aware_utcnow() + token_class.lifetime + timedelta(seconds=ahead)
    command = "rest_framework_simplejwt.token_blacklist.management.commands.flushexpiredtokens"
    with mock.patch(f"{command}.aware_utcnow", lambda: later):
        call_command("flushexpiredtokens", stdout=StringIO())
    with pytest.raises(RefreshTokenBlacklistedError):
        token_class(str(token))


def test_a_key_whose_files_are_deleted_is_removed_despite_other_faults_in_the_directory(
    user, whoami, simple_jwt, tmp_path
):
    for kid in "ab":
        put(tmp_path, kid)
    verifying_key = {"kid": "c", "algorithm": "ES256", "key": pem("c")}
    simple_jwt(SIGNING_KEYS_DIR=tmp_path, VERIFYING_KEYS=[verifying_key])
    token = str(AccessToken.for_user(user))
    assert whoami(token).status_code == 200
    (tmp_path / "a.json").unlink()
    put(tmp_path, "c")
    (tmp_path / "d.pem").symlink_to("d.pem")
    state.token_backend.ring.__self__._scanned_at -= 4
    assert whoami(token).status_code == 401


class RememberMe(RefreshToken):
    lifetime = timedelta(days=800)


@pytest.mark.needs("revocation")
def test_a_token_revoked_by_its_id_stays_revoked_until_its_expiry():
    """An operator revokes by the id alone, and the token may live longer than REFRESH_TOKEN_LIFETIME."""
    token = RememberMe()
    sessions.revoke_token(token["jti"])
    store = revocation.token_store()
    if isinstance(store, SQLStore):
        list(store.purge(tokens.aware_utcnow() + timedelta(days=700), batch_size=10))
    else:
        assert store.client.ttl(store._revocation_key(token["jti"])) == -1
    with pytest.raises(TokenError, match="blacklisted"):
        RememberMe(str(token))


@pytest.mark.needs("redis")
def test_redis_revoke_all_ends_while_an_attacker_keeps_refreshing(user, simple_jwt, monkeypatch):
    """Each time the store looked for the user's tokens it found a new successor, so that revoke_all never ended."""
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=False)
    texts = [str(RefreshToken.for_user(user))]
    store = type(revocation.token_store())
    revoke_entries = store._revoke_entries

    def refresh_before_revoking(self, *args):
        assert len(texts) < 20, "revoke_all does not end"
        with suppress(RevocationUnavailable, TokenError):
            texts.append(present_and_refresh(texts[-1]).refresh)
        return revoke_entries(self, *args)

    monkeypatch.setattr(store, "_revoke_entries", refresh_before_revoking)
    sessions.revoke_all(user)
    with pytest.raises(TokenError):
        rotation.present(RefreshToken, texts[-1])


@pytest.mark.needs("token_blacklist", "admin", "no redis")
class TestAdminFiltersDoNotRevealTheTextOfAToken:
    """Staff with the view permission could filter by the text, and so guess a refresh token character by character."""

    @pytest.fixture
    def filter_status(self, client, user):
        """Return the status of the change list of ``model`` with the parameters ``query``, as a superuser."""
        user.is_staff = user.is_superuser = True
        user.save()
        client.force_login(user)
        RefreshToken.for_user(user).blacklist()

        def filter_status(model, **query):
            return client.get(reverse(f"admin:{model}_changelist"), query).status_code

        return filter_status

    @pytest.mark.parametrize(
        ("model", "path"),
        [
            ("token_blacklist_outstandingtoken", "token"),
            ("token_blacklist_outstandingtoken", "blacklistedtoken__token__token"),
            ("token_blacklist_outstandingtoken", "user__outstandingtoken__token"),
            ("token_blacklist_blacklistedtoken", "token__token"),
            ("token_blacklist_blacklistedtoken", "token_id__token"),
            ("auth_user", "outstandingtoken__token"),
            ("auth_user", "outstandingtoken__blacklistedtoken__token__token"),
        ],
    )
    def test_a_filter_by_the_text_is_refused(self, filter_status, model, path):
        for lookup in ("", "__regex", "__startswith", "__gt", "__in", "__isnull"):
            try:
                assert filter_status(model, **{path + lookup: "1"}) == 400
            except NoReverseMatch:
                assert model == "auth_user"  # a project with a custom user model

    def test_a_popup_whose_to_field_is_the_text_is_refused(self, filter_status):
        assert filter_status("token_blacklist_outstandingtoken", _to_field="token", _popup="1") == 400

    def test_filters_by_other_columns_are_allowed(self, filter_status, user):
        queries = [{"jti__startswith": "a"}, {"user__pk": user.pk}, {"expires_at__isnull": "0"}, {"nonsense": "1"}]
        assert [filter_status("token_blacklist_outstandingtoken", **query) for query in queries] == [200, 200, 200, 302]
        assert filter_status("token_blacklist_blacklistedtoken", token__id__exact="1") == 200

    @isolate_apps("django.contrib.auth")
    def test_a_filter_across_a_primary_key_that_is_a_relation_is_refused(self):
        """Django's own check of look-ups stops at the name ``pk``."""
        from rest_framework_simplejwt.revocation.admin import reads_token_text

        class Note(models.Model):
            token = models.OneToOneField(
                tokens.OutstandingToken, primary_key=True, on_delete=models.CASCADE, related_name="+"
            )

            class Meta:
                app_label = "auth"

        assert reads_token_text(Note, "pk__token__regex")
        assert not reads_token_text(Note, "pk__jti__regex")
        assert not reads_token_text(Note, "token")

    @pytest.mark.parametrize(
        "attributes", [{"exclude": ("jti",)}, {"get_readonly_fields": lambda *_: ("jti", "token")}]
    )
    def test_a_subclass_shows_the_text_only_if_its_fields_name_it(self, filter_status, user, rf, attributes):
        from django.contrib import admin

        from rest_framework_simplejwt.token_blacklist.admin import OutstandingTokenAdmin

        request = rf.get("/")
        request.user = user
        row = tokens.OutstandingToken.objects.get()
        page = type("Custom", (OutstandingTokenAdmin,), attributes)(tokens.OutstandingToken, admin.site)
        assert row.token not in page.change_view(request, str(row.pk)).rendered_content
        explicit = type("Custom", (OutstandingTokenAdmin,), {"fields": ("token",), "exclude": ()})
        shown = explicit(tokens.OutstandingToken, admin.site).change_view(request, str(row.pk)).rendered_content
        assert row.token in shown


@pytest.mark.needs("revocation", "families")
class TestDeeplyNestedClaimsDoNotBreakARefresh:
    """Claims are copied and encoded recursively: deep JSON of a user in a claim made each refresh answer 500."""

    @pytest.fixture(autouse=True)
    def _rotation(self, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=True)

    def test_claims_of_the_maximum_depth_are_accepted_by_every_endpoint(self, user, post, whoami, simple_jwt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10))
        token = RefreshToken.for_user(user)
        token["preferences"] = nested_claim(jws.MAX_DEPTH)
        for _ in range(2):  # the second one is a replay
            pair = post("refresh", refresh=str(token)).json()
            assert AccessToken(pair["access"])["preferences"] == nested_claim(jws.MAX_DEPTH)
            assert whoami(pair["access"]).status_code == 200
        assert post("verify", token=pair["refresh"]).status_code == 200
        assert post("blacklist", refresh=pair["refresh"]).status_code == 200
        sliding = SlidingToken.for_user(user)
        sliding["preferences"] = nested_claim(jws.MAX_DEPTH)
        assert post("refresh sliding", token=str(sliding)).status_code == 200

    @pytest.mark.parametrize("depth", [jws.MAX_DEPTH + 1, 300, 600])
    def test_deeper_claims_are_refused(self, user, post, whoami, depth):
        token_classes = {
            "refresh": RefreshToken,
            "verify": AccessToken,
            "blacklist": RefreshToken,
            "refresh sliding": SlidingToken,
        }
        for endpoint, token_class in token_classes.items():
            token = token_class.for_user(user)
            token["preferences"] = nested_claim(depth)
            text = str(token)
            assert post(endpoint, refresh=text, token=text).status_code == 401
        assert whoami(text).status_code == 401


# The charsets that JSON may have, under the names that clients send.
JSON_CHARSETS = ["utf-8", "UTF-8", "utf8", '"utf-8"', "'utf-8'", "us-ascii", "utf-16", "UTF-16LE", "utf-32", ""]


class TestCharsetAndSizeOfABodyAreLimited:
    """Some of Python's codecs take minutes for megabytes, or decompress them, before the request is authenticated."""

    @pytest.fixture
    def send(self, client, user):
        token = str(AccessToken.for_user(user))

        def send(content_type, charset="utf-8"):
            body = json.dumps({"token": token}).encode(charset)
            return client.generic("POST", "/token/verify/", body, content_type=content_type).status_code

        return send

    @pytest.mark.parametrize("charset", JSON_CHARSETS)
    def test_json_is_decoded_in_the_charsets_that_it_may_have(self, send, charset):
        codec = charset.strip("\"'") or "utf-8"
        assert send(f"application/json; charset={charset}", codec) == 200

    @pytest.mark.parametrize(
        "media_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
    )
    def test_a_body_in_another_charset_is_refused_and_not_decoded(self, client, user, media_type):
        names = {*aliases.values(), "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "no-such"}
        others = [name for name in names if not name.startswith(("utf_8", "utf_16", "utf_32", "ascii"))] + ["utf_8_sig"]
        with mock.patch.object(Request, "_load_data_and_files", side_effect=AssertionError):
            for name in others:
                response = client.generic(
                    "POST", "/token/", b"x", content_type=f"{media_type}; boundary=x; charset={name}"
                )
                assert response.status_code == 415, name

    def test_a_view_and_parser_of_a_project_refuse_another_charset(self):
        class Parser(BaseParser):
            media_type = "application/x-custom"
            parse = mock.Mock(side_effect=AssertionError)

        class View(views.TokenRefreshView):
            parser_classes = [Parser]

            def post(self, request):
                return Response(request.data)

        content_type = "application/x-custom; charset=punycode"
        request = APIRequestFactory().generic("POST", "/", b"x", content_type=content_type)
        assert View.as_view()(request).status_code == 415

    @pytest.mark.parametrize(
        ("media_type", "limit", "status"),
        [
            ("application/json", 1000, 413),
            ("application/x-www-form-urlencoded", 1000, 413),
            ("application/json", 1001, 400),
            ("application/json", None, 400),
        ],
    )
    def test_data_upload_max_memory_size_limits_every_parser(self, client, settings, media_type, limit, status):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = limit
        assert client.generic("POST", "/token/refresh/", b" " * 1001, content_type=media_type).status_code == status

    def test_files_do_not_count_towards_the_limit(self, client, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        file = SimpleUploadedFile("picture", b"x" * 2000)
        assert client.post("/token/refresh/", {"picture": file}, format="multipart").status_code == 400
        assert client.post("/token/refresh/", {"refresh": "x" * 2000}, format="multipart").status_code == 400

    def test_an_invalid_content_length_does_not_raise(self, client):
        response = client.generic("POST", "/token/refresh/", b"{}", content_type="application/json", CONTENT_LENGTH="x")
        assert response.status_code == 400


@pytest.mark.parametrize("secret", ["a password", "a token"])
def test_an_error_report_shows_no_password_or_token(user, credentials, settings, secret):
    """``test_error_reports.py`` has more cases."""
    settings.DEBUG = False
    token = str(AccessToken.for_user(user))
    calls = {
        "a password": lambda: TokenObtainPairSerializer(data=credentials).is_valid(),
        "a token": lambda: AccessToken(token.encode()),
    }
    with (
        mock.patch("django.db.models.sql.compiler.SQLCompiler.execute_sql", side_effect=ZeroDivisionError),
        mock.patch.object(AccessToken, "verify", side_effect=ZeroDivisionError),
        pytest.raises(ZeroDivisionError) as caught,
    ):
        calls[secret]()
    called = caught.value.__traceback__.tb_next.tb_next
    frames = ExceptionReporter(None, ZeroDivisionError, caught.value, called).get_traceback_frames()
    shown = [value for frame in frames if "mock" not in frame["filename"] for _, value in frame["vars"]]
    assert not any(credentials["password"].strip() in repr(value) or token in repr(value) for value in shown)
