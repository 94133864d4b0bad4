"""Tokens of other issuers: each speaks for itself alone, and only to let a request in."""

import copy
import hmac
import json
import logging
import re
import time
from itertools import product
from pathlib import Path
from unittest import mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, OperationalError
from django.test import RequestFactory
from rest_framework import exceptions

from rest_framework_simplejwt import trust
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import (
    AuthenticationFailed,
    InvalidToken,
    KeysUnavailable,
    ServiceUnavailable,
    TokenError,
)
from rest_framework_simplejwt.foreign import ForeignToken
from rest_framework_simplejwt.jws import base64url_encode, join
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken, UntypedToken
from tests.issuer import issuer, jwk, key_set
from tests.key_pairs import new_private_key, private_key

A, B, C, D = (f"https://{name}.example/" for name in "abcd")
OURS = "https://ours.example/"
UNLISTED = "https://e.example/"

ALGORITHMS = jwt.algorithms.get_default_algorithms()
HMAC = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}

KEYS = {
    "ours": b"the secret of our own service, which is longer than 32 bytes",
    "A": private_key("RS"),
    "B RS": private_key("PS"),
    "B ES": private_key("ES256"),
    "C": private_key("Ed"),
    "D": b"the secret of the service D, which is longer than 32 bytes too",
    "thief": new_private_key("RS"),
    "thief's EC": new_private_key("ES256"),
}


