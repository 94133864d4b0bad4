"""The backend verifies tokens of each library with a public key of `VERIFYING_KEYS`."""

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


def test_a_token_signed_with_a_verifying_key_is_accepted(issue):
    assert state.token_backend.decode(issue())["user_id"] == "1"


def test_a_changed_token_is_rejected(issue, tampered):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        state.token_backend.decode(tampered(issue()))


def test_another_kid_is_rejected(issue):
    with pytest.raises(TokenBackendError, match="^Token is invalid$"):
        state.token_backend.decode(issue(kid="another"))
