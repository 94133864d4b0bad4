"""The fuzz targets find nothing in a short run, and find a hole that is made on purpose."""

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
def run():
    """Whether a run of one of the two targets finds nothing."""
    get_user_model().objects.create_user("alice", pk=1)
    inputs = Inputs(seed=5)
    targets_ = {"decode": (targets.decode, inputs.token), "authenticate": (targets.authenticate, inputs.header)}
    return lambda name: fuzz(name, *targets_[name], EXECUTIONS, seconds=60)


@pytest.mark.parametrize("name", ["decode", "authenticate"])
def test_nothing_is_found(run, name):
    assert run(name)


def any_spelling(segment):
    return targets.jwt.utils.base64url_decode(segment)


def look_up(user_model, field, claim):
    return user_model.objects.filter(pk=claim).first()


@pytest.mark.parametrize(
    ("name", "hole"),
    [
        ("decode", (jws, "base64url_decode", any_spelling)),
        ("decode", (jws, "_DECODER", json.JSONDecoder())),
        ("decode", (jws, "check_header", lambda header, **_: None)),
        ("decode", (claims, "check_times", lambda *_, **__: None)),
        ("authenticate", (users, "find", look_up)),
        ("authenticate", (users, "is_user_id", lambda claim: True)),
        ("authenticate", (JWTAuthentication, "get_raw_token", lambda self, header: header.split()[9])),
    ],
)
def test_a_hole_is_found(run, name, hole):
    # What was read while the hole was there must not be remembered after.
    jws.cached_header.cache_clear()
    with mock.patch.object(*hole):
        assert not run(name)
    jws.cached_header.cache_clear()
