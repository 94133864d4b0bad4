"""A short fuzz run finds no fault in the package, and finds a fault that a test puts there."""

import json
from unittest import mock

import pytest
from django.contrib.auth import get_user_model

from rest_framework_simplejwt import claims, jws, users
from rest_framework_simplejwt.authentication import JWTAuthentication
from tests.fuzz import targets
from tests.fuzz.__main__ import fuzz
from tests.fuzz.inputs import Inputs

pytestmark = [pytest.mark.django_db, pytest.mark.needs("full")]

EXECUTIONS = 3000


@pytest.fixture
def finds_nothing():
    """A function that fuzzes one of the two targets, and returns whether it found no fault."""
    get_user_model().objects.create_user("alice", pk=1)
    inputs = Inputs(seed=5)
    arguments = {"decode": (targets.decode, inputs.token), "authenticate": (targets.authenticate, inputs.header)}
    return lambda name: fuzz(name, *arguments[name], EXECUTIONS, seconds=60)


@pytest.mark.parametrize("name", ["decode", "authenticate"])
def test_no_fault_is_found_in_the_package(finds_nothing, name):
    assert finds_nothing(name)


def lenient_base64url_decode(segment):
    return targets.jwt.utils.base64url_decode(segment)


def find_without_checks(user_model, field, claim):
    return user_model.objects.filter(pk=claim).first()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("decode", (jws, "base64url_decode", lenient_base64url_decode)),
        ("decode", (jws, "_DECODER", json.JSONDecoder())),
        ("decode", (jws, "check_header", lambda header, **_: None)),
        ("decode", (claims, "check_times", lambda *_, **__: None)),
        ("authenticate", (users, "find", find_without_checks)),
        ("authenticate", (users, "is_user_id", lambda claim: True)),
        ("authenticate", (JWTAuthentication, "get_raw_token", lambda self, header: header.split()[9])),
    ],
)
def test_a_fault_put_into_the_package_is_found(finds_nothing, name, fault):
    # Headers that were decoded with the fault must not stay in the cache.
    jws.cached_header.cache_clear()
    with mock.patch.object(*fault):
        assert not finds_nothing(name)
    jws.cached_header.cache_clear()
