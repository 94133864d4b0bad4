"""Holes that libraries of this kind have had, each closed here for good."""

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
from tests.signatures import twin
from tests.signing_keys import pem, put

pytestmark = pytest.mark.django_db


def forged(token, **claims):
    """The token with other claims, under its old signature."""
    header, _, signature = str(token).split(".")
    payload = base64.urlsafe_b64encode(json.dumps({**token.payload, **claims}).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def leave(user, gone):
    if gone == "deleted":
        user.delete()
    else:
        user.is_active = False
        user.save()


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
def test_edited_tokens_open_nothing(user, whoami, path):
    token = AccessToken.for_user(user)
    assert whoami(forged(token), path=path).status_code == 401
    assert whoami(forged(token, is_superuser=True), path=path).status_code == 401


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
def test_expired_tokens_open_nothing(user, whoami, path):
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=-AccessToken.lifetime)
    assert whoami(token, path=path).status_code == 401


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
@pytest.mark.parametrize("kind", [RefreshToken, SlidingToken])
def test_tokens_for_something_else_open_nothing(user, whoami, path, kind):
    assert whoami(kind.for_user(user), path=path).status_code == 401


def test_unsigned_tokens_open_nothing(user, whoami):
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    _, payload, _ = str(AccessToken.for_user(user)).split(".")
    assert whoami(f"{header}.{payload}.").status_code == 401


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize(
    ("kind", "endpoint", "field"), [(RefreshToken, "refresh", "refresh"), (SlidingToken, "refresh sliding", "token")]
)
@pytest.mark.parametrize("gone", ["deactivated", "deleted"])
def test_users_who_are_gone_refresh_nothing(user, post, kind, endpoint, field, gone):
    token = str(kind.for_user(user))
    leave(user, gone)
    response = post(endpoint, **{field: token})
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize("kind", [AccessToken, RefreshToken, SlidingToken])
@pytest.mark.parametrize("gone", ["deactivated", "deleted"])
def test_tokens_of_users_who_are_gone_do_not_verify(user, post, kind, gone):
    token = str(kind.for_user(user))
    leave(user, gone)
    response = post("verify", token=token)
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.needs("no users_plain")
@pytest.mark.parametrize("endpoint", ["obtain", "obtain sliding"])
def test_inactive_users_are_given_no_tokens(user, post, credentials, endpoint, settings):
    # The one of Django's backends that lets them in leaves it to us.
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
    user.is_active = False
    user.save()
    response = post(endpoint, **credentials)
    assert (response.status_code, response.json()["code"]) == (401, "no_active_account")


@pytest.mark.parametrize("identity", [None, "", True, 1.5, [], {}, ["1"]])
def test_without_an_identity_a_stateless_user_is_nobody(whoami, identity):
    token = AccessToken()
    token[api_settings.USER_ID_CLAIM] = identity
    assert whoami(token, path="/stateless/").status_code == 401


def test_two_long_ids_with_one_prefix_are_two(whoami):
    first, second = AccessToken(), AccessToken()
    first[api_settings.USER_ID_CLAIM] = "x" * 300 + "1"
    second[api_settings.USER_ID_CLAIM] = "x" * 300 + "2"
    answers = [whoami(token, path="/stateless/").json()["user"] for token in (first, second)]
    assert answers == ["x" * 300 + "1", "x" * 300 + "2"]


def test_the_access_token_shares_nothing_that_changes_with_its_refresh_token():
    refresh = RefreshToken()
    refresh["roles"] = ["reader"]
    refresh.access_token["roles"].append("admin")
    assert refresh["roles"] == ["reader"]
    assert refresh.access_token["roles"] == ["reader"]


@pytest.mark.parametrize("claim", ["TOKEN_TYPE_CLAIM", "JTI_CLAIM"])
def test_a_claim_that_is_switched_off_is_absent(simple_jwt, claim):
    simple_jwt(**{claim: None})
    refresh = RefreshToken()
    for token in (refresh, refresh.access_token, SlidingToken()):
        assert not {None, "null", "None"} & json.loads(json.dumps(token.payload)).keys()
        assert "null" not in str(token.payload)