def pem(private):
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fitting(key, algorithm):
    """The algorithm that the key can sign with, of the family of `algorithm` if it can."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256"
    return algorithm if algorithm.startswith(("RS", "PS")) else "RS256"


def signature(key, algorithm, message):
    """As an attacker would make it who has this key, and writes this algorithm into the header."""
    if algorithm == "none":
        return b""
    if isinstance(key, bytes) or algorithm in HMAC:
        return hmac.digest(key if isinstance(key, bytes) else pem(key), message, HMAC.get(algorithm, "sha256"))
    return ALGORITHMS[fitting(key, algorithm)].sign(message, key)


def token(claims, key="A", algorithm="RS256", kid="1", **header):
    header = {"alg": algorithm, "typ": "JWT", **header} | ({} if kid is None else {"kid": kid})
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    head, body = base64url_encode(json.dumps(header).encode()), base64url_encode(payload.encode())
    key = KEYS[key] if isinstance(key, str) else key
    return join(head, body, signature(key, algorithm, head + b"." + body))


def claims(iss=A, **others):
    """As like to our own as can be: only the keys tell whose they are."""
    now = int(time.time())
    ours = {"token_type": "access", "jti": "x", "user_id": "5"}
    return {"iss": iss, "aud": "us", "sub": "alice", "exp": now + 60, "iat": now, **ours, **others}


def static(name, algorithm, key, **others):
    key = pem(KEYS[key]) if not isinstance(KEYS[key], bytes) else KEYS[key]
    keys = [{"algorithm": algorithm, "key": key, "kid": "1"}]
    return {"issuer": name, "audience": "us", "algorithms": [algorithm], "keys": keys, **others}


A_ENTRY = static(A, "RS256", "A")
D_ENTRY = static(D, "HS256", "D")


@pytest.fixture
def b_server():
    with issuer() as served:
        served.says(key_set(jwk(KEYS["B RS"], "1"), jwk(KEYS["B ES"], "2")))
        yield served


@pytest.fixture
def four(simple_jwt, b_server):
    """A with a static RSA key, B with a key set, C with a static Ed25519 key, D with a secret; and ourselves."""
    remote = {"issuer": B, "audience": "us", "algorithms": ["ES256", "RS256"], "jwk_url": b_server.url}
    ring = [{"kid": "1", "algorithm": "HS256", "key": KEYS["ours"]}]
    entries = [A_ENTRY, remote, static(C, "EdDSA", "C"), D_ENTRY]
    simple_jwt(TRUSTED_ISSUERS=entries, SIGNING_KEYS=ring, ISSUER=OURS, AUDIENCE="us")


@pytest.fixture
def trusting(simple_jwt):
    """Trust A, its entry being changed like so: `trusting(claims={"sub": "user_id"})`, with these settings."""

    def trust(settings=None, **changed):
        simple_jwt(TRUSTED_ISSUERS=[{**A_ENTRY, **changed}], **(settings or {}))

    return trust


def validated(text):
    return JWTAuthentication().get_validated_token(text)


def is_accepted(read, text):
    try:
        return read(text)
    except (InvalidToken, TokenError):
        return None


@pytest.mark.needs("full")
class TestNobodySpeaksForAnother:
    """Every issuer's name x every key x every algorithm x every kid."""

    NAMES = [OURS, A, B, C, D, UNLISTED, None]
    HEADER_ALGORITHMS = [*HMAC, "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA", "none"]
    KIDS = ["1", "2", "3", None]
    DIAGONAL = {
        (OURS, "ours", "HS256", "1"),
        *product([A], ["A"], ["RS256"], ["1", None]),
        *product([B], ["B RS"], ["RS256"], ["1", None]),
        *product([B], ["B ES"], ["ES256"], ["2", None]),
        *product([C], ["C"], ["EdDSA"], ["1", None]),
        *product([D], ["D"], ["HS256"], ["1", None]),
    }

    def test_only_the_diagonal_is_accepted(self, four):
        sent, accepted, elsewhere = 0, {}, set()
        for cell in product(self.NAMES, KEYS, self.HEADER_ALGORITHMS, self.KIDS):
            name, key, algorithm, kid = cell
            named = claims(name) if name else {k: v for k, v in claims().items() if k != "iss"}
            text = token(named, key, algorithm, kid)
            sent += 1
            if found := is_accepted(validated, text):
                accepted[cell] = found
            if is_accepted(UntypedToken, text):
                elsewhere.add(cell)
        print(f"{sent} tokens, {len(accepted)} accepted")
        assert sent == 7 * 8 * 10 * 4 == 2240
        assert accepted.keys() == self.DIAGONAL
        assert elsewhere == {(OURS, "ours", "HS256", "1")}, "for a request alone"
        assert all(isinstance(found, ForeignToken) is (cell[0] != OURS) for cell, found in accepted.items())
        assert all(getattr(found, "issuer", OURS) == cell[0] for cell, found in accepted.items())

    def test_two_keys_under_one_kid_stay_apart(self, four):
        assert validated(token(claims(A), "A"))["iss"] == A
        assert validated(token(claims(B), "B RS"))["iss"] == B
        for name, key in ((A, "B RS"), (B, "A")):
            with pytest.raises(InvalidToken):
                validated(token(claims(name), key))

    @pytest.mark.parametrize("algorithm", HMAC)
    def test_a_public_key_is_no_secret(self, four, algorithm):
        for name, key in product([A, B, C, D, OURS], ["A", "B RS", "B ES", "C"]):
            assert not is_accepted(validated, token(claims(name), key, algorithm))

    def test_our_own_tokens_with_the_name_of_another_are_refused(self, trusting):
        trusting()
        for kind in (AccessToken, RefreshToken, SlidingToken):
            ours = kind()
            assert UntypedToken(str(ours))
            ours["iss"] = A
            for read in (validated, kind, UntypedToken):
                assert not is_accepted(read, str(ours))

    def test_our_own_tokens_are_as_good_as_before(self, trusting, user, whoami):
        trusting()
        assert whoami(AccessToken.for_user(user)).data == {"user": str(user.pk), "type": "access"}

    def test_one_of_theirs_that_claims_to_be_ours_is_refused(self, four):
        for key, algorithm in (("A", "RS256"), ("D", "HS256")):
            assert not is_accepted(validated, token(claims(OURS), key, algorithm))


@pytest.mark.needs("full")
class TestTokenEndpoints:
    """Even a token that would be a good one of ours, but for its key."""

    ENDPOINTS = {
        "refresh": ("refresh", "refresh"),
        "verify": ("token", "access"),
        "blacklist": ("refresh", "refresh"),
        "blacklist family": ("refresh", "refresh"),
        "refresh sliding": ("token", "sliding"),
    }

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    @pytest.mark.parametrize(("name", "key", "algorithm"), [(A, "A", "RS256"), (D, "D", "HS256")])
    def test_they_take_no_token_of_another_issuer(self, simple_jwt, post, user_id, endpoint, name, key, algorithm):
        simple_jwt(TRUSTED_ISSUERS=[A_ENTRY, D_ENTRY])
        field, kind = self.ENDPOINTS[endpoint]
        family = {"family_id": "f", "refresh_exp": int(time.time()) + 60}
        text = token(claims(name, user_id=user_id, token_type=kind, **family), key, algorithm)
        assert validated(text)
        answer = post(endpoint, **{field: text})
        assert (answer.status_code, answer.data["code"]) == (401, "token_not_valid")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_nor_one_that_our_key_signed_in_the_name_of_another(self, trusting, post, user, endpoint):
        trusting()
        field, kind = self.ENDPOINTS[endpoint]
        ours = {"refresh": RefreshToken, "access": AccessToken, "sliding": SlidingToken}[kind].for_user(user)
        ours["iss"] = A
        answer = post(endpoint, **{field: str(ours)})
        assert (answer.status_code, answer.data["code"]) == (401, "token_not_valid")
        del ours["iss"]
        assert post(endpoint, **{field: str(ours)}).status_code == 200


