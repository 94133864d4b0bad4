"""What is fuzzed, and what must hold whatever comes in."""

import json
import time

import jwt
from django.conf import settings
from django.http import HttpRequest

from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.claims import IAT_TOLERANCE
from rest_framework_simplejwt.exceptions import AuthenticationFailed, TokenBackendError
from tests.fuzz.stricter import stricter
from tests.input.table import base64url

BACKEND = TokenBackend("HS256", settings.SECRET_KEY)
REMEMBERING = TokenBackend("HS256", settings.SECRET_KEY, verified_cache_size=64)


class Finding(AssertionError):
    """Accepted, and should not have been; or the other way round."""


def decode(token):
    """Whether it was accepted. Raises ``Finding``, or what should never be raised."""
    payload = decoded(BACKEND, token)
    for _ in range(2):
        if decoded(REMEMBERING, token) != payload:
            raise Finding("it matters whether the token was seen before")
    if payload is None:
        if accepted_elsewhere(token) and not stricter(token):
            raise Finding("PyJWT accepts it, and no rule of ours refuses it")
        return False
    try:
        check_acceptable(token if isinstance(token, bytes) else token.encode(), payload)
    except (jwt.PyJWTError, ValueError) as error:
        raise Finding from error
    return True


def decoded(backend, token):
    try:
        return backend.decode(token)
    except TokenBackendError:
        return None


def accepted_elsewhere(token):
    try:
        pyjwt_decode(token)
    except Exception:  # noqa: BLE001  # it has errors of all kinds for what it can't read
        return False
    return True


def pyjwt_decode(token):
    """As PyJWT decodes it, but that ``iat`` may lie a minute ahead: RFC 7519 section 4.1.6 makes it no condition."""
    try:
        return strict_pyjwt_decode(token)
    except jwt.ImmatureSignatureError:
        payload = strict_pyjwt_decode(token, verify_iat=False)
        if payload["iat"] > time.time() + IAT_TOLERANCE:
            raise
        return payload


def strict_pyjwt_decode(token, **options):
    options = {"verify_sub": False, "verify_aud": False, "verify_jti": False, **options}
    return jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"], options=options)


def authenticate(header):
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = header
    accepted = False
    for authentication in (JWTAuthentication(), JWTStatelessUserAuthentication()):
        try:
            outcome = authentication.authenticate(request)
        except AuthenticationFailed:
            continue
        if outcome is not None:
            accepted = True
            check_identity(*outcome, header.split()[1])
    return accepted


def check_acceptable(token, payload):
    """Another codec reads the same in it, and there is no second text, or second meaning, for that."""
    if pyjwt_decode(token) != payload:
        raise Finding("the two codecs disagree")
    for segment in token.split(b"."):
        if base64url(jwt.utils.base64url_decode(segment)) != segment:
            raise Finding("another spelling")
    header = jwt.get_unverified_header(token)
    if header["alg"] != "HS256" or {"crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"} & header.keys():
        raise Finding("a header that asks for more")
    json.loads(jwt.utils.base64url_decode(token.split(b".")[1]), object_pairs_hook=_once)


def _once(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Finding("a name stands twice")
    return dict(pairs)


def check_identity(user, token, text):
    """Nobody but the one that the token names, by a claim of the right kind."""
    check_acceptable(text, token.payload)
    claim = token["user_id"]
    if isinstance(claim, bool) or not isinstance(claim, (str, int)) or str(claim) != str(user.pk) or claim == "":
        raise Finding("somebody else")
    if token["token_type"] != "access" or not isinstance(token["jti"], str) or isinstance(token["exp"], (bool, str)):
        raise Finding("not what an access token is")