@pytest.mark.needs("token_blacklist")
def test_revoked_tokens_do_not_revive_when_their_user_is_deleted(user, post):
    token = RefreshToken.for_user(user)
    token.blacklist()
    user.delete()
    response = post("verify", token=str(token))
    assert (response.status_code, response.json()["detail"]) == (401, "Token is blacklisted")


@pytest.mark.needs("django's user")
@pytest.mark.parametrize("claim", [True, 1.0, " 1", "1.0", "01", [1]])
def test_what_resembles_an_id_is_nobodys(user, whoami, claim):
    type(user).objects.filter(pk=user.pk).update(id=1)
    token = AccessToken()
    token[api_settings.USER_ID_CLAIM] = claim
    assert whoami(token).json()["code"] == "user_not_found"


@pytest.mark.needs("token_blacklist")
def test_no_log_line_holds_a_token(user, post, simple_jwt, caplog):
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_BLACKLIST_ON_REUSE=True)
    text = str(RefreshToken.for_user(user))
    caplog.set_level("DEBUG", logger="rest_framework_simplejwt")
    for _ in range(2):
        post("refresh", refresh=text)
    assert text.rsplit(".", 1)[0] not in caplog.text
    assert tokens.OutstandingToken.objects.exists()


def test_a_row_of_another_model_gets_no_token_of_the_user_with_its_key(user):
    customer = ContentType(pk=user.pk, app_label="shop")
    for kind in (AccessToken, RefreshToken, SlidingToken):
        with pytest.raises(TokenError):
            kind.for_user(customer)


@pytest.mark.needs("revocation")
def test_to_log_out_nobody_logs_out_nobody(user, whoami):
    """An anonymous user has no primary key, and the store takes none for everybody."""
    refresh = RefreshToken.for_user(user)
    for nobody in (AnonymousUser(), type(user)(pk=None), ContentType(pk=user.pk)):
        with pytest.raises(TokenError):
            sessions.revoke_all(nobody)
    assert RefreshToken(str(refresh))


@pytest.mark.needs("token_blacklist")
def test_a_thief_who_refreshes_on_and_on_does_not_outlive_revoke_all(user, simple_jwt, monkeypatch):
    """Here he is faster than each of twenty rounds."""
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=False)
    stolen, insert = [RefreshToken.for_user(user)], sql.insert_from_query

    def outrun(*args):
        if len(stolen) <= 20:
            stolen.append(rotation.rotate(stolen[-1]).token)
            return 0
        return insert(*args)

    monkeypatch.setattr(sql, "insert_from_query", outrun)
    assert sessions.revoke_all(user).tokens == 1
    with pytest.raises(TokenError):
        RefreshToken(str(stolen[-1]))


@pytest.mark.needs("token_blacklist", "token_family")
def test_a_hook_that_raises_hides_no_theft(user, post, simple_jwt):
    """Whoever can make a project's rule raise, by a locked account for instance, must not stop the alarm."""
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True)
    simple_jwt(TOKEN_FAMILY_ENABLED=True, TOKEN_FAMILY_BLACKLIST_ON_REUSE=True)
    token = RefreshToken.for_user(user)
    newest = rotation.rotate(token).token
    simple_jwt(USER_AUTHENTICATION_RULE=mock.Mock(side_effect=RuntimeError))
    assert post("refresh", refresh=str(token)).status_code == 401
    with pytest.raises(TokenError, match="Token family is blacklisted"):
        RefreshToken(str(newest))


