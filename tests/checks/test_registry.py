"""All checks together."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.checks import run_checks

from rest_framework_simplejwt import checks
from rest_framework_simplejwt.checks import CHECKS
from rest_framework_simplejwt.settings import DEFAULTS

SOURCE = Path(checks.__file__).parent
IN_SOURCE = sorted(
    found for file in SOURCE.glob("*.py") for found in re.findall(r"\"simplejwt\.([EWI]\d{3})\"", file.read_text())
)

EVERY_MISTAKE = {
    "REFRESH_TOKEN_GRACE_PERIOD": timedelta(hours=1),
    "STORE_OUTSTANDING_TOKENS": "some",
    "REVOCATION_FAIL_MODE": "ajar",
    "ACCESS_TOKEN_LIFETIME": 300,
    "AUTH_HEADER_TYPES": 5,
    "MAX_TOKEN_LENGTH": "long",
    "REFRESH_TOKEN_LIFETIME": timedelta(0),
    "UPDATE_LAST_LOGIN": "False",
    "ACCES_TOKEN_LIFETIME": timedelta(minutes=5),
    "AUTH_COOKIE": "access",
    "TOKEN_TYPE_CLAIM": "exp",
    "AUTH_HEADER_NAME": "Authorization",
    "USER_ID_FIELD": "no_such_field",
    "TOKEN_FAMILY_LIFETIME": timedelta.max,
    "SLIDING_TOKEN_LIFETIME": timedelta(days=2),
    "JSON_ENCODER": "no.such.Encoder",
    "USER_AUTHENTICATION_RULE": "no.such.rule",
    "TOKEN_OBTAIN_SERIALIZER": "no.such.Serializer",
    "REVOKE_TOKEN_HASHER": "no.such.hasher",
    "AUTH_TOKEN_CLASSES": ["no.such.Token", "builtins.dict"],
    "ALGORITHM": "RS256",
    "SIGNING_KEY": "junk",
    "VERIFYING_KEY": "junk",
    "BLACKLIST_AFTER_ROTATION": True,
    "TOKEN_FAMILY_ENABLED": True,
    "TOKEN_FAMILY_BLACKLIST_ON_REUSE": True,
    "CACHE_BLACKLISTED_FAMILIES": True,
    "CHECK_REVOKE_TOKEN": True,
    "JWK_ALLOW_HTTP": True,
    "ACCESS_TOKEN_PROFILE": "rfc9068",
    "TRUSTED_ISSUERS": [{"issuer": name, "claims": {"sub": "user_id"}} for name in "ab"],
}
EXCLUDED = {
    "E007": "the algorithm has a mistake in its keys",
    "E008": "cryptography is installed",
    "E009": "the algorithm has a key pair",
    "E017": "families are on",
    "E020": "the cache is there, a wrong one",
    "E021": "nothing is remembered",
    "E022": "a ring of keys stands in for the other key settings",
    "E023": "a directory of keys stands in for the other key settings",
    "E026": "nothing else is told then",
    "E027": "nothing is remembered",
    "W001": "nothing is remembered",
    "W004": "the algorithm has a key pair",
    "W005": "that is E018",
    "W007": "that is E018",
    "W008": "that is E016",
    "W009": "the algorithm has a key pair",
    "W010": "the algorithm has a key pair",
    "W013": "nothing is remembered",
    "W015": "no key is in a file",
    "W022": "no database is named",
    "W026": "there is a signing key, a wrong one",
    "W027": "there is a verifying key, a wrong one",
    "W029": "neither key can be used",
    "W030": "with a JWK_URL the verifying key is not looked at",
    "W031": "nothing is remembered",
    "W033": "there is neither an ISSUER nor an AUDIENCE",
    "W037": "that is E018",
    "W038": "that is W006",
    "W040": "nothing is remembered",
    "W041": "the key is written",
    "W052": "no token class has a backend of its own",
    "W044": "there is no directory of keys",
    "W045": "there is no ring of keys",
    "W042": "nothing is remembered",
}

# So that no check has nothing to look at.
EVERY_SWITCH = {name: True for name, default in DEFAULTS.items() if default is False} | {
    "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)
}


def ours(*, deploy):
    found = run_checks(include_deployment_checks=deploy)
    return [message for message in found if message.id.startswith("simplejwt.")]


@pytest.mark.needs("bare")
def test_a_project_with_every_mistake_is_told_of_each(simple_jwt, settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"]
    }
    simple_jwt(**EVERY_MISTAKE)
    found = ours(deploy=True)
    assert {message.id.removeprefix("simplejwt.") for message in found} == set(IN_SOURCE) - set(EXCLUDED)
    assert len({(message.id, message.msg) for message in found}) == len(found), "each once"
    text = " ".join(message.msg for message in found)
    own_name = set(EVERY_MISTAKE) - {
        "ALGORITHM",
        "CACHE_BLACKLISTED_FAMILIES",
        "CHECK_REVOKE_TOKEN",
        "BLACKLIST_AFTER_ROTATION",
    }
    assert all(name in text for name in own_name), "each mistake is named"


@pytest.mark.parametrize("check_id", IN_SOURCE)
def test_each_has_tests_of_its_own(check_id):
    tests = [file.read_text() for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name]
    assert any(check_id in text for text in tests)


def test_ids_are_never_given_twice():
    assert len(IN_SOURCE) == len(set(IN_SOURCE))
    assert {f"simplejwt.{check_id}" for check_id in IN_SOURCE} == set(CHECKS)


@pytest.mark.parametrize("retired", ["E005", "E006", "E010", "E011", "E012", "E013", "E014", "E015", "E019"])
def test_nor_again(retired):
    """5.5.1 ran with these mistakes: they are warnings, W023 to W031."""
    assert f"simplejwt.{retired}" not in CHECKS


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_each_can_be_documented(check):
    assert check.level == {"E": "Error", "W": "Warning", "I": "Info"}[check.id[-4]]
    assert check.appears.endswith(".")
    assert check.hint.endswith((".", "?"))


@pytest.mark.parametrize("deploy", [True, False])
def test_django_runs_them(messages, deploy):
    expected = {message.id for message in messages() if deploy or not CHECKS[message.id].deploy}
    assert {message.id for message in ours(deploy=deploy)} == expected


def test_sound_settings_are_left_alone():
    assert ours(deploy=False) == []


@pytest.mark.django_db(databases=[])
def test_no_database_is_asked(messages, simple_jwt):
    simple_jwt(**EVERY_MISTAKE)
    assert messages()


ODD = [None, 0, -1, 1.5, "", " ", "x", b"x", "tests.checks.raises.x", [], ["x"], [[]], {}, {"x": []}, timedelta.max]
ODD += [timedelta.min, object(), object, float("nan")]


@pytest.mark.parametrize("value", ODD, ids=lambda value: "object()" if type(value) is object else repr(value))
def test_none_raises_whatever_is_written(simple_jwt, messages, value):
    """In all settings at once."""
    simple_jwt(**dict.fromkeys(DEFAULTS, value))
    assert messages()


@pytest.mark.needs("full")
@pytest.mark.parametrize("name", DEFAULTS)
def test_none_raises_whatever_is_written_in_one(simple_jwt, messages, name):
    for value in ([[]], object(), "tests.checks.raises.x"):
        simple_jwt(**EVERY_SWITCH | {name: value})
        messages()
