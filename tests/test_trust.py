"""Tokens of trusted issuers authenticate requests, each with the keys of its own issuer, and can do nothing else."""

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
from rest_framework_simplejwt.jws import base64url_encode, join_compact
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


def signing_algorithm(key, algorithm):
    """Returns `algorithm` if the key can sign with it, and otherwise an algorithm of the key."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256"
    return algorithm if algorithm.startswith(("RS", "PS")) else "RS256"


def signature(key, algorithm, message):
    """Returns the signature that an attacker would make who has `key` and writes `algorithm` into the header."""
    if algorithm == "none":
        return b""
    if isinstance(key, bytes) or algorithm in HMAC:
        return hmac.digest(key if isinstance(key, bytes) else pem(key), message, HMAC.get(algorithm, "sha256"))
    return ALGORITHMS[signing_algorithm(key, algorithm)].sign(message, key)


def token(claims, key="A", algorithm="RS256", kid="1", **header):
    header = {"alg": algorithm, "typ": "JWT", **header} | ({} if kid is None else {"kid": kid})
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    head, body = base64url_encode(json.dumps(header).encode()), base64url_encode(payload.encode())
    key = KEYS[key] if isinstance(key, str) else key
    return join_compact(head, body, signature(key, algorithm, head + b"." + body))


def claims(iss=A, **others):
    """Returns claims that a local token could have too, so that only the key shows who issued the token."""
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
def server_of_b():
    with issuer() as served:
        served.respond_with(key_set(jwk(KEYS["B RS"], "1"), jwk(KEYS["B ES"], "2")))
        yield served


@pytest.fixture
def four_issuers(simple_jwt, server_of_b):
    """Trusts A (an RSA key), B (a published key set), C (an Ed25519 key) and D (a secret), next to local keys."""
    remote = {"issuer": B, "audience": "us", "algorithms": ["ES256", "RS256"], "jwk_url": server_of_b.url}
    ring = [{"kid": "1", "algorithm": "HS256", "key": KEYS["ours"]}]
    entries = [A_ENTRY, remote, static(C, "EdDSA", "C"), D_ENTRY]
    simple_jwt(TRUSTED_ISSUERS=entries, SIGNING_KEYS=ring, ISSUER=OURS, AUDIENCE="us")


@pytest.fixture
def trust_a(simple_jwt):
    """Trusts A: `trust_a({"LEEWAY": 5}, claims={"sub": "user_id"})` changes a setting and the entry."""

    def trust(settings=None, **changed):
        simple_jwt(TRUSTED_ISSUERS=[{**A_ENTRY, **changed}], **(settings or {}))

    return trust


def validate(text):
    return JWTAuthentication().get_validated_token(text)


def try_to_read(read, text):
    try:
        return read(text)
    except (InvalidToken, TokenError):
        return None


@pytest.mark.needs("full")
class TestIssuersAreSeparate:
    """Every issuer's name x every key x every algorithm x every kid."""

    NAMES = [OURS, A, B, C, D, UNLISTED, None]
    HEADER_ALGORITHMS = [*HMAC, "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA", "none"]
    KIDS = ["1", "2", "3", None]
    VALID = {
        (OURS, "ours", "HS256", "1"),
        *product([A], ["A"], ["RS256"], ["1", None]),
        *product([B], ["B RS"], ["RS256"], ["1", None]),
        *product([B], ["B ES"], ["ES256"], ["2", None]),
        *product([C], ["C"], ["EdDSA"], ["1", None]),
        *product([D], ["D"], ["HS256"], ["1", None]),
    }

    def test_a_token_is_accepted_only_with_a_key_of_its_issuer(self, four_issuers):
        sent, accepted, elsewhere = 0, {}, set()
        for cell in product(self.NAMES, KEYS, self.HEADER_ALGORITHMS, self.KIDS):
            name, key, algorithm, kid = cell
            named = claims(name) if name else {k: v for k, v in claims().items() if k != "iss"}
            text = token(named, key, algorithm, kid)
            sent += 1
            if found := try_to_read(validate, text):
                accepted[cell] = found
            if try_to_read(UntypedToken, text):
                elsewhere.add(cell)
        print(f"{sent} tokens, {len(accepted)} accepted")
        assert sent == 7 * 8 * 10 * 4 == 2240
        assert accepted.keys() == self.VALID
        assert elsewhere == {(OURS, "ours", "HS256", "1")}, "foreign tokens only authenticate requests"
        assert all(isinstance(found, ForeignToken) is (cell[0] != OURS) for cell, found in accepted.items())
        assert all(getattr(found, "issuer", OURS) == cell[0] for cell, found in accepted.items())

    def test_keys_of_two_issuers_may_have_the_same_kid(self, four_issuers):
        assert validate(token(claims(A), "A"))["iss"] == A
        assert validate(token(claims(B), "B RS"))["iss"] == B
        for name, key in ((A, "B RS"), (B, "A")):
            with pytest.raises(InvalidToken):
                validate(token(claims(name), key))

    @pytest.mark.parametrize("algorithm", HMAC)
    def test_a_public_key_is_not_used_as_hmac_secret(self, four_issuers, algorithm):
        for name, key in product([A, B, C, D, OURS], ["A", "B RS", "B ES", "C"]):
            assert not try_to_read(validate, token(claims(name), key, algorithm))

    def test_a_local_token_with_a_trusted_iss_is_rejected(self, trust_a):
        trust_a()
        for kind in (AccessToken, RefreshToken, SlidingToken):
            ours = kind()
            assert UntypedToken(str(ours))
            ours["iss"] = A
            for read in (validate, kind, UntypedToken):
                assert not try_to_read(read, str(ours))

    def test_local_tokens_are_still_accepted(self, trust_a, user, whoami):
        trust_a()
        assert whoami(AccessToken.for_user(user)).data == {"user": str(user.pk), "type": "access"}

    def test_a_foreign_token_with_the_local_iss_is_rejected(self, four_issuers):
        for key, algorithm in (("A", "RS256"), ("D", "HS256")):
            assert not try_to_read(validate, token(claims(OURS), key, algorithm))