def test_a_database_that_fails_verifies_nothing(user, client, post, monkeypatch):
    """Only a service without a table of users does without the look-up."""
    token = str(AccessToken.for_user(user))
    client.raise_request_exception = False
    monkeypatch.setattr(users, "find", mock.Mock(side_effect=OperationalError("timeout")))
    assert post("verify", token=token).status_code == 503
    client.raise_request_exception = True
    error = ProgrammingError(f'column "x" of {user._meta.db_table} does not exist')
    monkeypatch.setattr(users, "find", mock.Mock(side_effect=error))
    with pytest.raises(ProgrammingError):
        post("verify", token=token)


def signed_by_anybody(token, secret, **header):
    """The token's claims, under an HMAC that needs no more than `secret`."""
    segments = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT", **header}, token.payload)
    ]
    signature = hmac.digest(secret, ".".join(segments).encode(), "sha256")
    return ".".join([*segments, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def test_a_published_key_is_no_secret_to_sign_with(user, whoami, simple_jwt):
    private, public = pem_pair("ES256")
    simple_jwt(SIGNING_KEYS=[{"algorithm": "ES256", "key": private, "kid": "ours", "accepts_no_kid": True}])
    token = AccessToken.for_user(user)
    assert whoami(token).status_code == 200
    for header in ({"kid": "ours"}, {}):
        assert whoami(signed_by_anybody(token, public.encode(), **header)).status_code == 401


def test_an_empty_secret_opens_nothing(user, whoami, simple_jwt, settings):
    settings.SECRET_KEY_FALLBACKS = [""]
    token = AccessToken.for_user(user)
    assert whoami(token).status_code == 200
    assert whoami(signed_by_anybody(token, b"")).status_code == 401
    simple_jwt(SIGNING_KEYS=[{"algorithm": "HS256", "key_callable": str, "accepts_no_kid": True}])
    with pytest.raises(ImproperlyConfigured, match="its key_callable is empty"):
        whoami(signed_by_anybody(token, b""))


@pytest.mark.parametrize("key", ["", b"", " \n", "\0"])
def test_a_blank_signing_key_opens_nothing(user, whoami, post, credentials, simple_jwt, key):
    """As of a variable of the environment that is not set; servers run no checks."""
    secrets = {b"", key.encode() if isinstance(key, str) else key}
    token = AccessToken.for_user(user)
    simple_jwt(SIGNING_KEY=key)
    for secret in secrets:
        with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
            whoami(signed_by_anybody(token, secret))
    with pytest.raises(ImproperlyConfigured, match="signing key of HS256 is blank"):
        post("obtain", **credentials)


def test_a_redirect_to_another_origin_brings_no_keys(user, whoami, simple_jwt):
    """An open redirect at the issuer would be enough to sign in as anybody."""
    attacker = private_key("PS")
    with issuer() as ours, issuer() as theirs:
        theirs.says(key_set(jwk(attacker, "first")))
        ours.says(b"", 302, Location=theirs.url)
        simple_jwt(ALGORITHM="RS256", SIGNING_KEY=private_key("RS"), JWK_URL=ours.url)
        assert whoami(signed(attacker, **AccessToken.for_user(user).payload)).status_code == 503
        assert theirs.requests == 0


@pytest.mark.needs("revocation", "families")
def test_the_other_signature_of_ecdsa_makes_no_other_token(user, whoami, simple_jwt, clock):
    """Of a token under ES256 anybody can make a second spelling. What is revoked, spent or replayed is its jti."""
    private, public = pem_pair("ES256")
    simple_jwt(
        ALGORITHM="ES256",
        SIGNING_KEY=private,
        VERIFYING_KEY=public,
        ROTATE_REFRESH_TOKENS=True,
        BLACKLIST_AFTER_ROTATION=True,
        REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10),
        TOKEN_FAMILY_ENABLED=True,
        TOKEN_FAMILY_CHECK_ON_ACCESS=True,
        TOKEN_FAMILY_BLACKLIST_ON_REUSE=True,
    )

    def refresh(text):
        return rotation.refresh(rotation.present(RefreshToken, text))

    def is_refused(kind, text):
        for spelling in (text, twin(text, "ES256")):
            with pytest.raises(TokenError, match="is blacklisted"):
                kind(spelling)
        return True

    logged_out = str(RefreshToken.for_user(user))
    RefreshToken(twin(logged_out, "ES256")).blacklist()
    assert is_refused(RefreshToken, logged_out)

    parent = str(RefreshToken.for_user(user))
    child = refresh(parent)
    again = refresh(twin(parent, "ES256"))
    assert again.replayed
    assert RefreshToken(again.refresh)["jti"] == child.token["jti"]
    assert [whoami(text).status_code for text in (child.access, twin(child.access, "ES256"))] == [200, 200]

    clock(seconds=11)
    with pytest.raises(RefreshTokenBlacklistedError):
        refresh(twin(parent, "ES256"))
    assert is_refused(RefreshToken, child.refresh)
    assert is_refused(AccessToken, child.access)


@pytest.mark.needs("token_blacklist")
@pytest.mark.parametrize(("leeway", "ahead"), [(None, 30), (3600, 3630)], ids=["of a faster clock", "with a leeway"])
def test_a_flush_revives_no_revoked_token(user, leeway, ahead):
    """Another machine, or a token class with a leeway of its own, may accept what has expired by the flush's clock."""
    own = {} if leeway is None else {"_token_backend": TokenBackend("HS256", "k" * 32, leeway=leeway)}
    kind = type("Kind", (RefreshToken,), own)
    token = kind.for_user(user)
    token.blacklist()
    later = tokens.aware_utcnow() + kind.lifetime + timedelta(seconds=ahead)
    command = "rest_framework_simplejwt.token_blacklist.management.commands.flushexpiredtokens"
    with mock.patch(f"{command}.aware_utcnow", lambda: later):
        call_command("flushexpiredtokens", stdout=StringIO())
    with pytest.raises(RefreshTokenBlacklistedError):
        kind(str(token))


def test_a_key_is_gone_with_its_files_whatever_else_is_wrong_in_its_directory(user, whoami, simple_jwt, tmp_path):
    for kid in "ab":
        put(tmp_path, kid)
    also_in_the_settings = {"kid": "c", "algorithm": "ES256", "key": pem("c")}
    simple_jwt(SIGNING_KEYS_DIR=tmp_path, VERIFYING_KEYS=[also_in_the_settings])
    token = str(AccessToken.for_user(user))
    assert whoami(token).status_code == 200
    (tmp_path / "a.json").unlink()
    put(tmp_path, "c")
    (tmp_path / "d.pem").symlink_to("d.pem")
    state.token_backend.ring.__self__._looked -= 4
    assert whoami(token).status_code == 401


class RememberMe(RefreshToken):
    lifetime = timedelta(days=800)


@pytest.mark.needs("revocation")
def test_a_token_revoked_by_its_id_does_not_come_back_before_its_expiry():
    """An operator has the id alone, of a token that lasts longer than the settings say."""
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
def test_nobody_outruns_a_log_out_everywhere_by_refreshing(user, simple_jwt, monkeypatch):
    """Each time that the store looked again there was a new successor; a user with many was never logged out."""
    simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=False)
    held = [str(RefreshToken.for_user(user))]
    store = type(revocation.token_store())
    bury = store._revoke_entries

    def overtaken(self, *args):
        assert len(held) < 20, "it does not end"
        with suppress(RevocationUnavailable, TokenError):
            held.append(rotation.refresh(rotation.present(RefreshToken, held[-1])).refresh)
        return bury(self, *args)

    monkeypatch.setattr(store, "_revoke_entries", overtaken)
    sessions.revoke_all(user)
    with pytest.raises(TokenError):
        rotation.present(RefreshToken, held[-1])