@pytest.mark.needs("bare")
class TestWhoseTokenItIs:
    def test_it_is_the_issuers_by_name(self, trusting):
        trusting()
        assert trust.find_trusted_issuer(token(claims())).issuer == A
        assert trust.find_trusted_issuer(token(claims()).encode()).issuer == A

    @pytest.mark.parametrize(
        "name",
        [None, [A], {"a": A}, 5, True, "", A.rstrip("/"), A + "/", A.upper(), A + " ", f" {A}", A + "\0", UNLISTED],
    )
    def test_a_name_that_is_not_the_same_is_nobodys(self, trusting, name):
        trusting()
        assert trust.find_trusted_issuer(token(claims(name))) is None
        with pytest.raises(InvalidToken) as refusal:
            validated(token(claims(name)))
        assert refusal.value.detail["messages"][0]["token_class"] == "AccessToken"

    def test_a_name_that_stands_twice_is_nobodys(self, trusting):
        trusting()
        good = json.dumps(claims())
        for twice in (good.replace("{", f'{{"iss": "{UNLISTED}",', 1), good.replace("{", f'{{"iss": "{A}",', 1)):
            assert not is_accepted(validated, token(twice))

    @pytest.mark.parametrize("text", ["", "a.b.c", "x", b"\xff.\xff.\xff", "\ud800.e30.AAAA", ".e30.", 5, ["a"]])
    def test_what_is_no_token_is_left_to_the_ordinary_path(self, trusting, text):
        trusting()
        assert trust.find_trusted_issuer(text) is None
        with pytest.raises(InvalidToken) as refusal:
            validated(text)
        assert refusal.value.detail["messages"][0]["token_class"] == "AccessToken"

    def test_one_that_is_too_long_is_refused_before_it_is_parsed(self, trusting):
        trusting({"MAX_TOKEN_LENGTH": 400})
        with mock.patch.object(trust.jws, "json_object", side_effect=AssertionError):
            for read in (validated, ForeignToken):
                assert not is_accepted(read, token(claims(x="x" * 400)))

    def test_without_other_issuers_nothing_is_parsed_twice(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=())
        with mock.patch.object(trust, "jws", None), mock.patch.object(trust, "trusted_issuers", None):
            assert validated(str(AccessToken()))

    def test_a_header_that_is_none_is_refused(self, trusting):
        trusting()
        body = base64url_encode(json.dumps(claims()).encode())
        for header in (b"[]", b"{", b"{}", b'{"alg": null}', b'{"alg": ["RS256"]}', b'{"alg": {"RS256": 1}}'):
            assert not is_accepted(validated, join(base64url_encode(header), body, b"x"))

    def test_another_issuer_is_no_foreign_token(self, trusting):
        trusting()
        with pytest.raises(TokenError):
            ForeignToken(str(AccessToken()))


