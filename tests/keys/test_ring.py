import json
import time
from datetime import datetime, timezone

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519

from rest_framework_simplejwt import jws
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.keys import ring
from rest_framework_simplejwt.keys.ring import (
    BadKey,
    KeyPair,
    KeyRing,
    Secret,
    jwk_set,
    public_jwk,
    read_key,
    thumbprint,
)
from tests import key_pairs, vectors
from tests.key_pairs import SECRET, pem_pair, private_key

pytestmark = pytest.mark.needs("bare")

FAMILIES = {**key_pairs.FAMILIES, "ES521": "ES512"}
PAIRS = [algorithm for algorithm, family in FAMILIES.items() if family]
NOW = 1_800_000_000.0


def spec(algorithm="HS256", **more):
    family = FAMILIES[algorithm]
    return {"algorithm": algorithm, "key": SECRET if family is None else pem_pair(family)[0], **more}


def public_spec(algorithm, **more):
    return spec(algorithm, **{"key": pem_pair(FAMILIES[algorithm])[1], **more})


def signing(algorithm="HS256", **more):
    return read_key(spec(algorithm, **more), signs=True)


def verifying(algorithm="RS256", **more):
    return read_key(spec(algorithm, **more), signs=False)


def encrypted_pem(passphrase):
    return private_key("ES256").private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def loaded(jwk, algorithm):
    return jwt.algorithms.get_default_algorithms()[algorithm].from_jwk(jwk)


class TestRFCs:
    @pytest.mark.parametrize(
        ("jwk", "expected"),
        [(vectors.RSA, vectors.RSA_THUMBPRINT), (vectors.ED25519, vectors.ED25519_THUMBPRINT)],
        ids=["RFC 7638 section 3.1", "RFC 8037 appendix A.3"],
    )
    def test_a_thumbprint_equals_that_in_the_rfc(self, jwk, expected):
        assert thumbprint(jwk) == expected

    @pytest.mark.parametrize(
        ("jwk", "algorithm"), [(vectors.RSA, "RS256"), (vectors.EC, "ES256"), (vectors.ED25519, "EdDSA")]
    )
    def test_a_published_key_equals_the_jwk_that_was_loaded(self, jwk, algorithm):
        key = read_key({"algorithm": algorithm, "key": loaded(jwk, algorithm)}, signs=False)
        (published,) = jwk_set([key])["keys"]
        members = {name: value for name, value in jwk.items() if name not in {"alg", "kid", "use", "d"}}
        assert published == {**members, "kid": thumbprint(jwk), "use": "sig", "alg": algorithm}

    def test_an_ed25519_signature_equals_that_in_the_rfc(self):
        key = read_key({"algorithm": "EdDSA", "key": loaded(vectors.ED25519, "EdDSA")}, signs=True)
        message, signature = vectors.ED25519_JWS.rsplit(".", 1)
        assert key.sign(message.encode()) == jws.base64url_decode(signature.encode())

    @pytest.mark.parametrize(
        ("algorithm", "jwk", "token"),
        [
            ("EdDSA", {**vectors.ED25519, "d": None}, vectors.ED25519_JWS),
            ("RS256", vectors.RS256_KEY, vectors.RS256_JWS),
            ("ES256", vectors.ES256_KEY, vectors.ES256_JWS),
        ],
        ids=["RFC 8037 appendix A.5", "RFC 7515 appendix A.2", "RFC 7515 appendix A.3"],
    )
    def test_the_signature_in_the_rfc_verifies(self, algorithm, jwk, token):
        jwk = {name: value for name, value in jwk.items() if value}
        key = read_key({"algorithm": algorithm, "key": loaded(jwk, algorithm)}, signs=False)
        parts = jws.split_compact(token)
        signature = jws.base64url_decode(parts.signature)
        assert key.verify(parts.signing_input, signature)
        assert not key.verify(parts.signing_input + b"A", signature)
        assert not key.verify(parts.signing_input, signature[:-1] + bytes([signature[-1] ^ 1]))