@pytest.mark.needs("token_blacklist", "admin", "no redis")
class TestTheAdminAnswersNoQuestionAboutATokensText:
    """Staff who may view the list could spell out anybody's refresh token, a few requests a character."""

    @pytest.fixture
    def ask(self, client, user):
        user.is_staff = user.is_superuser = True
        user.save()
        client.force_login(user)
        RefreshToken.for_user(user).blacklist()

        def ask(model, **query):
            return client.get(reverse(f"admin:{model}_changelist"), query).status_code

        return ask

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
    def test_by_a_look_up(self, ask, model, path):
        for lookup in ("", "__regex", "__startswith", "__gt", "__in", "__isnull"):
            try:
                assert ask(model, **{path + lookup: "1"}) == 400
            except NoReverseMatch:
                assert model == "auth_user"  # a project with users of its own

    def test_nor_by_a_popup_that_chooses_one(self, ask):
        assert ask("token_blacklist_outstandingtoken", _to_field="token", _popup="1") == 400

    def test_while_other_columns_can_be_asked_for(self, ask, user):
        queries = [{"jti__startswith": "a"}, {"user__pk": user.pk}, {"expires_at__isnull": "0"}, {"nonsense": "1"}]
        assert [ask("token_blacklist_outstandingtoken", **query) for query in queries] == [200, 200, 200, 302]
        assert ask("token_blacklist_blacklistedtoken", token__id__exact="1") == 200

    @isolate_apps("django.contrib.auth")
    def test_nor_across_a_primary_key_that_is_a_relation(self):
        """Django itself stops looking at the name `pk`."""
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

    @pytest.mark.parametrize("own", [{"exclude": ("jti",)}, {"get_readonly_fields": lambda *_: ("jti", "token")}])
    def test_nor_does_a_subclass_show_it_by_accident(self, ask, user, rf, own):
        from django.contrib import admin

        from rest_framework_simplejwt.token_blacklist.admin import OutstandingTokenAdmin

        request = rf.get("/")
        request.user = user
        row = tokens.OutstandingToken.objects.get()
        page = type("Own", (OutstandingTokenAdmin,), own)(tokens.OutstandingToken, admin.site)
        assert row.token not in page.change_view(request, str(row.pk)).rendered_content
        shown = type("Own", (OutstandingTokenAdmin,), {"fields": ("token",), "exclude": ()})
        shown = shown(tokens.OutstandingToken, admin.site).change_view(request, str(row.pk)).rendered_content
        assert row.token in shown


