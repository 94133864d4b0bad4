"""Tokens with invalid claims and a valid signature, sent to every endpoint that takes a token."""

import json

import pytest

from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, family_enabled
from tests.input.table import LATER, NUMBERS, ODD, SURFACES, TEXTS, client, sign, verdict, with_claim

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _allow_long_tokens(simple_jwt):
    """Allows long tokens, so that no token of these tests is refused for its length."""
    simple_jwt(MAX_TOKEN_LENGTH=1_000_000)


VERIFYING = ("verify", "verify access")
REFRESHING = ("refresh", "refresh sliding")
STATELESS = "authenticate, stateless"
# A log-out reads the user id only to record the owner.
REVOKING = ("blacklist", "blacklist family")


def times(claim, **more):
    return {f"{claim}: {name}": (claim, value) for name, value in {**ODD, **TEXTS, **more}.items()}


# Neither claim is required.
ISSUED = {
    **times("iat", text='"1"', negative="-5", ahead=LATER),
    **times("nbf", text='"1"', negative="-5", ahead=LATER),
}
EXPIRY = times("exp", text=f'"{LATER}"', **NUMBERS)


RESEMBLING = {
    "one as a float": "1.0",
    "one with a space": '" 1"',
    "one with a sign": '"+1"',
    "one with a zero": '"01"',
    "one with a line break": '"1\\n"',
    "one in another script": '"\u0661"',
    "one with a low line": '"1_0"',
    "a word": '"abc"',
    "half a UUID": '"{12345678-1234}"',
    "a look-up": '"1 OR 1=1"',
}


def invalid_claims(surface, payload):
    """Returns the claims that the endpoint must refuse, each with its JSON text."""
    bad = {**EXPIRY, **{name: row for name, row in ISSUED.items() if row[1] is not None}}
    strings = {**ODD, **NUMBERS, **TEXTS}
    bad |= {f"jti: {name}": (api_settings.JTI_CLAIM, value) for name, value in strings.items()}
    if surface not in VERIFYING:
        bad |= {f"type: {name}": (api_settings.TOKEN_TYPE_CLAIM, value) for name, value in strings.items()}
        bad |= {
            f"type: {other}": (api_settings.TOKEN_TYPE_CLAIM, f'"{other}"')
            for other in ("access", "refresh", "sliding", "Access", "access ", "untyped")
            if other != payload[api_settings.TOKEN_TYPE_CLAIM]
        }
    if surface not in REVOKING:
        bad |= {f"user: {name}": (api_settings.USER_ID_CLAIM, value) for name, value in unknown_user_ids(surface)}
    if api_settings.TOKEN_FAMILY_CLAIM in payload:
        odd = {name: value for name, value in strings.items() if name not in ("missing", "null")}
        bad |= {f"family: {name}": (api_settings.TOKEN_FAMILY_CLAIM, value) for name, value in odd.items()}
        bad |= times(api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM, text=f'"{LATER}"', **NUMBERS)
        del bad[f"{api_settings.TOKEN_FAMILY_EXPIRATION_CLAIM}: missing"]
    if surface == "refresh sliding":
        bad |= times(api_settings.SLIDING_TOKEN_REFRESH_EXP_CLAIM, text=f'"{LATER}"', **NUMBERS)
    return bad


def unknown_user_ids(surface):
    """Returns user ids that identify no user. For the stateless class, only those of an invalid type."""
    odd = {name: value for name, value in ODD.items() if not value or not value.isdigit()}
    if surface == STATELESS:
        return {**odd, "float": "1.5", "empty": '""'}.items()
    if surface in (*VERIFYING, *REFRESHING):
        del odd["missing"]  # A token without a user id is accepted.
    resembling = {
        "one": "1.0",
        "spaced": '" 1"',
        "signed": '"+1"',
        "padded": '"01"',
        "underlined": '"1_0"',
        "words": '"abc"',
    }
    return {**odd, **NUMBERS, **TEXTS, **resembling, "huge": ODD["huge"], "bad UUID": '"{0}"'}.items()


def payload_for(surface, user):
    if surface.kind is AccessToken:
        # An access token gets its family from a refresh token.
        return RefreshToken.for_user(user).access_token.payload
    return surface.kind.for_user(user).payload


@pytest.mark.parametrize("name", SURFACES)
def test_invalid_claims_are_refused(user, name):
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    faults = {}
    for row, (claim, value) in invalid_claims(name, payload).items():
        faults[row] = verdict(surface.send(http, sign(with_claim(payload, claim, value))))
    assert not {row: fault for row, fault in faults.items() if fault}
    # The valid token is accepted, so the claims were the reason. Without families there is none to revoke.
    expected = 501 if name == "blacklist family" and not family_enabled() else 200
    assert surface.send(http, sign(json.dumps(payload))).status_code == expected


@pytest.mark.parametrize("name", SURFACES)
def test_invalid_payloads_are_refused(user, name):
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    good = json.dumps(payload)
    bad = {
        "list": "[]",
        "list of it": f"[{good}]",
        "number": "1",
        "null": "null",
        "text": '"x"',
        "text of it": json.dumps(good),
        "nothing": "",
        "half": good[:-1],
        "two": good + good,
        "comment": good + "//",
        "quotes": good.replace('"', "'"),
        "byte order mark": "\ufeff" + good,
        "utf-16": good.encode("utf-16"),
        "latin-1": good.replace("}", ', "é": "é"}').encode("latin-1"),
        "lone surrogate": good[:-1] + ', "a": "\ud800"}',
        "nested": good[:-1] + ', "a": ' + '{"a":' * 10_000 + "1" + "}" * 10_001,
        "NaN elsewhere": good[:-1] + ', "a": NaN}',
        **{
            f"{claim} twice": good[:-1] + f", {json.dumps(claim)}: {json.dumps(value)}}}"
            for claim, value in payload.items()
        },
        **{f"{claim} first of two": f"{{{json.dumps(claim)}: 1, {good[1:]}" for claim in payload},
    }
    faults = {row: verdict(surface.send(http, sign(text))) for row, text in bad.items()}
    assert not {row: fault for row, fault in faults.items() if fault}


@pytest.mark.needs("full")
@pytest.mark.parametrize("name", REVOKING)
def test_a_log_out_with_an_invalid_user_id_revokes_if_it_is_answered_200(user, name):
    surface, http = SURFACES[name], client()
    for value in [value for _, value in unknown_user_ids("authenticate")]:
        payload = RefreshToken.for_user(user).payload
        token = sign(with_claim(payload, api_settings.USER_ID_CLAIM, value))
        fault = verdict(surface.send(http, token))
        if fault:
            assert fault == "accepted: 200"
            assert SURFACES["refresh"].send(http, token).json()["detail"] in {
                "Token is blacklisted",
                "Token family is blacklisted",
            }


@pytest.mark.parametrize("name", [name for name in SURFACES if name not in {*REVOKING, STATELESS}])
def test_a_revoke_claim_of_another_type_is_refused(user, name, simple_jwt):
    simple_jwt(CHECK_REVOKE_TOKEN=True)
    surface, http = SURFACES[name], client()
    payload = payload_for(surface, user)
    faults = {}
    for row, value in {**ODD, **NUMBERS, **TEXTS}.items():
        token = sign(with_claim(payload, api_settings.REVOKE_TOKEN_CLAIM, value))
        faults[row] = verdict(surface.send(http, token))
    assert not {row: fault for row, fault in faults.items() if fault}