@pytest.mark.needs("full")
class TestTokenEndpoints:
    """The claims of these tokens are those of valid local tokens: only the key differs."""

    ENDPOINTS = {
        "refresh": ("refresh", "refresh"),
        "verify": ("token", "access"),
        "blacklist": ("refresh", "refresh"),
        "blacklist family": ("refresh", "refresh"),
        "refresh sliding": ("token", "sliding"),
    }

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    @pytest.mark.parametrize(("name", "key", "algorithm"), [(A, "A", "RS256"), (D, "D", "HS256")])
    def test_they_refuse_foreign_tokens(self, simple_jwt, post, user_id, endpoint, name, key, algorithm):
        simple_jwt(TRUSTED_ISSUERS=[A_ENTRY, D_ENTRY])
        field, kind = self.ENDPOINTS[endpoint]
        family = {"family_id": "f", "refresh_exp": int(time.time()) + 60}
        text = token(claims(name, user_id=user_id, token_type=kind, **family), key, algorithm)
        assert validate(text)
        answer = post(endpoint, **{field: text})
        assert (answer.status_code, answer.data["code"]) == (401, "token_not_valid")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_they_refuse_local_tokens_with_a_trusted_iss(self, trust_a, post, user, endpoint):
        trust_a()
        field, kind = self.ENDPOINTS[endpoint]
        ours = {"refresh": RefreshToken, "access": AccessToken, "sliding": SlidingToken}[kind].for_user(user)
        ours["iss"] = A
        answer = post(endpoint, **{field: str(ours)})
        assert (answer.status_code, answer.data["code"]) == (401, "token_not_valid")
        del ours["iss"]
        assert post(endpoint, **{field: str(ours)}).status_code == 200


