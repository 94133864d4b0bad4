import pytest

from tests.figures import collect, count_any, functions_in, names_in

pytestmark = pytest.mark.needs("full")

SOURCE = '''"""Any text."""
from typing import (
    Any,
)

# Any comment
@decorator
def first(value: Any) -> "Any":
    return [Any]


async def second(): ...
'''


def test_any_counts_where_it_is_used_as_a_name():
    assert count_any(SOURCE) == 2


def test_a_function_is_as_long_as_its_lines_and_decorators():
    assert list(functions_in(SOURCE)) == [(3, "first"), (1, "second")]


def test_names_are_those_of_functions_classes_and_constants():
    text = "A = 1\nB: int = 2\nclass C:\n    d = 3\n    def e(self):\n        f = 4\n"
    assert sorted(names_in(text)) == ["A", "B", "C", "d", "e"]


def test_a_file_without_lines_is_no_module(tmp_path):
    (tmp_path / "__init__.py").touch()
    (tmp_path / "module.py").write_text(SOURCE)
    assert collect(tmp_path).modules == [(12, "module.py")]


def test_the_source_uses_any_seldom():
    figures = collect()
    assert 1000 * figures.anys / figures.lines < 15
