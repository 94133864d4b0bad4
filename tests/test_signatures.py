"""Signatures that are nearly valid: the kinds of cases in Wycheproof's json_web_signature_test, made here."""

import hashlib
import hmac
import json
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from rest_framework_simplejwt import jws
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError
from rest_framework_simplejwt.keys.algorithms import get_algorithm
from rest_framework_simplejwt.keys.ring import KeyRing, read_key
from tests import signatures
from tests.issuer import jwk
from tests.key_pairs import FAMILIES, SECRET, keys_of, new_private_key, private_key
from tests.signatures import ORDERS, numbers, second_signature, signature_of, signing_input, with_signature

# One project is enough for what no setting changes.
pytestmark = pytest.mark.needs("bare")

ECDSA = [algorithm for algorithm in FAMILIES if algorithm.startswith("ES")]
CLAIMS = {"foo": 1}


def backend_with_key(algorithm):
    return TokenBackend(algorithm, *keys_of(algorithm), verified_cache_size=4)


def backend_with_ring(algorithm):
    ring = KeyRing(
        [read_key({"algorithm": algorithm, "key": keys_of(algorithm)[0], "accepts_no_kid": True}, signs=True)]
    )
    return TokenBackend("HS256", ring=lambda: ring, verified_cache_size=4)


each_backend = pytest.mark.parametrize("backend", [backend_with_key, backend_with_ring])


def accepts(backend, token):
    try:
        return backend.decode(token) == CLAIMS
    except TokenBackendError:
        return False


def accepted_cases(backend, cases):
    """Returns the names of the cases whose token is accepted_cases."""
    return {name for name, token in cases.items() if accepts(backend, token)}


def sign_text(header, sign, payload=b'{"foo":1}'):
    """Returns a token with this header and payload as bytes, signed by the function `sign`."""
    message = b".".join(jws.base64url_encode(part) for part in (header, payload))
    return jws.join_compact(*message.split(b"."), sign(message))


def header_of(algorithm):
    return json.dumps({"alg": algorithm}).encode()


def encode_claims(backend):
    token = backend.encode(CLAIMS)
    assert accepts(backend, token)
    return token