@pytest.mark.needs("bare")
class TestFindTrustedIssuer:
    def test_it_is_found_by_iss(self, trust_a):
        trust_a()
        assert trust.find_trusted_issuer(token(claims())).issuer == A
        assert trust.find_trusted_issuer(token(claims()).encode()).issuer == A

    @pytest.mark.parametrize(
        "name",
        [None, [A], {"a": A}, 5, True, "", A.rstrip("/"), A + "/", A.upper(), A + " ", f" {A}", A + "\0", UNLISTED],
    )
    def test_iss_must_match_exactly(self, trust_a, name):
        trust_a()
        assert trust.find_trusted_issuer(token(claims(name))) is None
        with pytest.raises(InvalidToken) as refusal:
            validate(token(claims(name)))
        assert refusal.value.detail["messages"][0]["token_class"] == "AccessToken"

    def test_a_duplicate_iss_is_rejected(self, trust_a):
        trust_a()
        good = json.dumps(claims())
        for twice in (good.replace("{", f'{{"iss": "{UNLISTED}",', 1), good.replace("{", f'{{"iss": "{A}",', 1)):
            assert not try_to_read(validate, token(twice))

    @pytest.mark.parametrize("text", ["", "a.b.c", "x", b"\xff.\xff.\xff", "\ud800.e30.AAAA", ".e30.", 5, ["a"]])
    def test_a_malformed_token_is_left_to_the_token_classes(self, trust_a, text):
        trust_a()
        assert trust.find_trusted_issuer(text) is None
        with pytest.raises(InvalidToken) as refusal:
            validate(text)
        assert refusal.value.detail["messages"][0]["token_class"] == "AccessToken"

    def test_a_token_that_is_too_long_is_not_parsed(self, trust_a):
        trust_a({"MAX_TOKEN_LENGTH": 400})
        with mock.patch.object(trust.jws, "decode_object", side_effect=AssertionError):
            for read in (validate, ForeignToken):
                assert not try_to_read(read, token(claims(x="x" * 400)))

    def test_without_trusted_issuers_nothing_is_parsed_twice(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=())
        with mock.patch.object(trust, "jws", None), mock.patch.object(trust, "trusted_issuers", None):
            assert validate(str(AccessToken()))

    def test_a_malformed_header_is_rejected(self, trust_a):
        trust_a()
        body = base64url_encode(json.dumps(claims()).encode())
        for header in (b"[]", b"{", b"{}", b'{"alg": null}', b'{"alg": ["RS256"]}', b'{"alg": {"RS256": 1}}'):
            assert not try_to_read(validate, join_compact(base64url_encode(header), body, b"x"))

    def test_a_local_token_is_not_a_foreign_token(self, trust_a):
        trust_a()
        with pytest.raises(TokenError):
            ForeignToken(str(AccessToken()))