class TestKeys:
    @pytest.mark.parametrize("algorithm", FAMILIES)
    def test_a_key_for_each_algorithm_signs_and_verifies(self, algorithm):
        ring = KeyRing([signing(algorithm)])
        key = ring.signing_key(NOW)
        (same,) = ring.verifying_keys(key.kid, NOW)
        assert key.can_sign
        assert same.verify(b"message", key.sign(b"message"))
        assert not same.verify(b"another", key.sign(b"message"))
        assert not same.verify(b"message", b"")

    def test_these_tests_cover_every_algorithm(self):
        assert set(FAMILIES) == set(ring.ALLOWED_ALGORITHMS)

    @pytest.mark.parametrize("algorithm", PAIRS)
    def test_the_default_kid_of_a_key_pair_is_the_thumbprint_of_its_public_part(self, algorithm):
        key = signing(algorithm)
        assert key.kid == thumbprint(key.jwk) == read_key(public_spec(algorithm), signs=False).kid

    def test_the_default_kid_of_a_secret_is_a_hash(self):
        assert signing("HS256").kid == signing("HS256").kid
        assert signing("HS256").kid != signing("HS256", key=SECRET + "!").kid
        assert len(signing("HS256").kid) == 43

    @pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
    def test_a_kid_may_be_given(self, algorithm):
        assert signing(algorithm, kid="mine").kid == "mine"

    @pytest.mark.parametrize("algorithm", PAIRS)
    def test_only_the_public_part_is_kept_of_a_private_key_that_only_verifies(self, algorithm):
        key = verifying(algorithm)
        assert key.private is None
        assert not key.can_sign
        assert not hasattr(key.public, "private_bytes")

    @pytest.mark.parametrize("algorithm", PAIRS)
    def test_only_the_public_part_is_published(self, algorithm):
        members = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}, "OKP": {"crv", "x"}}
        jwk = signing(algorithm, kid="mine").jwk
        assert set(jwk) == {"kty", "kid", "use", "alg"} | members[jwk["kty"]]
        assert (jwk["kid"], jwk["use"], jwk["alg"]) == ("mine", "sig", algorithm)

    def test_a_secret_has_no_jwk(self):
        assert not hasattr(Secret, "jwk")
        assert not isinstance(signing("HS256"), KeyPair)

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
    def test_the_repr_does_not_contain_the_key(self, algorithm):
        text = repr(signing(algorithm))
        assert SECRET not in text
        assert "private" not in text.lower()

    def test_an_ed448_key_fits_eddsa(self):
        key = signing("EdDSA", key=ed448.Ed448PrivateKey.generate())
        assert key.jwk["crv"] == "Ed448"


class TestSources:
    @pytest.mark.parametrize("form", [str, str.encode])
    @pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
    def test_a_key_may_be_text_or_bytes(self, form, algorithm):
        assert signing(algorithm, key=form(spec(algorithm)["key"])).kid == signing(algorithm).kid

    def test_a_key_may_be_an_object_of_cryptography(self):
        assert signing("RS256", key=private_key("RS")).kid == signing("RS256").kid

    @pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
    @pytest.mark.parametrize("as_path", [str, lambda path: path])
    def test_a_key_may_be_in_a_file(self, algorithm, as_path, tmp_path):
        path = tmp_path / "key"
        path.write_text(spec(algorithm)["key"])
        key = signing(algorithm, key=None, key_file=as_path(path))
        assert key.kid == signing(algorithm).kid

    @pytest.mark.parametrize(
        "function", [lambda: SECRET, "tests.keys.test_ring:our_secret", "tests.keys.test_ring.our_secret"]
    )
    def test_a_key_may_come_from_a_callable_or_its_path(self, function):
        assert signing("HS256", key=None, key_callable=function).kid == signing("HS256").kid

    @pytest.mark.parametrize("passphrase", ["sésame", "sésame".encode()])
    def test_a_key_may_be_encrypted(self, passphrase):
        pem = encrypted_pem("sésame".encode())
        assert signing("ES256", key=pem, passphrase=passphrase).kid == signing("ES256").kid


def our_secret():
    return SECRET


def unreachable_vault():
    raise ConnectionError(f"no answer for {SECRET}")


