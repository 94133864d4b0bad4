"""Writes the public names of the installed package, and what a caller sees of each: `describe.py <file>`.

Run by `nox -s surface` with the published package. A path is a module below the package and a name in it:
`tokens:Token.for_user`.
"""

import inspect
import json
import pkgutil
import sys
from datetime import timedelta
from functools import reduce
from importlib import import_module
from pathlib import Path

import django
from django.db.models import Model
from django.utils.functional import Promise
from rest_framework.serializers import Serializer

PACKAGE = "rest_framework_simplejwt"
SERIALIZER_FLAGS = ("read_only", "write_only", "required")
MODEL_FLAGS = ("null", "blank", "max_length", "unique", "column")


def resolve(path):
    """Returns the object at a path below the package. Raises `AttributeError` or `ImportError` if there is none."""
    return find(f"{PACKAGE}.{path}" if path.partition(":")[0] else f"{PACKAGE}{path}")


def find(path):
    """Returns the object at a path. `pkgutil.resolve_name` rejects modules of migrations, which start with a digit."""
    module, _, attributes = path.partition(":")
    return reduce(getattr, filter(None, attributes.split(".")), import_module(module))


def modules():
    """Returns the names of all modules relative to the package. The name of the package itself is empty."""
    found = [module.name for module in pkgutil.walk_packages(import_module(PACKAGE).__path__, f"{PACKAGE}.")]
    return ["", *(name.removeprefix(f"{PACKAGE}.") for name in found)]


def public(thing):
    """Returns the public names of a module or class that can be read, without submodules."""
    names = [name for name in dir(thing) if not name.startswith("_") and hasattr(thing, name)]
    return [name for name in names if not is_submodule(thing, name)]


def is_submodule(thing, name):
    """Returns whether the name is a submodule, which an import elsewhere has added to the package."""
    inner = getattr(thing, name)
    return inspect.ismodule(inner) and inspect.ismodule(thing) and inner.__name__ == f"{thing.__name__}.{name}"


def describe():
    """Returns the facts about every public name of every module, and about the members of classes and instances."""
    facts = {}
    for module in modules():
        facts[f"{module}:"] = {}
        for name in public(resolve(f"{module}:")):
            path = f"{module}:{name}"
            facts[path] = describe_one(path)
            if has_members(path):
                # The only private name that subclasses of a view set.
                names = [*public(resolve(path)), "_serializer_class"]
                members = [f"{path}.{member}" for member in names if hasattr(resolve(path), member)]
                facts.update({member: describe_one(member) for member in members})
    return facts


def has_members(path):
    """Returns whether it is a class of this module (migrations excepted) or an instance of the package's classes."""
    thing = resolve(path)
    if inspect.isclass(thing):
        return is_home(path, thing) and ".migrations." not in path
    return type(thing).__module__.partition(".")[0] == PACKAGE


def is_home(path, thing):
    """Returns whether it is defined in this module, and not only imported."""
    return thing.__module__ == resolve(f"{path.partition(':')[0]}:").__name__


def describe_one(path):
    """Returns the facts about one name. For an imported object and for a nested class, only its origin."""
    thing = resolve(path)
    is_member = "." in path.partition(":")[2]
    found = origin(thing)
    if found and (inspect.isclass(thing) if is_member else inspect.ismodule(thing) or not is_home(path, thing)):
        return {"origin": found}
    facts = {"signature": signature(thing), "fields": fields(thing)} if callable(thing) else {"value": value(thing)}
    return {"callable": callable(thing), **{name: fact for name, fact in facts.items() if fact is not None}}


def origin(thing):
    """Returns where a class, function or module can be imported from; None for other objects, such as an instance."""
    if inspect.ismodule(thing):
        return thing.__name__
    path = f"{getattr(thing, '__module__', None)}:{getattr(thing, '__qualname__', None)}"
    try:
        return path if find(path) is thing else None
    except (AttributeError, ImportError, ValueError):
        return None


def value(thing):
    """Returns a constant as JSON, or the origin of an object that is not a constant."""
    if isinstance(thing, str | bytes | int | float | timedelta | Promise | None):
        return str(thing) if isinstance(thing, str | Promise) else repr(thing)
    if isinstance(thing, tuple | list):
        return [value(item) for item in thing]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, dict):
        return {str(key): value(item) for key, item in thing.items()}
    return origin(thing)


def signature(thing):
    """Returns the parameters in order; None for a callable without a signature."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return None
    return [
        {"name": found.name, "kind": found.kind.name}
        | ({} if found.default is found.empty else {"default": value(found.default)})
        for found in parameters
    ]


def fields(thing):
    """Returns the fields of a serializer or model, each with the names of its classes, and its flags."""
    if not inspect.isclass(thing):
        return None
    if issubclass(thing, Serializer):
        return {name: field_facts(field, SERIALIZER_FLAGS) for name, field in thing().fields.items()}
    if issubclass(thing, Model):
        return {field.name: field_facts(field, MODEL_FLAGS) for field in thing._meta.fields}
    return None


def field_facts(field, flags):
    classes = [found.__name__ for found in type(field).__mro__]
    return {"classes": classes, "flags": {flag: getattr(field, flag) for flag in flags}}


if __name__ == "__main__":
    django.setup()
    Path(sys.argv[1]).write_text(json.dumps(describe()))