@pytest.mark.needs("bare")
class TestEntries:
    def test_they_are_parsed_once(self, trust_a):
        trust_a()
        assert trust.trusted_issuers() is trust.trusted_issuers()

    @pytest.mark.parametrize(
        "changed", [{"LEEWAY": 5}, {"JWK_TIMEOUT": 5}, {"JWK_ALLOW_HTTP": True}, {"TRUSTED_ISSUERS": [D_ENTRY]}]
    )
    def test_they_are_parsed_again_after_a_change(self, trust_a, simple_jwt, changed):
        trust_a()
        before = trust.trusted_issuers()
        simple_jwt(TRUSTED_ISSUERS=[A_ENTRY])
        assert trust.trusted_issuers() is before, "the same by value"
        simple_jwt(**changed)
        assert trust.trusted_issuers() is not before

    def test_keys_are_fetched_over_http_with_jwk_allow_http(self, simple_jwt):
        remote = {"issuer": B, "audience": "us", "algorithms": ["RS256"], "jwk_url": "http://keycloak:8080/certs"}
        simple_jwt(TRUSTED_ISSUERS=[remote])
        with pytest.raises(ImproperlyConfigured, match="its jwk_url is not allowed"):
            trust.trusted_issuers()
        simple_jwt(TRUSTED_ISSUERS=[remote], JWK_ALLOW_HTTP=True)
        with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
            assert list(trust.trusted_issuers()) == [B]
        client.assert_called_once_with(remote["jwk_url"], algorithm="RS256", timeout=2, allow_http=True)

    def test_an_invalid_entry_raises_improperly_configured(self, trust_a):
        trust_a(audience=None)
        with pytest.raises(ImproperlyConfigured, match=r"TRUSTED_ISSUERS'\]\[0\]: it needs an audience"):
            validate(token(claims()))

    def test_the_local_issuer_can_not_be_trusted(self, trust_a):
        trust_a({"ISSUER": A})
        with pytest.raises(ImproperlyConfigured, match="this project's own ISSUER"):
            validate(token(claims()))

    def test_repr_shows_no_key(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=[D_ENTRY])
        assert "secret" not in repr(trust.trusted_issuers())

    def test_the_leeway_setting_applies(self, trust_a):
        trust_a({"LEEWAY": 0})
        old = token(claims(exp=int(time.time()) - 5))
        assert not try_to_read(validate, old)
        trust_a({"LEEWAY": 30})
        assert validate(old)

    def test_a_single_key_may_require_its_kid(self, trust_a):
        [key] = A_ENTRY["keys"]
        trust_a(keys=[{**key, "accepts_no_kid": False}])
        assert validate(token(claims()))
        assert not try_to_read(validate, token(claims(), kid=None))

    def test_with_two_keys_the_kid_selects_one(self, trust_a):
        key = {"algorithm": "RS256", "key": pem(KEYS["B RS"]), "kid": "2"}
        trust_a(keys=[*A_ENTRY["keys"], key])
        assert validate(token(claims(), "B RS", kid="2"))
        for signer, kid in (("A", None), ("A", "2"), ("B RS", "1"), ("B RS", None)):
            assert not try_to_read(validate, token(claims(), signer, kid=kid))

    def test_a_key_verifies_only_its_own_algorithm(self, trust_a):
        secret = {"algorithm": "HS256", "key": KEYS["D"], "accepts_no_kid": True}
        public = {**A_ENTRY["keys"][0], "accepts_no_kid": True}
        trust_a(keys=[public, secret], algorithms=["HS256", "RS256", "RS384"])
        assert validate(token(claims(), "A", "RS256", None))
        assert validate(token(claims(), "D", "HS256", None))
        for key, algorithm in (("D", "RS256"), ("A", "HS256"), ("A", "RS384")):
            assert not try_to_read(validate, token(claims(), key, algorithm, None))

    def test_an_unlisted_algorithm_fetches_no_keys(self, four_issuers, server_of_b):
        for algorithm in ("PS256", "HS256", "none", "RS512"):
            assert not try_to_read(validate, token(claims(B), "B RS", algorithm))
        assert server_of_b.requests == 0

    def test_an_unavailable_issuer_is_answered_503_for_its_tokens_alone(self, four_issuers, server_of_b, client):
        server_of_b.respond_with(b"", status=500)
        with pytest.raises(KeysUnavailable):
            validate(token(claims(B), "B RS"))
        answer = client.get("/stateless/", HTTP_AUTHORIZATION=f"Bearer {token(claims(B), 'B ES', 'ES256', '2')}")
        assert (answer.status_code, answer.data["code"]) == (503, "keys_unavailable")
        assert validate(token(claims(A)))


@pytest.mark.needs("bare")
class TestClaimChecks:
    @pytest.mark.parametrize("audience", ["us", ["us"], ["them", "us"]])
    def test_the_audience_must_match(self, trust_a, audience):
        trust_a()
        assert validate(token(claims(aud=audience)))

    @pytest.mark.parametrize("audience", ["them", "US", ["them"], [], None, "", ["us", 5], {"us": 1}])
    def test_another_audience_is_rejected(self, trust_a, audience):
        trust_a()
        assert not try_to_read(validate, token(claims(aud=audience)))

    def test_a_missing_audience_is_rejected(self, trust_a):
        trust_a()
        assert not try_to_read(validate, token({k: v for k, v in claims().items() if k != "aud"}))

    def test_an_entry_may_list_several_audiences(self, trust_a):
        trust_a(audience=["us", "api://us"])
        assert validate(token(claims(aud="api://us")))

    def test_the_audience_setting_does_not_apply(self, trust_a):
        trust_a({"AUDIENCE": "ours"})
        assert validate(token(claims()))
        assert not try_to_read(validate, token(claims(aud="ours")))

    def test_exp_is_required(self, trust_a):
        trust_a()
        with pytest.raises(InvalidToken) as refusal:
            validate(token({k: v for k, v in claims().items() if k != "exp"}))
        [message] = refusal.value.detail["messages"]
        assert message["message"] == "Token has no 'exp' claim"

    @pytest.mark.parametrize(
        "times", [{"exp": 0}, {"exp": "9999999999"}, {"nbf": 9_999_999_999}, {"iat": 9_999_999_999}]
    )
    def test_an_invalid_time_is_rejected(self, trust_a, times):
        trust_a()
        assert not try_to_read(validate, token(claims(**times)))

    def test_neither_id_nor_type_is_required(self, trust_a):
        trust_a()
        bare = {name: claims()[name] for name in ("iss", "aud", "exp")}
        assert validate(token(bare)).payload == bare

    def test_a_refusal_has_the_usual_response(self, trust_a, whoami):
        trust_a()
        answer = whoami(token(claims(exp=5)))
        assert answer.status_code == 401
        assert answer.json() == {
            "detail": "Given token not valid for any token type",
            "code": "token_not_valid",
            "messages": [{"token_class": "ForeignToken", "token_type": "access", "message": "Token is expired"}],
        }
        assert 'error="invalid_token"' in answer["WWW-Authenticate"]

    def test_the_log_has_the_reason_but_no_local_user_id(self, trust_a, caplog):
        trust_a()
        with caplog.at_level(logging.DEBUG, "rest_framework_simplejwt"), mock.patch.object(caplog.handler, "level", 0):
            for text in (token(claims(exp=5)), token(claims(), algorithm="PS256"), token(claims(), "thief")):
                assert not try_to_read(validate, text)
        first, second, third = [record.getMessage() for record in caplog.records]
        assert "Expired" in first
        assert "(user None, jti 'x')" in first
        assert "Invalid algorithm specified" in second
        assert "the key does not verify the signature" in third