MATERIAL = "c2VjcmV0IG1hdGVyaWFs"
_PUBLIC = pem_pair("ES256")[1]
_BROKEN = f"-----BEGIN PRIVATE KEY-----\n{MATERIAL}\n-----END PRIVATE KEY-----"

REFUSED = {
    "a string": (MATERIAL, "it is not a dict"),
    "a list": ([MATERIAL], "it is not a dict"),
    "nothing": (None, "it is not a dict"),
    "an unknown name": (spec(privte="x"), r"it has unknown names, \['privte'\]; use some of \['accepts_no_kid', "),
    "unknown names of several types": (spec(x=1) | {1: 1}, r"it has unknown names, \['1', 'x'\]"),
    "no algorithm": ({"key": MATERIAL}, "its algorithm must be one of"),
    "an unknown algorithm": ({"algorithm": "none", "key": MATERIAL}, "its algorithm must be one of"),
    "a list of algorithms": ({"algorithm": ["HS256"], "key": MATERIAL}, "its algorithm must be one of"),
    "a kid that is a number": (spec(kid=1), "its kid must be a non-empty string"),
    "an empty kid": (spec(kid=""), "its kid must be a non-empty string"),
    "no source": ({"algorithm": "HS256"}, "it needs exactly one of key, key_file, key_callable"),
    "an empty secret": ({"algorithm": "HS256", "key": ""}, "it needs exactly one of"),
    "a blank secret": ({"algorithm": "HS256", "key": " \n"}, "its key is empty or blank"),
    "a blank secret in bytes": ({"algorithm": "HS256", "key": b"\r\n"}, "its key is empty or blank"),
    "a secret of NULs": ({"algorithm": "HS256", "key": b"\0" * 64}, "its key is empty or blank"),
    "two sources": (spec(key=MATERIAL, key_file="/x"), "it needs exactly one of"),
    "a file that is not there": ({"algorithm": "HS256", "key_file": MATERIAL}, "its key_file can't be read: FileNot"),
    "a PEM as the path": ({"algorithm": "HS256", "key_file": _BROKEN * 9}, "its key_file can't be read: "),
    "an empty file": ({"algorithm": "HS256", "key_file": "/dev/null"}, "its key_file is empty"),
    "a PEM as the dotted path": ({"algorithm": "HS256", "key_callable": _BROKEN}, "its key_callable can't be found: "),
    "a secret as the dotted path": (
        {"algorithm": "HS256", "key_callable": MATERIAL},
        "its key_callable can't be found: ModuleNotFoundError",
    ),
    "a callable that is not callable": (
        {"algorithm": "HS256", "key_callable": 7},
        "its key_callable can't be called: TypeErr",
    ),
    "a callable that fails": (
        {"algorithm": "HS256", "key_callable": unreachable_vault},
        "its key_callable can't be called: ConnectionError",
    ),
    "a callable that returns nothing": (
        {"algorithm": "HS256", "key_callable": lambda: b""},
        "its key_callable is empty",
    ),
    "a callable that returns a blank key": (
        {"algorithm": "HS256", "key_callable": lambda: "\n"},
        "its key_callable is empty or blank",
    ),
    "a callable that returns None": ({"algorithm": "RS256", "key_callable": lambda: None}, "its key_callable is empty"),
    "a secret that is a PEM": ({"algorithm": "HS256", "key": _PUBLIC}, "it can't be read as a key for HS256"),
    "a secret of another type": ({"algorithm": "HS256", "key": 1234567}, "it can't be read as a key for HS256"),
    "a key of another type": (
        {"algorithm": "RS256", "key": {"k": MATERIAL}},
        "it is a public key, and signing needs the private key",
    ),
    "no PEM": ({"algorithm": "RS256", "key": MATERIAL}, "it can't be read as a key for RS256"),
    "a broken PEM": ({"algorithm": "RS256", "key": _BROKEN}, "it can't be read as a key for RS256"),
    "a broken public PEM": (
        {"algorithm": "RS256", "key": _BROKEN.replace("PRIVATE", "PUBLIC")},
        "it can't be read as a key for RS256",
    ),
    "a public key that is to sign": (
        {"algorithm": "ES256", "key": _PUBLIC},
        "it is a public key, and signing needs the private key",
    ),
    "no passphrase": ({"algorithm": "ES256", "key": encrypted_pem(b"x")}, "it can't be read as a key for ES256"),
    "the wrong passphrase": (
        {"algorithm": "ES256", "key": encrypted_pem(b"x"), "passphrase": MATERIAL},
        "it can't be read as a key for ES256",
    ),
    "a passphrase for nothing": (spec("ES256", passphrase=MATERIAL), "it can't be read as a key for ES256"),
    "another curve": ({"algorithm": "ES256", "key": pem_pair("ES384")[0]}, "its curve is not the one of ES256"),
    "another 256-bit curve": (
        {"algorithm": "ES256", "key": ec.generate_private_key(ec.SECP256K1())},
        "its curve is not the one of ES256",
    ),
    "a key for key agreement": (
        {"algorithm": "EdDSA", "key": x25519.X25519PrivateKey.generate()},
        "it can't be read as",
    ),
    "RSA for ES256": ({"algorithm": "ES256", "key": private_key("RS")}, "it can't be read as a key for ES256"),
    "EC for RS256": ({"algorithm": "RS256", "key": private_key("ES256")}, "it can't be read as a key for RS256"),
    "Ed25519 for PS256": ({"algorithm": "PS256", "key": private_key("Ed")}, "it can't be read as a key for PS256"),
    "RSA for EdDSA": ({"algorithm": "EdDSA", "key": private_key("RS")}, "it can't be read as a key for EdDSA"),
    "a naive datetime": (spec(not_before=datetime(2030, 1, 1)), "its not_before must be a datetime with a time zone"),
    "a time that is a string": (
        spec(retire_after="2030-01-01"),
        "its retire_after must be a datetime with a time zone",
    ),
    "a time that is a boolean": (spec(retire_after=True), "its retire_after must be a datetime with a time zone"),
    "NaN as a time": (spec(not_before=float("nan")), "its not_before must be a datetime with a time zone"),
    "a time that is too large": (spec(not_before=10**400), "its not_before must be a datetime with a time zone"),
    "a time without a date": (
        spec(not_before=datetime(2030, 1, 1, tzinfo=timezone.utc).timetz()),
        "its not_before must be a datetime with a time zone",
    ),
}


