"""Figures of the code under ``src``, as a table in plain text.

Run it with ``python -m tests.figures``, or ``nox -s figures``. ``--since COMMIT`` adds how many names changed since
then. Migrations count as code.
"""

import argparse
import ast
import io
import subprocess
import tokenize
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).parent.parent / "src"


@dataclass
class Figures:
    """Each length is a pair of lines and a name."""

    modules: list[tuple[int, str]]
    functions: list[tuple[int, str]]
    anys: int

    @property
    def lines(self) -> int:
        return sum(length for length, _ in self.modules)


def collect(source=SOURCE):
    """The figures of every Python file under ``source``; a file without lines is not a module."""
    figures = Figures([], [], 0)
    for path in sorted(source.rglob("*.py")):
        text, name = path.read_text(), path.relative_to(source).as_posix()
        if text:
            figures.modules.append((len(text.splitlines()), name))
            figures.functions += [(length, f"{name}:{function}") for length, function in functions_in(text)]
            figures.anys += count_any(text)
    return figures


def functions_in(text):
    """The length, its decorators included, and the name of each function and method."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node.end_lineno - first + 1, node.name


def count_any(text):
    """How often the name ``Any`` is used: imports, comments and strings don't count."""
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = {line for node in imports for line in range(node.lineno, node.end_lineno + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.string == "Any" and token.start[0] not in imported for token in tokens)


def names_in(text):
    """The names of the functions, methods, classes and constants that a module defines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        if isinstance(node, (ast.Module, ast.ClassDef)):
            for statement in node.body:
                targets = getattr(statement, "targets", [getattr(statement, "target", None)])
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def names_at(commit):
    """The names under ``src`` in that commit of the repository."""

    def git(*command):
        return subprocess.run(["git", *command], cwd=SOURCE.parent, check=True, capture_output=True, text=True).stdout

    paths = git("ls-tree", "-r", "--name-only", commit, "src").splitlines()
    return {name for path in paths if path.endswith(".py") for name in names_in(git("show", f"{commit}:{path}"))}


def rows(figures):
    """The label, the value and a remark of each row."""
    for label, lengths in (("modules", figures.modules), ("functions", figures.functions)):
        longest, name = max(lengths)
        yield label, len(lengths), ""
        yield "  median lines", f"{median(length for length, _ in lengths):g}", ""
        yield "  longest", longest, name
    yield "lines", figures.lines, ""
    yield "uses of Any", figures.anys, f"{1000 * figures.anys / figures.lines:.1f} per 1,000 lines"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", metavar="COMMIT", help="also count the names that changed since this commit")
    since = parser.parse_args().since
    table = list(rows(collect()))
    if since:
        before = names_at(since)
        now = {name for path in SOURCE.rglob("*.py") for name in names_in(path.read_text())}
        table += [("names", len(now), f"{len(before - now)} of {len(before)} are gone since {since}")]
        table += [("  new", len(now - before), "")]
    for label, value, remark in table:
        print(f"{label:<16}{value:>8}  {remark}".rstrip())


if __name__ == "__main__":
    main()
