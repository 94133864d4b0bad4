"""Invalid bodies and headers, sent to every endpoint and to a protected view."""

import json
from encodings.aliases import aliases

import pytest
from django.contrib.auth import get_user_model

from rest_framework_simplejwt.tokens import AccessToken
from tests.input.table import LATER, NUMBERS, ODD, TEXTS, client, sent, verdict

pytestmark = pytest.mark.django_db

FIELDS = {
    "/token/refresh/": "refresh",
    "/token/blacklist/": "refresh",
    "/token/family/blacklist/": "refresh",
    "/token/verify/": "token",
    "/token/sliding/refresh/": "token",
}
LOGINS = ("/token/", "/token/sliding/")
BODIES = {
    "nothing": b"",
    "a list": b"[]",
    "a list of it": b'[{"refresh": "x", "token": "x"}]',
    "a number": b"1",
    "null": b"null",
    "a text": b'"x"',
    "half": b'{"refresh": "x"',
    "no JSON": b"refresh=x",
    "nested": b"[" * 100_000,
    "nested objects": b'{"refresh":' * 100_000,
    "nested, whole": b'{"refresh": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no UTF-8": b'{"refresh": "\xff\xfe", "token": "\xff"}',
    "utf-16": '{"refresh": "x", "token": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"refresh": "x"}',
    "NULs": b"\0" * 1000,
    "NaN": b'{"refresh": NaN, "token": NaN}',
    "a long number": b'{"refresh": ' + b"9" * 5000 + b', "token": ' + b"9" * 5000 + b"}",
    "many fields": b"&".join(b"a%d=1" % number for number in range(2000)),
    "half a form": b'--x\r\nContent-Disposition: form-data; name="refresh"\r\n\r\nx',
}
TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "multipart/form-data; boundary=" + "x" * 300,
    "multipart/form-data; boundary=\u00e9",
    "text/plain",
    "application/xml",
    "application/octet-stream",
    "nonsense",
    "",
    "/",
    "application/json; charset=no-such",
    "application/x-www-form-urlencoded; charset=utf-16",
)
# A client can name every codec of Python as the charset, also those that do not decode text.
CHARSETS = sorted({*aliases.values(), "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
VALUES = {name: value for name, value in {**ODD, **NUMBERS, **TEXTS, "number": LATER}.items() if value is not None}


def post(http, path, body, content_type="application/json"):
    sent[f"POST {path}"] += 1
    return http.generic("POST", path, body, content_type=content_type)


def faults_of(answers):
    return {row: fault for row, answer in answers.items() if (fault := verdict(answer))}


@pytest.mark.parametrize("path", [*FIELDS, *LOGINS])
def test_invalid_bodies_are_refused(user, path):
    http = client()
    answers = {
        (body, content_type): post(http, path, BODIES[body], content_type) for body in BODIES for content_type in TYPES
    }
    assert not faults_of(answers)


@pytest.mark.parametrize("path", [*FIELDS, *LOGINS])
def test_invalid_charsets_are_refused(user, path):
    http = client()
    form = b"refresh=x&token=x&password=x&username=x&email=x"
    bodies = {"application/json": b'{"refresh": "x", "token": "x"}', "application/x-www-form-urlencoded": form}
    answers = {
        (kind, charset): post(http, path, body, f"{kind}; charset={charset}")
        for kind, body in bodies.items()
        for charset in CHARSETS
    }
    assert not faults_of(answers)


@pytest.mark.parametrize("path", FIELDS)
def test_invalid_tokens_are_refused(user, path):
    http = client()
    answers = {name: post(http, path, f'{{"{FIELDS[path]}": {value}}}') for name, value in VALUES.items()}
    assert not faults_of(answers)


@pytest.mark.parametrize("path", LOGINS)
def test_invalid_credentials_are_refused(user, path, credentials):
    http = client()
    good = {name: json.dumps(value) for name, value in credentials.items()}
    # No user has these names, and passwords are not trimmed.
    password = credentials["password"]
    alike = [password.strip(), password.lstrip(), password.upper(), password * 9]
    alike += [password + end for end in (" ", "\n", "\0")]
    passwords = {f"like the password {number}": json.dumps(text) for number, text in enumerate(alike)}
    long = {"of 10 MB": json.dumps("x" * 10_000_000), "too long by one": json.dumps("x" * 4097)}
    answers = {}
    for field, values in {get_user_model().USERNAME_FIELD: {}, "password": passwords}.items():
        for name, value in {**VALUES, **long, **values}.items():
            body = "{" + ",".join(f'"{name}":{text}' for name, text in {**good, field: value}.items()) + "}"
            answers[field, name] = post(http, path, body)
    assert not faults_of(answers)
    assert http.post(path, credentials).status_code == 200


@pytest.mark.parametrize("path", LOGINS)
def test_a_long_password_is_refused_before_it_is_hashed(user, path, credentials, monkeypatch):
    def hashing(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", hashing)
    answer = post(client(), path, json.dumps({**credentials, "password": "x" * 4097}))
    assert (answer.status_code, list(answer.json())) == (400, ["password"])


@pytest.mark.parametrize("path", ["/whoami/", "/stateless/"])
def test_invalid_headers_are_refused(user, path):
    good = str(AccessToken.for_user(user))
    headers = [
        "Bearer",
        "Bearer ",
        "Bearer  ",
        f"Bearer {good} {good}",
        f"Bearer {good}, Bearer {good}",
        f"Bearer {good},{good}",
        f"Bearer {good},",
        f"Bearer, {good}",
        f"Bearer {good} x",
        f"Bearer:{good}",
        f"Bearer={good}",
        f'Bearer "{good}"',
        f"Bearer token={good}",
        f"Bearer Bearer {good}",
        f"Bearer {good}\0",
        f"Bearer \0{good}",
        f"\0Bearer {good}",
        f"Basic {good}",
        f"Bearer\xa0{good}",
        f"Bearer\x00 {good}",
        good,
        "Bearer \xff\xfe",
        "Bearer é",
        "\xff\xfe\xfd",
        "é é",
        "Bearer €",
        "Bearer \ud800",
        "Bearer null",
        "Bearer undefined",
        "Bearer [object Object]",
        "Bearer {}",
        "Bearer " + "x" * 1_000_000,
        "Bearer " + "x " * 1_000,
        "Bearer " + "." * 8_000,
        "Bearer ..",
        "," * 10_000,
        " " * 10_000,
        b"Bearer \xff",
    ]
    http, answers = client(), {}
    for header in headers:
        sent[f"GET {path}"] += 1
        answers[header[:60]] = http.get(path, HTTP_AUTHORIZATION=header)
    assert not faults_of(answers)
    assert http.get(path, HTTP_AUTHORIZATION=f"Bearer {good}").status_code == 200