@pytest.mark.needs("bare")
class TestTheirSettings:
    def test_they_are_read_once(self, trusting):
        trusting()
        assert trust.trusted_issuers() is trust.trusted_issuers()

    @pytest.mark.parametrize(
        "changed", [{"LEEWAY": 5}, {"JWK_TIMEOUT": 5}, {"JWK_ALLOW_HTTP": True}, {"TRUSTED_ISSUERS": [D_ENTRY]}]
    )
    def test_they_are_read_anew_when_they_change(self, trusting, simple_jwt, changed):
        trusting()
        before = trust.trusted_issuers()
        simple_jwt(TRUSTED_ISSUERS=[A_ENTRY])
        assert trust.trusted_issuers() is before, "the same by value"
        simple_jwt(**changed)
        assert trust.trusted_issuers() is not before

    def test_their_keys_come_over_http_where_a_setting_says_so(self, simple_jwt):
        remote = {"issuer": B, "audience": "us", "algorithms": ["RS256"], "jwk_url": "http://keycloak:8080/certs"}
        simple_jwt(TRUSTED_ISSUERS=[remote])
        with pytest.raises(ImproperlyConfigured, match="its jwk_url is not allowed"):
            trust.trusted_issuers()
        simple_jwt(TRUSTED_ISSUERS=[remote], JWK_ALLOW_HTTP=True)
        with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
            assert list(trust.trusted_issuers()) == [B]
        client.assert_called_once_with(remote["jwk_url"], algorithm="RS256", timeout=2, allow_http=True)

    def test_a_wrong_entry_lets_nobody_in(self, trusting):
        trusting(audience=None)
        with pytest.raises(ImproperlyConfigured, match=r"TRUSTED_ISSUERS'\]\[0\]: it needs an audience"):
            validated(token(claims()))

    def test_an_issuer_that_is_ourselves_lets_nobody_in(self, trusting):
        trusting({"ISSUER": A})
        with pytest.raises(ImproperlyConfigured, match="this project's own ISSUER"):
            validated(token(claims()))

    def test_no_key_shows_in_a_repr(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=[D_ENTRY])
        assert "secret" not in repr(trust.trusted_issuers())

    def test_the_leeway_is_ours(self, trusting):
        trusting({"LEEWAY": 0})
        old = token(claims(exp=int(time.time()) - 5))
        assert not is_accepted(validated, old)
        trusting({"LEEWAY": 30})
        assert validated(old)

    def test_a_lone_key_may_be_for_named_tokens_alone(self, trusting):
        [key] = A_ENTRY["keys"]
        trusting(keys=[{**key, "accepts_no_kid": False}])
        assert validated(token(claims()))
        assert not is_accepted(validated, token(claims(), kid=None))

    def test_of_two_keys_the_token_names_one(self, trusting):
        key = {"algorithm": "RS256", "key": pem(KEYS["B RS"]), "kid": "2"}
        trusting(keys=[*A_ENTRY["keys"], key])
        assert validated(token(claims(), "B RS", kid="2"))
        for signer, kid in (("A", None), ("A", "2"), ("B RS", "1"), ("B RS", None)):
            assert not is_accepted(validated, token(claims(), signer, kid=kid))

    def test_an_algorithm_has_the_keys_for_it_alone(self, trusting):
        secret = {"algorithm": "HS256", "key": KEYS["D"], "accepts_no_kid": True}
        public = {**A_ENTRY["keys"][0], "accepts_no_kid": True}
        trusting(keys=[public, secret], algorithms=["HS256", "RS256", "RS384"])
        assert validated(token(claims(), "A", "RS256", None))
        assert validated(token(claims(), "D", "HS256", None))
        for key, algorithm in (("D", "RS256"), ("A", "HS256"), ("A", "RS384")):
            assert not is_accepted(validated, token(claims(), key, algorithm, None))

    def test_what_an_issuer_does_not_sign_with_costs_no_fetch(self, four, b_server):
        for algorithm in ("PS256", "HS256", "none", "RS512"):
            assert not is_accepted(validated, token(claims(B), "B RS", algorithm))
        assert b_server.requests == 0

    def test_while_an_issuer_is_down_its_tokens_are_answered_503_and_others_are_not(self, four, b_server, client):
        b_server.says(b"", status=500)
        with pytest.raises(KeysUnavailable):
            validated(token(claims(B), "B RS"))
        answer = client.get("/stateless/", HTTP_AUTHORIZATION=f"Bearer {token(claims(B), 'B ES', 'ES256', '2')}")
        assert (answer.status_code, answer.data["code"]) == (503, "keys_unavailable")
        assert validated(token(claims(A)))


