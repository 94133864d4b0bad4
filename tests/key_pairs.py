"""The keys of a test run: a secret, and one key pair for each family."""

from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

# Long enough for HS512.
SECRET = "a secret of more than sixty-four bytes, so that it is long enough for HS512"

# The key family of each algorithm. An HMAC algorithm has none: it uses SECRET.
FAMILIES = {
    **dict.fromkeys(("HS256", "HS384", "HS512")),
    **dict.fromkeys(("RS256", "RS384", "RS512"), "RS"),
    **dict.fromkeys(("PS256", "PS384", "PS512"), "PS"),
    "ES256": "ES256",
    "ES256K": "ES256K",
    "ES384": "ES384",
    "ES512": "ES512",
    "EdDSA": "Ed",
}

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
    """Returns the private key of the family, which is the same for the whole run."""
    return new_private_key(family)


def pem_pair(family):
    """Returns the private and the public key of the family as PEM."""
    key = private_key(family)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def keys_of(algorithm):
    """Returns the signing key and the verifying key of an algorithm, as `TokenBackend` takes them."""
    family = FAMILIES[algorithm]
    return (SECRET, "") if family is None else pem_pair(family)