class TestRefusals:
    @pytest.mark.parametrize("what", REFUSED)
    def test_the_message_says_what_is_wrong_and_does_not_quote_the_key(self, what):
        given, expected = REFUSED[what]
        with pytest.raises(BadKey, match=expected) as caught:
            read_key(given, signs=True)
        message = str(caught.value)
        assert MATERIAL not in message
        assert SECRET not in message
        assert "BEGIN" not in message

    @pytest.mark.parametrize("text", [" \n", "\ufeff", "\0"])
    def test_a_blank_file_is_refused(self, text, tmp_path):
        path = tmp_path / "key"
        path.write_text(text)
        with pytest.raises(BadKey, match="its key_file is empty or blank"):
            read_key({"algorithm": "HS256", "key_file": path}, signs=True)

    def test_a_secret_can_not_be_constructed_blank(self):
        for secret in ({}, {"secret": b" "}):
            with pytest.raises(BadKey, match="blank"):
                ring.Secret("HS256", "a", **secret)

    @pytest.mark.parametrize("what", ["a PEM as the path", "a secret as the dotted path", "a PEM as the dotted path"])
    def test_a_secret_in_the_wrong_place_is_not_in_the_traceback_either(self, what):
        with pytest.raises(BadKey) as caught:
            read_key(REFUSED[what][0], signs=True)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_the_cause_is_the_exception_of_the_callable(self):
        with pytest.raises(BadKey) as caught:
            read_key({"algorithm": "HS256", "key_callable": unreachable_vault}, signs=True)
        assert isinstance(caught.value.__cause__, ConnectionError)

    @pytest.mark.parametrize("algorithm", PAIRS)
    def test_a_key_pair_fits_only_the_algorithms_of_its_type(self, algorithm):
        fitting = set()
        for family in set(FAMILIES.values()) - {None}:
            try:
                read_key({"algorithm": algorithm, "key": private_key(family)}, signs=False)
            except BadKey:
                continue
            fitting.add(family)
        assert fitting == ({"RS", "PS"} if algorithm[:2] in {"RS", "PS"} else {FAMILIES[algorithm]})

    @pytest.mark.parametrize("algorithm", ["none", "HS256", ""])
    def test_no_public_key_fits_an_algorithm_without_key_pairs(self, algorithm):
        assert not ring.fits(vectors.RSA, algorithm)
        assert not ring.fits({}, algorithm)