def nested(depth):
    """A claim that makes a payload of that depth."""
    value = {}
    for _ in range(depth - 2):
        value = [value]
    return value


@pytest.mark.needs("revocation", "families")
class TestNoDepthOfClaimsBreaksARefresh:
    """What copies and encodes claims recurses: a user's own JSON in a claim made each refresh a 500."""

    @pytest.fixture(autouse=True)
    def _rotating(self, simple_jwt):
        simple_jwt(ROTATE_REFRESH_TOKENS=True, BLACKLIST_AFTER_ROTATION=True, TOKEN_FAMILY_ENABLED=True)

    def test_the_deepest_that_is_accepted_works_everywhere(self, user, post, whoami, simple_jwt):
        simple_jwt(REFRESH_TOKEN_GRACE_PERIOD=timedelta(seconds=10))
        token = RefreshToken.for_user(user)
        token["preferences"] = nested(jws.MAX_DEPTH)
        for _ in range(2):  # the second one is a replay
            pair = post("refresh", refresh=str(token)).json()
            assert AccessToken(pair["access"])["preferences"] == nested(jws.MAX_DEPTH)
            assert whoami(pair["access"]).status_code == 200
        assert post("verify", token=pair["refresh"]).status_code == 200
        assert post("blacklist", refresh=pair["refresh"]).status_code == 200
        sliding = SlidingToken.for_user(user)
        sliding["preferences"] = nested(jws.MAX_DEPTH)
        assert post("refresh sliding", token=str(sliding)).status_code == 200

    @pytest.mark.parametrize("depth", [jws.MAX_DEPTH + 1, 300, 600])
    def test_a_deeper_one_is_refused(self, user, post, whoami, depth):
        bodies = {
            "refresh": RefreshToken,
            "verify": AccessToken,
            "blacklist": RefreshToken,
            "refresh sliding": SlidingToken,
        }
        for endpoint, kind in bodies.items():
            token = kind.for_user(user)
            token["preferences"] = nested(depth)
            text = str(token)
            assert post(endpoint, refresh=text, token=text).status_code == 401
        assert whoami(text).status_code == 401


