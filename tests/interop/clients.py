"""Four libraries behind two functions each: `verify(token, url, algorithm)` and `sign(claims, pem, algorithm, kid)`."""

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
    # authlib insists on saying that the module goes with authlib 2; it is in use until then.
    import authlib.jose
    from authlib.jose.errors import JoseError as AuthlibError

KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class Refused(Exception):
    """The library does not take the token."""


class PyJWT:
    @staticmethod
    def verify(token, url, algorithm):
        try:
            key = jwt.PyJWKClient(url).get_signing_key_from_jwt(token)
            return jwt.decode(token, key, algorithms=[algorithm])
        except jwt.PyJWTError as error:
            raise Refused from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        return jwt.encode(claims, pem, algorithm=algorithm, headers={"kid": kid})


def published(url):
    with urlopen(url, timeout=5) as response:
        return json.load(response)


class Joserfc:
    @staticmethod
    def verify(token, url, algorithm):
        keys = joserfc.jwk.KeySet.import_key_set(published(url))
        try:
            return joserfc.jwt.decode(token, keys, algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            raise Refused from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        key = joserfc.jwk.import_key(pem, KINDS[algorithm[:2]])
        return joserfc.jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])


class Authlib:
    @staticmethod
    def verify(token, url, algorithm):
        keys = authlib.jose.JsonWebKey.import_key_set(published(url))
        try:
            return dict(authlib.jose.JsonWebToken([algorithm]).decode(token, keys))
        except (AuthlibError, ValueError) as error:
            raise Refused from error

    @staticmethod
    def sign(claims, pem, algorithm, kid):
        key = authlib.jose.JsonWebKey.import_key(pem, {"kty": KINDS[algorithm[:2]]})
        return authlib.jose.JsonWebToken([algorithm]).encode({"alg": algorithm, "kid": kid}, claims, key).decode()


def node(script, *arguments):
    """What a module that stands beside Node's packages prints, which is JSON. Raises `Refused` for status 3."""
    # An import looks for packages beside the file that has it.
    path = Path(os.environ["NODE_FOLDER"]) / "script.mjs"
    path.write_text(script)
    done = subprocess.run(["node", path, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        raise Refused(done.stderr)
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