@pytest.mark.needs("bare")
class TestLocalClaims:
    @pytest.mark.parametrize(
        "claim",
        [
            *("user_id", "token_type", "family_id", "family_exp", "hash_password", "refresh_exp"),
            *("is_staff", "is_superuser"),
        ],
    )
    def test_reserved_claims_are_dropped_unless_mapped(self, trust_a, claim):
        trust_a()
        assert claim not in validate(token(claims(**{claim: "x"})))
        trust_a(claims={"sub": claim})
        assert validate(token(claims(**{claim: "x"})))[claim] == "alice"

    def test_the_current_names_of_reserved_claims_are_dropped(self, trust_a):
        trust_a({"USER_ID_CLAIM": "sub", "TOKEN_TYPE_CLAIM": None})
        found = validate(token(claims()))
        assert "sub" not in found
        assert found["user_id"] == "5"

    def test_a_claim_can_be_mapped_to_a_local_name(self, trust_a):
        trust_a(claims={"sub": "user_id", "preferred_username": "username"})
        found = validate(token(claims(preferred_username="al", username="root")))
        assert (found["user_id"], found["sub"], found["username"]) == ("alice", "alice", "al")

    def test_a_mapped_name_has_only_the_mapped_value(self, trust_a):
        trust_a(claims={"oid": "user_id", "preferred_username": "username"})
        found = validate(token(claims(username="root")))
        assert "user_id" not in found
        assert "username" not in found

    def test_two_names_can_be_swapped(self, trust_a):
        trust_a(claims={"user_id": "sub", "sub": "user_id"})
        found = validate(token(claims()))
        assert (found["user_id"], found["sub"]) == ("alice", "5")

    def test_a_reserved_claim_can_be_mapped_to_itself(self, trust_a):
        trust_a(claims={"user_id": "user_id"})
        assert validate(token(claims()))["user_id"] == "5"


@pytest.mark.needs("bare")
class TestForeignToken:
    @pytest.fixture
    def found(self, trust_a):
        trust_a()
        return validate(token(claims(nested={"a": [1]})).encode())

    def test_it_has_the_members_of_a_token(self, found):
        assert found.issuer == A
        assert (found.token_type, found["sub"], found.get("no"), "aud" in found) == ("access", "alice", None, True)
        assert found.payload["nested"] == {"a": [1]}
        assert repr(found) == repr(found.payload)
        assert found.entry is not None
        assert isinstance(found.token, bytes)

    def test_it_can_not_be_signed_with_a_local_key(self, found):
        found["user_id"] = "1"
        for use in (str, lambda each: each.get_token_backend(), lambda each: each.check_exp()):
            with pytest.raises(TokenError, match="can't be signed or verified"):
                use(found)

    def test_it_is_built_only_from_a_verified_token(self, found):
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


def get_or_create_user(claims, entry):
    """The hook USER_FROM_CLAIMS of these tests."""
    name = f"{entry['issuer']}{claims['sub']}"
    return get_user_model().objects.get_or_create(username=name)[0] if claims["sub"] != "nobody" else None


