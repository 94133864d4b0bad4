"""All checks together, and the table of checks."""

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
    "E007": "the algorithm is known, and its keys are wrong",
    "E008": "cryptography is installed",
    "E009": "the algorithm uses a key pair",
    "E017": "families are on",
    "E020": "the cache exists, and is an unsuitable one",
    "E021": "no store is configured",
    "E022": "a key ring would replace the other key settings",
    "E023": "a directory of keys would replace the other key settings",
    "E026": "no other check would run",
    "E027": "no store is configured",
    "W001": "no store is configured",
    "W004": "the algorithm uses a key pair",
    "W005": "E018 reports it",
    "W007": "E018 reports it",
    "W008": "E016 reports it",
    "W009": "the algorithm uses a key pair",
    "W010": "the algorithm uses a key pair",
    "W013": "no store is configured",
    "W015": "no key is in a file",
    "W022": "no database is passed",
    "W026": "there is a signing key, and it is unusable",
    "W027": "there is a verifying key, and it is unusable",
    "W029": "neither key can be used",
    "W030": "with a JWK_URL the verifying key would not be checked",
    "W031": "no store is configured",
    "W033": "there is neither an ISSUER nor an AUDIENCE",
    "W037": "E018 reports it",
    "W038": "W006 reports it",
    "W040": "no store is configured",
    "W041": "the key is a literal",
    "W052": "no token class has a backend of its own",
    "W044": "there is no directory of keys",
    "W045": "there is no key ring",
    "W042": "no store is configured",
}

# With these settings no check is skipped because its feature is off.
EVERY_SWITCH = {name: True for name, default in DEFAULTS.items() if default is False} | {
    "REFRESH_TOKEN_GRACE_PERIOD": timedelta(seconds=10)
}


def ours(*, deploy):
    found = run_checks(include_deployment_checks=deploy)
    return [message for message in found if message.id.startswith("simplejwt.")]


@pytest.mark.needs("bare")
def test_each_mistake_of_a_project_is_reported(simple_jwt, settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"]
    }
    simple_jwt(**EVERY_MISTAKE)
    found = ours(deploy=True)
    assert {message.id.removeprefix("simplejwt.") for message in found} == set(IN_SOURCE) - set(EXCLUDED)
    assert len({(message.id, message.msg) for message in found}) == len(found), "each is reported once"
    text = " ".join(message.msg for message in found)
    named = set(EVERY_MISTAKE) - {
        "ALGORITHM",
        "CACHE_BLACKLISTED_FAMILIES",
        "CHECK_REVOKE_TOKEN",
        "BLACKLIST_AFTER_ROTATION",
    }
    assert all(name in text for name in named), "each mistake is named"


@pytest.mark.parametrize("check_id", IN_SOURCE)
def test_each_check_has_its_own_tests(check_id):
    tests = [file.read_text() for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name]
    assert any(check_id in text for text in tests)


def test_each_id_is_used_once():
    assert len(IN_SOURCE) == len(set(IN_SOURCE))
    assert {f"simplejwt.{check_id}" for check_id in IN_SOURCE} == set(CHECKS)


@pytest.mark.parametrize("retired", ["E005", "E006", "E010", "E011", "E012", "E013", "E014", "E015", "E019"])
def test_retired_ids_are_not_reused(retired):
    """W023 to W031 report these mistakes now: 5.5.1 ran with them, so they are warnings."""
    assert f"simplejwt.{retired}" not in CHECKS


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_each_check_has_a_level_a_description_and_a_hint(check):
    assert check.level == {"E": "Error", "W": "Warning", "I": "Info"}[check.id[-4]]
    assert check.description.endswith(".")
    assert check.hint.endswith((".", "?"))


@pytest.mark.parametrize("deploy", [True, False])
def test_django_runs_each_check(messages, deploy):
    expected = {message.id for message in messages() if deploy or not CHECKS[message.id].deploy}
    assert {message.id for message in ours(deploy=deploy)} == expected


def test_valid_settings_are_accepted():
    assert ours(deploy=False) == []


@pytest.mark.django_db(databases=[])
def test_no_check_queries_a_database(messages, simple_jwt):
    simple_jwt(**EVERY_MISTAKE)
    assert messages()


INVALID_VALUES = [
    None,
    0,
    -1,
    1.5,
    "",
    " ",
    "x",
    b"x",
    "tests.checks.raises.x",
    [],
    ["x"],
    [[]],
    {},
    {"x": []},
    timedelta.max,
]
INVALID_VALUES += [timedelta.min, object(), object, float("nan")]


@pytest.mark.parametrize("value", INVALID_VALUES, ids=repr)
def test_no_check_raises_if_all_settings_are_invalid(simple_jwt, messages, value):
    """All settings have the same invalid value."""
    simple_jwt(**dict.fromkeys(DEFAULTS, value))
    assert messages()


@pytest.mark.needs("full")
@pytest.mark.parametrize("name", DEFAULTS)
def test_no_check_raises_if_one_setting_is_invalid(simple_jwt, messages, name):
    for value in ([[]], object(), "tests.checks.raises.x"):
        simple_jwt(**EVERY_SWITCH | {name: value})
        messages()