class TestRing:
    def test_the_key_that_became_active_last_signs(self):
        old, new, next_one = (
            signing("HS256", kid=kid, not_before=not_before)
            for kid, not_before in {"old": NOW - 10, "new": NOW - 5, "next": NOW + 5}.items()
        )
        ring = KeyRing([next_one, old, new])
        assert ring.signing_key(NOW) is new
        assert ring.signing_key(NOW - 6) is old
        assert ring.signing_key(NOW + 5) is next_one
        assert ring.signing_key(NOW - 11) is None

    def test_of_two_keys_that_became_active_at_once_the_first_signs(self):
        first, second = signing(kid="first"), signing(kid="second")
        assert KeyRing([first, second]).signing_key(NOW) is first

    def test_a_key_that_is_not_active_yet_is_published_and_verifies_and_does_not_sign(self):
        key = signing("ES256", kid="next", not_before=NOW + 1)
        ring = KeyRing([key])
        assert ring.signing_key(NOW) is None
        assert ring.verifying_keys("next", NOW) == ring.published_keys(NOW) == (key,)

    def test_a_retired_key_neither_signs_nor_verifies_nor_is_published(self):
        key = signing("ES256", kid="old", retire_after=NOW, accepts_no_kid=True)
        ring = KeyRing([key])
        assert ring.signing_key(NOW - 1) is key
        assert (
            ring.verifying_keys("old", NOW - 1)
            == ring.verifying_keys(None, NOW - 1)
            == ring.published_keys(NOW - 1)
            == (key,)
        )
        assert ring.signing_key(NOW) is None
        assert ring.verifying_keys("old", NOW) == ring.verifying_keys(None, NOW) == ring.published_keys(NOW) == ()

    def test_a_verifying_key_never_signs(self):
        key = verifying("ES256", kid="theirs")
        ring = KeyRing((), [key])
        assert ring.signing_key(NOW) is None
        assert ring.verifying_keys("theirs", NOW) == ring.published_keys(NOW) == (key,)

    def test_a_secret_is_never_published(self):
        pair = signing("ES256")
        assert KeyRing([signing("HS256"), pair], [signing("HS512", kid="other")]).published_keys(NOW) == (pair,)

    def test_a_kid_finds_one_key_and_no_kid_finds_the_keys_with_accepts_no_kid(self):
        plain, marked, other = signing(kid="a"), signing(kid="b", accepts_no_kid=True), signing("HS512", kid="c")
        ring = KeyRing([plain], [marked, other])
        assert ring.verifying_keys("a", NOW) == (plain,)
        assert ring.verifying_keys("c", NOW) == (other,)
        assert ring.verifying_keys("d", NOW) == ()
        assert ring.verifying_keys(None, NOW) == (marked,)

    @pytest.mark.parametrize("kid", [None, "same"])
    def test_two_keys_with_the_same_kid_are_refused(self, kid):
        with pytest.raises(BadKey, match="two keys have the kid"):
            KeyRing([signing(kid=kid)], [signing(kid=kid)])

    @pytest.mark.parametrize(
        "value", [int(NOW), NOW, datetime.fromtimestamp(NOW, timezone.utc)], ids=["int", "float", "datetime"]
    )
    def test_a_time_is_an_aware_datetime_or_seconds_since_the_epoch(self, value):
        assert signing(not_before=value).role.not_before == NOW
        assert signing(retire_after=value).role.retire_after == NOW


