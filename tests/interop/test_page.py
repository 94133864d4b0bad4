"""Runs all snippets of docs/howto/verify-elsewhere.md."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from joserfc.errors import JoseError

from rest_framework_simplejwt.tokens import AccessToken

from .clients import Rejected, node

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/verify-elsewhere.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ISSUER_SETTINGS, ISSUER_URLS, DJANGO, JOSERFC = (text for language, text in BLOCKS if language == "python")
(SHELL,) = (text for language, text in BLOCKS if language == "sh")
(NODE,) = (text for language, text in BLOCKS if language == "js")


@pytest.fixture
def page(live_server, tmp_path):
    """Returns a snippet with the URL of this server and a temporary folder: `page(snippet)`."""
    places = {"https://auth.example.com": live_server.url, "/etc/auth/": f"{tmp_path}/"}

    def replace_places(snippet):
        for there, here in places.items():
            snippet = snippet.replace(there, here)
        return snippet

    return replace_places


@pytest.fixture(autouse=True)
def _issuer(page, simple_jwt, settings, monkeypatch):
    """Sets up the server as the page says."""
    subprocess.run(["sh", "-euc", page(SHELL)], check=True, capture_output=True)
    namespace = {}
    exec(page(ISSUER_SETTINGS), namespace)
    simple_jwt(**namespace["SIMPLE_JWT"])
    urls = ModuleType("urls_of_the_page")
    exec(ISSUER_URLS, vars(urls))
    monkeypatch.setitem(sys.modules, urls.__name__, urls)
    settings.ROOT_URLCONF = urls.__name__


def another_django_service(page, token):
    command = [sys.executable, "-m", "tests.interop.service", token]
    done = subprocess.run(command, cwd=ROOT, input=page(DJANGO), capture_output=True, text=True, check=False)
    if "refused" in done.stderr:
        raise Rejected(done.stderr)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_python(page, token):
    namespace = {}
    exec(page(JOSERFC), namespace)
    try:
        return namespace["claims_of"](token)
    except (ValueError, JoseError) as error:
        raise Rejected from error


_CALL = """
try {
  console.log(JSON.stringify(await claimsOf(process.argv[2])));
} catch (error) {
  console.error(error);
  process.exitCode = 3;
}
"""


def in_node(page, token):
    return node(page(NODE) + _CALL, token)


@pytest.fixture(params=[another_django_service, in_python, in_node], ids=lambda each: each.__name__)
def claims_of(request, page):
    return lambda token: request.param(page, token)


def test_an_access_token_is_verified(claims_of, log_in, user_id, live_server):
    claims = claims_of(log_in()["access"])
    assert (claims["user_id"], claims["iss"], claims["aud"]) == (user_id, live_server.url, "reports")


def test_a_refresh_token_is_rejected(claims_of, log_in):
    with pytest.raises(Rejected):
        claims_of(log_in()["refresh"])


def test_a_changed_token_is_rejected(claims_of, log_in, tampered):
    with pytest.raises(Rejected):
        claims_of(tampered(log_in()["access"]))


def test_a_token_without_exp_is_rejected(claims_of):
    token = AccessToken()
    del token["exp"]
    with pytest.raises(Rejected):
        claims_of(str(token))


@pytest.mark.parametrize("claim", ["exp", "iss", "aud"])
def test_an_invalid_claim_is_rejected(claims_of, simple_jwt, claim):
    if claim == "exp":
        token = AccessToken()
        token.set_exp(lifetime=-timedelta(minutes=1))
    else:
        simple_jwt(**{{"iss": "ISSUER", "aud": "AUDIENCE"}[claim]: "https://other.example.com"})
        token = AccessToken()
    with pytest.raises(Rejected):
        claims_of(str(token))