@pytest.mark.needs("bare")
class TestWhatATokenMustSay:
    @pytest.mark.parametrize("audience", ["us", ["us"], ["them", "us"]])
    def test_it_is_for_us(self, trusting, audience):
        trusting()
        assert validated(token(claims(aud=audience)))

    @pytest.mark.parametrize("audience", ["them", "US", ["them"], [], None, "", ["us", 5], {"us": 1}])
    def test_one_for_another_service_of_the_same_issuer_is_refused(self, trusting, audience):
        trusting()
        assert not is_accepted(validated, token(claims(aud=audience)))

    def test_one_for_nobody_is_refused(self, trusting):
        trusting()
        assert not is_accepted(validated, token({k: v for k, v in claims().items() if k != "aud"}))

    def test_we_may_have_several_names(self, trusting):
        trusting(audience=["us", "api://us"])
        assert validated(token(claims(aud="api://us")))

    def test_our_own_audience_is_not_theirs(self, trusting):
        trusting({"AUDIENCE": "ours"})
        assert validated(token(claims()))
        assert not is_accepted(validated, token(claims(aud="ours")))

    def test_it_must_expire(self, trusting):
        trusting()
        with pytest.raises(InvalidToken) as refusal:
            validated(token({k: v for k, v in claims().items() if k != "exp"}))
        [message] = refusal.value.detail["messages"]
        assert message["message"] == "Token has no 'exp' claim"

    @pytest.mark.parametrize(
        "times", [{"exp": 0}, {"exp": "9999999999"}, {"nbf": 9_999_999_999}, {"iat": 9_999_999_999}]
    )
    def test_it_must_be_in_time(self, trusting, times):
        trusting()
        assert not is_accepted(validated, token(claims(**times)))

    def test_it_needs_neither_id_nor_type(self, trusting):
        trusting()
        bare = {name: claims()[name] for name in ("iss", "aud", "exp")}
        assert validated(token(bare)).payload == bare

    def test_a_refusal_looks_like_any_other(self, trusting, whoami):
        trusting()
        answer = whoami(token(claims(exp=5)))
        assert answer.status_code == 401
        assert answer.json() == {
            "detail": "Given token not valid for any token type",
            "code": "token_not_valid",
            "messages": [{"token_class": "ForeignToken", "token_type": "access", "message": "Token is expired"}],
        }
        assert 'error="invalid_token"' in answer["WWW-Authenticate"]

    def test_the_log_has_the_reason_and_no_user_of_ours(self, trusting, caplog):
        trusting()
        with caplog.at_level(logging.DEBUG, "rest_framework_simplejwt"), mock.patch.object(caplog.handler, "level", 0):
            for text in (token(claims(exp=5)), token(claims(), algorithm="PS256"), token(claims(), "thief")):
                assert not is_accepted(validated, text)
        first, second, third = [record.getMessage() for record in caplog.records]
        assert "Expired" in first
        assert "(user None, jti 'x')" in first
        assert "Invalid algorithm specified" in second
        assert "the key does not verify the signature" in third


@pytest.mark.needs("bare")
class TestTheirClaims:
    @pytest.mark.parametrize(
        "claim",
        [
            *("user_id", "token_type", "family_id", "family_exp", "hash_password", "refresh_exp"),
            *("is_staff", "is_superuser"),
        ],
    )
    def test_what_means_something_to_us_alone_is_not_theirs_to_say(self, trusting, claim):
        trusting()
        assert claim not in validated(token(claims(**{claim: "x"})))
        trusting(claims={"sub": claim})
        assert validated(token(claims(**{claim: "x"})))[claim] == "alice"

    def test_that_goes_by_our_names_of_now(self, trusting):
        trusting({"USER_ID_CLAIM": "sub", "TOKEN_TYPE_CLAIM": None})
        found = validated(token(claims()))
        assert "sub" not in found
        assert found["user_id"] == "5"

    def test_a_claim_can_be_led_to_a_name_of_ours(self, trusting):
        trusting(claims={"sub": "user_id", "preferred_username": "username"})
        found = validated(token(claims(preferred_username="al", username="root")))
        assert (found["user_id"], found["sub"], found["username"]) == ("alice", "alice", "al")

    def test_only_what_was_led_there_comes_there(self, trusting):
        trusting(claims={"oid": "user_id", "preferred_username": "username"})
        found = validated(token(claims(username="root")))
        assert "user_id" not in found
        assert "username" not in found

    def test_names_can_change_places(self, trusting):
        trusting(claims={"user_id": "sub", "sub": "user_id"})
        found = validated(token(claims()))
        assert (found["user_id"], found["sub"]) == ("alice", "5")

    def test_a_sister_service_may_name_our_users(self, trusting):
        trusting(claims={"user_id": "user_id"})
        assert validated(token(claims()))["user_id"] == "5"


@pytest.mark.needs("bare")
class TestForeignToken:
    @pytest.fixture
    def found(self, trusting):
        trusting()
        return validated(token(claims(nested={"a": [1]})).encode())

    def test_it_reads_like_a_token(self, found):
        assert found.issuer == A
        assert (found.token_type, found["sub"], found.get("no"), "aud" in found) == ("access", "alice", None, True)
        assert found.payload["nested"] == {"a": [1]}
        assert repr(found) == repr(found.payload)
        assert found.entry is not None
        assert isinstance(found.token, bytes)

    def test_our_key_never_signs_it(self, found):
        found["user_id"] = "1"
        for use in (str, lambda each: each.get_token_backend(), lambda each: each.check_exp()):
            with pytest.raises(TokenError, match="can't be signed or verified"):
                use(found)

    def test_it_is_made_from_nothing_but_a_verified_text(self, found):
        for make in (lambda: ForeignToken(None), lambda: ForeignToken(b"")):
            with pytest.raises(TokenError):
                make()
        with pytest.raises(TypeError):
            ForeignToken(found.token, verify=False)
        with pytest.raises(TypeError):
            ForeignToken.for_user(get_user_model()(pk=1))

    def test_it_can_be_neither_revoked_nor_refreshed(self, found):
        assert not any(hasattr(found, name) for name in ("blacklist", "blacklist_family", "access_token"))
        assert found.outstand() is None

    def test_it_can_be_copied(self, found):
        copied = copy.deepcopy(found)
        assert (copied.payload, copied.issuer) == (found.payload, A)