@pytest.mark.needs("bare")
@pytest.mark.django_db
class TestUsersOfForeignTokens:
    HOOK = {"USER_FROM_CLAIMS": "tests.test_trust.get_or_create_user"}

    def refusal_of(self, **sent):
        with pytest.raises(AuthenticationFailed) as refusal:
            authenticate(token(claims(**sent)))
        return refusal.value.detail["code"], str(refusal.value.detail["detail"])

    def test_a_mapped_user_id_identifies_a_user(self, trust_a, user):
        trust_a(claims={"sub": "user_id"})
        found, foreign_token = authenticate(token(claims(sub=str(user.pk), user_id="5")))
        assert found == user
        assert isinstance(foreign_token, ForeignToken)

    @pytest.mark.parametrize("subject", ["404", "01", "x", 1.0, True, None, ["1"]])
    def test_an_unknown_user_id_is_refused(self, trust_a, user, subject):
        trust_a(claims={"sub": "user_id"})
        assert self.refusal_of(sub=subject)[0] == "user_not_found"

    def test_an_unmapped_user_id_identifies_nobody(self, trust_a, user):
        trust_a()
        expected = ("token_not_valid", "Token contained no recognizable user identification")
        assert self.refusal_of(user_id=str(user.pk)) == expected
        trust_a(claims={"oid": "user_id"})
        assert self.refusal_of(user_id=str(user.pk)) == expected

    def test_the_hook_may_create_users(self, trust_a):
        trust_a(self.HOOK)
        first, second = authenticate(token(claims()))[0], authenticate(token(claims()))[0]
        assert first == second
        assert first.username == f"{A}alice"

    def test_the_hook_gets_the_claims_and_the_entry(self, trust_a, user):
        asked = mock.Mock(return_value=user)
        trust_a({"USER_FROM_CLAIMS": asked}, claims={"sub": "username"})
        found, foreign_token = authenticate(token(claims(is_superuser=True)))
        told, entry = asked.call_args.args
        assert found == user
        assert (told["username"], entry["issuer"]) == ("alice", A)
        assert not {"is_superuser", "user_id"} & told.keys()
        told["username"] = "root"
        assert foreign_token["username"] == "alice"

    def test_the_hook_is_not_called_for_local_tokens(self, trust_a, user):
        trust_a({"USER_FROM_CLAIMS": mock.Mock(side_effect=AssertionError)})
        assert authenticate(AccessToken.for_user(user))[0] == user

    def test_none_from_the_hook_is_refused(self, trust_a):
        trust_a(self.HOOK)
        assert self.refusal_of(sub="nobody") == ("user_not_found", "User not found")

    @pytest.mark.parametrize("hook", [{}, HOOK])
    def test_an_inactive_user_is_refused(self, trust_a, user, hook):
        name = f"{A}{user.pk}"
        get_user_model().objects.update(is_active=False, username=name)
        trust_a(hook, claims={"sub": "user_id"})
        assert self.refusal_of(sub=str(user.pk))[0] == "user_inactive"
        trust_a({**hook, "CHECK_USER_IS_ACTIVE": False}, claims={"sub": "user_id"})
        assert authenticate(token(claims(sub=str(user.pk))))[0] == user

    def test_an_anonymous_user_is_refused(self, trust_a):
        trust_a({"USER_FROM_CLAIMS": lambda claims, entry: AnonymousUser()})
        assert self.refusal_of()[0] == "user_inactive"

    @pytest.mark.parametrize(
        "error", [LookupError, exceptions.PermissionDenied, exceptions.AuthenticationFailed, IntegrityError]
    )
    def test_an_exception_of_the_hook_is_raised(self, trust_a, error):
        trust_a({"USER_FROM_CLAIMS": mock.Mock(side_effect=error)})
        with pytest.raises(error):
            authenticate(token(claims()))

    def test_a_database_outage_in_the_hook_is_a_503(self, trust_a):
        trust_a({"USER_FROM_CLAIMS": mock.Mock(side_effect=OperationalError("server closed the connection"))})
        with pytest.raises(ServiceUnavailable):
            authenticate(token(claims()))

    def test_the_password_fingerprint_is_not_checked(self, trust_a, user):
        trust_a({"CHECK_REVOKE_TOKEN": True}, claims={"sub": "user_id"})
        assert authenticate(token(claims(sub=str(user.pk), hash_password="x")))[0] == user

    def test_a_view_gets_the_foreign_token(self, trust_a, whoami):
        trust_a(self.HOOK)
        assert whoami(token(claims())).data["type"] == "access"