# What JSON may be in, and the names that clients in the wild have for it.
JSON_CHARSETS = ["utf-8", "UTF-8", "utf8", '"utf-8"', "'utf-8'", "us-ascii", "utf-16", "UTF-16LE", "utf-32", ""]


class TestABodyCostsNoMoreThanItsSize:
    """Codecs of Python's take minutes for a body of megabytes, or inflate it, before anybody is asked who they are."""

    @pytest.fixture
    def send(self, client, user):
        token = str(AccessToken.for_user(user))

        def send(content_type, charset="utf-8"):
            body = json.dumps({"token": token}).encode(charset)
            return client.generic("POST", "/token/verify/", body, content_type=content_type).status_code

        return send

    @pytest.mark.parametrize("charset", JSON_CHARSETS)
    def test_json_is_read_in_its_charsets(self, send, charset):
        in_which = charset.strip("\"'") or "utf-8"
        assert send(f"application/json; charset={charset}", in_which) == 200

    @pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"])
    def test_in_no_other_charset_is_anything_decoded(self, client, user, kind):
        names = {*aliases.values(), "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "no-such"}
        others = [name for name in names if not name.startswith(("utf_8", "utf_16", "utf_32", "ascii"))] + ["utf_8_sig"]
        with mock.patch.object(Request, "_load_data_and_files", side_effect=AssertionError):
            for name in others:
                answer = client.generic("POST", "/token/", b"x", content_type=f"{kind}; boundary=x; charset={name}")
                assert answer.status_code == 415, name

    def test_nor_in_a_projects_own_view(self):
        class Parser(BaseParser):
            media_type = "application/x-own"
            parse = mock.Mock(side_effect=AssertionError)

        class View(views.TokenRefreshView):
            parser_classes = [Parser]

            def post(self, request):
                return Response(request.data)

        content_type = "application/x-own; charset=punycode"
        request = APIRequestFactory().generic("POST", "/", b"x", content_type=content_type)
        assert View.as_view()(request).status_code == 415

    @pytest.mark.parametrize(
        ("kind", "limit", "status"),
        [
            ("application/json", 1000, 413),
            ("application/x-www-form-urlencoded", 1000, 413),
            ("application/json", 1001, 400),
            ("application/json", None, 400),
        ],
    )
    def test_djangos_limit_holds_for_every_parser(self, client, settings, kind, limit, status):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = limit
        assert client.generic("POST", "/token/refresh/", b" " * 1001, content_type=kind).status_code == status

    def test_files_do_not_count(self, client, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
        file = SimpleUploadedFile("picture", b"x" * 2000)
        assert client.post("/token/refresh/", {"picture": file}, format="multipart").status_code == 400
        assert client.post("/token/refresh/", {"refresh": "x" * 2000}, format="multipart").status_code == 400

    def test_a_length_that_is_none_is_no_fault(self, client):
        answer = client.generic("POST", "/token/refresh/", b"{}", content_type="application/json", CONTENT_LENGTH="x")
        assert answer.status_code == 400


@pytest.mark.parametrize("what", ["a password", "a token"])
def test_an_error_report_shows_nothing_that_opens_an_account(user, credentials, settings, what):
    """More on it in test_error_reports.py."""
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
        calls[what]()
    called = caught.value.__traceback__.tb_next.tb_next
    frames = ExceptionReporter(None, ZeroDivisionError, caught.value, called).get_traceback_frames()
    shown = [value for frame in frames if "mock" not in frame["filename"] for _, value in frame["vars"]]
    assert not any(credentials["password"].strip() in repr(value) or token in repr(value) for value in shown)
