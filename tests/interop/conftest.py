"""Fixtures: the server, its keys, and a changed token."""

import json
from urllib.request import Request, urlopen

import pytest

from rest_framework_simplejwt import jws
from tests.key_pairs import pem_pair


def pytest_collection_modifyitems(items):
    for item in items:
        # joserfc warns that the name should be Ed25519, which few other libraries support yet.
        item.add_marker(pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864"))


FAMILIES = {"RS256": "RS", "PS256": "PS", "ES256": "ES256", "ES384": "ES384", "EdDSA": "Ed"}


@pytest.fixture(params=FAMILIES)
def algorithm(request):
    return request.param


@pytest.fixture
def key_url(live_server):
    return f"{live_server.url}/.well-known/jwks.json"


@pytest.fixture
def ring(simple_jwt, algorithm):
    """Publishes a key for each algorithm; the active key is that of `algorithm`."""
    simple_jwt(
        SIGNING_KEYS=[
            {"algorithm": name, "key": pem_pair(family)[0], "not_before": int(name == algorithm)}
            for name, family in FAMILIES.items()
        ]
    )


@pytest.fixture
def log_in(client, credentials, user, live_server):
    """Logs in over HTTP and returns the pair of tokens."""
    return lambda: post(f"{live_server.url}/token/", credentials)


def post(url, body):
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        return json.load(response)


@pytest.fixture
def tampered():
    """Returns a token with another user id and the old signature: `tampered(token)`."""

    def change(token):
        header, payload, signature = token.split(".")
        claims = {**jws.decode_object(payload.encode()), "user_id": "1000000"}
        return f"{header}.{jws.base64url_encode(json.dumps(claims).encode()).decode()}.{signature}"

    return change
