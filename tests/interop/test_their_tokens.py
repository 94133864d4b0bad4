"""Tokens that each library signs, verified by ours with a public key that it trusts."""

import time

import pytest

from rest_framework_simplejwt import state
from rest_framework_simplejwt.exceptions import TokenBackendError
from tests.key_pairs import pem_pair

from .clients import CLIENTS
from .conftest import FAMILIES


@pytest.fixture(params=["RS256", "ES256", "EdDSA"])
def algorithm(request, simple_jwt):
    name = request.param
    simple_jwt(VERIFYING_KEYS=[{"algorithm": name, "key": pem_pair(FAMILIES[name])[1], "kid": "theirs"}])
    return name


@pytest.fixture(params=CLIENTS, ids=lambda each: each.__name__)
def issue(request, algorithm):
    private = pem_pair(FAMILIES[algorithm])[0]
    claims = {"user_id": "1", "exp": int(time.time()) + 60}
    return lambda kid="theirs": request.param.sign(claims, private, algorithm, kid)


def test_what_a_trusted_key_signed_is_accepted(issue):
    assert state.token_backend.decode(issue())["user_id"] == "1"


def test_what_was_changed_on_the_way_is_refused(issue, tampered):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        state.token_backend.decode(tampered(issue()))


def test_a_key_that_is_not_named_is_not_trusted(issue):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        state.token_backend.decode(issue(kid="another"))
