"""Checks of keys that are generated while the settings are loaded."""

import linecache
import sys
from importlib import import_module, invalidate_caches

import pytest

from rest_framework_simplejwt.settings import api_settings

IMPORTS = "import os, pathlib, secrets, uuid\nfrom django.core.management.utils import get_random_secret_key\n"
IMPORTS += "from cryptography.hazmat.primitives.asymmetric import rsa\n"


@pytest.fixture
def generated_key_warnings(tmp_path, monkeypatch, settings, messages):
    """A function that loads a settings module and returns its W041 messages.

    `others` are the sources of modules that it can import, by name: `w041_base` for `base`.
    """
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def load(source, **others):
        for name, text in {**others, "own": source}.items():
            (tmp_path / f"w041_{name}.py").write_text(IMPORTS + text)
            modules.append(f"w041_{name}")
        invalidate_caches()
        own = import_module("w041_own")
        settings.SECRET_KEY = getattr(own, "SECRET_KEY", settings.SECRET_KEY)
        settings.SIMPLE_JWT = getattr(own, "SIMPLE_JWT", {})
        return [message for message in messages() if message.id == "simplejwt.W041"]

    yield load
    for name in modules:
        sys.modules.pop(name, None)


GENERATED = [
    "SIMPLE_JWT = {'SIGNING_KEY': secrets.token_urlsafe(64)}",
    "SIMPLE_JWT = dict(SIGNING_KEY=secrets.token_bytes(64))",
    "SIMPLE_JWT = {}\nSIMPLE_JWT['SIGNING_KEY'] = os.urandom(64)",
    "SIMPLE_JWT = {'ALGORITHM': 'HS512'}\nSIMPLE_JWT = {**SIMPLE_JWT, 'SIGNING_KEY': secrets.token_hex(64)}",
    "SIMPLE_JWT = {}\nSIMPLE_JWT |= {'SIGNING_KEY': secrets.token_hex(64)}",
    "SIMPLE_JWT = {}\nSIMPLE_JWT.update(SIGNING_KEY=secrets.token_hex(64))",
    "key = secrets.token_hex(64)\nSIMPLE_JWT = {'SIGNING_KEY': key}",
    "key: str = secrets.token_hex(64)\nSIMPLE_JWT = {'SIGNING_KEY': key.encode()}",
    "SIMPLE_JWT = {'SIGNING_KEY': os.environ.get('W041', secrets.token_hex(64))}",
    "SIMPLE_JWT = {'SIGNING_KEY': os.getenv('W041') or secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': os.environ['W041'] if 'W041' in os.environ else secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': str(uuid.uuid4()) + uuid.uuid4().hex}",
    "SIMPLE_JWT = {'SIGNING_KEY': f'{secrets.token_bytes(64).hex()}'}",
    "SIMPLE_JWT = {'SIGNING_KEY': 'x'}\nSIMPLE_JWT['SIGNING_KEY'] = secrets.token_hex(64)",
    "SECRET_KEY = get_random_secret_key()",
    "SECRET_KEY = secrets.token_hex(64)\nSIMPLE_JWT = {'SIGNING_KEY': SECRET_KEY}",
    "SECRET_KEY = None\nSECRET_KEY = secrets.token_hex(64)",
    "SIMPLE_JWT = {'ALGORITHM': 'RS256', 'SIGNING_KEY': rsa.generate_private_key(65537, 2048)}",
]


@pytest.mark.parametrize("source", GENERATED)
def test_a_generated_key_is_reported_without_showing_it(generated_key_warnings, source):
    [message] = generated_key_warnings(source)
    line = len((IMPORTS + source).splitlines())
    assert f"(w041_own, line {line})" in message.msg or f"(w041_own, line {line - 1})" in message.msg
    assert "os.environ['JWT_SIGNING_KEY']" in message.hint
    key = api_settings.SIGNING_KEY
    key = key.decode("latin-1") if isinstance(key, bytes) else str(key)
    assert key not in f"{message.msg} {message.hint}"


