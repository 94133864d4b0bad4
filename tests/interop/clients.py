"""Four libraries, each with the functions `verify(token, url, algorithm)` and `sign(claims, pem, algorithm, kid)`."""

import json
import os
import subprocess
import warnings
from pathlib import Path
from urllib.request import urlopen

import joserfc.jwk
import joserfc.jwt
import jwt
from joserfc.errors import JoseError

with warnings.catch_warnings(record=True):
    # authlib warns that authlib 2 removes this module.
    import authlib.jose
    from authlib.jose.errors import JoseError as AuthlibError

KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class Rejected(Exception):
    """Raised if the library rejects the token."""


class PyJWT:
    @staticmethod
    def verify(token, url, algorithm):
        try:
            key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
            return jwt.decode(token, key, algorithms=[algorithm])
        except jwt.PyJWTError as error:
            raise Rejected from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        return jwt.encode(claims, pem, algorithm=algorithm, headers={"kid": kid})


def fetch_keys(url):
    with urlopen(url, timeout=5) as response:
        return json.load(response)


class Joserfc:
    @staticmethod
    def verify(token, url, algorithm):
        keys = joserfc.jwk.KeySet.import_key_set(fetch_keys(url))
        try:
            return joserfc.jwt.decode(token, keys, algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            raise Rejected from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        key = joserfc.jwk.import_key(pem, KINDS[algorithm[:2]])
        return joserfc.jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])


class Authlib:
    @staticmethod
    def verify(token, url, algorithm):
        keys = authlib.jose.JsonWebKey.import_key_set(fetch_keys(url))
        try:
            return dict(authlib.jose.JsonWebToken([algorithm]).decode(token, keys))
        except (AuthlibError, ValueError) as error:
            raise Rejected from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        key = authlib.jose.JsonWebKey.import_key(pem, {"kty": KINDS[algorithm[:2]]})
        return authlib.jose.JsonWebToken([algorithm]).encode({"alg": algorithm, "kid": kid}, claims, key).decode()


def node(script, *arguments):
    """Runs a module in Node and returns the JSON that it prints. Raises `Rejected` if it exits with 3."""
    # Node finds the packages beside the file that imports them.
    path = Path(os.environ["NODE_FOLDER"]) / "script.mjs"
    path.write_text(script)
    done = subprocess.run(["node", path, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        raise Rejected(done.stderr)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


JOSE = Path(__file__).with_name("jose.mjs").read_text()


class Jose:
    @staticmethod
    def verify(token, url, algorithm):
        return node(JOSE, "verify", token, url, algorithm)

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        return node(JOSE, "sign", json.dumps(claims), pem, algorithm, kid)


CLIENTS = [PyJWT, Joserfc, Authlib, Jose]