def backend(*signing_keys, verifying=()):
    ring = KeyRing(signing_keys, verifying)
    return TokenBackend("HS256", ring=lambda: ring)


def header_of(token):
    return jws.base64url_decode(token.split(".")[0].encode())


class TestBackend:
    @pytest.mark.parametrize("algorithm", FAMILIES)
    def test_round_trip_with_each_algorithm(self, algorithm):
        ours = backend(signing(algorithm, kid="ours"))
        assert ours.decode(ours.encode({"foo": "bar"})) == {"foo": "bar"}

    def test_the_header_is_exactly_alg_kid_and_typ(self):
        token = backend(signing("ES256", kid="ours")).encode({})
        assert header_of(token) == b'{"alg":"ES256","kid":"ours","typ":"JWT"}'

    def test_an_unknown_kid_is_refused(self):
        token = backend(signing(kid="theirs")).encode({})
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend(signing(kid="ours", accepts_no_kid=True)).decode(token)

    def test_a_known_kid_with_another_algorithm_is_refused_with_its_own_message(self):
        token = backend(signing("HS256", kid="ours")).encode({})
        with pytest.raises(TokenBackendError, match="^Invalid algorithm specified$"):
            backend(signing("ES256", kid="ours")).decode(token)

    def test_a_published_key_is_not_used_as_an_hmac_secret(self):
        forged = jwt.api_jws.encode(b'{"admin":true}', "x" * 64, algorithm="HS256", headers={"kid": "ours"})
        header, payload, _ = forged.split(".")
        public = pem_pair("RS")[1].encode()
        implementation = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signature = implementation.sign(f"{header}.{payload}".encode(), public)
        with pytest.raises(TokenBackendError, match="^Invalid algorithm specified$"):
            backend(signing("RS256", kid="ours")).decode(
                f"{header}.{payload}.{jws.base64url_encode(signature).decode()}"
            )

    def test_a_signature_by_another_key_with_a_known_kid_is_refused(self):
        token = backend(signing(kid="ours", key=SECRET.upper())).encode({})
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend(signing(kid="ours")).decode(token)

    def test_without_a_kid_only_the_keys_with_accepts_no_kid_are_tried(self):
        token = TokenBackend("HS256", SECRET).encode({"foo": 1})
        marked = signing(kid="b", accepts_no_kid=True)
        assert backend(signing("ES256", kid="a", accepts_no_kid=True), marked).decode(token) == {"foo": 1}
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend(signing(kid="a")).decode(token)

    def test_a_key_verifies_only_with_its_own_algorithm(self):
        # Signed by one of our keys, but the header names the algorithm of the other.
        key, other = signing("ES256", kid="a", accepts_no_kid=True), signing("HS256", kid="b", accepts_no_kid=True)
        header, payload = (jws.base64url_encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {}))
        token = jws.join_compact(header, payload, key.sign(header + b"." + payload))
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend(key, other).decode(token)

    def test_a_token_signed_before_a_rotation_is_valid_until_its_key_retires(self):
        old = signing("ES256", kid="old", retire_after=time.time() + 60)
        token = backend(old).encode({"foo": 1})
        after = backend(signing("HS256", kid="new", not_before=time.time() - 1), old)
        assert b'"kid":"new"' in header_of(after.encode({}))
        assert after.decode(token) == {"foo": 1}
        retired = signing("ES256", kid="old", retire_after=time.time() - 1)
        with pytest.raises(TokenBackendError, match="^Token is invalid$"):
            backend(signing("HS256", kid="new"), retired).decode(token)

    @pytest.mark.parametrize("ring", [(), [signing(not_before=10 * NOW)]], ids=["none", "not yet"])
    def test_encoding_without_a_signing_key_is_an_error(self, ring):
        with pytest.raises(TokenBackendError, match="no key to sign with"):
            backend(*ring, verifying=[verifying("ES256")]).encode({})


def test_public_jwk_leaves_the_private_part_out():
    assert "d" not in public_jwk(private_key("ES256").public_key(), "ES256")
