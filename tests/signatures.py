"""Signatures that no library makes: over any encoding of the message, and in other encodings."""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import utils

from rest_framework_simplejwt import jws
from tests.key_pairs import private_key

# The order of the group of each curve (SEC 2; RFC 8032 sections 5.1 and 5.2).
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES256K": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "ES384": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "ES512": int("1" + "F" * 65 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
    "Ed25519": 2**252 + 27742317777372353535851937790883648493,
}
SIZES = {"ES256": 32, "ES256K": 32, "ES384": 48, "ES512": 66}

# The bytes before the hash in PKCS #1 version 1.5 (RFC 8017 section 9.2, note 1).
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def with_signature(token, signature):
    """Returns the token with another signature."""
    return f"{token.rpartition('.')[0]}.{jws.base64url_encode(signature).decode()}"


def signature_of(token):
    return jws.base64url_decode(token.rpartition(".")[2].encode())


def signing_input(token):
    return token.rpartition(".")[0].encode()


def numbers(algorithm, signature):
    """Returns the numbers r and s of an ECDSA signature."""
    size = SIZES[algorithm]
    return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")


def ecdsa(algorithm, r, s):
    return b"".join(number.to_bytes(SIZES[algorithm], "big") for number in (r, s))


def second_signature(token, algorithm):
    """Returns the token with its second valid ECDSA signature, which anybody can compute without a key."""
    r, s = numbers(algorithm, signature_of(token))
    return with_signature(token, ecdsa(algorithm, r, ORDERS[algorithm] - s))


@cache
def rsa_numbers(family):
    return private_key(family).private_numbers()


def encoded_message(signature, family="RS"):
    """Returns the encoded message inside an RSA signature."""
    public = rsa_numbers(family).public_numbers
    return pow(int.from_bytes(signature, "big"), public.e, public.n).to_bytes(256, "big")


def sign_encoded(message, family="RS"):
    """Returns the RSA signature of an encoded message."""
    private, number = rsa_numbers(family), int.from_bytes(message, "big")
    # The Chinese remainder theorem makes it four times as fast.
    p, q = pow(number, private.dmp1, private.p), pow(number, private.dmq1, private.q)
    return (q + private.q * ((p - q) * private.iqmp % private.p)).to_bytes(256, "big")


def pkcs1(info, padding=None, *, start=b"\0\1", end=b"\0"):
    """Returns an encoded message of PKCS #1 version 1.5. The default padding fills it to 256 bytes."""
    padding = b"\xff" * (256 - len(start + end + info)) if padding is None else padding
    return (start + padding + end + info).ljust(256, b"\0")


def sha256(message):
    return hashlib.sha256(message).digest()


def as_der(algorithm, signature):
    return utils.encode_dss_signature(*numbers(algorithm, signature))
