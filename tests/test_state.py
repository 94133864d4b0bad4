from datetime import timedelta
from unittest import mock

import pytest

from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken

KEY = "another signing key, which is longer than 32 bytes"


def test_the_backend_is_built_from_the_settings(simple_jwt):
    simple_jwt(ALGORITHM="HS512", SIGNING_KEY=KEY * 2, AUDIENCE="aud", ISSUER="iss", LEEWAY=timedelta(seconds=3))
    backend = state.token_backend
    assert (backend.algorithm, backend.signing_key) == ("HS512", KEY * 2)
    assert (backend.audience, backend.issuer) == ("aud", "iss")
    assert backend.get_leeway() == timedelta(seconds=3)


def test_the_time_out_for_an_issuers_keys_is_a_setting(simple_jwt):
    simple_jwt(ALGORITHM="RS256", JWK_URL="https://issuer.test/jwks", JWK_TIMEOUT=0.5)
    with mock.patch("rest_framework_simplejwt.backends.PyJWKClient") as client:
        assert state.token_backend.jwks_client is client.return_value
    client.assert_called_once_with("https://issuer.test/jwks", algorithm="RS256", timeout=0.5)


def test_the_backend_is_one_object_while_its_settings_stay():
    assert state.token_backend is state.token_backend


def change_by_override(simple_jwt, monkeypatch):
    simple_jwt(SIGNING_KEY=KEY)


def change_by_assignment(simple_jwt, monkeypatch):
    monkeypatch.setattr(api_settings, "SIGNING_KEY", KEY)


def change_by_editing(simple_jwt, monkeypatch):
    simple_jwt()
    api_settings.user_settings["SIGNING_KEY"] = KEY


@pytest.mark.parametrize("change", [change_by_override, change_by_assignment, change_by_editing])
def test_a_changed_setting_is_a_changed_backend_for_everyone(simple_jwt, monkeypatch, change):
    old, text = state.token_backend, str(AccessToken())
    change(simple_jwt, monkeypatch)
    assert state.token_backend is not old
    assert TokenBackend("HS256", KEY).decode(str(AccessToken()))
    with pytest.raises(Exception, match="Token is invalid"):
        AccessToken(text)


def test_the_backend_may_be_patched():
    with mock.patch("rest_framework_simplejwt.state.token_backend", TokenBackend("HS256", KEY)) as patched:
        assert AccessToken().token_backend is patched
    assert AccessToken().token_backend is not patched


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="nothing"):
        state.nothing  # noqa: B018
