"""Each library verifies tokens that the server issues over HTTP, with the keys that the server publishes."""

import jwt
import pytest

from tests.key_pairs import new_private_key

from .clients import CLIENTS, Rejected
from .conftest import FAMILIES

pytestmark = pytest.mark.usefixtures("ring")


@pytest.fixture(params=CLIENTS, ids=lambda each: each.__name__)
def library(request):
    return request.param


def test_a_library_accepts_an_issued_token(library, algorithm, log_in, key_url, user_id):
    access = log_in()["access"]
    assert jwt.get_unverified_header(access)["alg"] == algorithm
    claims = library.verify(access, key_url, algorithm)
    assert (claims["user_id"], claims["token_type"]) == (user_id, "access")


def test_a_library_rejects_a_changed_token(library, algorithm, log_in, key_url, tampered):
    with pytest.raises(Rejected):
        library.verify(tampered(log_in()["access"]), key_url, algorithm)


def test_a_library_rejects_another_key_with_the_same_kid(library, algorithm, log_in, key_url):
    access = log_in()["access"]
    kid = jwt.get_unverified_header(access)["kid"]
    claims = jwt.decode(access, options={"verify_signature": False})
    forged = jwt.encode(claims, new_private_key(FAMILIES[algorithm]), algorithm=algorithm, headers={"kid": kid})
    with pytest.raises(Rejected):
        library.verify(forged, key_url, algorithm)