@pytest.mark.parametrize(
    ("own", "base"),
    [
        ("from w041_base import *", "SECRET_KEY = secrets.token_hex(64)"),
        ("from w041_base import *", "SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(64)}"),
        ("from w041_base import *\nSIMPLE_JWT = {**SIMPLE_JWT}", "SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(64)}"),
        ("from w041_base import *\nSIMPLE_JWT = {'SIGNING_KEY': SECRET_KEY}", "SECRET_KEY = secrets.token_hex(64)"),
    ],
)
def test_a_key_from_a_star_import_is_found_in_its_module(generated_key_warnings, own, base):
    [message] = generated_key_warnings(own, base=base)
    assert "w041_base" in message.msg or "SIGNING_KEY': SECRET_KEY" in own


SHARED = [
    "",
    "SECRET_KEY = 'x' * 64",
    "SIMPLE_JWT = {'SIGNING_KEY': 'x' * 64}",
    "SIMPLE_JWT = {'SIGNING_KEY': __name__ + 'x' * 64}",
    # The key may come from the other branch.
    "key = secrets.token_hex(64)\nif key:\n    key = __doc__ or 'x' * 64\nSIMPLE_JWT = {'SIGNING_KEY': key}",
    "SIMPLE_JWT = {'SIGNING_KEY': pathlib.Path(__file__).read_text() if __file__ else secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': str(__file__) or secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(64)}\nSIMPLE_JWT['SIGNING_KEY'] = 'x'",
    # The generated value is not the key that signs.
    "SECRET_KEY = secrets.token_hex(64)\nSIMPLE_JWT = {'SIGNING_KEY': 'x' * 64}",
    "SECRET_KEY = secrets.token_hex(64)\nSIMPLE_JWT = {'ALGORITHM': 'RS256', 'VERIFYING_KEY': 'x'}",
    "SIMPLE_JWT = {'SIGNING_KEY': 'x' * 64, 'VERIFYING_KEY': secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': 'x' * 64, 'ISSUER': secrets.token_hex(64)}",
    "SIMPLE_JWT = {'ALGORITHM': 'none', 'SIGNING_KEY': secrets.token_hex(64)}",
    "SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(0)}",
    # A name that is assigned to itself, or a longer chain of names than is followed.
    "key = 'x'\nkey = key\nSIMPLE_JWT = {'SIGNING_KEY': key}",
    "a = secrets.token_hex(64)\nb = a\nc = b\nd = c\nSIMPLE_JWT = {'SIGNING_KEY': d}",
]


@pytest.mark.parametrize("source", SHARED)
def test_a_shared_or_unused_key_is_not_reported(generated_key_warnings, source):
    assert generated_key_warnings(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "SIMPLE_JWT = {'SIGNING_KEY': os.environ.get('W041', secrets.token_hex(64))}",
        "SIMPLE_JWT = {'SIGNING_KEY': os.environ.get('W041', secrets.token_hex(64)).encode()}",
        "SIMPLE_JWT = {'SIGNING_KEY': (os.environ.get('W041') or secrets.token_hex(64))}",
        "SECRET_KEY = os.getenv('W041', get_random_secret_key())",
        "SIMPLE_JWT = {'SIGNING_KEY': bytes.fromhex(os.environ.get('W041', secrets.token_hex(64)))}",
    ],
)
def test_a_key_from_a_set_environment_variable_is_not_reported(generated_key_warnings, monkeypatch, source):
    monkeypatch.setenv("W041", "ab" * 64)
    assert generated_key_warnings(source) == []


def test_a_key_assigned_to_api_settings_is_not_reported(generated_key_warnings, messages):
    [_] = generated_key_warnings("SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(64)}")
    api_settings.SIGNING_KEY = "x" * 64
    try:
        assert "simplejwt.W041" not in {message.id for message in messages()}
    finally:
        del api_settings.SIGNING_KEY


@pytest.mark.parametrize("text", [None, "(", "\0", "é".encode("latin-1")])
def test_unreadable_source_is_not_reported(generated_key_warnings, tmp_path, messages, text):
    [_] = generated_key_warnings("SIMPLE_JWT = {'SIGNING_KEY': secrets.token_hex(64)}")
    file = tmp_path / "w041_own.py"
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    linecache.clearcache()
    assert "simplejwt.W041" not in {message.id for message in messages()}
