"""Key pairs, generated once for each test run."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

_GENERATORS = {
    "RS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES256K": lambda: ec.generate_private_key(ec.SECP256K1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed": lambda: ed25519.Ed25519PrivateKey.generate(),
}


def new_private_key(family):
    return _GENERATORS[family]()


@cache
def private_key(family):
    """The same key for each call with that `family`."""
    return new_private_key(family)


def pem_pair(family):
    """The private and the public key of `private_key(family)`, in PEM."""
    key = private_key(family)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
