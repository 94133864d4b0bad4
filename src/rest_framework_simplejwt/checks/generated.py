"""A key that is generated while the settings are loaded, found in their source. No message says anything of a key.

Each process loads the settings by itself, and so has a key of its own: it refuses the tokens that the others issue.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from inspect import getsource
from types import ModuleType
from typing import NamedTuple

from django.conf import settings
from django.utils.encoding import force_bytes

from . import keys
from .project import written
from .registry import Finding, check

_GENERATORS = frozenset(
    {
        "token_bytes",
        "token_hex",
        "token_urlsafe",
        "randbytes",
        "urandom",
        "get_random_secret_key",
        "get_random_string",
        "generate_key",
        "generate_private_key",
        "uuid4",
    }
)
# A name of a name of a name is followed no further.
_LONGEST_CHAIN = 3


class _Source(NamedTuple):
    """An expression that may have made a key, and the module that it stands in."""

    module: ModuleType
    tree: ast.Module
    expression: ast.expr


@check(
    "simplejwt.W041",
    hint=f"Write one key that all processes share, and no call that makes one. {keys.NEW_SECRET}",
    deploy=True,
)
def generated_key() -> Iterator[Finding]:
    """The key that signs is generated when the settings are loaded: each process has another one."""
    key = written("SIGNING_KEY")
    if keys.algorithm() is None or not key or _is_in_environment(key):
        return
    name, sources = _sources_of_key(key)
    # Of several branches nobody knows which one was taken.
    made = [source for source in sources if not _is_other_constant(source.expression, key)]
    if made and all(_generates(source) for source in made):
        where = made[-1]
        line = f"{where.module.__name__}, line {where.expression.lineno}"
        yield Finding(f"{name} is generated when the settings are loaded ({line}): each process has another one.")


def _is_in_environment(key: object) -> bool:
    return isinstance(key, (str, bytes)) and force_bytes(key) in {force_bytes(value) for value in os.environ.values()}


def _sources_of_key(key: object) -> tuple[str, list[_Source]]:
    """The setting that has the key, and what the settings modules say that it is."""
    if _entry(getattr(settings, "SIMPLE_JWT", None)) is key:
        parsed = _parsed("SIMPLE_JWT", lambda value: _entry(value) is key)
        entries = [_Source(module, tree, found) for module, tree in parsed for found in _entries(tree)]
        return "SIMPLE_JWT['SIGNING_KEY']", entries
    # SECRET_KEY, the default, is no private key.
    if keys.uses_hmac() and key is settings.SECRET_KEY:
        return "SECRET_KEY", _sources_of_name("SECRET_KEY", key)
    return "", []


def _entry(simple_jwt: object) -> object:
    return simple_jwt.get("SIGNING_KEY") if isinstance(simple_jwt, Mapping) else None


def _sources_of_name(name: str, value: object) -> list[_Source]:
    parsed = _parsed(name, lambda found: found is value)
    return [_Source(module, tree, assigned) for module, tree in parsed for assigned in _assigned(tree, name)]


def _parsed(name: str, is_meant: Callable[[object], bool]) -> Iterator[tuple[ModuleType, ast.Module]]:
    """The modules that have that object under ``name``, by a star import too, and their source."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and name in vars(module) and is_meant(vars(module)[name]):
            tree = _tree(module)
            if tree is not None:
                yield module, tree


def _tree(module: ModuleType) -> ast.Module | None:
    try:
        return ast.parse(getsource(module))
    except Exception:  # noqa: BLE001  # there is no source, or none that can be read
        return None


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """What is assigned to ``name``."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(target, ast.Name) and target.id == name for target in targets):
            yield value


def _entries(tree: ast.Module) -> Iterator[ast.expr]:
    """What stands under ``"SIGNING_KEY"`` in a dict, is assigned to it there, or is an argument of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (value for name, value in zip(node.keys, node.values, strict=True) if _is_entry(name))
        elif isinstance(node, ast.keyword) and node.arg == "SIGNING_KEY":
            yield node.value
        elif isinstance(node, ast.Assign):
            yield from (
                node.value for each in node.targets if isinstance(each, ast.Subscript) and _is_entry(each.slice)
            )


def _is_entry(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value == "SIGNING_KEY"


def _is_other_constant(expression: ast.expr, key: object) -> bool:
    return isinstance(expression, ast.Constant) and expression.value != key


def _generates(source: _Source, chain: int = 0) -> bool:
    """Whether the value of the expression is another one each time."""
    node = source.expression
    if isinstance(node, ast.Name):
        return chain < _LONGEST_CHAIN and _generates_name(source, node.id, chain + 1)
    if isinstance(node, (ast.IfExp, ast.BoolOp)):
        options = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        options = [option for option in options if not _asks_environment(option)]
        return bool(options) and all(_generates(source._replace(expression=each), chain) for each in options)
    if isinstance(node, ast.Call) and _name_of(node.func) in _GENERATORS:
        return True
    return not _has_set_variable(node) and any(
        _generates(source._replace(expression=each), chain) for each in _parts(node)
    )


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        child = child.value if isinstance(child, ast.keyword) else child
        if isinstance(child, ast.expr):
            yield child


def _generates_name(source: _Source, name: str, chain: int) -> bool:
    sources = [source._replace(expression=value) for value in _assigned(source.tree, name)]
    value = vars(source.module).get(name)
    if not sources and isinstance(value, (str, bytes)):
        # Imported, by a star perhaps.
        sources = _sources_of_name(name, value)
    return bool(sources) and all(_generates(each, chain) for each in sources)


def _asks_environment(node: ast.expr) -> bool:
    return any(_name_of(part) in ("environ", "getenv") for part in ast.walk(node))


def _has_set_variable(node: ast.expr) -> bool:
    """Whether it names a variable that the environment has, which then decided."""
    names = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return isinstance(node, ast.Call) and any(isinstance(name, str) and name in os.environ for name in names)


def _name_of(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
