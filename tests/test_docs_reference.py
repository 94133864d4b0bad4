"""docs/reference says what the code does. ``python -m tests.test_docs_reference`` writes the tables anew."""

import ast
import re
from pathlib import Path

import pytest

from rest_framework_simplejwt import exceptions, refusals

pytestmark = pytest.mark.needs("full")

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "rest_framework_simplejwt"

# Bases, which are never raised themselves.
ABSTRACT = {"service_unavailable"}


def documented_codes():
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", (REFERENCE / "errors.md").read_text(), re.MULTILINE)
    return {code: int(status) for status, code in rows}


def codes_in_source():
    """Every code that is given to an exception of ours, as a default or as an argument."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "default_code":
                found.add(node.value.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AuthenticationFailed":
                given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
                found |= {argument.value for argument in given}
    return found - ABSTRACT


def test_every_code_is_documented_and_every_documented_code_is_there():
    assert documented_codes().keys() == codes_in_source()


@pytest.mark.parametrize("code", refusals.DESCRIPTIONS)
def test_every_refusal_of_a_token_has_a_description(code):
    assert documented_codes()[code] == 401
    assert {code for code, status in documented_codes().items() if status == 401} == refusals.DESCRIPTIONS.keys()


def test_the_status_of_a_code_is_that_of_its_exception():
    documented = documented_codes()
    for exception in vars(exceptions).values():
        code = getattr(exception, "default_code", None)
        if code in documented:
            assert exception.status_code == documented[code]