@each_backend
@pytest.mark.parametrize("algorithm", FAMILIES)
class TestEveryAlgorithm:
    def test_a_missing_or_changed_part_is_rejected(self, backend, algorithm):
        backend = backend(algorithm)
        token = encode_claims(backend)
        header, payload, signature = token.split(".")
        other = jws.base64url_encode(b'{"foo":2}').decode()
        spaced = jws.base64url_encode(header_of(algorithm)).decode()
        raw = signature_of(token)
        assert (
            not accepted_cases(
                backend,
                {
                    "another payload": f"{header}.{other}.{signature}",
                    "another header": f"{spaced}.{payload}.{signature}",
                    "no signature": f"{header}.{payload}.",
                    "no signature, no dot": f"{header}.{payload}",
                    "no payload": f"{header}..{signature}",
                    "no payload, no dot": f"{header}.{signature}",
                    "no header": f".{payload}.{signature}",
                    "no header, no dot": f"{payload}.{signature}",
                    "a payload alone": f".{payload}.",
                    "dots": "..",
                    "an empty segment more": f"{token}.",
                    "a segment more": f"{token}.foo",
                    "JSON": json.dumps({"protected": header, "payload": payload, "signature": signature}),
                    "a bit of the signature": with_signature(token, bytes([raw[0] ^ 0x80]) + raw[1:]),
                    "the last bit of the signature": with_signature(token, raw[:-1] + bytes([raw[-1] ^ 1])),
                    "zeros before the signature": with_signature(token, b"\0\0" + raw),
                    "zeros after the signature": with_signature(token, raw + b"\0\0"),
                    "a zero before the signature": with_signature(token, b"\0" + raw),
                    "a zero after the signature": with_signature(token, raw + b"\0"),
                    "a cut signature": with_signature(token, raw[:-1]),
                    "a signature cut in front": with_signature(token, raw[1:]),
                    "half a signature": with_signature(token, raw[: len(raw) // 2]),
                    "a byte": with_signature(token, b"\0"),
                    "zeros": with_signature(token, bytes(len(raw))),
                    "ones": with_signature(token, b"\xff" * len(raw)),
                    "twice": with_signature(token, raw + raw),
                },
            )
            - {"another header"}
            or algorithm
        )

    def test_a_signature_of_another_algorithm_is_rejected(self, backend, algorithm):
        """The header names the other algorithm, or falsely this one."""
        backend = backend(algorithm)
        cases = {"none": sign_text(b'{"alg":"none"}', lambda message: b"")}
        for other, its_family in FAMILIES.items():
            if other == algorithm:
                continue
            key = private_key(its_family) if its_family else SECRET.encode()
            sign = partial(get_algorithm(other).sign, key=key)
            assert accepts(backend_with_key(other), sign_text(header_of(other), sign))
            cases |= {
                other: sign_text(header_of(other), sign),
                f"{other}, lying": sign_text(header_of(algorithm), sign),
            }
        assert not accepted_cases(backend, cases)


@pytest.mark.parametrize("algorithm", [algorithm for algorithm, family in FAMILIES.items() if family])
class TestKeyPairs:
    @each_backend
    def test_a_public_key_is_not_used_as_hmac_secret(self, backend, algorithm):
        public = private_key(FAMILIES[algorithm]).public_key()
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = public.public_bytes(serialization.Encoding.PEM, info)
        der = public.public_bytes(serialization.Encoding.DER, info)
        published = jwk(private_key(FAMILIES[algorithm]), "a")
        secrets = [pem, pem.strip(), der, json.dumps(published).encode()]
        secrets += [jwt.utils.base64url_decode(value) for name, value in published.items() if name in "nxy"]
        for name in ("HS256", "HS384", "HS512", algorithm):
            header = json.dumps({"alg": name}).encode()
            digest = f"sha{name[2:]}" if name.startswith("HS") else "sha256"
            tokens = {
                i: sign_text(header, lambda m, s=s, d=digest: hmac.digest(s, m, d)) for i, s in enumerate(secrets)
            }
            assert not accepted_cases(backend(algorithm), tokens)

    @each_backend
    def test_a_key_in_the_header_is_not_used(self, backend, algorithm):
        other_rsa = {"RS": "PS", "PS": "RS"}.get(FAMILIES[algorithm])
        stranger = private_key(other_rsa) if other_rsa else new_private_key(FAMILIES[algorithm])
        headers = {"jwk": jwk(stranger, "a")}
        assert not accepts(backend(algorithm), jwt.encode(CLAIMS, stranger, algorithm=algorithm, headers=headers))


@each_backend
class TestRSA:
    def test_another_padding_is_rejected(self, backend):
        """PKCS #1 version 1.5 allows exactly one encoding (RFC 8017 section 8.2.2)."""
        backend = backend("RS256")
        token = encode_claims(backend)
        digest = signatures.sha256(signing_input(token))
        good = signatures.SHA256_INFO + digest
        assert with_signature(token, signatures.sign_encoded(signatures.pkcs1(good))) == token, (
            "the signature made by hand is the same"
        )
        oid = bytes.fromhex("0609608648016503040201")
        algorithm = bytes.fromhex("300b") + oid
        sha1 = hashlib.sha1(signing_input(token)).digest()
        cases = {
            "no NULL": signatures.pkcs1(b"\x30\x2f" + algorithm + b"\x04\x20" + digest),
            "an empty sequence for NULL": signatures.pkcs1(b"\x30\x31\x30\x0d" + oid + b"\x30\x00\x04\x20" + digest),
            "NULL with a length of two": signatures.pkcs1(b"\x30\x32\x30\x0e" + oid + b"\x05\x81\x00\x04\x20" + digest),
            "a long length": signatures.pkcs1(b"\x30\x81\x31" + good[2:]),
            "an indefinite length": signatures.pkcs1(b"\x30\x80" + good[2:] + b"\0\0"),
            "the hash alone": signatures.pkcs1(digest),
            "the name of SHA-384": signatures.pkcs1(good.replace(oid, oid[:-1] + b"\x02")),
            "SHA-1": signatures.pkcs1(bytes.fromhex("3021300906052b0e03021a05000414") + sha1),
            "a cut hash": signatures.pkcs1(signatures.SHA256_INFO + digest[:-1]),
            "no hash": signatures.pkcs1(signatures.SHA256_INFO[:-1] + b"\0"),
            "a hash of the hash": signatures.pkcs1(signatures.SHA256_INFO + signatures.sha256(digest)),
            "something after the hash": signatures.pkcs1(good + b"\0"),
            "something after it, counted": signatures.pkcs1(b"\x30\x33" + good[2:] + b"\x05\x00"),
            "a short padding": signatures.pkcs1(good, b"\xff" * 8),
            "no padding": signatures.pkcs1(good, b""),
            "a padding that is not of ones": signatures.pkcs1(good, b"\xff" * 201 + b"\xfe"),
            "a padding of zeros": signatures.pkcs1(good, bytes(202)),
            "block type 0": signatures.pkcs1(good, start=b"\0\0"),
            "block type 2": signatures.pkcs1(good, start=b"\0\2"),
            "another first byte": signatures.pkcs1(good, start=b"\1\1"),
            "nothing between padding and hash": signatures.pkcs1(good, end=b""),
            "one between padding and hash": signatures.pkcs1(good, end=b"\1"),
        }
        assert not accepted_cases(
            backend, {name: with_signature(token, signatures.sign_encoded(em)) for name, em in cases.items()}
        )

    @pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
    def test_special_numbers_are_rejected(self, backend, algorithm):
        backend = backend(algorithm)
        token, n = encode_claims(backend), private_key(FAMILIES[algorithm]).public_key().public_numbers().n
        number = int.from_bytes(signature_of(token), "big")
        numbers = {"n": n, "n - 1": n - 1, "n + 1": n + 1, "1": 1, "2": 2, "its negative": n - number}
        assert not accepted_cases(
            backend, {name: with_signature(token, v.to_bytes(256, "big")) for name, v in numbers.items()}
        )
        # The same number modulo n, in one more byte, or in as many bytes if it fits.
        assert not accepts(backend, with_signature(token, (number + n).to_bytes(257, "big")))
        if number + n < 2**2048:
            assert not accepts(backend, with_signature(token, (number + n).to_bytes(256, "big")))

    def test_pss_with_another_hash_or_salt_length_is_rejected(self, backend):
        """RFC 7518 section 3.5."""
        backend = backend("PS256")
        token, key = encode_claims(backend), private_key("PS")
        message, sha = signing_input(token), hashes.SHA256()

        def pss(mgf, salt, digest=sha, message=message):
            return with_signature(token, key.sign(message, padding.PSS(padding.MGF1(mgf), salt), digest))

        em = signatures.encoded_message(signature_of(token), "PS")
        assert accepts(backend, pss(sha, 32))
        assert not accepted_cases(
            backend,
            {
                "no salt": pss(sha, 0),
                "a short salt": pss(sha, 31),
                "a long salt": pss(sha, 33),
                "the longest salt": pss(sha, padding.PSS.MAX_LENGTH),
                "a mask by SHA-1": pss(hashes.SHA1(), 32),
                "a mask by SHA-512": pss(hashes.SHA512(), 32),
                "SHA-512": pss(hashes.SHA512(), 64, hashes.SHA512()),
                "another hash": pss(sha, 32, message=message + b"x"),
                "another trailer": with_signature(token, signatures.sign_encoded(em[:-1] + b"\xcc", "PS")),
                "a bit of the hash": with_signature(
                    token, signatures.sign_encoded(em[:-2] + bytes([em[-2] ^ 1]) + em[-1:], "PS")
                ),
                "a bit of the padding": with_signature(
                    token, signatures.sign_encoded(em[:1] + bytes([em[1] ^ 1]) + em[2:], "PS")
                ),
            },
        )


@each_backend
@pytest.mark.parametrize("algorithm", ECDSA)
class TestECDSA:
    def test_numbers_out_of_range_are_rejected(self, backend, algorithm):
        backend = backend(algorithm)
        token, n, size = encode_claims(backend), ORDERS[algorithm], signatures.SIZES[algorithm]
        r, s = numbers(algorithm, signature_of(token))
        edges = {"0": 0, "1": 1, "n - 1": n - 1, "n": n, "n + 1": n + 1, "most": 256**size - 1}
        cases = {f"{a}, {b}": (edges[a], edges[b]) for a in edges for b in edges}
        cases |= {f"r, {name}": (r, value) for name, value in edges.items()}
        cases |= {f"{name}, s": (value, s) for name, value in edges.items()}
        cases |= {"swapped": (s, r), "-r": (n - r, s)}
        # With 521 bits these fit too.
        cases |= {"r + n": (r + n, s), "s + n": (r, s + n), "n - s + n": (r, 2 * n - s)}
        fitting = {name: pair for name, pair in cases.items() if max(pair) < 256**size}
        assert not accepted_cases(
            backend, {name: with_signature(token, signatures.ecdsa(algorithm, *v)) for name, v in fitting.items()}
        )

    def test_another_encoding_of_the_numbers_is_rejected(self, backend, algorithm):
        backend = backend(algorithm)
        token, size = encode_claims(backend), signatures.SIZES[algorithm]
        raw = signature_of(token)
        r, s = raw[:size], raw[size:]
        assert not accepted_cases(
            backend,
            {
                "DER": with_signature(token, signatures.as_der(algorithm, raw)),
                "a zero more in each": with_signature(token, b"\0" + r + b"\0" + s),
                "many zeros more in each": with_signature(token, bytes(200) + r + bytes(200) + s),
                "a zero after each": with_signature(token, r + b"\0" + s + b"\0"),
                "a one in front of each": with_signature(token, b"\1" + r + b"\1" + s),
                "little ends first": with_signature(token, r[::-1] + s[::-1]),
                "r alone": with_signature(token, r),
            },
        )

    def test_the_second_ecdsa_signature_is_accepted(self, backend, algorithm):
        """ECDSA has two valid signatures for each message. Other libraries make either, and so did 5.5.1."""
        backend = backend(algorithm)
        token = encode_claims(backend)
        assert second_signature(token, algorithm) != token
        assert accepts(backend, second_signature(token, algorithm))
        assert second_signature(second_signature(token, algorithm), algorithm) == token


@each_backend
def test_eddsa_with_another_number_is_rejected(backend):
    """RFC 8032 section 5.1.7: a number must be smaller than the order."""
    backend = backend("EdDSA")
    token = encode_claims(backend)
    raw = signature_of(token)
    s = int.from_bytes(raw[32:], "little")
    for multiple in range(1, 8):
        more = (s + multiple * ORDERS["Ed25519"]).to_bytes(32, "little")
        assert not accepts(backend, with_signature(token, raw[:32] + more))
    assert not accepts(backend, with_signature(token, raw[:32] + (ORDERS["Ed25519"] - s).to_bytes(32, "little")))
    # A point of small order, for which some libraries accept any message.
    assert not accepts(backend, with_signature(token, b"\1" + bytes(63)))


@each_backend
class TestBase64url:
    def signed(self, header=b'{"alg":"HS256"}', payload=b'{"foo":1}', spell=lambda header, payload: (header, payload)):
        """Returns a token whose segments `spell` has changed before they were signed, so the MAC is valid."""
        segments = spell(*(jws.base64url_encode(part) for part in (header, payload)))
        message = b".".join(segments)
        return jws.join_compact(*segments, hmac.digest(SECRET.encode(), message, "sha256"))

    @pytest.mark.parametrize("stray", [b" ", b"    ", b"\n", b"?", b"#", b"=", b"%", b"\0"])
    def test_a_stray_character_is_rejected_even_if_it_was_signed(self, backend, stray):
        backend = backend("HS256")
        assert accepts(backend, self.signed())
        spellings = {
            "header, end": lambda header, payload: (header + stray, payload),
            "header, within": lambda header, payload: (header[:5] + stray + header[5:], payload),
            "payload, start": lambda header, payload: (header, stray + payload),
            "payload, within": lambda header, payload: (header, payload[:5] + stray + payload[5:]),
            "payload, end": lambda header, payload: (header, payload + stray),
        }
        assert not accepted_cases(backend, {name: self.signed(spell=spell) for name, spell in spellings.items()})
        head, _, mac = self.signed().rpartition(".")
        for token in (f"{head}.{stray.decode()}{mac}", f"{head}.{mac}{stray.decode()}"):
            assert not accepts(backend, token)

    def test_spare_bits_are_rejected_even_if_they_were_signed(self, backend):
        backend, claims = backend("HS256"), b'{"foo":1} '
        assert accepts(backend, self.signed(payload=claims))
        other = self.signed(payload=claims, spell=lambda header, payload: (header, payload[:-1] + b"B"))
        assert not accepts(backend, other)

    @pytest.mark.parametrize("first", [b"\0", b"\xff"])
    def test_a_mac_may_start_with_any_byte(self, backend, first):
        backend = backend("HS256")
        tokens = (self.signed(payload=b'{"foo":1}' + b" " * spaces) for spaces in range(5_000))
        assert accepts(backend, next(token for token in tokens if signature_of(token).startswith(first)))

    @pytest.mark.parametrize("header", [b'{ "alg" : "HS256" }', b'{\n\t"alg":"HS256"}', b' {"alg":"HS256"}\r\n'])
    def test_white_space_within_json_is_accepted(self, backend, header):
        assert accepts(backend("HS256"), self.signed(header=header))