@pytest.mark.needs("bare")
class TestStatelessUsers:
    def test_the_user_is_built_from_the_claims(self, trust_a):
        trust_a(claims={"sub": "user_id"})
        found, _ = authenticate(token(claims(is_staff=True, is_superuser=True)), JWTStatelessUserAuthentication)
        assert (found.pk, found.is_staff, found.is_superuser) == ("alice", False, False)

    def test_a_claim_can_be_mapped_to_is_staff(self, trust_a):
        trust_a(claims={"sub": "user_id", "admin": "is_staff"})
        assert authenticate(token(claims(admin=True)), JWTStatelessUserAuthentication)[0].is_staff is True

    @pytest.mark.parametrize("mapping", [{}, {"oid": "user_id"}])
    def test_a_token_without_a_user_id_is_rejected(self, trust_a, mapping):
        trust_a(claims=mapping)
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
class TestTokensOfRealIssuers:
    KID = "qKqQ8hZkTIqZ"

    @pytest.fixture
    def trust_issuer(self, simple_jwt):
        """Trusts the issuer of an entry, whose key set has a certificate and an encryption key too."""
        with issuer() as served:
            published = {"alg": "RS256", "use": "sig", "x5t": self.KID, "x5c": ["MIIC"], "e": "AQAB"}
            other = jwk(new_private_key("RS"), "enc", use="enc", alg="RSA-OAEP")
            served.respond_with(key_set(other, jwk(KEYS["A"], self.KID, **published)))

            def configure(entry):
                more = {"jwk_url": served.url, "algorithms": ["RS256"], "claims": {"sub": "user_id"}}
                simple_jwt(TRUSTED_ISSUERS=[{**entry, **more}])

            yield configure

    @pytest.mark.parametrize(("entry", "header", "payload"), SHAPES.values(), ids=SHAPES)
    def test_their_tokens_are_accepted(self, trust_issuer, entry, header, payload):
        trust_issuer(entry)
        text = token({"iat": NOW, "exp": NOW + 3600, **payload}, kid=self.KID, **header)
        found, foreign_token = authenticate(text, JWTStatelessUserAuthentication)
        assert found.pk == payload["sub"]
        assert foreign_token.payload.items() >= payload.items()
        forged = token({"iat": NOW, "exp": NOW + 3600, **payload}, "thief", kid=self.KID, **header)
        assert not try_to_read(validate, forged)


PAGE = (Path(__file__).parent.parent / "docs" / "howto" / "accept-another-issuer.md").read_text()


@pytest.mark.needs("bare")
class TestHowTo:
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

    def test_its_entries_are_valid(self, simple_jwt):
        simple_jwt(TRUSTED_ISSUERS=self.entries())
        assert len(trust.trusted_issuers()) == len(self.entries()) == 4

    @pytest.mark.parametrize("shape", ["Auth0", "Azure", "Keycloak"])
    def test_its_entries_accept_tokens_of_that_issuer(self, simple_jwt, shape):
        _, header, payload = SHAPES[shape]
        [entry] = [entry for entry in self.entries() if entry["issuer"] == payload["iss"]]
        known = {name: value for name, value in entry.items() if name != "jwk_url"}
        simple_jwt(TRUSTED_ISSUERS=[{**known, "keys": A_ENTRY["keys"]}])
        assert validate(token({"exp": NOW + 3600, **payload}, **header))

    @pytest.mark.django_db
    def test_its_hook_creates_one_user_for_each_issuer_and_subject(self, trust_a, hook):
        trust_a({"USER_FROM_CLAIMS": hook})
        first = authenticate(token(claims(email="root@ours.example")))[0]
        assert authenticate(token(claims()))[0] == first
        assert authenticate(token(claims(sub="bob")))[0] != first
        assert not first.has_usable_password()
        assert not first.is_staff
        assert hook({**claims(), "iss": D}, D_ENTRY) != first

    @pytest.mark.django_db
    @pytest.mark.parametrize("subject", [None, "", 5, ["alice"]])
    def test_its_hook_returns_none_without_a_subject(self, hook, subject):
        assert hook(claims(sub=subject), A_ENTRY) is None
        assert not get_user_model().objects.exists()