def authenticate(text, by=JWTAuthentication):
    return by().authenticate(RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {text}"))


def newcomer(claims, entry):
    """USER_FROM_CLAIMS of these tests."""
    name = f"{entry['issuer']}{claims['sub']}"
    return get_user_model().objects.get_or_create(username=name)[0] if claims["sub"] != "nobody" else None


@pytest.mark.needs("bare")
@pytest.mark.django_db
class TestTheirUsers:
    HOOK = {"USER_FROM_CLAIMS": "tests.test_trust.newcomer"}

    def refused(self, **sent):
        with pytest.raises(AuthenticationFailed) as refusal:
            authenticate(token(claims(**sent)))
        return refusal.value.detail["code"], str(refusal.value.detail["detail"])

    def test_an_id_that_was_led_to_our_claim_names_a_user(self, trusting, user):
        trusting(claims={"sub": "user_id"})
        found, token_of_theirs = authenticate(token(claims(sub=str(user.pk), user_id="5")))
        assert found == user
        assert isinstance(token_of_theirs, ForeignToken)

    @pytest.mark.parametrize("subject", ["404", "01", "x", 1.0, True, None, ["1"]])
    def test_an_id_that_is_nobodys_is_refused(self, trusting, user, subject):
        trusting(claims={"sub": "user_id"})
        assert self.refused(sub=subject)[0] == "user_not_found"

    def test_one_that_was_not_led_there_names_nobody(self, trusting, user):
        trusting()
        expected = ("token_not_valid", "Token contained no recognizable user identification")
        assert self.refused(user_id=str(user.pk)) == expected
        trusting(claims={"oid": "user_id"})
        assert self.refused(user_id=str(user.pk)) == expected

    def test_the_project_may_make_them(self, trusting):
        trusting(self.HOOK)
        first, second = authenticate(token(claims()))[0], authenticate(token(claims()))[0]
        assert first == second
        assert first.username == f"{A}alice"

    def test_it_is_told_the_claims_and_the_entry(self, trusting, user):
        asked = mock.Mock(return_value=user)
        trusting({"USER_FROM_CLAIMS": asked}, claims={"sub": "username"})
        found, token_of_theirs = authenticate(token(claims(is_superuser=True)))
        told, entry = asked.call_args.args
        assert found == user
        assert (told["username"], entry["issuer"]) == ("alice", A)
        assert not {"is_superuser", "user_id"} & told.keys()
        told["username"] = "root"
        assert token_of_theirs["username"] == "alice"

    def test_it_is_not_asked_for_our_own(self, trusting, user):
        trusting({"USER_FROM_CLAIMS": mock.Mock(side_effect=AssertionError)})
        assert authenticate(AccessToken.for_user(user))[0] == user

    def test_nobody_is_refused(self, trusting):
        trusting(self.HOOK)
        assert self.refused(sub="nobody") == ("user_not_found", "User not found")

    @pytest.mark.parametrize("hook", [{}, HOOK])
    def test_an_inactive_user_is_refused(self, trusting, user, hook):
        name = f"{A}{user.pk}"
        get_user_model().objects.update(is_active=False, username=name)
        trusting(hook, claims={"sub": "user_id"})
        assert self.refused(sub=str(user.pk))[0] == "user_inactive"
        trusting({**hook, "CHECK_USER_IS_ACTIVE": False}, claims={"sub": "user_id"})
        assert authenticate(token(claims(sub=str(user.pk))))[0] == user

    def test_an_anonymous_user_is_none(self, trusting):
        trusting({"USER_FROM_CLAIMS": lambda claims, entry: AnonymousUser()})
        assert self.refused()[0] == "user_inactive"

    @pytest.mark.parametrize(
        "error", [LookupError, exceptions.PermissionDenied, exceptions.AuthenticationFailed, IntegrityError]
    )
    def test_what_the_hook_raises_is_the_projects(self, trusting, error):
        trusting({"USER_FROM_CLAIMS": mock.Mock(side_effect=error)})
        with pytest.raises(error):
            authenticate(token(claims()))

    def test_a_hook_whose_database_is_away_is_a_503(self, trusting):
        trusting({"USER_FROM_CLAIMS": mock.Mock(side_effect=OperationalError("server closed the connection"))})
        with pytest.raises(ServiceUnavailable):
            authenticate(token(claims()))

    def test_our_passwords_are_nothing_to_them(self, trusting, user):
        trusting({"CHECK_REVOKE_TOKEN": True}, claims={"sub": "user_id"})
        assert authenticate(token(claims(sub=str(user.pk), hash_password="x")))[0] == user

    def test_a_view_is_told_all_the_same(self, trusting, whoami):
        trusting(self.HOOK)
        assert whoami(token(claims())).data["type"] == "access"


@pytest.mark.needs("bare")
class TestWithoutADatabase:
    def test_the_token_is_the_user(self, trusting):
        trusting(claims={"sub": "user_id"})
        found, _ = authenticate(token(claims(is_staff=True, is_superuser=True)), JWTStatelessUserAuthentication)
        assert (found.pk, found.is_staff, found.is_superuser) == ("alice", False, False)

    def test_the_entry_may_say_who_is_staff(self, trusting):
        trusting(claims={"sub": "user_id", "admin": "is_staff"})
        assert authenticate(token(claims(admin=True)), JWTStatelessUserAuthentication)[0].is_staff is True

    @pytest.mark.parametrize("mapping", [{}, {"oid": "user_id"}])
    def test_one_without_an_identity_is_nobody(self, trusting, mapping):
        trusting(claims=mapping)
        with pytest.raises(InvalidToken):
            authenticate(token(claims()), JWTStatelessUserAuthentication)


TENANT = "5f0e8a35-2b5c-4a9f-8d8f-0f6b2f0c7a11"
CLIENT = "b14a7505-96e9-4927-91e8-0601d0fc9caa"
NOW = int(time.time())
SHAPES = {
    "Auth0": (
        {"issuer": "https://acme.eu.auth0.com/", "audience": "https://api.acme.example"},
        {"typ": "JWT"},
        {
            "iss": "https://acme.eu.auth0.com/",
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": ["https://api.acme.example", "https://acme.eu.auth0.com/userinfo"],
            "azp": "my_client_id",
            "scope": "openid profile email",
            "permissions": ["read:orders"],
            "https://acme.example/roles": ["clerk"],
        },
    ),
    "Auth0, as RFC 9068 has it": (
        {"issuer": "https://acme.eu.auth0.com/", "audience": "https://api.acme.example"},
        {"typ": "at+jwt"},
        {
            "iss": "https://acme.eu.auth0.com/",
            "sub": "my_client_id@clients",
            "aud": "https://api.acme.example",
            "jti": "kbyMWm3ZUaSGMaYVKEzhCr",
            "client_id": "my_client_id",
        },
    ),
    "Azure": (
        {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "audience": CLIENT},
        {"typ": "JWT", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
        {
            "aud": CLIENT,
            "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "nbf": NOW - 5,
            "aio": "ATQAy/8TAAAA1Lhl",
            "azp": "0c1307d4-29d6-4389-a11c-5cbe7f65d7fa",
            "azpacr": "1",
            "name": "Alice",
            "oid": "7ac9f1c4-6a3f-4fa5-a5d1-6f7c7f1c4c55",
            "preferred_username": "alice@acme.example",
            "rh": "0.AAAA",
            "roles": ["Orders.Read"],
            "scp": "access_as_user",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": TENANT,
            "uti": "_R0QyYA0GEyaZ1XMpMUZAA",
            "ver": "2.0",
        },
    ),
    "Azure, its first version": (
        {"issuer": f"https://sts.windows.net/{TENANT}/", "audience": [CLIENT, f"api://{CLIENT}"]},
        {"typ": "JWT", "x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
        {
            "aud": f"api://{CLIENT}",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "nbf": NOW - 5,
            "acr": "1",
            "amr": ["pwd", "mfa"],
            "appid": "0c1307d4-29d6-4389-a11c-5cbe7f65d7fa",
            "sub": "HKZpfaHyWadeOouYlitjrI",
            "upn": "alice@acme.example",
            "ver": "1.0",
        },
    ),
    "Keycloak": (
        {"issuer": "https://sso.acme.example/realms/acme", "audience": "orders"},
        {"typ": "JWT"},
        {
            "auth_time": NOW - 30,
            "jti": "onrtac:8d1f41b8-51a7-4a06-a8d4-38a0ac9ad3a5",
            "iss": "https://sso.acme.example/realms/acme",
            "aud": ["orders", "account"],
            "sub": "f6b7d1a0-64f5-4f1c-8ac5-1ef1a6b7c9d0",
            "typ": "Bearer",
            "azp": "web",
            "sid": "5c3ba4bb-0f26-4b1f-8d39-5a9d0a6fd2a5",
            "acr": "1",
            "allowed-origins": ["https://acme.example"],
            "realm_access": {"roles": ["offline_access", "clerk"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "scope": "email profile",
            "email_verified": True,
            "preferred_username": "alice",
        },
    ),
}


@pytest.mark.needs("bare")
class TestIssuersOfThisWorld:
    KID = "qKqQ8hZkTIqZ"

    @pytest.fixture
    def at(self, simple_jwt):
        """Settings that trust the issuer of this shape; its key set has a certificate and an encryption key."""
        with issuer() as served:
            published = {"alg": "RS256", "use": "sig", "x5t": self.KID, "x5c": ["MIIC"], "e": "AQAB"}
            other = jwk(new_private_key("RS"), "enc", use="enc", alg="RSA-OAEP")
            served.says(key_set(other, jwk(KEYS["A"], self.KID, **published)))

            def settle(entry):
                more = {"jwk_url": served.url, "algorithms": ["RS256"], "claims": {"sub": "user_id"}}
                simple_jwt(TRUSTED_ISSUERS=[{**entry, **more}])

            yield settle

    @pytest.mark.parametrize(("entry", "header", "payload"), SHAPES.values(), ids=SHAPES)
    def test_its_tokens_are_accepted(self, at, entry, header, payload):
        at(entry)
        text = token({"iat": NOW, "exp": NOW + 3600, **payload}, kid=self.KID, **header)
        found, token_of_theirs = authenticate(text, JWTStatelessUserAuthentication)
        assert found.pk == payload["sub"]
        assert token_of_theirs.payload.items() >= payload.items()
        forged = token({"iat": NOW, "exp": NOW + 3600, **payload}, "thief", kid=self.KID, **header)
        assert not is_accepted(validated, forged)


PAGE = (Path(__file__).parent.parent / "docs" / "howto" / "accept-another-issuer.md").read_text()


@pytest.mark.needs("bare")
class TestThePage:
    """docs/howto/accept-another-issuer.md"""

    BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    @pytest.fixture
    def hook(self):
        [source] = [block for block in self.BLOCKS if "def user_from_claims" in block]
        names = {}
        exec(source, names)
        return names["user_from_claims"]

    def entries(self):
        [source] = [block for block in self.BLOCKS if "TRUSTED_ISSUERS" in block]
        return eval(source.partition("=")[2], {"PUBLIC_KEY": pem(KEYS["C"]).decode()})["TRUSTED_ISSUERS"]

    def test_its_entries_are_sound(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=self.entries())
        assert len(trust.trusted_issuers()) == len(self.entries()) == 4

    @pytest.mark.parametrize("shape", ["Auth0", "Azure", "Keycloak"])
    def test_its_entries_are_for_tokens_of_that_shape(self, simple_jwt, shape):
        _, header, payload = SHAPES[shape]
        [entry] = [entry for entry in self.entries() if entry["issuer"] == payload["iss"]]
        known = {name: value for name, value in entry.items() if name != "jwk_url"}
        simple_jwt(TRUSTED_ISSUERS=[{**known, "keys": A_ENTRY["keys"]}])
        assert validated(token({"exp": NOW + 3600, **payload}, **header))

    @pytest.mark.django_db
    def test_its_hook_makes_one_user_for_each_issuer_and_subject(self, trusting, hook):
        trusting({"USER_FROM_CLAIMS": hook})
        first = authenticate(token(claims(email="root@ours.example")))[0]
        assert authenticate(token(claims()))[0] == first
        assert authenticate(token(claims(sub="bob")))[0] != first
        assert not first.has_usable_password()
        assert not first.is_staff
        assert hook({**claims(), "iss": D}, D_ENTRY) != first

    @pytest.mark.django_db
    @pytest.mark.parametrize("subject", [None, "", 5, ["alice"]])
    def test_its_hook_knows_nobody_without_a_subject(self, hook, subject):
        assert hook(claims(sub=subject), A_ENTRY) is None
        assert not get_user_model().objects.exists()
