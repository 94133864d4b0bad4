"""The functions that are fuzzed, with what must be true for every input."""

import json
import time

import jwt
from django.conf import settings
from django.http import HttpRequest

from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.claims import IAT_TOLERANCE
from rest_framework_simplejwt.exceptions import AuthenticationFailed, TokenBackendError
from tests.fuzz.stricter import broken_rules
from tests.input.table import base64url

BACKEND = TokenBackend("HS256", settings.SECRET_KEY)
CACHING_BACKEND = TokenBackend("HS256", settings.SECRET_KEY, verified_cache_size=64)


class Finding(AssertionError):
    """Raised for a token that was accepted and must be rejected, or the reverse."""


def decode(token):
    """Decodes ``token`` and returns whether it was accepted. Raises ``Finding``, and any error of the codec."""
    payload = decode_or_none(BACKEND, token)
    for _ in range(2):
        if decode_or_none(CACHING_BACKEND, token) != payload:
            raise Finding("a cached token is decode_or_none differently")
    if payload is None:
        if is_accepted_by_pyjwt(token) and not broken_rules(token):
            raise Finding("PyJWT accepts it, and it breaks none of the listed rules")
        return False
    try:
        check_acceptable(token if isinstance(token, bytes) else token.encode(), payload)
    except (jwt.PyJWTError, ValueError) as error:
        raise Finding from error
    return True


def decode_or_none(backend, token):
    try:
        return backend.decode(token)
    except TokenBackendError:
        return None


def is_accepted_by_pyjwt(token):
    try:
        pyjwt_decode(token)
    except Exception:  # noqa: BLE001  # PyJWT raises many kinds of errors
        return False
    return True


def pyjwt_decode(token):
    """Decodes with PyJWT, but accepts an ``iat`` up to a minute ahead: RFC 7519 section 4.1.6 does not forbid it."""
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
    """Raises ``Finding`` unless PyJWT decodes the same claims, and only this text encodes them."""
    if pyjwt_decode(token) != payload:
        raise Finding("the two codecs disagree")
    for segment in token.split(b"."):
        if base64url(jwt.utils.base64url_decode(segment)) != segment:
            raise Finding("a segment has another encoding")
    header = jwt.get_unverified_header(token)
    if header["alg"] != "HS256" or {"crit", "b64", "zip", "jku", "jwk", "x5u", "x5c"} & header.keys():
        raise Finding("a header with an extension or a key")
    json.loads(jwt.utils.base64url_decode(token.split(b".")[1]), object_pairs_hook=_reject_duplicates)


def _reject_duplicates(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise Finding("a duplicate name")
    return dict(pairs)


def check_identity(user, token, text):
    """Raises ``Finding`` unless ``token`` is a valid access token that identifies ``user``."""
    check_acceptable(text, token.payload)
    claim = token["user_id"]
    if isinstance(claim, bool) or not isinstance(claim, (str, int)) or str(claim) != str(user.pk) or claim == "":
        raise Finding("the claim does not identify this user")
    if token["token_type"] != "access" or not isinstance(token["jti"], str) or isinstance(token["exp"], (bool, str)):
        raise Finding("the claims are not those of an access token")
