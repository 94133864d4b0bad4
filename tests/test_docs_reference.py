"""The tables of docs/reference match the code.

``DJANGO_SETTINGS_MODULE=tests.projects.full.settings python -m tests.test_docs_reference`` regenerates the tables of
settings.md and checks.md.
"""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

from rest_framework_simplejwt import exceptions, refusals
from rest_framework_simplejwt.checks import CHECKS
from rest_framework_simplejwt.settings import _TABLE, DEFAULTS

pytestmark = pytest.mark.needs("full")

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
SOURCE = ROOT / "src" / "rest_framework_simplejwt"


def documented_codes():
    """The codes in the table of errors.md, each with its status."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", (REFERENCE / "errors.md").read_text(), re.MULTILINE)
    return {code: int(status) for status, code in rows}


def codes_in_source():
    """Every code that this package gives to one of its exceptions, as a default or as an argument."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "default_code":
                found.add(code_of(node.value))
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AuthenticationFailed":
                given = [*node.args[1:], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
                found |= {code_of(argument) for argument in given}
    return found


def code_of(node):
    """The code of the expression ``RefusalCode.NAME`` or ``RefusalCode.NAME.value``; any other one fails."""
    text = ast.unparse(node)
    match = re.fullmatch(r"(?:exceptions\.)?RefusalCode\.(\w+)(?:\.value)?", text)
    assert match, f"{text} is not a member of RefusalCode"
    return exceptions.RefusalCode[match[1]].value


def default_as_markdown(name):
    """The default of a setting as Python code."""
    if name == "SIGNING_KEY":
        return "`settings.SECRET_KEY`"
    value = DEFAULTS[name]
    if isinstance(value, timedelta):
        spans = {"days": 86_400, "minutes": 60, "seconds": 1}
        unit = next(unit for unit, seconds in spans.items() if value.total_seconds() % seconds == 0)
        return f"`timedelta({unit}={value.total_seconds() / spans[unit]:.0f})`" if value else "`timedelta(0)`"
    return f"`{value!r}`".replace("'", '"')


def settings_table():
    rows = [f"| `{name}` | {default_as_markdown(name)} | {row.__doc__} |" for name, row in _TABLE.items()]
    return ["| setting | default | meaning |", "| --- | --- | --- |", *rows]


def checks_table():
    rows = []
    for check in sorted(CHECKS.values(), key=lambda check: check.id):
        option = ", `--deploy`" if check.deploy else ", `--database`" if check.database else ""
        level = f"{check.level}{option}"
        hint = check.hint.replace("{{", "{").replace("}}", "}")
        rows.append(f"| `{check.id}` | {level} | {check.description.replace('``', '`')} | {hint} |")
    return ["| id | level | appears when | hint |", "| --- | --- | --- | --- |", *rows]


TABLES = {"settings.md": settings_table, "checks.md": checks_table}


def table_lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def regenerate_tables():
    for name, table in TABLES.items():
        path = REFERENCE / name
        before, *_, after = re.split(r"(?:^\|.*\n)+", path.read_text(), flags=re.MULTILINE)
        path.write_text(before + "\n".join(table()) + "\n" + after)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_matches_the_code(name):
    assert table_lines((REFERENCE / name).read_text()) == TABLES[name]()


def test_the_documented_codes_are_those_of_the_enum_and_each_is_in_use():
    assert documented_codes().keys() == {code.value for code in exceptions.RefusalCode} == codes_in_source()


@pytest.mark.parametrize("code", refusals.DESCRIPTIONS)
def test_each_code_of_a_401_has_a_description(code):
    assert documented_codes()[code] == 401
    assert {code for code, status in documented_codes().items() if status == 401} == refusals.DESCRIPTIONS.keys()


def test_a_documented_status_is_that_of_the_exception():
    documented = documented_codes()
    for exception in vars(exceptions).values():
        code = getattr(exception, "default_code", None)
        if code in documented:
            assert exception.status_code == documented[code]


if __name__ == "__main__":
    regenerate_tables()
