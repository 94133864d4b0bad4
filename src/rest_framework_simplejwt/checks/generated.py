"""Find a signing key that the settings modules generate, by reading their source.

Each process loads the settings by itself. If they generate the key, each process has a different one and refuses
the tokens of the others. No message contains a key or a part of one.
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
from .project import configured
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
# How many assignments of one name to another are followed (a = b, b = c, c = secrets.token_hex()).
_LONGEST_CHAIN = 3


class _Source(NamedTuple):
    """An expression whose value may be the key, with its module and the parsed source of that module."""

    module: ModuleType
    tree: ast.Module
    expression: ast.expr


@check(
    "simplejwt.W041",
    hint=f"Use one key that all processes share, instead of a call that generates one. {keys.NEW_SECRET}",
    deploy=True,
)
def generated_key() -> Iterator[Finding]:
    """The signing key is generated when the settings are loaded: each process has a different one."""
    key = configured("SIGNING_KEY")
    if keys.known_algorithm() is None or not key or _is_in_environment(key):
        return
    name, sources = _sources_of_key(key)
    # The source does not tell which of several branches ran, so each of them must generate a key.
    candidates = [source for source in sources if not _is_other_constant(source.expression, key)]
    if candidates and all(_generates_key(source) for source in candidates):
        last = candidates[-1]
        line = f"{last.module.__name__}, line {last.expression.lineno}"
        yield Finding(f"{name} is generated when the settings are loaded ({line}): each process has a different key.")


def _is_in_environment(key: object) -> bool:
    """Returns whether an environment variable has the key as its value."""
    return isinstance(key, (str, bytes)) and force_bytes(key) in {force_bytes(value) for value in os.environ.values()}


def _sources_of_key(key: object) -> tuple[str, list[_Source]]:
    """Returns the name of the setting that holds ``key``, and each expression that settings modules assign to it.

    Returns an empty name and list if no setting holds the object ``key``.
    """
    if _signing_key_of(getattr(settings, "SIMPLE_JWT", None)) is key:
        parsed = _modules_with("SIMPLE_JWT", lambda value: _signing_key_of(value) is key)
        sources = [
            _Source(module, tree, expression) for module, tree in parsed for expression in _signing_key_values(tree)
        ]
        return "SIMPLE_JWT['SIGNING_KEY']", sources
    # With a key pair, the default SECRET_KEY can't be the signing key.
    if keys.uses_hmac() and key is settings.SECRET_KEY:
        return "SECRET_KEY", _sources_of_name("SECRET_KEY", key)
    return "", []


def _signing_key_of(simple_jwt: object) -> object:
    """Returns ``simple_jwt["SIGNING_KEY"]``, or ``None`` if there is none."""
    return simple_jwt.get("SIGNING_KEY") if isinstance(simple_jwt, Mapping) else None


def _sources_of_name(name: str, value: object) -> list[_Source]:
    """Returns the expressions that are assigned to ``name`` in the modules where that name has the object ``value``."""
    parsed = _modules_with(name, lambda found: found is value)
    return [_Source(module, tree, assigned) for module, tree in parsed for assigned in _assigned_values(tree, name)]


def _modules_with(name: str, is_match: Callable[[object], bool]) -> Iterator[tuple[ModuleType, ast.Module]]:
    """Yields the imported modules for whose attribute ``name`` ``is_match`` is true, with their parsed source.

    A module that has the name by a star import matches too.
    """
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and name in vars(module) and is_match(vars(module)[name]):
            tree = _parse_source(module)
            if tree is not None:
                yield module, tree


def _parse_source(module: ModuleType) -> ast.Module | None:
    """Returns the parsed source of a module, or ``None`` if it can't be read."""
    try:
        return ast.parse(getsource(module))
    except Exception:  # noqa: BLE001  # the module has no source, or it can't be read
        return None


def _assigned_values(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """Yields the expressions that are assigned to the variable ``name`` anywhere in ``tree``."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(target, ast.Name) and target.id == name for target in targets):
            yield value


def _signing_key_values(tree: ast.Module) -> Iterator[ast.expr]:
    """Yields the values of ``SIGNING_KEY`` in dicts, keyword arguments and assignments to ``...["SIGNING_KEY"]``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (value for name, value in zip(node.keys, node.values, strict=True) if _is_signing_key(name))
        elif isinstance(node, ast.keyword) and node.arg == "SIGNING_KEY":
            yield node.value
        elif isinstance(node, ast.Assign):
            yield from (
                node.value for each in node.targets if isinstance(each, ast.Subscript) and _is_signing_key(each.slice)
            )


def _is_signing_key(key: ast.expr | None) -> bool:
    """Returns whether the expression is the literal ``"SIGNING_KEY"``."""
    return isinstance(key, ast.Constant) and key.value == "SIGNING_KEY"


def _is_other_constant(expression: ast.expr, key: object) -> bool:
    """Returns whether the expression is a literal that differs from the key, so that the key comes from elsewhere."""
    return isinstance(expression, ast.Constant) and expression.value != key


def _generates_key(source: _Source, chain: int = 0) -> bool:
    """Returns whether the expression has a different value each time it is evaluated.

    ``chain`` is the number of assignments that were followed to it.
    """
    node = source.expression
    if isinstance(node, ast.Name):
        return chain < _LONGEST_CHAIN and _is_name_generated(source, node.id, chain + 1)
    if isinstance(node, (ast.IfExp, ast.BoolOp)):
        options = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        options = [option for option in options if not _reads_environment(option)]
        return bool(options) and all(_generates_key(source._replace(expression=each), chain) for each in options)
    if isinstance(node, ast.Call) and _name_of(node.func) in _GENERATORS:
        return True
    return not _names_set_variable(node) and any(
        _generates_key(source._replace(expression=each), chain) for each in _child_expressions(node)
    )


def _child_expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yields the expressions directly below ``node``, such as the arguments of a call."""
    for child in ast.iter_child_nodes(node):
        child = child.value if isinstance(child, ast.keyword) else child
        if isinstance(child, ast.expr):
            yield child


def _is_name_generated(source: _Source, name: str, chain: int) -> bool:
    """Returns whether ``name`` is assigned, in the module of ``source`` or elsewhere, and always a generated key."""
    sources = [source._replace(expression=value) for value in _assigned_values(source.tree, name)]
    value = vars(source.module).get(name)
    if not sources and isinstance(value, (str, bytes)):
        # The name is imported from another module, perhaps by a star import.
        sources = _sources_of_name(name, value)
    return bool(sources) and all(_generates_key(each, chain) for each in sources)


def _reads_environment(node: ast.expr) -> bool:
    """Returns whether the expression contains ``os.environ`` or ``os.getenv``."""
    return any(_name_of(part) in ("environ", "getenv") for part in ast.walk(node))


def _names_set_variable(node: ast.expr) -> bool:
    """Returns whether the node is a call with the name of an environment variable that is set.

    The value of the call is then that of the variable, and not a generated default.
    """
    names = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return isinstance(node, ast.Call) and any(isinstance(name, str) and name in os.environ for name in names)


def _name_of(node: ast.AST) -> str | None:
    """Returns the last part of a dotted name: ``getenv`` for both ``getenv`` and ``os.getenv``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
